// A recorded partition, applied twice.
#include <gtest/gtest.h>

#include "tests/cloud/shard/recorded_partition.h"

namespace starling::cloud {
namespace {

Replayer Replay(const std::vector<Recorded>& partition) {
  Replayer replayer{ShardConfig{}};
  for (const Recorded& record : partition) replayer.Apply(record);
  return replayer;
}

TEST(Replay, OfOnePartitionGivesTheSameBytes) {
  const std::vector<Recorded> partition = Record(42);
  const Replayer first = Replay(partition);
  const Replayer second = Replay(partition);
  EXPECT_EQ(first.digest(), second.digest());
  // And it was about something.
  const ShardCounters& counters = first.shard().counters();
  EXPECT_GT(counters.fixes, 10'000u);
  EXPECT_GT(counters.fixes_stale, 50u);
  EXPECT_GT(counters.records_refused, 50u);
  EXPECT_GT(counters.episodes, 20u);
  EXPECT_GT(counters.avoidance_issued, 40u);
  EXPECT_GT(counters.closed_applied, 30u);
  EXPECT_GT(counters.closed_unknown, 0u);
  EXPECT_GT(counters.commands_reissued, 0u);
  EXPECT_GT(counters.closed_unmatched, 50u);
  EXPECT_GT(counters.windows, 30u);
  const std::uint64_t issued =
      counters.speed_advice_issued + counters.avoidance_issued + counters.releases_issued;
  const std::uint64_t closed = counters.closed_applied + counters.closed_superseded +
                               counters.closed_expired + counters.closed_rejected +
                               counters.closed_unknown;
  EXPECT_EQ(issued, closed + counters.outbox_open);
}

TEST(Replay, OfAnotherPartitionGivesOtherBytes) {
  EXPECT_NE(Replay(Record(42)).digest(), Replay(Record(43)).digest());
}

}  // namespace
}  // namespace starling::cloud
