// One lane in a circle: what traffic flow theory says in closed form.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>

#include "sim/traffic/traffic.h"
#include "tests/sim/traffic/ring_road.h"

namespace starling::sim {
namespace {

class FollowingModel : public testing::TestWithParam<bool> {};

// Source: M. Treiber, A. Kesting, Traffic Flow Dynamics (2013), equation 11.19: the steady state of the Intelligent
// Driver Model.  That of the IDM+ (car_following.h) is a headway and a distance, or the desired speed.
TEST_P(FollowingModel, HasItsFundamentalDiagram) {
  const City city = RingRoad();
  CarFollowing model;
  model.summed = GetParam();
  for (const std::uint32_t vehicles : {20, 40, 60, 76}) {
    TrafficConfig config = TrafficConfig::PerfectDrivers();
    config.vehicles = vehicles;
    config.places = 2;
    config.warm_up_s = 600;
    config.plain_idm = GetParam();
    Traffic traffic(city, config);
    double sum = 0;
    constexpr int kSteps = 1200;
    for (int step = 1; step <= kSteps; ++step) {
      traffic.AdvanceTo(SimTime(step * Traffic::kStep));
      sum += traffic.MeanSpeed();
    }
    const double speed = sum / kSteps;
    const double gap_m = kAroundM / vehicles - kVehicleLengthM;
    // Nobody overtakes: the slowest of them, at 0.9 of the limit or a little more, leads.
    const double slowest = EquilibriumSpeed(model, gap_m, 0.9 * kLimitMps);
    std::printf("%s: %2.0f vehicles/km: %5.2f m/s, %4.0f vehicles/h; closed form %5.2f m/s\n", GetParam() ? "IDM" : "IDM+",
                vehicles / kAroundM * 1000, speed, speed * vehicles / kAroundM * 3600, slowest);
    EXPECT_NEAR(speed, slowest, 0.1 * slowest) << vehicles;
    EXPECT_EQ(traffic.counters().collisions, 0u);
  }
}

INSTANTIATE_TEST_SUITE_P(RingRoad, FollowingModel, testing::Bool(),
                         [](const auto& model) { return model.param ? "Idm" : "IdmPlus"; });

// A disturbance does not grow from driver to driver.
TEST(RingRoad, APlatoonIsStable) {
  const City city = RingRoad();
  TrafficConfig config = TrafficConfig::PerfectDrivers();
  config.vehicles = 50;
  config.places = 2;
  config.warm_up_s = 600;
  Traffic traffic(city, config);
  const auto spread = [&] {
    double low = 1e9;
    double high = 0;
    for (VehicleIndex i = 0; i < traffic.size(); ++i) {
      const double speed = traffic.Truth(i, traffic.time()).speed_mps;
      low = std::min(low, speed);
      high = std::max(high, speed);
    }
    return high - low;
  };
  const double before = spread();
  traffic.SetLimit(7, 4, 2);
  traffic.AdvanceTo(SimTime(seconds(5)));
  const double disturbed = spread();
  EXPECT_GT(disturbed, before + 2);
  traffic.SetLimit(7, std::nullopt, 2);
  traffic.AdvanceTo(SimTime(seconds(300)));
  EXPECT_LT(spread(), disturbed / 2);
  EXPECT_EQ(traffic.counters().emergency_brakings, 0u);
}

}  // namespace
}  // namespace starling::sim
