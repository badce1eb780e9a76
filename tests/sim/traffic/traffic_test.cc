#include "sim/traffic/traffic.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "common/geo/trigonometry.h"
#include "sim/traffic/box.h"

namespace starling::sim {
namespace {

class TrafficTest : public testing::Test {
 protected:
  TrafficTest() : city_(City::Generate(SmallCity())) {}

  static CityConfig SmallCity() {
    CityConfig config;
    config.side_m = 2000;
    return config;
  }

  static TrafficConfig Some(TrafficConfig config, std::uint32_t vehicles) {
    config.vehicles = vehicles;
    config.places = 32;
    config.warm_up_s = 10;
    return config;
  }

  static SimTime At(int step) { return SimTime(step * Traffic::kStep); }

  City city_;
};

TEST(CarFollowing, HasItsPublishedEquilibriumGap) {
  // IDM: s_e(v) = (s0 + v T) / sqrt(1 - (v / v0)^4): 2 m + 10 m/s · 1.2 s at 10 of 15 m/s.
  CarFollowing plain;
  plain.summed = true;
  EXPECT_NEAR(plain.EquilibriumGap(10, 15), 14 / std::sqrt(1 - 16.0 / 81), 1e-9);
  const double gap = plain.EquilibriumGap(10, 15);
  EXPECT_NEAR(plain.Behind(plain.Free(10, 15), plain.Interaction(10, gap, 0)), 0, 1e-9);

  // IDM+: s0 + v T, whatever the desired speed.
  const CarFollowing model;
  EXPECT_DOUBLE_EQ(model.EquilibriumGap(10, 15), 14);
  EXPECT_NEAR(model.Behind(model.Free(10, 15), model.Interaction(10, 14, 0)), 0, 1e-9);
  EXPECT_LT(model.Behind(model.Free(10, 15), model.Interaction(10, 13, 0)), 0);
  EXPECT_DOUBLE_EQ(model.Behind(model.Free(10, 15), model.Interaction(10, 1e9, 0)), model.Free(10, 15));
  EXPECT_DOUBLE_EQ(model.Free(0, 15), model.accel_mps2);
  EXPECT_DOUBLE_EQ(model.Free(15, 15), 0);
  EXPECT_NEAR(model.half_root_ab, 0.5 / std::sqrt(model.accel_mps2 * model.decel_mps2), 1e-15);
}

// Of a leader who pulls away, and of no other: behind one as fast or slower it is the same.
TEST(CarFollowing, CountsOnALeaderWhoPullsAway) {
  const CarFollowing model;
  CarFollowing counting;
  counting.pull_away_s = 2;
  EXPECT_DOUBLE_EQ(counting.Interaction(3, 4, -1), model.Interaction(3, 6, -1));
  EXPECT_DOUBLE_EQ(counting.Interaction(3, 4, 0), model.Interaction(3, 4, 0));
  EXPECT_DOUBLE_EQ(counting.Interaction(3, 4, 1), model.Interaction(3, 4, 1));
  counting.summed = true;
  EXPECT_DOUBLE_EQ(counting.Interaction(3, 4, -1), model.Interaction(3, 4, -1));
}

// What is left of the model without headway and distance: who needs b to stop, brakes with b.
// Source: M. Treiber, A. Kesting, Traffic Flow Dynamics (2013), section 11.3.4.
TEST(CarFollowing, StopsInTheDistanceOfItsComfortableBraking) {
  CarFollowing model;
  model.headway_s = model.gap_min_m = 0;
  constexpr double kStepS = 1e-4;
  double speed = 15;
  double gap_m = speed * speed / (2 * model.decel_mps2);
  EXPECT_NEAR(gap_m, 62.5, 1e-9);
  EXPECT_NEAR(model.Interaction(speed, gap_m, speed), model.decel_mps2, 1e-9);
  while (speed > 1) {
    const double decel = model.Interaction(speed, gap_m, speed);
    EXPECT_NEAR(decel, model.decel_mps2, 0.01) << speed;
    gap_m -= speed * kStepS;
    speed -= decel * kStepS;
  }
  EXPECT_NEAR(gap_m, 1 / (2 * model.decel_mps2), 0.01);
}

// Who needs more than b for that brakes harder than it would take, and so gets it under control.
TEST(CarFollowing, BrakesHarderThanItNeedsToWhereItIsLate) {
  CarFollowing model;
  model.headway_s = model.gap_min_m = 0;
  const double late_m = 15 * 15 / (2 * 3.0);
  EXPECT_NEAR(model.Interaction(15, late_m, 15), 3.0 * 3.0 / model.decel_mps2, 1e-9);
}

TEST_F(TrafficTest, PlaysBackToTheSameDigest) {
  const auto run = [&](std::uint64_t seed) {
    TrafficConfig config = Some({}, 300);
    config.seed = seed;
    Traffic traffic(city_, config);
    traffic.AdvanceTo(At(50));
    traffic.SetLimit(7, 3, 2);
    traffic.AdvanceTo(At(200));
    return traffic.Digest();
  };
  const std::uint64_t first = run(1);
  EXPECT_EQ(first, run(1));
  EXPECT_NE(first, run(2));
}

TEST_F(TrafficTest, WorkedOffLittleByLittleItIsTheSame) {
  Traffic traffic(city_, Some({}, 300));
  Traffic twin(city_, Some({}, 300));
  for (int ms = 0; ms < 6000; ms += 7) {
    traffic.WorkAhead(SimTime(milliseconds(ms)));
    twin.AdvanceTo(SimTime(milliseconds(ms)));
    ASSERT_EQ(traffic.Digest(), twin.Digest()) << ms;
    const VehicleIndex some = static_cast<VehicleIndex>(ms) % traffic.size();
    const Pose pose = traffic.TruthAt(some, SimTime(milliseconds(ms - 2950)));
    const Pose expected = twin.TruthAt(some, SimTime(milliseconds(ms - 2950)));
    ASSERT_EQ(pose.position.x, expected.position.x);
    ASSERT_EQ(pose.position.y, expected.position.y);
  }
}

TEST_F(TrafficTest, NobodyWhoObeysPassesARedLight) {
  Traffic traffic(city_, Some(TrafficConfig::PerfectDrivers(), 400));
  traffic.AdvanceTo(At(900));
  // Yellow lasts 3 s: whoever cannot stop for it is through before red.
  EXPECT_EQ(traffic.counters().red_light_runs, 0u);
}

TEST_F(TrafficTest, CeilingIsReachedAtTheStatedDecelerationAndHeld) {
  Traffic traffic(city_, Some(TrafficConfig::PerfectDrivers(), 50));
  const auto now = [&](VehicleIndex i) { return traffic.Truth(i, traffic.time()); };
  int commanded = 0;
  for (VehicleIndex i = 0; i < traffic.size(); ++i) {
    if (now(i).speed_mps > 8) {
      traffic.SetLimit(i, 5, 2.5);
      ++commanded;
    }
  }
  ASSERT_GT(commanded, 3);
  std::vector<double> before;
  for (VehicleIndex i = 0; i < traffic.size(); ++i) before.push_back(now(i).speed_mps);
  for (int round = 1; round < 40; ++round) {
    traffic.AdvanceTo(At(round));
    for (VehicleIndex i = 0; i < traffic.size(); ++i) {
      if (before[i] <= 8) continue;
      const VehicleTruth truth = now(i);
      // One step to hear of it, then 2.5 m/s² or more where something else asks for it.
      EXPECT_LE(truth.speed_mps, std::max(5.0, before[i] - 2.5 * 0.1 * (round - 1)) + 0.16);
      if (truth.speed_mps > 5.3) {
        EXPECT_LE(truth.accel_mps2, -2.5 + 1e-9);
      }
      EXPECT_GE(truth.accel_mps2, -8);
    }
  }
  for (VehicleIndex i = 0; i < traffic.size(); ++i) traffic.SetLimit(i, 0, 20);
  for (int round = 40; round < 80; ++round) {
    traffic.AdvanceTo(At(round));
    for (VehicleIndex i = 0; i < traffic.size(); ++i) {
      EXPECT_GE(now(i).accel_mps2, -8);
    }
  }
  EXPECT_EQ(traffic.StoppedVehicles(), traffic.size());
  for (VehicleIndex i = 0; i < traffic.size(); ++i) traffic.SetLimit(i, std::nullopt, 1);
  traffic.AdvanceTo(At(119));
  EXPECT_LT(traffic.StoppedVehicles(), traffic.size() / 2);
}

TEST_F(TrafficTest, MovesAsItsReportedAccelerationAndPathSay) {
  Traffic traffic(city_, Some({}, 300));
  for (int step = 1; step < 300; ++step) {
    std::vector<VehicleTruth> before;
    for (VehicleIndex i = 0; i < traffic.size(); ++i) {
      before.push_back(traffic.Truth(i, traffic.time() + milliseconds(40)));
    }
    traffic.AdvanceTo(At(step));
    for (VehicleIndex i = 0; i < traffic.size(); ++i) {
      const VehicleTruth& then = before[i];
      const Pose expected = Predict(
          {then.position, then.heading_rad, then.speed_mps, then.accel_mps2, 0}, then.path, 0.06);
      const VehicleTruth truth = traffic.Truth(i, traffic.time());
      // Speeds are kept in single precision.
      ASSERT_LT(Norm(truth.position - expected.position), 1e-5) << "vehicle " << i;
      ASSERT_LT(std::abs(WrapAngle(truth.heading_rad - expected.heading_rad)), 1e-5);
      ASSERT_NEAR(truth.speed_mps, expected.speed_mps, 1e-5);
    }
  }
}

TEST_F(TrafficTest, StaysOnThePlanOfThreeSecondsAgoUnlessItChangesLanes) {
  Traffic traffic(city_, Some({}, 300));
  for (int start = 0; start < 300; start += 30) {
    traffic.AdvanceTo(At(start));
    std::uint64_t off_plan = 0;
    const std::uint64_t changes = traffic.counters().lane_changes;
    std::vector<VehicleTruth> then;
    for (VehicleIndex i = 0; i < traffic.size(); ++i) then.push_back(traffic.Truth(i, At(start)));
    std::vector<double> driven(traffic.size(), 0);
    for (int step = start + 1; step <= start + 30; ++step) {
      for (VehicleIndex i = 0; i < traffic.size(); ++i) {
        const VehicleTruth truth = traffic.Truth(i, traffic.time());
        driven[i] += TravelAfter(truth.speed_mps, truth.accel_mps2, 0.1).distance_m;
      }
      traffic.AdvanceTo(At(step));
    }
    for (VehicleIndex i = 0; i < traffic.size(); ++i) {
      const MotionState state{then[i].position, then[i].heading_rad, 0, 0, 0};
      const Pose planned = DriveAlong(state, then[i].path, driven[i]);
      const double off_m = Norm(planned.position - traffic.Truth(i, traffic.time()).position);
      off_plan += off_m >= 0.05;
      EXPECT_LT(off_m, 1.5 * kLaneWidthM) << "vehicle " << i << " at " << start;
    }
    EXPECT_LE(off_plan, traffic.counters().lane_changes - changes) << "at " << start;
  }
  EXPECT_GT(traffic.counters().lane_changes, 0u);
}

TEST_F(TrafficTest, PlanCoversEightSecondsAndSixtyMetres) {
  Traffic traffic(city_, Some({}, 300));
  int plans = 0;
  for (VehicleIndex i = 0; i < traffic.size(); ++i) {
    const VehicleTruth truth = traffic.Truth(i, traffic.time());
    if (truth.path.empty() || truth.path.size() == PlannedPath::kArcsMax) continue;
    ++plans;
    EXPECT_GE(truth.path.length_m(), std::max(60.0, 8 * truth.speed_mps) - 1e-6);
  }
  EXPECT_GT(plans, 50);
}

TEST_F(TrafficTest, TruthBetweenStepsIsContinuous) {
  Traffic traffic(city_, Some({}, 100));
  traffic.AdvanceTo(At(60));
  for (VehicleIndex i = 0; i < traffic.size(); ++i) {
    Pose before = traffic.TruthAt(i, SimTime(seconds(3)));
    for (int ms = 3005; ms < 6200; ms += 5) {
      const Pose pose = traffic.TruthAt(i, SimTime(milliseconds(ms)));
      // 5 ms at no more than 19 m/s.
      EXPECT_LT(Norm(pose.position - before.position), 0.1);
      EXPECT_LT(std::abs(pose.speed_mps - before.speed_mps), 0.1);
      before = pose;
    }
  }
}

TEST_F(TrafficTest, ATimeInThePastChangesNothing) {
  Traffic traffic(city_, Some({}, 20));
  traffic.AdvanceTo(At(5));
  const std::uint64_t digest = traffic.Digest();
  traffic.AdvanceTo(SimTime{});
  EXPECT_EQ(traffic.Digest(), digest);
  EXPECT_EQ(traffic.time(), At(5));
}

TEST_F(TrafficTest, GoesOnUntilTheTimeLiesInTheStep) {
  Traffic traffic(city_, Some({}, 20));
  traffic.AdvanceTo(SimTime(milliseconds(2050)));
  EXPECT_EQ(traffic.time(), At(20));
  EXPECT_EQ(traffic.Truth(3, SimTime(milliseconds(2050))).time, SimTime(milliseconds(2050)));
}

TEST(TrafficConfig, RefusesWhatIsOutOfRangeByName) {
  TrafficConfig config;
  EXPECT_TRUE(config.Validate().ok());
  config.faults.late_brake_share = 1.5;
  EXPECT_NE(config.Validate().message().find("late_brake_share"), std::string_view::npos);
  config = {};
  config.vehicles = 0;
  EXPECT_EQ(config.Validate().message(), "traffic vehicles is 0, not in 1 to 100000");
  config = {};
  config.faults.tailgate_headway_s = 1.2;
  EXPECT_EQ(config.Validate().message(), "traffic faults tailgate_headway_s is 1.2, not in 0.1 to 0.9");
  config = {};
  config.events.closures.resize(2);
  config.events.closures[1].until_s = -5;
  EXPECT_EQ(config.Validate().message(), "traffic events.closures[1] until_s is -5, not in 0 to 86400");
  config = {};
  config.events.rains.push_back({.friction_factor = 0});
  EXPECT_NE(config.Validate().message().find("rains[0] friction_factor"), std::string_view::npos);
  config = {};
  config.events.attractions.push_back({.share = std::nan("")});
  EXPECT_NE(config.Validate().message().find("attractions[0] share"), std::string_view::npos);
  config = {};
  config.events.breakdowns.push_back({.stands_s = 0});
  EXPECT_NE(config.Validate().message().find("breakdowns[0] stands_s"), std::string_view::npos);
}

TEST(BoxesOverlap, OncomingInTheNextLaneDoesNotTouch) {
  const Vec2 north{0, 1};
  const Vec2 south{0, -1};
  EXPECT_FALSE(BoxesOverlap({{1.6, 0}, north, 2.3, 0.9}, {{-1.6, 0}, south, 2.3, 0.9}));
  EXPECT_TRUE(BoxesOverlap({{0.8, 0}, north, 2.3, 0.9}, {{-0.8, 4.5}, south, 2.3, 0.9}));
  EXPECT_FALSE(BoxesOverlap({{0, 0}, north, 2.3, 0.9}, {{0, 4.7}, north, 2.3, 0.9}));
  // Corner to side: the diagonal box reaches (2.3 + 0.9) / sqrt(2) = 2.26 m to the west.
  const Vec2 diagonal{std::sqrt(0.5), std::sqrt(0.5)};
  EXPECT_TRUE(BoxesOverlap({{0, 0}, north, 2.3, 0.9}, {{3.15, 0}, diagonal, 2.3, 0.9}));
  EXPECT_FALSE(BoxesOverlap({{0, 0}, north, 2.3, 0.9}, {{3.17, 0}, diagonal, 2.3, 0.9}));
}

}  // namespace
}  // namespace starling::sim
