// The follower and the states that it stores.
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "cloud/shard/changelog.h"
#include "cloud/shard/checkpointer.h"
#include "tests/cloud/shard/memory_log.h"
#include "tests/cloud/shard/memory_store.h"
#include "tests/cloud/shard/traffic_log.h"

namespace starling::cloud {
namespace {

class CheckpointerTest : public testing::Test {
 protected:
  CheckpointerTest() { config_.interval = milliseconds(100); }
  ~CheckpointerTest() override { (void)log_.Close(); }

  void Start() {
    checkpointer_ = std::make_unique<Checkpointer>(config_, ShardConfig{}, kRegion, kOrigin, &log_, &store_);
    checkpointer_->Start({}, false, Offset{0});
  }
  // A record of the partition, which the owner applies.
  LogRecord Apply(std::span<const std::byte> value) {
    const CloudTime at = CloudTimeFromNs(kStartNs + static_cast<std::int64_t>(next_) * 10'000'000);
    log_.Store(value, at);
    const LogRecord record{Offset{next_++}, at, {}, value};
    ShardOutputs outputs;
    owner_.Apply(record, &outputs);
    digest_ = DigestOf(outputs, digest_);
    return record;
  }
  void Record(std::span<const std::byte> value) {
    const LogRecord record = Apply(value);
    checkpointer_->Feed({&record, 1}, digest_ + disagree_);
  }
  // Ticks in one call, for whose keys there is never room.
  void FeedTooMuch() {
    const std::vector<std::byte> key(config_.feed_bytes_max / 10);
    const std::span<const std::byte> tick = encoder_.Tick();
    std::vector<LogRecord> records;
    for (int i = 0; i < 10; ++i) records.push_back(Apply(tick));
    for (LogRecord& record : records) record.key = key;
    checkpointer_->Feed(records, digest_);
    ASSERT_EQ(checkpointer_->counters().records_skipped, records.size());
  }
  void Drive(int vehicles, int rounds = 1) {
    for (int round = 0; round < rounds; ++round) {
      for (int i = 0; i < vehicles; ++i) {
        const std::int64_t at = kStartNs + static_cast<std::int64_t>(next_) * 10'000'000;
        ++sequence_;
        Record(encoder_.Fix(MakeCar(Numbered("v", static_cast<std::uint64_t>(i)), i * 50.0, sequence_ * 0.1, 0, 10),
                            sequence_, sequence_ * 10'000'000, at));
      }
      Record(encoder_.Tick());
    }
  }
  bool Stored() {
    return Eventually([&] { return store_.next() == std::optional<Offset>(Offset{next_}); });
  }
  MemoryStore::Entries OwnersState() const {
    MemoryStore::Entries entries;
    owner_.Save([&](std::span<const std::byte> key, std::span<const std::byte> value) {
      entries[std::string(reinterpret_cast<const char*>(key.data()), key.size())] =
          std::string(reinterpret_cast<const char*>(value.data()), value.size());
    });
    return entries;
  }

  CheckpointerConfig config_;
  MemoryLog log_;
  MemoryStore store_;
  RecordEncoder encoder_;
  Shard owner_{ShardConfig{}, kRegion, kOrigin};
  std::unique_ptr<Checkpointer> checkpointer_;
  std::uint64_t next_ = 0;
  std::uint32_t sequence_ = 0;
  std::uint64_t digest_ = 0;
  std::uint64_t disagree_ = 0;
};

TEST_F(CheckpointerTest, StoresTheOwnersStateOnceItsOutputsAreWritten) {
  Start();
  Drive(20);
  std::this_thread::sleep_for(milliseconds(250));
  EXPECT_EQ(store_.writes(), 0u);
  checkpointer_->SetCommitted(Offset{next_});
  ASSERT_TRUE(Stored());
  EXPECT_EQ(store_.entries(), OwnersState());
}

TEST_F(CheckpointerTest, WritesOnlyWhatHasChanged) {
  Start();
  checkpointer_->SetCommitted(Offset{1'000'000'000});
  Drive(50);
  ASSERT_TRUE(Stored());
  const std::size_t all = store_.changes();
  EXPECT_GE(all, 50u);
  Drive(1);
  ASSERT_TRUE(Stored());
  EXPECT_LT(store_.changes() - all, 30u);
  EXPECT_EQ(store_.entries(), OwnersState());
}

TEST_F(CheckpointerTest, WhatHadNoRoomIsReadFromTheLogAgain) {
  config_.feed_bytes_max = 1 << 20;
  Start();
  checkpointer_->SetCommitted(Offset{1'000'000'000});
  Drive(100);
  FeedTooMuch();
  Drive(3);
  ASSERT_TRUE(Stored());
  EXPECT_EQ(store_.entries(), OwnersState());
  EXPECT_EQ(checkpointer_->counters().digest_mismatches, 0u);
  EXPECT_TRUE(checkpointer_->status().ok());
}

TEST_F(CheckpointerTest, GivesUpWhenTheLogHasDroppedWhatItHadNotRead) {
  config_.feed_bytes_max = 1 << 20;
  Start();
  Drive(100);
  FeedTooMuch();
  log_.DropBefore(next_);
  Drive(1);
  ASSERT_TRUE(Eventually([&] { return !checkpointer_->status().ok(); }));
  EXPECT_EQ(checkpointer_->status().code(), ErrorCode::kCorruption);
}

TEST_F(CheckpointerTest, NothingIsStoredOnceTheTwoHaveDecidedDifferently) {
  Start();
  checkpointer_->SetCommitted(Offset{1'000'000'000});
  Drive(5);
  ASSERT_TRUE(Stored());
  const std::size_t writes = store_.writes();
  disagree_ = 1;
  Drive(5);
  ASSERT_TRUE(Eventually([&] { return !checkpointer_->status().ok(); }));
  EXPECT_EQ(checkpointer_->counters().digest_mismatches, 1u);
  std::this_thread::sleep_for(milliseconds(250));
  EXPECT_EQ(store_.writes(), writes);
}

TEST_F(CheckpointerTest, AStoreThatRefusesIsTriedAgain) {
  Start();
  store_.set_failure({ErrorCode::kIoError, "disk full"});
  checkpointer_->SetCommitted(Offset{1'000'000'000});
  Drive(5);
  ASSERT_TRUE(Eventually([&] { return checkpointer_->counters().failures > 0; }));
  store_.set_failure({});
  ASSERT_TRUE(Stored());
  EXPECT_EQ(store_.entries(), OwnersState());
}

TEST_F(CheckpointerTest, TheLastStateKnowsEverything) {
  config_.interval = milliseconds(60'000);
  Start();
  Drive(20, 3);
  checkpointer_->SetCommitted(Offset{next_});
  checkpointer_->BeginStop();
  ASSERT_TRUE(Eventually([&] { return checkpointer_->stopped(); }));
  checkpointer_->Stop();
  EXPECT_EQ(store_.next(), std::optional<Offset>(Offset{next_}));
  EXPECT_EQ(store_.entries(), OwnersState());
}

// Keeps what a writer would append, as a compacted topic, and hands it out as a log.
class ChangelogTopic final : public Log, public RegionWriter {
 public:
  Status Append(Topic, std::span<const std::byte> key, std::span<const std::byte> value) override {
    records_.push_back({{key.begin(), key.end()}, {value.begin(), value.end()}});
    return {};
  }
  Result<Epoch> Claim(std::string_view) override { return Epoch{1}; }
  Result<Offset> Committed() override { return Offset{}; }
  Status Commit(Offset) override { return {}; }
  Status status() const override { return {}; }
  // As a broker does: of each key the newest stays.
  void Compact() {
    std::vector<Record> kept;
    for (std::size_t i = 0; i < records_.size(); ++i) {
      bool newest = true;
      for (std::size_t j = i + 1; j < records_.size(); ++j) newest = newest && records_[j].key != records_[i].key;
      if (newest) kept.push_back(records_[i]);
    }
    records_ = std::move(kept);
  }

  Result<Ticket> Append(Topic, Partition, std::span<const std::byte>, std::span<const std::byte>) override {
    return Ticket{};
  }
  Ticket emitted() const override { return {}; }
  Ticket durable() const override { return {}; }
  void ObserveDurable(std::function<void(Ticket)>) override {}
  Status Subscribe(Topic, Partition, Offset, LogConsumer*) override { return {}; }
  Range RangeOf(Topic, Partition) const override { return {Offset{0}, Offset{records_.size()}}; }
  Offset OffsetAt(Topic, Partition, CloudTime) const override { return {}; }
  Status Read(Topic, Partition, Offset from, const std::function<bool(const LogRecord&)>& visit) const override {
    for (auto i = static_cast<std::size_t>(from); i < records_.size(); ++i) {
      if (!visit({Offset{i}, {}, records_[i].key, records_[i].value})) break;
    }
    return {};
  }
  Status Close() override { return {}; }
  void DropLast() { records_.pop_back(); }

 private:
  struct Record {
    std::vector<std::byte> key;
    std::vector<std::byte> value;
  };
  std::vector<Record> records_;
};

class ChangelogTest : public CheckpointerTest {
 protected:
  ChangelogTest() { config_.changelog_interval = seconds(1); }
  void HandOver() {
    std::optional<Checkpointer::Changelog> changes;
    ASSERT_TRUE(Eventually([&] {
      changes = checkpointer_->TakeChangelog();
      return changes.has_value();
    }));
    ASSERT_TRUE(AppendChangelog(*changes, &topic_).ok());
  }
  std::optional<Offset> Load(MemoryStore::Entries* entries) {
    const auto loaded = LoadChangelog(topic_, Partition{7}, [&](auto key, auto value) {
      (*entries)[std::string(reinterpret_cast<const char*>(key.data()), key.size())] =
          std::string(reinterpret_cast<const char*>(value.data()), value.size());
      return Status();
    });
    EXPECT_TRUE(loaded.ok());
    return loaded.ok() ? loaded.value() : std::nullopt;
  }

  ChangelogTopic topic_;
};

TEST_F(ChangelogTest, GivesTheStateBackAlsoAfterCompaction) {
  Start();
  checkpointer_->SetCommitted(Offset{1'000'000'000});
  Drive(20);
  checkpointer_->StartChangelog();
  HandOver();
  Drive(5);
  const std::uint64_t next = next_;
  const MemoryStore::Entries owners = OwnersState();
  HandOver();
  for (const bool compacted : {false, true}) {
    if (compacted) topic_.Compact();
    MemoryStore::Entries entries;
    EXPECT_EQ(Load(&entries), std::optional<Offset>(Offset{next}));
    EXPECT_EQ(entries, owners);
  }
}

// docs/formats/kafka_topics.md.
TEST_F(ChangelogTest, IsWrittenAsThePageSays) {
  ASSERT_TRUE(AppendChangelog({.changes = {}, .next = Offset{5}, .whole = true}, &topic_).ok());
  std::vector<std::pair<std::string, std::string>> records;
  const auto text = [](std::span<const std::byte> bytes) {
    return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  };
  ASSERT_TRUE(topic_.Read(Topic::kVehicleState, Partition{7}, Offset{0}, [&](const LogRecord& record) {
    records.emplace_back(text(record.key), text(record.value));
    return true;
  }).ok());
  EXPECT_EQ(records, (std::vector<std::pair<std::string, std::string>>{
                         {"\xff\x62", "\x01"}, {"\xff\x6e", std::string("\x05\0\0\0\0\0\0\0", 8)}}));
}

TEST_F(ChangelogTest, AnIncompletePointInTimeDoesNotCount) {
  Start();
  checkpointer_->SetCommitted(Offset{1'000'000'000});
  Drive(20);
  checkpointer_->StartChangelog();
  HandOver();
  const std::uint64_t next = next_;
  const MemoryStore::Entries owners = OwnersState();
  Drive(5);
  HandOver();
  topic_.DropLast();
  MemoryStore::Entries entries;
  EXPECT_EQ(Load(&entries), std::optional<Offset>(Offset{next}));
  EXPECT_EQ(entries, owners);
}

TEST_F(ChangelogTest, ANewOwnerBeginsWithTheWholeState) {
  Start();
  checkpointer_->SetCommitted(Offset{1'000'000'000});
  Drive(20);
  ASSERT_TRUE(topic_.Append(Topic::kVehicleState, std::as_bytes(std::span("stale")),
                            std::as_bytes(std::span("x"))).ok());
  checkpointer_->StartChangelog();
  HandOver();
  topic_.Compact();
  MemoryStore::Entries entries;
  EXPECT_TRUE(Load(&entries).has_value());
  EXPECT_EQ(entries, OwnersState());
}

// Another one may have owned the region in between, and written its own.
TEST_F(ChangelogTest, WhoStopsAndStartsAtOnceBeginsWithTheWholeState) {
  Start();
  checkpointer_->SetCommitted(Offset{1'000'000'000});
  Drive(20);
  checkpointer_->StartChangelog();
  HandOver();
  checkpointer_->StopChangelog();
  ASSERT_TRUE(topic_.Append(Topic::kVehicleState, std::as_bytes(std::span("other owner's")),
                            std::as_bytes(std::span("x"))).ok());
  checkpointer_->StartChangelog();
  Drive(5);
  HandOver();
  MemoryStore::Entries entries;
  EXPECT_EQ(Load(&entries), std::optional<Offset>(Offset{next_}));
  EXPECT_EQ(entries, OwnersState());
}

TEST_F(ChangelogTest, WhatWasNotTakenBeforeTheStopIsDropped) {
  Start();
  checkpointer_->SetCommitted(Offset{1'000'000'000});
  checkpointer_->StartChangelog();
  Drive(20);
  ASSERT_TRUE(Stored());
  Drive(1);
  ASSERT_TRUE(Stored());  // So the state before was handed over, too.
  checkpointer_->StopChangelog();
  EXPECT_FALSE(checkpointer_->TakeChangelog().has_value());
  Drive(5);
  ASSERT_TRUE(Stored());
  checkpointer_->StartChangelog();
  std::optional<Checkpointer::Changelog> changes;
  ASSERT_TRUE(Eventually([&] { return (changes = checkpointer_->TakeChangelog()).has_value(); }));
  EXPECT_TRUE(changes->whole);
  EXPECT_EQ(changes->next, Offset{next_});
}

}  // namespace
}  // namespace starling::cloud
