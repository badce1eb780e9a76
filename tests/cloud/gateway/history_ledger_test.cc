// Records batches and asks what is held; the log is a mock.

#include "cloud/gateway/history_ledger.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "cloud/gateway/record_builder.h"
#include "tests/cloud/gateway/mock_log.h"

namespace starling::cloud {
namespace {

constexpr BootId kBoot{7};
constexpr Ticket kTicket{3};

class Ledger : public testing::Test {
 protected:
  bool Holds(std::uint64_t first, std::uint64_t last, BootId boot = kBoot) {
    return ledger_.Holds(vehicle_, boot, {first, last}).has_value();
  }
  void Record(std::uint64_t first, std::uint64_t last, BootId boot = kBoot) {
    ledger_.Record(vehicle_, boot, {first, last}, kTicket);
  }
  std::uint64_t Through(BootId boot = kBoot) { return ledger_.DurableThrough(vehicle_, boot, kTicket); }

  const VehicleId vehicle_ = VehicleId::Parse("veh-00001").value();
  HistoryLedger ledger_;
};

TEST_F(Ledger, HoldsWhatWasRecordedAndNothingElse) {
  EXPECT_FALSE(Holds(1, 10));
  Record(1, 10);
  EXPECT_TRUE(Holds(1, 10));
  EXPECT_FALSE(Holds(1, 11));
  EXPECT_FALSE(Holds(11, 20));
  EXPECT_FALSE(Holds(1, 10, BootId{8}));
  EXPECT_EQ(Through(), 10u);
  EXPECT_EQ(ledger_.totals().duplicates, 1u);
}

TEST_F(Ledger, SaysThroughOnlyWhenTheLastBatchIsDurable) {
  Record(1, 10);
  EXPECT_EQ(ledger_.DurableThrough(vehicle_, kBoot, Ticket{2}), 0u);
  EXPECT_EQ(ledger_.DurableThrough(vehicle_, kBoot, Ticket{3}), 10u);
}

// A batch was shed, the next one taken, then the first one sent again.
TEST_F(Ledger, AGapIsCountedAndCanBeFilledLater) {
  Record(1, 10);
  Record(21, 30);
  EXPECT_EQ(ledger_.totals().gaps, 1u);
  EXPECT_EQ(Through(), 10u);
  EXPECT_FALSE(Holds(11, 20));
  Record(11, 20);
  EXPECT_TRUE(Holds(1, 30));
  EXPECT_EQ(Through(), 30u);
  EXPECT_EQ(ledger_.totals().samples, 30u);
}

TEST_F(Ledger, SamplesThatWereDroppedAtTheStartAreNotClaimed) {
  Record(101, 200);
  EXPECT_EQ(Through(), 0u);
  EXPECT_TRUE(Holds(101, 200));
}

TEST_F(Ledger, KeepsTheBootsApart) {
  Record(1, 10);
  Record(1, 4, BootId{8});
  const HeldHistory held = ledger_.Find(vehicle_).value();
  EXPECT_EQ(held.boot, BootId{8});
  EXPECT_EQ(held.through_sequence, 4u);
  EXPECT_EQ(held.samples, 4u);
  EXPECT_EQ(held.samples_older, 10u);
  for (std::uint64_t boot = 9; boot < 40; ++boot) Record(1, 1, BootId{boot});
  EXPECT_EQ(ledger_.Find(vehicle_).value().samples_older, 14u + 30u);
}

// As when an agent is started again and again in an outage: it sends the oldest boot's batches first.
TEST_F(Ledger, WhatComesAgainOfManyBootsCountsOnce) {
  for (int time = 0; time < 2; ++time) {
    for (std::uint64_t boot = 1; boot <= HistoryLedger::kBootsMax; ++boot) Record(1, 10, BootId{boot});
  }
  EXPECT_EQ(ledger_.totals().samples, 10 * HistoryLedger::kBootsMax);
  EXPECT_TRUE(Holds(1, 10, BootId{1}));
}

TEST_F(Ledger, TooManyGapsGiveUpTheOldestOne) {
  for (std::uint64_t i = 0; i <= HistoryLedger::kRangesMax; ++i) Record(10 * i + 1, 10 * i + 5);
  EXPECT_EQ(ledger_.totals().gaps_forgotten, 1u);
  EXPECT_TRUE(Holds(1, 15));
  EXPECT_FALSE(Holds(11, 25));
}

TEST_F(Ledger, AgreesWithASetOfNumbers) {
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    HistoryLedger ledger;
    std::set<std::uint64_t> model;
    for (int i = 0; i < 200; ++i) {
      const std::uint64_t first = 1 + random() % 300;
      const std::uint64_t last = first + random() % 20;
      bool all = true;
      for (std::uint64_t n = first; n <= last; ++n) all = all && model.contains(n);
      ASSERT_EQ(ledger.Holds(vehicle_, kBoot, {first, last}).has_value(), all);
      if (all) continue;
      ledger.Record(vehicle_, kBoot, {first, last}, kTicket);
      for (std::uint64_t n = first; n <= last; ++n) model.insert(n);
      ASSERT_EQ(ledger.totals().samples, model.size());
    }
  }
}

TEST_F(Ledger, IsRebuiltFromTheLog) {
  MockLog log;
  RecordBuilder records(RegionId{});
  const std::vector<std::uint8_t> columns{1, 2, 3};
  for (const std::uint64_t first : {1u, 101u, 301u}) {
    flatbuffers::FlatBufferBuilder builder;
    builder.Finish(wire::CreateHistory(builder, ToNumber(kBoot), first, 100, builder.CreateVector(columns)));
    const auto value = records.History(
        vehicle_, *flatbuffers::GetRoot<wire::History>(builder.GetBufferPointer()), {}, CloudTime{});
    ASSERT_TRUE(log.Append(Topic::kHistory, Partition{}, {}, value).ok());
  }
  ASSERT_TRUE(log.Append(Topic::kHistory, Partition{}, {}, std::as_bytes(std::span("nonsense"))).ok());
  ASSERT_TRUE(ledger_.Rebuild(log, Partition{}).ok());
  EXPECT_EQ(ledger_.totals().samples, 300u);
  EXPECT_EQ(ledger_.totals().gaps, 1u);
  EXPECT_EQ(Through(), 200u);
  EXPECT_TRUE(Holds(301, 400));
}

// A log of batches of ten samples each, in which the records `damaged` cannot be read.
class DamagedLog final : public Log {
 public:
  DamagedLog(std::uint64_t records, std::set<std::uint64_t> damaged) : damaged_(std::move(damaged)) {
    RecordBuilder builder(RegionId{});
    const VehicleId vehicle = VehicleId::Parse("veh-00001").value();
    for (std::uint64_t i = 0; i < records; ++i) {
      flatbuffers::FlatBufferBuilder batch;
      const std::vector<std::uint8_t> columns{1, 2, 3};
      batch.Finish(
          wire::CreateHistory(batch, ToNumber(kBoot), 10 * i + 1, 10, batch.CreateVector(columns)));
      const auto value = builder.History(
          vehicle, *flatbuffers::GetRoot<wire::History>(batch.GetBufferPointer()), {}, CloudTime{});
      EXPECT_TRUE(stored_.Append(Topic::kHistory, Partition{}, {}, value).ok());
    }
  }

  Result<Ticket> Append(Topic topic, Partition partition, std::span<const std::byte> key,
                        std::span<const std::byte> value) override {
    return stored_.Append(topic, partition, key, value);
  }
  Ticket emitted() const override { return stored_.emitted(); }
  Ticket durable() const override { return stored_.durable(); }
  void ObserveDurable(std::function<void(Ticket)> observer) override {
    stored_.ObserveDurable(std::move(observer));
  }
  Status Subscribe(Topic topic, Partition partition, Offset from, LogConsumer* consumer) override {
    return stored_.Subscribe(topic, partition, from, consumer);
  }
  // As EmbeddedLog: empty if the first record cannot be read.
  Range RangeOf(Topic topic, Partition partition) const override {
    const Range range = stored_.RangeOf(topic, partition);
    return damaged_.contains(0) ? Range{range.end, range.end} : range;
  }
  Offset OffsetAt(Topic topic, Partition partition, CloudTime time) const override {
    return stored_.OffsetAt(topic, partition, time);
  }
  Status Read(Topic topic, Partition partition, Offset from,
              const std::function<bool(const LogRecord&)>& visit) const override {
    ++reads;
    bool damage = false;
    const Status status = stored_.Read(topic, partition, from, [&](const LogRecord& record) {
      if (record.offset < from) return true;
      damage = damaged_.contains(static_cast<std::uint64_t>(record.offset));
      return !damage && visit(record);
    });
    return damage ? Status(ErrorCode::kCorruption, "damaged") : status;
  }
  Status status() const override { return stored_.status(); }
  Status Close() override { return stored_.Close(); }

  mutable int reads = 0;

 private:
  MockLog stored_;
  const std::set<std::uint64_t> damaged_;
};

TEST_F(Ledger, ADamagedRecordCostsItsBatchAndNoneBehindIt) {
  DamagedLog log(20, {5, 12});
  ASSERT_TRUE(ledger_.Rebuild(log, Partition{}).ok());
  EXPECT_EQ(ledger_.rebuild_damage().places, 2u);
  EXPECT_EQ(ledger_.rebuild_damage().records, 2u);
  EXPECT_EQ(ledger_.rebuild_damage().first, Offset{5});
  EXPECT_EQ(ledger_.totals().batches, 18u);
  EXPECT_TRUE(Holds(1, 50));
  EXPECT_FALSE(Holds(51, 60));  // Is taken again.
  EXPECT_TRUE(Holds(61, 120));
  EXPECT_TRUE(Holds(131, 200));
  EXPECT_EQ(Through(), 50u);
}

TEST_F(Ledger, ALongDamageIsSteppedOverInFewReads) {
  std::set<std::uint64_t> damaged;
  for (std::uint64_t i = 100; i < 1'100; ++i) damaged.insert(i);
  DamagedLog log(4'000, damaged);
  ASSERT_TRUE(ledger_.Rebuild(log, Partition{}).ok());
  EXPECT_EQ(ledger_.rebuild_damage().places, 1u);
  EXPECT_GE(ledger_.rebuild_damage().records, 1'000u);
  EXPECT_LE(ledger_.rebuild_damage().records, 2'000u);
  EXPECT_EQ(ledger_.totals().batches, 4'000u - ledger_.rebuild_damage().records);
  EXPECT_LE(log.reads, 12);
}

TEST_F(Ledger, DamageAtEitherEndIsSteppedOver) {
  DamagedLog log(10, {0, 9});
  ASSERT_TRUE(ledger_.Rebuild(log, Partition{}).ok());
  EXPECT_EQ(ledger_.rebuild_damage().places, 2u);
  EXPECT_EQ(ledger_.rebuild_damage().first, Offset{0});
  EXPECT_EQ(ledger_.totals().batches, 8u);
  EXPECT_EQ(Through(), 0u);
  EXPECT_TRUE(Holds(11, 90));
}

}  // namespace
}  // namespace starling::cloud
