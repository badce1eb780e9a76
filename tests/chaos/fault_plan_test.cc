#include "sim/chaos/fault_plan.h"

#include <gtest/gtest.h>

#include <set>

namespace starling::sim {
namespace {

TEST(FaultPlan, SameSeedAndRoundGiveTheSameFaultsWhateverWasDrawnBefore) {
  const PlanLimits limits;
  const RoundPlan first = DrawRound(7, 12, limits);
  for (std::uint32_t round = 0; round < 12; ++round) DrawRound(7, round, limits);
  const RoundPlan again = DrawRound(7, 12, limits);
  EXPECT_EQ(first.faults, again.faults);
  EXPECT_EQ(first.fresh, again.fresh);
  EXPECT_NE(DrawRound(8, 12, limits).seed, first.seed);
}

TEST(FaultPlan, EveryKindComesUpAndEachRoundHasOneToThreeOfDifferentKinds) {
  PlanLimits limits;
  limits.kafka = true;
  limits.brokers = 3;
  std::set<FaultKind> seen;
  for (std::uint32_t round = 0; round < 200; ++round) {
    const RoundPlan plan = DrawRound(1, round, limits);
    ASSERT_GE(plan.faults.size(), 1u);
    ASSERT_LE(plan.faults.size(), 3u);
    std::set<FaultKind> kinds;
    for (const PlannedFault& fault : plan.faults) {
      EXPECT_TRUE(kinds.insert(fault.kind).second);
      EXPECT_GE(fault.at, milliseconds(0));
      EXPECT_LE(fault.at, limits.drive);
      EXPECT_LE(fault.lasts, milliseconds(2'000));
      EXPECT_GT(fault.share, 0);
      EXPECT_LE(fault.share, 1);
      EXPECT_FALSE(Describe(fault).empty());
      seen.insert(fault.kind);
    }
  }
  EXPECT_EQ(seen.size(), kFaultKinds);
}

TEST(FaultPlan, OnTheEmbeddedLogThereIsOneProcessAndNoBroker) {
  for (std::uint32_t round = 0; round < 200; ++round) {
    for (const PlannedFault& fault : DrawRound(1, round, {}).faults) {
      EXPECT_NE(fault.kind, FaultKind::kBroker);
      EXPECT_EQ(fault.target, 0u);
    }
  }
}

TEST(FaultPlan, OnlyTheKindsThatAreAskedForAreDrawn) {
  PlanLimits limits;
  limits.kinds = {FaultKind::kKill, FaultKind::kCut};
  for (std::uint32_t round = 0; round < 50; ++round) {
    const RoundPlan plan = DrawRound(1, round, limits);
    ASSERT_LE(plan.faults.size(), 2u);
    for (const PlannedFault& fault : plan.faults) {
      EXPECT_TRUE(fault.kind == FaultKind::kKill || fault.kind == FaultKind::kCut);
    }
  }
}

TEST(FaultPlan, NamesFollowTheirNumbers) {
  EXPECT_EQ(FaultName(FaultKind::kKill), "kill");
  EXPECT_EQ(FaultName(FaultKind::kClockStep), "clock step");
  EXPECT_EQ(FaultName(FaultKind::kBroker), "broker");
}

TEST(FaultPlan, ChainsOfRoundsOnTheSameDataEnd) {
  const PlanLimits limits;
  EXPECT_TRUE(DrawRound(3, 0, limits).fresh);
  bool continued = false;
  for (std::uint32_t round = 1; round < 300; ++round) {
    const std::uint32_t start = ChainStart(3, round, limits);
    EXPECT_TRUE(DrawRound(3, start, limits).fresh);
    EXPECT_LT(round - start, limits.chain_max);
    continued = continued || start != round;
  }
  EXPECT_TRUE(continued);
}

}  // namespace
}  // namespace starling::sim
