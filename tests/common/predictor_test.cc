#include "common/motion/predictor.h"

#include <cmath>

#include <gtest/gtest.h>

#include "common/geo/trigonometry.h"

namespace starling {
namespace {

TEST(TravelAfter, BrakingEndsInAStandAndStaysThere) {
  // v^2 / 2a = 10^2 / (2 * 2) = 25 m, after 5 s.
  EXPECT_NEAR(TravelAfter(10, -2, 5).distance_m, 25, 1e-12);
  EXPECT_NEAR(TravelAfter(10, -2, 50).distance_m, 25, 1e-12);
  EXPECT_EQ(TravelAfter(10, -2, 50).speed_mps, 0);
  EXPECT_EQ(TravelAfter(0, -3, 5).distance_m, 0);
  EXPECT_EQ(TravelAfter(0, 0, 5).distance_m, 0);
}

TEST(TravelAfter, AccelerationIsBelievedForItsHoldOnly) {
  // 2 s at 1 m/s^2 from 10 m/s: 22 m, then 12 m/s for 3 s: 36 m.
  EXPECT_NEAR(TravelAfter(10, 1, 5).distance_m, 58, 1e-12);
  EXPECT_NEAR(TravelAfter(10, 1, 5).speed_mps, 12, 1e-12);
}

TEST(TravelAfter, ReverseIsTheMirrorOfForward) {
  EXPECT_NEAR(TravelAfter(-3, 1, 1).distance_m, -TravelAfter(3, -1, 1).distance_m, 1e-12);
  EXPECT_NEAR(TravelAfter(-3, 1, 10).distance_m, -4.5, 1e-12);
}

TEST(DriveArc, AQuarterCircleEndsWhereGeometrySays) {
  const double radius = 10;
  const Pose pose = DriveArc({{0, 0}, 0, 0}, radius * kPi / 2, 1 / radius);
  EXPECT_NEAR(pose.position.x, 10, 1e-9);  // North, turning clockwise: to the east.
  EXPECT_NEAR(pose.position.y, 10, 1e-9);
  EXPECT_NEAR(pose.heading_rad, kPi / 2, 1e-12);
}

TEST(DriveArc, NearlyStraightIsContinuousWithStraight) {
  for (const double curvature : {1e-12, 1e-9, 1e-6, 3e-4, 5e-4}) {
    const Pose bent = DriveArc({{0, 0}, 0, 0}, 100, curvature);
    EXPECT_NEAR(bent.position.x, 100 * 100 * curvature / 2, 1e-3 + 100 * curvature);
    EXPECT_NEAR(bent.position.y, 100, 0.1);
  }
}

// Against integrating the same motion in a thousand steps.
TEST(Predict, AgreesWithNumericalIntegration) {
  MotionState state;
  state.heading_rad = 0.7;
  state.speed_mps = 12;
  state.accel_mps2 = -1.5;
  state.curvature_per_m = 0.02;
  const double dt = 3;
  Vec2 position = state.position;
  double heading = state.heading_rad;
  double speed = state.speed_mps;
  const int steps = 100'000;
  for (int i = 0; i < steps; ++i) {
    const double h = dt / steps;
    const double middle_speed = speed + state.accel_mps2 * h / 2;
    const double middle_heading = heading + state.curvature_per_m * middle_speed * h / 2;
    position = position + (middle_speed * h) * Vec2{std::sin(middle_heading), std::cos(middle_heading)};
    heading += state.curvature_per_m * middle_speed * h;
    speed += state.accel_mps2 * h;
  }
  const Pose pose = Predict(state, {}, dt);
  EXPECT_LT(Norm(pose.position - position), 1e-6);
  EXPECT_NEAR(pose.heading_rad, heading, 1e-9);
  EXPECT_NEAR(pose.speed_mps, speed, 1e-9);
}

TEST(Predict, FollowsThePlanAndGoesStraightPastItsEnd) {
  MotionState state;
  state.speed_mps = 10;
  PlannedPath path;
  path.Append({20, 0});
  path.Append({10 * kPi / 2, 0.1});
  const Pose before = Predict(state, path, 1);
  EXPECT_NEAR(before.position.x, 0, 1e-12);
  EXPECT_NEAR(before.position.y, 10, 1e-12);
  const Pose after = Predict(state, path, 5);
  EXPECT_NEAR(after.position.y, 30, 1e-9);
  EXPECT_NEAR(after.position.x, 10 + (50 - 20 - 5 * kPi), 1e-9);
  EXPECT_NEAR(after.heading_rad, kPi / 2, 1e-12);
}

TEST(Predict, ATurnWithoutAPlanEndsAfterAQuarter) {
  MotionState state;
  state.speed_mps = 10;
  state.curvature_per_m = 0.1;
  EXPECT_NEAR(Predict(state, {}, 100).heading_rad, kPi / 2, 1e-12);
}

TEST(PlannedPath, AfterDropsWhatWasDriven) {
  PlannedPath path;
  path.Append({5, 0});
  path.Append({7, 0.1});
  EXPECT_DOUBLE_EQ(path.length_m(), 12);
  const PlannedPath rest = path.After(6);
  ASSERT_EQ(rest.size(), 1u);
  EXPECT_DOUBLE_EQ(rest.arcs()[0].length_m, 6);
  EXPECT_TRUE(path.After(12).empty());
  EXPECT_DOUBLE_EQ(path.After(0).length_m(), 12);
}

}  // namespace
}  // namespace starling
