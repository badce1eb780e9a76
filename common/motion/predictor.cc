#include "common/motion/predictor.h"

#include <algorithm>

#include "common/geo/trigonometry.h"

namespace starling {

double PlannedPath::length_m() const {
  double length = 0;
  for (const PathArc& arc : arcs()) length += arc.length_m;
  return length;
}

PlannedPath PlannedPath::After(double distance_m) const {
  PlannedPath rest;
  for (const PathArc& arc : arcs()) {
    if (distance_m >= arc.length_m) {
      distance_m -= arc.length_m;
      continue;
    }
    rest.Append({arc.length_m - std::max(distance_m, 0.0), arc.curvature_per_m});
    distance_m = 0;
  }
  return rest;
}

Travel TravelAfter(double speed_mps, double accel_mps2, double dt_s) {
  if (speed_mps * accel_mps2 < 0) {  // Slowing down, in either direction.
    const double stop_s = -speed_mps / accel_mps2;
    if (dt_s >= stop_s) return {0.5 * speed_mps * stop_s, 0};
    return {(speed_mps + 0.5 * accel_mps2 * dt_s) * dt_s, speed_mps + accel_mps2 * dt_s};
  }
  // A standing vehicle that reports braking stays where it is.
  if (speed_mps == 0 && accel_mps2 < 0) return {0, 0};
  const double hold_s = std::min(dt_s, kAccelerationHoldS);
  const double speed = speed_mps + accel_mps2 * hold_s;
  return {(speed_mps + 0.5 * accel_mps2 * hold_s) * hold_s + speed * (dt_s - hold_s), speed};
}

Pose DriveArc(const Pose& start, double length_m, double curvature_per_m) {
  if (curvature_per_m == 0) {
    return {start.position + length_m * HeadingVector(start.heading_rad), start.heading_rad,
            start.speed_mps};
  }
  const double half_turn = 0.5 * curvature_per_m * length_m;
  // sin(h)/h; below 0.02 the next term of the series is under 1.4e-9.
  const double h2 = half_turn * half_turn;
  const double sinc = h2 < 4e-4 ? 1 - h2 / 6 : SinCos(half_turn).sin / half_turn;
  return {start.position + length_m * sinc * HeadingVector(start.heading_rad + half_turn),
          start.heading_rad + 2 * half_turn, start.speed_mps};
}

Pose DriveAlong(const MotionState& state, const PlannedPath& path, double distance_m) {
  Pose pose{state.position, state.heading_rad, state.speed_mps};
  if (path.empty() || distance_m <= 0) {
    double turning_m = distance_m;
    const double curvature = state.curvature_per_m;
    if (curvature != 0) {
      const double turning_max_m = kTurnMaxRad / std::abs(curvature);
      turning_m = std::clamp(distance_m, -turning_max_m, turning_max_m);
    }
    pose = DriveArc(pose, turning_m, curvature);
    distance_m -= turning_m;
  } else {
    for (const PathArc& arc : path.arcs()) {
      const double length = std::min(distance_m, arc.length_m);
      pose = DriveArc(pose, length, arc.curvature_per_m);
      distance_m -= length;
      if (distance_m <= 0) break;
    }
  }
  return distance_m == 0 ? pose : DriveArc(pose, distance_m, 0);
}

Pose Predict(const MotionState& state, const PlannedPath& path, double dt_s) {
  const Travel travel = TravelAfter(state.speed_mps, state.accel_mps2, dt_s);
  Pose pose = DriveAlong(state, path, travel.distance_m);
  pose.speed_mps = travel.speed_mps;
  return pose;
}

}  // namespace starling
