// Traffic that several threads move.
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <vector>

#include "sim/traffic/traffic.h"
#include "sim/traffic/workers.h"

namespace starling::sim {
namespace {

TEST(Workers, DoEachPieceOnceAndAreThroughWhenRunReturns) {
  for (const std::size_t threads : {1, 2, 3}) {
    Workers workers(threads);
    for (std::uint32_t round = 0; round < 200; ++round) {
      std::array<int, 17> done{};
      workers.Run(round % 18, [&](std::uint32_t piece) { ++done[piece]; });
      for (std::uint32_t piece = 0; piece < done.size(); ++piece) {
        ASSERT_EQ(done[piece], piece < round % 18 ? 1 : 0) << threads << " threads, round " << round;
      }
    }
  }
}

TEST(TrafficThreads, AnyNumberGivesTheSameBits) {
  CityConfig city_config;
  city_config.side_m = 2000;
  const City city = City::Generate(city_config);
  std::vector<std::uint64_t> digests;
  std::vector<std::uint64_t> near_misses;
  for (const std::uint32_t threads : {1, 2, 5}) {
    TrafficConfig config;
    config.vehicles = 400;
    config.places = 32;
    config.warm_up_s = 10;
    config.threads = threads;
    Traffic traffic(city, config);
    traffic.AdvanceTo(SimTime(seconds(20)));
    digests.push_back(traffic.Digest());
    near_misses.push_back(traffic.counters().near_misses_following + traffic.counters().near_misses_crossing);
  }
  EXPECT_GT(near_misses[0], 0u);
  for (const std::size_t other : {1, 2}) {
    EXPECT_EQ(digests[other], digests[0]);
    EXPECT_EQ(near_misses[other], near_misses[0]);
  }
}

// So many that what comes next is fetched early, which must not change anything either.
TEST(TrafficThreads, AnyNumberGivesTheSameBitsToManyVehicles) {
  CityConfig city_config;
  city_config.side_m = 4200;
  const City city = City::Generate(city_config);
  std::vector<std::uint64_t> digests;
  for (const std::uint32_t threads : {1, 2, 5}) {
    TrafficConfig config;
    config.vehicles = 4000;
    config.places = 8;
    config.warm_up_s = 1;
    config.threads = threads;
    Traffic traffic(city, config);
    traffic.AdvanceTo(SimTime(seconds(2)));
    EXPECT_EQ(traffic.counters().updates, 20u * config.vehicles);
    digests.push_back(traffic.Digest());
  }
  EXPECT_EQ(digests[1], digests[0]);
  EXPECT_EQ(digests[2], digests[0]);
}

// Whatever goes wrong on the streets, and who is to blame.
TEST(TrafficThreads, AnyNumberGivesTheSameEventsAndMistakes) {
  CityConfig city_config;
  city_config.side_m = 2000;
  const City city = City::Generate(city_config);
  TrafficConfig config;
  config.vehicles = 400;
  config.places = 32;
  config.warm_up_s = 10;
  config.faults.red_runner_share = config.faults.tailgater_share = config.faults.forcing_share = 0.2;
  config.events.breakdowns.push_back({.from_s = 5, .radius_m = 500, .stands_s = 30});
  config.events.breakdowns.push_back({.from_s = 5, .radius_m = 1500, .several_lanes = true, .stands_s = 60});
  config.events.closures.push_back({.from_s = 20, .until_s = 50, .radius_m = 250});
  config.events.attractions.push_back({.from_s = 0, .until_s = 60, .at = {300, 300}});
  config.events.rains.push_back({.from_s = 30, .until_s = 70});
  Traffic one(city, config);
  config.threads = 2;
  Traffic two(city, config);
  for (int s = 10; s <= 90; s += 10) {
    one.AdvanceTo(SimTime(seconds(s)));
    two.AdvanceTo(SimTime(seconds(s)));
    ASSERT_EQ(one.Digest(), two.Digest()) << "at " << s << " s";
  }
  EXPECT_EQ(one.counters().breakdowns, 2u);
  const std::vector<Mistake> first = one.TakeMistakes();
  const std::vector<Mistake> second = two.TakeMistakes();
  EXPECT_GT(first.size(), 30u);
  ASSERT_EQ(first.size(), second.size());
  for (std::size_t i = 0; i < first.size(); ++i) {
    EXPECT_EQ(first[i].time, second[i].time);
    EXPECT_EQ(first[i].vehicle, second[i].vehicle);
    EXPECT_EQ(first[i].kind, second[i].kind);
    EXPECT_EQ(first[i].position, second[i].position);
  }
}

}  // namespace
}  // namespace starling::sim
