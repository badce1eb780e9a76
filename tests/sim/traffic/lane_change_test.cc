#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>

#include "sim/traffic/traffic.h"

namespace starling::sim {
namespace {

// To the right by 3.2 m on 40 m, from 100 m on: both arcs have the radius
// (40² + 3.2²) / (4 · 3.2) = 125.8 m.
LaneChange ToTheRight() {
  LaneChange change;
  change.begin_m = 100;
  change.length_m = 40;
  change.width_m = 3.2f;
  return change;
}

TEST(LaneChange, IsTwoArcsThatMeetHalfWay) {
  const LaneChange change = ToTheRight();
  EXPECT_NEAR(change.radius_m(), 125.8, 1e-4);
  EXPECT_NEAR(change.At(100).right_m, -3.2, 1e-6);
  EXPECT_NEAR(change.At(100).turned_rad, 0, 1e-9);
  EXPECT_NEAR(change.At(120).right_m, -1.6, 1e-6);
  EXPECT_NEAR(change.At(120).turned_rad, std::asin(20 / 125.8), 1e-6);
  EXPECT_NEAR(change.At(140 - 1e-6).right_m, 0, 1e-6);
  EXPECT_EQ(change.At(140).right_m, 0);
  EXPECT_EQ(change.At(141).turned_rad, 0);
}

TEST(LaneChange, ToTheLeftIsItsMirrorImage) {
  LaneChange left = ToTheRight();
  left.width_m = -3.2f;
  for (double along = 100; along < 140; along += 1.7) {
    EXPECT_DOUBLE_EQ(left.At(along).right_m, -ToTheRight().At(along).right_m);
    EXPECT_DOUBLE_EQ(left.At(along).turned_rad, -ToTheRight().At(along).turned_rad);
    EXPECT_DOUBLE_EQ(left.At(along).curvature_per_m, -ToTheRight().At(along).curvature_per_m);
  }
}

TEST(LaneChange, IsDrivenAtTheSpeedOverGround) {
  const LaneChange change = ToTheRight();
  double along = 100;
  for (double driven = 0; driven < 45; driven += 0.5) {
    const double next = change.After(along, 0.5);
    const double across = change.At(next).right_m - change.At(along).right_m;
    // The chord of half a metre of an arc.
    EXPECT_NEAR(std::hypot(next - along, across), 0.5, 1e-3) << "at " << along;
    along = next;
  }
  EXPECT_NEAR(change.After(100, 2 * change.arc_m() + 3), 143, 1e-4);
  EXPECT_DOUBLE_EQ(change.After(150, 2), 152);
}

class LaneChangingTest : public testing::Test {
 protected:
  static City TwoLaneCity() {
    CityConfig config;
    config.side_m = 2000;
    return City::Generate(config);
  }
  static SimTime At(int step) { return SimTime(step * Traffic::kStep); }
  const City city_ = TwoLaneCity();
};

TEST_F(LaneChangingTest, NeighboursKnowEachOther) {
  int pairs = 0;
  for (LaneIndex lane = 0; lane < city_.lanes().size(); ++lane) {
    const LaneIndex left = city_.lane(lane).left;
    if (left == kNoLane) continue;
    ++pairs;
    EXPECT_EQ(city_.lane(left).right, lane);
    const Pose here = city_.PoseAt(lane, 15);
    const Pose there = city_.PoseAt(left, 15);
    EXPECT_NEAR(Norm(there.position - here.position), kLaneWidthM, 1e-9);
    EXPECT_NEAR(there.heading_rad, here.heading_rad, 1e-9);
  }
  EXPECT_GT(pairs, 20);
}

// Everybody goes somewhere; who is in the wrong lane finds a gap or goes round.
TEST_F(LaneChangingTest, LawfulDriversChangeLanesWithoutAContactAndSmoothly) {
  TrafficConfig config = TrafficConfig::PerfectDrivers();
  config.vehicles = 400;
  config.places = 32;
  config.warm_up_s = 20;
  Traffic traffic(city_, config);
  std::vector<VehicleTruth> before;
  for (VehicleIndex i = 0; i < traffic.size(); ++i) before.push_back(traffic.Truth(i, traffic.time()));
  for (int step = 1; step <= 1800; ++step) {
    traffic.AdvanceTo(At(step));
    for (VehicleIndex i = 0; i < traffic.size(); ++i) {
      const VehicleTruth now = traffic.Truth(i, traffic.time());
      // Nobody is moved sideways: the way is as long as the speed says.
      const double driven_m = TravelAfter(before[i].speed_mps, before[i].accel_mps2, 0.1).distance_m;
      ASSERT_LE(Norm(now.position - before[i].position), driven_m + 1e-4) << "vehicle " << i << " at step " << step;
      before[i] = now;
    }
  }
  const TrafficCounters& counters = traffic.counters();
  std::printf("%llu changes of lanes, %llu turns missed, %llu detours, %llu trips\n",
              static_cast<unsigned long long>(counters.lane_changes), static_cast<unsigned long long>(counters.turns_missed),
              static_cast<unsigned long long>(counters.detours), static_cast<unsigned long long>(counters.trips));
  EXPECT_EQ(counters.collisions, 0u);
  EXPECT_EQ(counters.red_light_runs, 0u);
  EXPECT_GT(counters.lane_changes, 100u);
  EXPECT_LT(counters.turns_missed, counters.lane_changes);
}

// Behind one that crawls the others do not stay.
TEST_F(LaneChangingTest, ACrawlingVehicleIsOvertaken) {
  TrafficConfig config = TrafficConfig::PerfectDrivers();
  config.vehicles = 300;
  config.places = 32;
  config.warm_up_s = 20;
  Traffic traffic(city_, config);
  Traffic hindered(city_, config);
  for (VehicleIndex i = 0; i < hindered.size(); i += 10) hindered.SetLimit(i, 2, 2);
  traffic.AdvanceTo(At(1200));
  hindered.AdvanceTo(At(1200));
  EXPECT_GT(hindered.counters().lane_changes, traffic.counters().lane_changes);
  EXPECT_EQ(hindered.counters().collisions, 0u);
}

}  // namespace
}  // namespace starling::sim
