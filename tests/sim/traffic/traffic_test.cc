#include "sim/traffic/traffic.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "common/geo/trigonometry.h"
#include "sim/traffic/contact.h"

namespace starling::sim {
namespace {

constexpr nanoseconds kStep = milliseconds(100);

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

  // Every vehicle's steps of one round of 100 ms.
  static void Round(Traffic& traffic, int round) {
    for (VehicleIndex i = 0; i < traffic.size(); ++i) {
      traffic.Step(i, traffic.FirstStep(i) + round * kStep);
    }
  }

  City city_;
};

TEST(CarFollowing, HasItsPublishedEquilibriumGap) {
  // s_e(v) = (s0 + v T) / sqrt(1 - (v / v0)^4): 2 m + 10 m/s · 1.2 s at 10 of 15 m/s.
  const CarFollowing model;
  EXPECT_NEAR(model.EquilibriumGap(10, 15), 14 / std::sqrt(1 - 16.0 / 81), 1e-9);
  const double gap = model.EquilibriumGap(10, 15);
  EXPECT_NEAR(model.Free(10, 15) - model.Interaction(10, gap, 0), 0, 1e-9);
  EXPECT_DOUBLE_EQ(model.Free(0, 15), model.accel_mps2);
  EXPECT_DOUBLE_EQ(model.Free(15, 15), 0);
  EXPECT_NEAR(model.half_root_ab, 0.5 / std::sqrt(model.accel_mps2 * model.decel_mps2), 1e-15);
}

TEST_F(TrafficTest, PlaysBackToTheSameDigest) {
  const auto run = [&](std::uint64_t seed) {
    TrafficConfig config = Some({}, 300);
    config.seed = seed;
    Traffic traffic(city_, config);
    for (int round = 0; round < 200; ++round) {
      Round(traffic, round);
      if (round == 50) traffic.SetLimit(7, 3, 2);
    }
    return traffic.Digest();
  };
  const std::uint64_t first = run(1);
  EXPECT_EQ(first, run(1));
  EXPECT_NE(first, run(2));
}

TEST_F(TrafficTest, NobodyWhoObeysPassesARedLight) {
  Traffic traffic(city_, Some(TrafficConfig::PerfectDrivers(), 400));
  for (int round = 0; round < 900; ++round) Round(traffic, round);
  // Yellow lasts 3 s: whoever cannot stop for it is through before red.
  EXPECT_EQ(traffic.counters().red_light_runs, 0u);
}

TEST_F(TrafficTest, CeilingIsReachedAtTheStatedDecelerationAndHeld) {
  Traffic traffic(city_, Some(TrafficConfig::PerfectDrivers(), 50));
  Round(traffic, 0);
  int commanded = 0;
  for (VehicleIndex i = 0; i < traffic.size(); ++i) {
    if (traffic.Truth(i).speed_mps > 8) {
      traffic.SetLimit(i, 5, 2.5);
      ++commanded;
    }
  }
  ASSERT_GT(commanded, 3);
  std::vector<double> before;
  for (VehicleIndex i = 0; i < traffic.size(); ++i) before.push_back(traffic.Truth(i).speed_mps);
  for (int round = 1; round < 40; ++round) {
    Round(traffic, round);
    for (VehicleIndex i = 0; i < traffic.size(); ++i) {
      if (before[i] <= 8) continue;
      const VehicleTruth truth = traffic.Truth(i);
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
    Round(traffic, round);
    for (VehicleIndex i = 0; i < traffic.size(); ++i) {
      EXPECT_GE(traffic.Truth(i).accel_mps2, -8);
    }
  }
  EXPECT_EQ(traffic.StoppedVehicles(), traffic.size());
  for (VehicleIndex i = 0; i < traffic.size(); ++i) traffic.SetLimit(i, std::nullopt, 1);
  for (int round = 80; round < 120; ++round) Round(traffic, round);
  EXPECT_LT(traffic.StoppedVehicles(), traffic.size() / 2);
}

TEST_F(TrafficTest, MovesAsItsReportedAccelerationAndPathSay) {
  Traffic traffic(city_, Some({}, 300));
  for (int round = 0; round < 300; ++round) {
    std::vector<Pose> expected;
    for (VehicleIndex i = 0; i < traffic.size(); ++i) {
      expected.push_back(
          traffic.TruthAt(i, traffic.FirstStep(i) + round * kStep));
    }
    for (VehicleIndex i = 0; i < traffic.size(); ++i) {
      traffic.Step(i, traffic.FirstStep(i) + round * kStep);
      const VehicleTruth truth = traffic.Truth(i);
      ASSERT_LT(Norm(truth.position - expected[i].position), 1e-6) << "vehicle " << i;
      ASSERT_LT(std::abs(WrapAngle(truth.heading_rad - expected[i].heading_rad)), 1e-6);
      ASSERT_NEAR(truth.speed_mps, expected[i].speed_mps, 1e-9);
    }
  }
}

TEST_F(TrafficTest, StaysOnThePlanOfThreeSecondsAgo) {
  TrafficConfig config = Some({}, 300);
  Traffic traffic(city_, config);
  for (int start = 0; start < 300; start += 30) {
    Round(traffic, start);
    std::vector<VehicleTruth> then;
    for (VehicleIndex i = 0; i < traffic.size(); ++i) then.push_back(traffic.Truth(i));
    std::vector<double> driven(traffic.size(), 0);
    for (int round = start + 1; round <= start + 30; ++round) {
      for (VehicleIndex i = 0; i < traffic.size(); ++i) {
        const VehicleTruth truth = traffic.Truth(i);
        driven[i] += TravelAfter(truth.speed_mps, truth.accel_mps2, 0.1).distance_m;
      }
      Round(traffic, round);
    }
    for (VehicleIndex i = 0; i < traffic.size(); ++i) {
      const MotionState state{then[i].position, then[i].heading_rad, 0, 0, 0};
      const Pose planned = DriveAlong(state, then[i].path, driven[i]);
      EXPECT_LT(Norm(planned.position - traffic.Truth(i).position), 0.05)
          << "vehicle " << i << " at " << start;
    }
  }
}

TEST_F(TrafficTest, PlanCoversEightSecondsAndSixtyMetres) {
  Traffic traffic(city_, Some({}, 300));
  int plans = 0;
  for (VehicleIndex i = 0; i < traffic.size(); ++i) {
    const VehicleTruth truth = traffic.Truth(i);
    if (truth.path.empty() || truth.path.size() == PlannedPath::kArcsMax) continue;
    ++plans;
    EXPECT_GE(truth.path.length_m(), std::max(60.0, 8 * truth.speed_mps) - 1e-6);
  }
  EXPECT_GT(plans, 50);
}

TEST_F(TrafficTest, TruthBetweenStepsIsContinuous) {
  Traffic traffic(city_, Some({}, 100));
  for (int round = 0; round < 60; ++round) Round(traffic, round);
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

TEST_F(TrafficTest, StepInThePastChangesNothing) {
  Traffic traffic(city_, Some({}, 20));
  for (int round = 0; round < 5; ++round) Round(traffic, round);
  const std::uint64_t digest = traffic.Digest();
  traffic.Step(3, SimTime{});
  EXPECT_EQ(traffic.Digest(), digest);
}

TEST_F(TrafficTest, OneLateStepIsMadeUpFor) {
  Traffic traffic(city_, Some({}, 20));
  traffic.Step(3, SimTime(seconds(2)));
  EXPECT_EQ(traffic.Truth(3).time, SimTime(seconds(2)));
}

TEST(TrafficConfig, RefusesWhatIsOutOfRangeByName) {
  TrafficConfig config;
  EXPECT_TRUE(config.Validate().ok());
  config.late_brake_share = 1.5;
  EXPECT_NE(config.Validate().message().find("late_brake_share"), std::string_view::npos);
  config = {};
  config.vehicles = 0;
  EXPECT_NE(config.Validate().message().find("vehicles"), std::string_view::npos);
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
