#include "cloud/backup/backup_keeper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/cloud/backup/backup_fixture.h"

namespace starling::cloud {
namespace {

using testing::HasSubstr;

class Keeper : public BackupFixture {
 protected:
  // Records and states are written for as long as it lives.
  class Load {
   public:
    Load(EmbeddedLog* log, RocksStateStore* store) {
      thread_ = std::thread([this, log, store] {
        while (!stop_.load()) {
          const std::string value = std::to_string(written_.load());
          const Result<Ticket> ticket = log->Append(Topic::kTelemetry, kPartition, {}, Bytes(value));
          if (!ticket.ok() || !log->AwaitEmitted(ticket.value()).ok()) return;
          written_.fetch_add(1);
          if (written_.load() % 50 != 0) continue;
          if (!log->AwaitDurable(ticket.value()).ok()) return;
          const StateChange change{Bytes("written"), Bytes(value)};
          (void)store->Write(Topic::kTelemetry, kPartition, log->RangeOf(Topic::kTelemetry, kPartition).end,
                             std::span(&change, 1));
        }
      });
    }
    ~Load() {
      stop_.store(true);
      thread_.join();
    }
    std::uint64_t written() const { return written_.load(); }

   private:
    std::atomic<bool> stop_{false};
    std::atomic<std::uint64_t> written_{0};
    std::thread thread_;
  };

  // What was put back is one moment: a log without a hole, and a state that it explains.
  void ExpectOneMoment(const std::string& data, std::uint64_t at_least) {
    Open(data);
    const std::vector<std::string> records = Records(Topic::kTelemetry);
    EXPECT_GE(records.size(), at_least);
    for (std::size_t i = 0; i < records.size(); ++i) ASSERT_EQ(records[i], std::to_string(i));
    const Result<std::optional<Offset>> next =
        store_->Load(Topic::kTelemetry, kPartition, [](auto, auto) { return Status(); });
    ASSERT_TRUE(next.ok() && next.value());
    EXPECT_LE(Number(*next.value()), records.size());
    EXPECT_GT(Number(*next.value()), 0u);
    Close();
  }
};

TEST_F(Keeper, ACutUnderLoadIsOneMomentOfLogAndState) {
  for (const bool encrypted : {false, true}) {
    const std::string data = Path(encrypted ? "sealed" : "plain");
    if (encrypted) {
      WriteKeyFile(Path("keys"), KeyLine('a'));
      encryption_ = OpenKeys(Path("keys"));
    }
    std::filesystem::create_directories(data);
    Open(data);
    std::vector<std::pair<std::string, std::uint64_t>> made;
    {
      const Load load(log_.get(), store_.get());
      BackupKeeper keeper(data, log_.get(), store_.get());
      for (int round = 0; round < 5; ++round) {
        while (load.written() < 200u * static_cast<unsigned>(round + 1)) std::this_thread::yield();
        const std::string to = data + "-backup" + std::to_string(round);
        const std::uint64_t before = load.written();
        const Result<BackupManifest> manifest = keeper.Make({"", to, 0});
        ASSERT_TRUE(manifest.ok()) << manifest.status().message();
        EXPECT_EQ(manifest.value().keys.size(), encrypted ? 1u : 0u);
        made.emplace_back(to, before);
      }
      EXPECT_EQ(keeper.figures().done, 5u);
      EXPECT_FALSE(std::filesystem::exists(data + "/backup.cut"));
    }
    Close();
    for (const auto& [backup, before] : made) {
      ASSERT_TRUE(RestoreBackup(backup, backup + "-again", CloudNow()).ok());
      ExpectOneMoment(backup + "-again", before);
    }
  }
}

TEST_F(Keeper, AnswersAFileOfItsFolder) {
  Open();
  Append(Topic::kTelemetry, "one");
  BackupKeeper keeper(data_, log_.get(), store_.get());
  keeper.Start();
  const auto ask = [&](const BackupRequest& request) {
    EXPECT_TRUE(WriteBackupRequest(data_, request).ok());
    std::optional<BackupAnswer> answer;
    for (int i = 0; i < 1'000 && !(answer && answer->id == request.id); ++i) {
      std::this_thread::sleep_for(milliseconds(10));
      answer = ReadBackupAnswer(data_);
    }
    return answer.value_or(BackupAnswer{});
  };
  EXPECT_TRUE(ask({"1", Path("backup"), 0}).done);
  EXPECT_TRUE(VerifyBackup(Path("backup")).ok());
  const BackupAnswer again = ask({"2", Path("backup"), 0});
  EXPECT_FALSE(again.done);
  EXPECT_THAT(again.message, HasSubstr("there already"));
  const BackupAnswer inside = ask({"3", data_ + "/backup", 0});
  EXPECT_FALSE(inside.done);
  EXPECT_THAT(inside.message, HasSubstr("is in the folder that is to be backed up"));
  keeper.Stop();
  EXPECT_EQ(keeper.figures().done, 1u);
  EXPECT_EQ(keeper.figures().failed, 2u);
}

TEST_F(Keeper, WithoutALogOfItsOwnItSaysWhoKeepsIt) {
  Open();
  BackupKeeper keeper(data_, nullptr, store_.get());
  const Result<BackupManifest> made = keeper.Make({"", Path("backup"), 0});
  ASSERT_FALSE(made.ok());
  EXPECT_THAT(std::string(made.status().message()), HasSubstr("the log is Kafka's"));
}

TEST_F(Keeper, AFolderThatIsOpenIsNotCopiedAtRest) {
  Open();
  Append(Topic::kTelemetry, "one");
  // RocksDB's lock is a process's: another one asks.
  const pid_t child = ::fork();
  if (child == 0) {
    const Result<BackupManifest> made = BackUpAtRest(data_, Path("backup"), {}, CloudNow());
    ::_exit(!made.ok() && made.status().code() == ErrorCode::kUnavailable ? 0 : 1);
  }
  int outcome = -1;
  ASSERT_EQ(::waitpid(child, &outcome, 0), child);
  EXPECT_EQ(outcome, 0);
}

}  // namespace
}  // namespace starling::cloud
