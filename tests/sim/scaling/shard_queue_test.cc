#include "sim/scaling/shard_queue.h"

#include <gtest/gtest.h>

namespace starling::sim {
namespace {

ShardQueueConfig Plain() {
  ShardQueueConfig config;
  config.capacity_fixes_per_second = 1'000;
  config.imbalance = 1;
  config.base_latency_ms = 5;
  config.limit_ms = 30;
  config.wait_max_s = 0.5;
  config.start_min_s = config.start_max_s = 3;
  config.handover_min_s = config.handover_max_s = 1;
  return config;
}

// By hand.  Two shards of 1,000 fixes/s.  2,040: each keeps 20 back, 20 ms.  2,040 again: 40.  1,960: 20.  3,200:
// each would keep 620 back, 500 is the most, so 240 are shed and 2,000 served.
TEST(ShardQueue, KnownAnswers) {
  ShardQueue queue(Plain(), 2, 1);
  QueueSecond now = queue.Step(2'000);
  EXPECT_DOUBLE_EQ(now.latency_ms, 5);
  EXPECT_DOUBLE_EQ(now.served, 2'000);
  now = queue.Step(2'040);
  EXPECT_DOUBLE_EQ(now.latency_ms, 25);
  EXPECT_FALSE(now.overload);
  now = queue.Step(2'040);
  EXPECT_DOUBLE_EQ(now.latency_ms, 45);
  EXPECT_TRUE(now.overload);
  now = queue.Step(1'960);
  EXPECT_DOUBLE_EQ(now.latency_ms, 25);
  EXPECT_DOUBLE_EQ(now.served, 2'000);
  now = queue.Step(3'200);
  EXPECT_DOUBLE_EQ(now.latency_ms, 505);
  EXPECT_DOUBLE_EQ(now.shed, 240);
  EXPECT_DOUBLE_EQ(now.served, 2'000);
}

TEST(ShardQueue, TheFullestShardDecides) {
  ShardQueueConfig config = Plain();
  config.imbalance = 1.25;
  ShardQueue queue(config, 4, 1);
  EXPECT_FALSE(queue.Step(3'200).overload);   // 800 each, 1,000 at the fullest
  EXPECT_DOUBLE_EQ(queue.Step(3'200).latency_ms, 5);
  const QueueSecond now = queue.Step(3'264);
  EXPECT_DOUBLE_EQ(now.latency_ms, 25);  // 1,020
  // The other three have room: 748 each.
  EXPECT_DOUBLE_EQ(now.served, 1'000 + 3 * 748.0);
}

TEST(ShardQueue, AShardServesAfterItsStartAndItsRegionMovesForASecond) {
  ShardQueue queue(Plain(), 1, 1);
  queue.Want(2);
  EXPECT_EQ(queue.all(), 2u);
  for (int second = 0; second < 2; ++second) {
    EXPECT_FALSE(queue.Step(500).handover);
    EXPECT_EQ(queue.ready(), 1u);
  }
  EXPECT_TRUE(queue.Step(500).handover);
  EXPECT_EQ(queue.ready(), 2u);
  EXPECT_FALSE(queue.Step(500).handover);
  EXPECT_EQ(queue.changes(), 1u);
}

TEST(ShardQueue, GivesUpFirstWhatHasNotBegun) {
  ShardQueue queue(Plain(), 2, 1);
  queue.Want(4);
  queue.Want(2);
  EXPECT_EQ(queue.all(), 2u);
  EXPECT_EQ(queue.changes(), 0u);
  queue.Want(0);
  EXPECT_EQ(queue.ready(), 1u);
  EXPECT_EQ(queue.changes(), 1u);
}

// 500 wait at each of four; with two they are 1,000, of which half a second's are kept.
TEST(ShardQueue, WhatWaitsMovesWithItsRegion) {
  ShardQueue queue(Plain(), 4, 1);
  EXPECT_DOUBLE_EQ(queue.Step(4'400).latency_ms, 105);
  queue.Want(2);
  EXPECT_DOUBLE_EQ(queue.Step(2'000).latency_ms, 205);
}

TEST(ShardQueue, RefusesAConfigurationThatMeansNothing) {
  EXPECT_TRUE(ShardQueueConfig().Validate().ok());
  ShardQueueConfig config;
  config.imbalance = 0.9;
  EXPECT_FALSE(config.Validate().ok());
  config = {};
  config.start_min_s = 50;
  EXPECT_FALSE(config.Validate().ok());
  config = {};
  config.base_latency_ms = 31;
  EXPECT_FALSE(config.Validate().ok());
}

}  // namespace
}  // namespace starling::sim
