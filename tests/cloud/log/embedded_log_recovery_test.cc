// The embedded log after something went wrong: kill -9, a power cut at any byte,
// damage, a full disk, age.

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/cloud/log/log_fixture.h"

namespace starling::cloud {
namespace {

namespace fs = std::filesystem;

class EmbeddedLogRecoveryTest : public LogTest {
 protected:
  // The newest file with this ending.
  fs::path Newest(const std::string& extension) const {
    fs::path newest;
    for (const auto& entry : fs::directory_iterator(config_.directory)) {
      if (entry.path().extension() == extension && entry.path() > newest) newest = entry.path();
    }
    return newest;
  }

  static std::string Load(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }

  static void Store(const fs::path& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
  }

  // Small files, so that retention has something to drop.
  void UseSmallFiles() {
    config_.topics[0].memtable_bytes = 64 << 10;
    config_.topics[0].bytes_max = 512 << 10;
  }
};

TEST_F(EmbeddedLogRecoveryTest, KillLosesNothingThatWasEmitted) {
  now_ns_ = ToNs(CloudNow() + std::chrono::hours(1));  // The other process reads the clock.
  for (int round = 0; round < 5; ++round) {
    int pipe_fds[2];
    ASSERT_EQ(::pipe(pipe_fds), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::dup2(pipe_fds[1], STDOUT_FILENO);
      ::close(pipe_fds[0]);
      ::close(pipe_fds[1]);
      ::execl(STARLING_CRASH_WRITER, "log_crash_writer", config_.directory.c_str(), nullptr);
      ::_exit(127);
    }
    ::close(pipe_fds[1]);
    // Let it report a while, then kill it in the middle of whatever it does.
    std::string reported;
    char buffer[4096];
    const std::size_t enough = 2'000 + 1'500 * static_cast<std::size_t>(round);
    while (reported.size() < enough) {
      const ssize_t got = ::read(pipe_fds[0], buffer, sizeof(buffer));
      ASSERT_GT(got, 0);
      reported.append(buffer, static_cast<std::size_t>(got));
    }
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    for (ssize_t got; (got = ::read(pipe_fds[0], buffer, sizeof(buffer))) > 0;) {
      reported.append(buffer, static_cast<std::size_t>(got));
    }
    ::close(pipe_fds[0]);
    int exit_status = 0;
    ASSERT_EQ(::waitpid(child, &exit_status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(exit_status));

    const std::size_t last_line = reported.rfind('\n', reported.size() - 2) + 1;
    const std::uint64_t emitted = std::stoull(reported.substr(last_line));
    Open();
    const Values values = ReadAll(Topic::kTelemetry);
    EXPECT_GE(values.size(), emitted);
    EXPECT_EQ(Number(log_->RangeOf(Topic::kTelemetry, kPartition).end), values.size());
    for (std::size_t i = 0; i < values.size(); ++i) ASSERT_EQ(values[i], std::to_string(i));
    Close();
  }
}

// A power cut keeps some prefix of the write-ahead log: whichever it is, the log
// opens, and has a whole prefix of the commits in all partitions alike.
TEST_F(EmbeddedLogRecoveryTest, ATornWriteAheadLogIsTheEndAtEveryLength) {
  Open();
  constexpr std::size_t kCommits = 8;
  for (std::size_t i = 0; i < kCommits; ++i) {
    Emit(i % 2 == 0 ? Topic::kTelemetry : Topic::kHistory, std::to_string(i));
  }
  const fs::path wal = Newest(".log");
  const std::string whole = Load(wal);
  log_.reset();
  const std::string intact = directory_.path() + "/intact";
  fs::rename(config_.directory, intact);

  std::size_t last_total = 0;
  for (std::size_t bytes = 0; bytes <= whole.size(); bytes += 11) {
    SCOPED_TRACE("cut to " + std::to_string(bytes) + " of " + std::to_string(whole.size()));
    fs::remove_all(config_.directory);
    fs::copy(intact, config_.directory);
    Store(fs::path(config_.directory) / wal.filename(), whole.substr(0, bytes));
    Open();
    const Values telemetry = ReadAll(Topic::kTelemetry);
    const Values history = ReadAll(Topic::kHistory);
    const std::size_t total = telemetry.size() + history.size();
    // Each commit alternates: a prefix has both in step.
    ASSERT_EQ(telemetry.size(), (total + 1) / 2);
    for (std::size_t i = 0; i < telemetry.size(); ++i) ASSERT_EQ(telemetry[i], std::to_string(2 * i));
    for (std::size_t i = 0; i < history.size(); ++i) ASSERT_EQ(history[i], std::to_string(2 * i + 1));
    ASSERT_GE(total, last_total);
    last_total = total;
    // And it goes on from there.
    Emit(Topic::kTelemetry, "next");
    ASSERT_EQ(ReadAll(Topic::kTelemetry).size(), telemetry.size() + 1);
    ASSERT_EQ(ReadAll(Topic::kTelemetry).back(), "next");
    Close();
  }
  EXPECT_GE(last_total, kCommits - 1);
}

// Pages reach the disk in any order: a hole of zeros with whole records behind it
// is the end as well.
TEST_F(EmbeddedLogRecoveryTest, AHoleInTheUnsyncedEndIsTheEnd) {
  Open();
  for (int i = 0; i < 100; ++i) Emit(Topic::kTelemetry, std::to_string(i));
  const fs::path wal = Newest(".log");
  std::string bytes = Load(wal);
  log_.reset();
  for (std::size_t i = bytes.size() / 2; i < bytes.size() / 2 + 200; ++i) bytes[i] = '\0';
  Store(wal, bytes);
  Open();
  const Values values = ReadAll(Topic::kTelemetry);
  EXPECT_GT(values.size(), 10u);
  EXPECT_LT(values.size(), 100u);
  for (std::size_t i = 0; i < values.size(); ++i) ASSERT_EQ(values[i], std::to_string(i));
}

TEST_F(EmbeddedLogRecoveryTest, DamageInTheMiddleIsCorruptionToReadersAndStopsASubscription) {
  Open();
  // Bytes that do not compress, in more than one block.
  std::string noise(1'000, '\0');
  std::uint32_t state = 1;
  for (int i = 0; i < 400; ++i) {
    for (char& byte : noise) byte = static_cast<char>((state = state * 1'664'525 + 1'013'904'223) >> 24);
    Emit(Topic::kTelemetry, noise);
  }
  Reopen();  // Replays the WAL into a file.
  fs::path largest;
  for (const auto& entry : fs::directory_iterator(config_.directory)) {
    if (entry.path().extension() != ".sst") continue;
    if (largest.empty() || fs::file_size(entry.path()) > fs::file_size(largest)) {
      largest = entry.path();
    }
  }
  Close();
  std::string bytes = Load(largest);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  Store(largest, bytes);

  Open();
  const Values values = ReadAll(Topic::kTelemetry);
  EXPECT_EQ(values.back(), "CORRUPT");
  EXPECT_GT(values.size(), 100u);
  EXPECT_LT(values.size(), 400u);
  EXPECT_EQ(ReadAll(Topic::kTelemetry, Offset{399}).size(), 1u);

  Recorder recorder;
  ASSERT_TRUE(log_->Subscribe(Topic::kTelemetry, kPartition, Offset{}, &recorder).ok());
  // The log stops: a consumer must not see a gap.
  EXPECT_FALSE(log_->AwaitEmitted(Ticket{UINT64_MAX}).ok());
  EXPECT_EQ(log_->status().code(), ErrorCode::kCorruption);
  EXPECT_EQ(recorder.seen().size(), values.size() - 1);
  const auto refused = log_->Append(Topic::kTelemetry, kPartition, {}, Bytes("late"));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), ErrorCode::kUnavailable);
  EXPECT_FALSE(log_->Close().ok());  // Before its consumer goes.
}

TEST_F(EmbeddedLogRecoveryTest, RetentionBySizeDropsTheOldest) {
  UseSmallFiles();
  Open();
  std::string noise(4'000, 'x');
  std::uint32_t state = 1;
  for (int i = 0; i < 1'000; ++i) {
    for (char& byte : noise) byte = static_cast<char>((state = state * 1'664'525 + 1'013'904'223) >> 24);
    Emit(Topic::kTelemetry, noise);
  }
  // Files are dropped in the background: a reopened log has done so, or is about to.
  Log::Range range = log_->RangeOf(Topic::kTelemetry, kPartition);
  while (Number(range.first) == 0) {
    Emit(Topic::kTelemetry, noise);
    range = log_->RangeOf(Topic::kTelemetry, kPartition);
  }
  EXPECT_GE(Number(range.end), 1'000u);
  EXPECT_EQ(ReadAll(Topic::kTelemetry, range.first).back(), noise);
  Recorder recorder;
  EXPECT_FALSE(log_->Subscribe(Topic::kTelemetry, kPartition, Offset{0}, &recorder).ok());
}

// Everything in a partition may be too old; its numbering goes on all the same.
TEST_F(EmbeddedLogRecoveryTest, RetentionByAgeDropsTheOldAndOffsetsGoOn) {
  UseSmallFiles();
  config_.topics[0].age_max = std::chrono::hours(1);
  Open();
  for (int i = 0; i < 100; ++i) Emit(Topic::kTelemetry, std::string(1'000, 'x'));
  Reopen();
  now_ns_ += std::chrono::nanoseconds(std::chrono::hours(2)).count();
  Reopen();
  // Goes with the next flush, in the background.
  std::uint64_t appended = 100;
  while (Number(log_->RangeOf(Topic::kTelemetry, kPartition).first) < 100) {
    Emit(Topic::kTelemetry, std::string(1'000, 'y'));
    ++appended;
  }
  EXPECT_EQ(Number(log_->RangeOf(Topic::kTelemetry, kPartition).end), appended);
  for (const std::string& value : ReadAll(Topic::kTelemetry, Offset{100})) {
    ASSERT_EQ(value[0], 'y');
  }
}

TEST_F(EmbeddedLogRecoveryTest, ASecondOpenIsRefusedAndSaysWhatToDo) {
  Open();
  const auto second = EmbeddedLog::Open(config_);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.status().code(), ErrorCode::kUnavailable);
  EXPECT_NE(second.status().message().find(config_.directory), std::string::npos);
  Emit(Topic::kHistory, "the first goes on");
}

TEST_F(EmbeddedLogRecoveryTest, AnotherProcessThatHoldsTheLogIsNamed) {
  int pipe_fds[2];
  ASSERT_EQ(::pipe(pipe_fds), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::dup2(pipe_fds[1], STDOUT_FILENO);
    ::execl(STARLING_CRASH_WRITER, "log_crash_writer", config_.directory.c_str(), nullptr);
    ::_exit(127);
  }
  ::close(pipe_fds[1]);
  char byte = 0;
  ASSERT_EQ(::read(pipe_fds[0], &byte, 1), 1);  // It has the log open.
  const auto second = EmbeddedLog::Open(config_);
  ASSERT_EQ(::kill(child, SIGKILL), 0);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  ::close(pipe_fds[0]);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.status().code(), ErrorCode::kUnavailable);
  EXPECT_NE(second.status().message().find("process " + std::to_string(child)), std::string::npos)
      << second.status().message();
}

// Its records would all be stamped with the last one's time, and look late.
TEST_F(EmbeddedLogRecoveryTest, AClockFarBehindTheLastRecordIsRefusedUntilItIsSet) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  Open();
  Emit(Topic::kTelemetry, "a");
  const std::int64_t last = now_ns_;
  Close();

  now_ns_ = last - 61 * kSecond;
  const auto refused = EmbeddedLog::Open(config_, [this] { return CloudTimeFromNs(now_ns_); });
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), ErrorCode::kUnavailable);
  // 1'700'000'000 s of Unix time, as date -u -d @1700000000 says.
  for (const char* part : {"is of 2023-11-14T22:13:20Z", "clock says 2023-11-14T22:12:19Z", "set the clock"}) {
    EXPECT_NE(refused.status().message().find(part), std::string::npos) << refused.status().message();
  }

  // A short step back is waited out: log time stands still.
  now_ns_ = last - 60 * kSecond;
  Open();
  Emit(Topic::kTelemetry, "b");
  Close();
  now_ns_ = last;
  Open();
  EXPECT_EQ(ReadAll(Topic::kTelemetry), (Values{"a", "b"}));
}

TEST_F(EmbeddedLogRecoveryTest, ADirectoryThatCannotBeMadeIsAnErrorThatNamesIt) {
  Store(directory_.path() + "/file", "in the way");
  config_.directory = directory_.path() + "/file/log";
  const auto log = EmbeddedLog::Open(config_);
  ASSERT_FALSE(log.ok());
  EXPECT_EQ(log.status().code(), ErrorCode::kIoError);
  EXPECT_NE(log.status().message().find(config_.directory), std::string::npos);
}

// The disk refuses: simulated by a limit on the size of files.
TEST_F(EmbeddedLogRecoveryTest, AWriteThatFailsStopsTheLogAndWasNotAcknowledged) {
  Open();
  const std::string value(100'000, 'x');
  for (int i = 0; i < 5; ++i) Emit(Topic::kTelemetry, value);

  struct rlimit before = {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  struct rlimit small = before;
  small.rlim_cur = 1'000'000;
  const auto old_handler = ::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  Ticket refused{};
  for (int i = 0; i < 20; ++i) {
    const auto ticket = log_->Append(Topic::kTelemetry, kPartition, {}, Bytes(value));
    if (!ticket.ok()) break;
    refused = ticket.value();
    if (!log_->AwaitEmitted(refused).ok()) break;
  }
  EXPECT_FALSE(log_->AwaitEmitted(refused).ok());
  EXPECT_FALSE(log_->status().ok());
  const auto late = log_->Append(Topic::kTelemetry, kPartition, {}, Bytes("late"));
  ASSERT_FALSE(late.ok());
  EXPECT_EQ(late.status().code(), ErrorCode::kUnavailable);
  const std::uint64_t emitted = Number(log_->emitted());
  EXPECT_FALSE(log_->Close().ok());
  log_.reset();
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  ::signal(SIGXFSZ, old_handler);

  Open();
  const Values values = ReadAll(Topic::kTelemetry);
  EXPECT_GE(values.size(), emitted);
  for (const std::string& each : values) ASSERT_EQ(each, value);
}

}  // namespace
}  // namespace starling::cloud
