#include "cloud/backup/history_archive.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/cloud/log/log_fixture.h"

namespace starling::cloud {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

constexpr std::int64_t kHourNs = 3'600'000'000'000;
constexpr std::int64_t kBeginNs = 500'000 * kHourNs;  // an hour's beginning

class HistoryArchive : public testing::Test {
 protected:
  // Records whose log times are so many minutes after kBeginNs.
  void Log(const std::vector<int>& minutes) {
    EmbeddedLogConfig config;
    config.directory = data_;
    auto log = EmbeddedLog::Open(config, [this] { return CloudTimeFromNs(now_ns_); });
    ASSERT_TRUE(log.ok()) << log.status().message();
    for (const int minute : minutes) {
      now_ns_ = kBeginNs + minute * kHourNs / 60;
      const Result<Ticket> ticket =
          log.value()->Append(Topic::kHistory, kPartition, Bytes("veh"), Bytes("at " + std::to_string(minute)));
      ASSERT_TRUE(ticket.ok() && log.value()->AwaitEmitted(ticket.value()).ok());
    }
    ASSERT_TRUE(log.value()->Close().ok());
  }
  ArchiveOutcome Archive(int until_minute) {
    const Result<ArchiveOutcome> outcome =
        ArchiveHistory(data_, kPartition, {}, folder_, CloudTimeFromNs(kBeginNs + until_minute * kHourNs / 60));
    EXPECT_TRUE(outcome.ok()) << outcome.status().message();
    return outcome.ok() ? outcome.value() : ArchiveOutcome{};
  }
  std::vector<ArchiveFile> Files() const { return ListArchive(folder_, kPartition).value(); }
  std::vector<std::string> Values() const {
    std::vector<std::string> values;
    for (const ArchiveFile& file : Files()) {
      EXPECT_TRUE(ReadArchiveFile(file, [&](const LogRecord& record) {
                    EXPECT_EQ(Text(record.key), "veh");
                    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(record.value.data()) % 8, 0u);
                    values.push_back(Text(record.value));
                    return true;
                  }).ok());
    }
    return values;
  }

  TestDirectory directory_;
  const std::string data_ = directory_.path() + "/data";
  const std::string folder_ = directory_.path() + "/archive";
  std::int64_t now_ns_ = kBeginNs;
};

TEST_F(HistoryArchive, HasAFileForEachHourAndEachRunAddsWhatIsNew) {
  Log({1, 30, 59, 61, 190});
  EXPECT_EQ(Archive(1'000).files, 3u);
  EXPECT_THAT(Values(), ElementsAre("at 1", "at 30", "at 59", "at 61", "at 190"));
  EXPECT_EQ(Archive(1'000).records, 0u);
  Log({191, 260});
  const ArchiveOutcome more = Archive(1'000);
  EXPECT_EQ(more.records, 2u);
  EXPECT_FALSE(more.lost.has_value());
  EXPECT_THAT(Values(), ElementsAre("at 1", "at 30", "at 59", "at 61", "at 190", "at 191", "at 260"));
}

TEST_F(HistoryArchive, LeavesWhatIsYoungForTheNextRun) {
  Log({1, 30, 59});
  EXPECT_EQ(Archive(31).records, 2u);
  EXPECT_EQ(Archive(60).records, 1u);
  EXPECT_THAT(Values(), ElementsAre("at 1", "at 30", "at 59"));
}

// Retention has dropped the beginning: two files of the log are too many for its bound.
TEST_F(HistoryArchive, SaysWhatTheLogHadDropped) {
  Log({1});
  EXPECT_EQ(Archive(1'000).records, 1u);
  EmbeddedLogConfig config;
  config.directory = data_;
  config.topics[static_cast<std::size_t>(Topic::kHistory)].bytes_max = 4 << 20;
  config.topics[static_cast<std::size_t>(Topic::kHistory)].memtable_bytes = 1 << 20;
  const std::string large = [] {
    std::string text;
    std::uint64_t state = 1;  // what does not compress
    while (text.size() < 200'000) text += static_cast<char>((state = state * 6364136223846793005u + 1442695040888963407u) >> 56);
    return text;
  }();
  Offset first{};
  for (int round = 0; round < 40 && first <= Offset{1}; ++round) {
    auto log = EmbeddedLog::Open(config, [this] { return CloudTimeFromNs(now_ns_); });
    ASSERT_TRUE(log.ok()) << log.status().message();
    for (int i = 0; i < 20; ++i) {
      const Result<Ticket> ticket = log.value()->Append(Topic::kHistory, kPartition, Bytes("veh"), Bytes(large));
      ASSERT_TRUE(ticket.ok() && log.value()->AwaitEmitted(ticket.value()).ok());
    }
    first = log.value()->RangeOf(Topic::kHistory, kPartition).first;
    ASSERT_TRUE(log.value()->Close().ok());
  }
  ASSERT_GT(first, Offset{1}) << "retention never came";
  const ArchiveOutcome outcome = Archive(1'000);
  ASSERT_TRUE(outcome.lost.has_value());
  EXPECT_EQ(outcome.lost->first, Offset{1});
  EXPECT_GE(outcome.lost->second, first);
}

TEST_F(HistoryArchive, ForgetsByAgeButKnowsWhereToGoOn) {
  Log({1, 61, 121, 181});
  EXPECT_EQ(Archive(1'000).files, 4u);
  EXPECT_EQ(ExpireArchive(folder_, kPartition, CloudTimeFromNs(kBeginNs + 2 * kHourNs)).value(), 2u);
  EXPECT_THAT(Values(), ElementsAre("at 121", "at 181"));
  EXPECT_EQ(ExpireArchive(folder_, kPartition, CloudTimeFromNs(kBeginNs + 100 * kHourNs)).value(), 1u);
  EXPECT_THAT(Values(), ElementsAre("at 181"));
  EXPECT_EQ(Archive(1'000).records, 0u);
}

TEST_F(HistoryArchive, RefusesEveryCutAndEveryByteThatChangedByName) {
  Log({1, 2, 3});
  Archive(1'000);
  const ArchiveFile file = Files()[0];
  std::ifstream stream(file.path, std::ios::binary);
  const std::string content((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
  int visited = 0;
  const auto refused = [&](const std::string& altered) {
    std::ofstream(file.path, std::ios::binary) << altered;
    const Status status = ReadArchiveFile(file, [&](const LogRecord&) {
      ++visited;
      return true;
    });
    return !status.ok() && std::string(status.message()).find(file.path) != std::string::npos;
  };
  for (std::size_t size = 0; size < content.size(); ++size) EXPECT_TRUE(refused(content.substr(0, size))) << size;
  for (std::size_t at = 0; at < content.size(); ++at) {
    std::string altered = content;
    altered[at] = static_cast<char>(altered[at] ^ 4);
    EXPECT_TRUE(refused(altered)) << at;
  }
  EXPECT_EQ(visited, 0);
  std::ofstream(file.path, std::ios::binary) << content;
  const std::string renamed = folder_ + "/history-00007-00000000000000000005-00000000000000000008.archive";
  std::filesystem::rename(file.path, renamed);
  ASSERT_THAT(Files(), SizeIs(1));
  const Status status = ReadArchiveFile(Files()[0], [](const LogRecord&) { return true; });
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr("holds other records than its name says"));
}

// One record at offset 0 of partition 7, key "k", value "hi", log time 1,700,000,000,000,000,001.
TEST_F(HistoryArchive, IsWrittenAsTheFormatPageSays) {
  EmbeddedLogConfig config;
  config.directory = data_;
  auto log = EmbeddedLog::Open(config, [] { return CloudTimeFromNs(1'700'000'000'000'000'001); });
  ASSERT_TRUE(log.ok());
  ASSERT_TRUE(log.value()->Append(Topic::kHistory, kPartition, Bytes("k"), Bytes("hi")).ok());
  ASSERT_TRUE(log.value()->Close().ok());
  ASSERT_TRUE(ArchiveHistory(data_, kPartition, {}, folder_, CloudTime::max()).ok());
  ASSERT_THAT(Files(), SizeIs(1));
  EXPECT_EQ(std::filesystem::path(Files()[0].path).filename(),
            "history-00007-00000000000000000000-00000000000000000001.archive");
  std::ifstream stream(Files()[0].path, std::ios::binary);
  const std::string content((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
  ASSERT_THAT(content, SizeIs(63));
  EXPECT_EQ(content.substr(0, 8), "STHIST01");
  const std::string rest = content.substr(12);
  const auto number = [&](std::size_t at, std::size_t count) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < count; ++i) value |= std::uint64_t{static_cast<unsigned char>(rest[at + i])} << (8 * i);
    return value;
  };
  EXPECT_EQ(number(0, 4), 7u);    // partition
  EXPECT_EQ(number(4, 4), 1u);    // count
  EXPECT_EQ(number(8, 8), 0u);    // first
  EXPECT_EQ(number(16, 8), 1u);   // end
  EXPECT_EQ(number(24, 8), 0u);   // offset
  EXPECT_EQ(number(32, 8), 1'700'000'000'000'000'001u);
  EXPECT_EQ(number(40, 4), 2u);   // value
  EXPECT_EQ(number(44, 4), 1u);   // key
  EXPECT_EQ(rest.substr(48), "hik");
}

}  // namespace
}  // namespace starling::cloud
