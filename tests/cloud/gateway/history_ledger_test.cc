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
  for (std::uint64_t boot = 9; boot < 20; ++boot) Record(1, 1, BootId{boot});
  EXPECT_EQ(ledger_.Find(vehicle_).value().samples_older, 14u + 10u);
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

}  // namespace
}  // namespace starling::cloud
