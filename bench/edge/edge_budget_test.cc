// What an agent may cost that is the same on any machine.  The size of the program is a test of the
// package (tests/integration/vehicle_test.cc).

#include <gtest/gtest.h>

#include <memory>

#include "bench/edge/allocation_counter.h"
#include "bench/edge/driven_agent.h"

namespace starling {
namespace {

const AgentCosts& Costs() {
  static const AgentCosts costs = DriveAgents(2, 3);
  return costs;
}

double EachSample(std::uint64_t sum) { return static_cast<double>(sum) / static_cast<double>(Costs().samples); }

TEST(EdgeBudget, TheCounterCounts) {
  const std::uint64_t before = AllocationsOfThread();
  const auto memory = std::make_unique<std::uint64_t>(before);
  EXPECT_EQ(AllocationsOfThread(), *memory + 1);
}

TEST(EdgeBudget, ASampleThatIsPredictedAllocatesNothing) {
  EXPECT_EQ(Costs().samples, 3600u);
  EXPECT_EQ(Costs().allocations_of_none, 0u);
  // Or the zero would be one of nothing.
  EXPECT_GT(Costs().quiet_samples, Costs().samples / 2);
}

TEST(EdgeBudget, NeitherAFrameNorACommitNorABatchAllocates) {
  EXPECT_EQ(Costs().allocations_of_frames, 0u);
  EXPECT_EQ(Costs().allocations_of_commits, 0u);
  EXPECT_EQ(Costs().allocations_of_batches, 0u);
  EXPECT_EQ(Costs().allocations, 0u);
  // Or the zeros would be some of nothing.
  EXPECT_GT(Costs().frames, Costs().samples / 20);
  EXPECT_GT(Costs().flash_syncs, Costs().samples / 20);
}

TEST(EdgeBudget, TheLinkAndTheFlashTakeNoMoreThanTheyDid) {
  EXPECT_LE(EachSample(Costs().live_bytes + Costs().history_bytes + Costs().other_bytes), 10);
  EXPECT_LE(EachSample(Costs().flash_bytes), 11);
  // Of TLS; what the clock says goes with frames.
  EXPECT_LE(EachSample(Costs().records), 0.12);
  // One sync a second, and a few for new segments.
  EXPECT_LE(EachSample(Costs().flash_syncs), 0.11);
}

}  // namespace
}  // namespace starling
