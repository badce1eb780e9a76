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

}  // namespace
}  // namespace starling::sim
