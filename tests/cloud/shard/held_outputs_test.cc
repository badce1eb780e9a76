// What waits between the shard and the region's writer.
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cloud/shard/held_outputs.h"

namespace starling::cloud {
namespace {

using testing::ElementsAre;

constexpr RegionId kOwn{7};

class Writer final : public RegionWriter {
 public:
  Result<Epoch> Claim(std::string_view) override { return Epoch{1}; }
  Result<Offset> Committed() override { return committed; }
  Status Append(Topic, std::span<const std::byte> key, std::span<const std::byte>) override {
    written.emplace_back(reinterpret_cast<const char*>(key.data()), key.size());
    return failure;
  }
  Status Commit(Offset next) override {
    committed = next;
    return {};
  }
  Status status() const override { return failure; }

  std::vector<std::string> written;
  Offset committed{};
  Status failure;
};

// Takes appends as long as there is room, and emits what it is told to.
class OtherRegions final : public Log {
 public:
  Result<Ticket> Append(Topic topic, Partition partition, std::span<const std::byte> key,
                        std::span<const std::byte>) override {
    if (room == 0) return Status(ErrorCode::kExhausted, "full");
    --room;
    EXPECT_EQ(topic, Topic::kTelemetry);
    EXPECT_EQ(partition, Partition{8});
    sent.emplace_back(reinterpret_cast<const char*>(key.data()), key.size());
    return Ticket{sent.size()};
  }
  Ticket emitted() const override { return Ticket{emitted_count}; }
  Ticket durable() const override { return Ticket{0}; }
  void ObserveDurable(std::function<void(Ticket)>) override {}
  Status Subscribe(Topic, Partition, Offset, LogConsumer*) override { return {}; }
  Range RangeOf(Topic, Partition) const override { return {}; }
  Offset OffsetAt(Topic, Partition, CloudTime) const override { return {}; }
  Status Read(Topic, Partition, Offset, const std::function<bool(const LogRecord&)>&) const override {
    return {};
  }
  Status status() const override { return {}; }
  Status Close() override { return {}; }

  std::size_t room = 100;
  std::vector<std::string> sent;
  std::uint64_t emitted_count = 0;
};

class HeldOutputsTest : public testing::Test {
 protected:
  void Add(std::uint64_t input, std::string_view name, bool regional = false, std::size_t bytes = 0) {
    ShardOutputs::Record record;
    record.topic = regional ? Topic::kTelemetry : Topic::kCommands;
    for (const char letter : name) record.key.push_back(static_cast<std::byte>(letter));
    record.value.resize(bytes);
    if (regional) record.region = RegionId{8};
    std::vector<ShardOutputs::Record> records;
    records.push_back(std::move(record));
    held_.Add(Offset{input}, &records);
  }
  Status Flush(std::uint64_t next) { return held_.Flush(Offset{next}, &writer_); }

  OtherRegions log_;
  Writer writer_;
  HeldOutputs held_{std::size_t{1} << 20, kOwn, &log_};
};

TEST_F(HeldOutputsTest, GivesAllToTheWriterAndCommits) {
  Add(1, "a");
  Add(1, "b");
  Add(4, "c");
  ASSERT_TRUE(Flush(5).ok());
  EXPECT_THAT(writer_.written, ElementsAre("a", "b", "c"));
  EXPECT_EQ(writer_.committed, Offset{5});
  EXPECT_EQ(held_.bytes(), 0u);
  EXPECT_EQ(held_.written(), 3u);
}

TEST_F(HeldOutputsTest, AnInputIsCompleteOnlyOnceItsRecordsToOtherRegionsAreEmitted) {
  Add(1, "a");
  Add(2, "over", /*regional=*/true);
  Add(2, "b");
  Add(3, "c");
  ASSERT_TRUE(Flush(4).ok());
  EXPECT_THAT(log_.sent, ElementsAre("over"));
  EXPECT_THAT(writer_.written, ElementsAre("a"));
  EXPECT_EQ(writer_.committed, Offset{2});
  log_.emitted_count = 1;
  ASSERT_TRUE(Flush(4).ok());
  EXPECT_THAT(writer_.written, ElementsAre("a", "b", "c"));
  EXPECT_EQ(writer_.committed, Offset{4});
}

TEST_F(HeldOutputsTest, RecordsToOtherRegionsKeepTheirOrderThroughAFullQueue) {
  log_.room = 1;
  for (std::uint64_t i = 1; i <= 3; ++i) Add(i, std::to_string(i), /*regional=*/true);
  ASSERT_TRUE(Flush(4).ok());
  log_.emitted_count = 1;
  ASSERT_TRUE(Flush(4).ok());
  EXPECT_EQ(writer_.committed, Offset{2});
  EXPECT_GE(held_.regional_refused(), 1u);
  log_.room = 10;
  ASSERT_TRUE(Flush(5).ok());
  log_.emitted_count = 3;
  ASSERT_TRUE(Flush(6).ok());
  EXPECT_THAT(log_.sent, ElementsAre("1", "2", "3"));
  EXPECT_EQ(writer_.committed, Offset{6});
}

TEST_F(HeldOutputsTest, AStandbyForgetsWhatTheOwnerHasWritten) {
  for (std::uint64_t i = 1; i <= 5; ++i) Add(i, std::to_string(i));
  held_.DropBefore(Offset{4});
  EXPECT_TRUE(held_.CompleteFrom(Offset{4}));
  ASSERT_TRUE(Flush(6).ok());
  EXPECT_THAT(writer_.written, ElementsAre("4", "5"));
}

TEST_F(HeldOutputsTest, AStandbyWithoutRoomKnowsFromWhereItIsIncomplete) {
  for (std::uint64_t i = 1; i <= 5; ++i) Add(i, std::to_string(i), false, 300 << 10);
  held_.DropOldest();
  EXPECT_LE(held_.bytes(), std::size_t{1} << 20);
  EXPECT_FALSE(held_.CompleteFrom(Offset{2}));
  EXPECT_TRUE(held_.CompleteFrom(Offset{3}));
}

TEST_F(HeldOutputsTest, AnOwnerIsToldWhenTooMuchWaits) {
  log_.room = 0;
  Add(1, "over", /*regional=*/true);
  for (std::uint64_t i = 2; i <= 5; ++i) Add(i, std::to_string(i), false, 300 << 10);
  const Status status = Flush(6);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.code(), ErrorCode::kExhausted);
  EXPECT_TRUE(writer_.written.empty());
}

}  // namespace
}  // namespace starling::cloud
