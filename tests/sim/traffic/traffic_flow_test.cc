// Whole cities for a minute: what the traffic as a whole has to look like.
#include <gtest/gtest.h>

#include <map>
#include <utility>

#include "common/geo/grid.h"
#include "sim/traffic/traffic.h"

namespace starling::sim {
namespace {

TEST(TrafficFlow, PerfectDriversDoNotCollide) {
  CityConfig city_config;
  city_config.side_m = 2400;
  const City city = City::Generate(city_config);
  TrafficConfig config = TrafficConfig::PerfectDrivers();
  config.vehicles = 1000;
  config.places = 64;
  Traffic traffic(city, config);
  traffic.AdvanceTo(SimTime(seconds(60)));
  EXPECT_EQ(traffic.counters().collisions, 0u);
  EXPECT_EQ(traffic.counters().red_light_runs, 0u);
  EXPECT_GT(traffic.MeanSpeed(), 3);
}

TEST(TrafficFlow, TenThousandFlowQueueAndComeClose) {
  const City city = City::Generate({});
  Traffic traffic(city, {});
  traffic.AdvanceTo(SimTime(seconds(60)));
  EXPECT_GT(traffic.MeanSpeed(), 4.5);
  EXPECT_LT(traffic.StoppedVehicles(), traffic.size() * 4 / 10);
  EXPECT_GT(traffic.counters().trips, 200u);

  std::map<std::pair<int, int>, std::pair<int, double>> cells;
  for (VehicleIndex i = 0; i < traffic.size(); ++i) {
    const VehicleTruth truth = traffic.Truth(i, traffic.time());
    const CellIndex cell = CellAt(truth.position);
    auto& [count, speed] = cells[{cell.x, cell.y}];
    ++count;
    speed += truth.speed_mps;
  }
  int congested = 0;
  for (const auto& [cell, figures] : cells) {
    congested += figures.first >= 6 && figures.second / figures.first < 2.5;
  }
  EXPECT_GT(congested, 40);

  const double near_misses = static_cast<double>(traffic.counters().near_misses_following +
                                                 traffic.counters().near_misses_crossing);
  EXPECT_GT(near_misses / 60, 8);
  EXPECT_LT(near_misses / 60, 45);
  EXPECT_LT(traffic.counters().collisions, 60u);
}

}  // namespace
}  // namespace starling::sim
