#include "sim/accuracy/boxes_meet.h"

#include <algorithm>
#include <cmath>

#include "common/geo/trigonometry.h"
#include "common/telemetry/fix_codec.h"
#include "sim/traffic/box.h"

namespace starling::sim {
namespace {

std::int16_t Hundredths(double value) {
  return static_cast<std::int16_t>(std::floor(std::clamp(value, -300.0, 300.0) * 100 + 0.5));
}

}  // namespace

cloud::VehicleState ShardStateOf(const VehicleTruth& truth) {
  cloud::VehicleState state;
  state.position = truth.position;
  state.heading_rad = truth.heading_rad;
  state.speed_cmps = Hundredths(truth.speed_mps);
  state.accel_cmps2 = Hundredths(truth.accel_mps2);
  if (truth.speed_mps >= kCurvatureSpeedMinMps) {
    state.curvature_per_m = std::clamp(truth.yaw_rate_radps / truth.speed_mps, -kCurvatureMaxPerM, kCurvatureMaxPerM);
  }
  state.length_cm = static_cast<std::uint16_t>(std::floor(truth.length_m * 100 + 0.5));
  state.width_cm = static_cast<std::uint16_t>(std::floor(truth.width_m * 100 + 0.5));
  for (const PathArc& arc : truth.path.arcs()) {
    state.path[state.path_size++] = {
        static_cast<std::uint16_t>(std::floor(std::clamp(arc.length_m, 0.0, 650.0) * 100 + 0.5)),
        static_cast<std::int16_t>(
            std::floor(std::clamp(arc.curvature_per_m, -kCurvatureMaxPerM, kCurvatureMaxPerM) * 1e5 + 0.5))};
  }
  cloud::Track track;
  cloud::SweepBox box;
  cloud::BuildTrack(&state, &track, &box);  // says whether it goes straight
  return state;
}

Foreseen ForeseePlaces(const cloud::Mover& mover, double horizon_s) {
  Foreseen places;
  places.half_length_m = mover.length_m() / 2;
  places.half_width_m = mover.width_m() / 2;
  places.radius_m = mover.radius_m();
  const int steps = static_cast<int>(horizon_s / kForesightStepS + 0.5);
  for (int i = 0; i <= steps; ++i) {
    const Pose pose = mover.PoseAt(i * kForesightStepS);
    places.centre.push_back(pose.position);
    places.direction.push_back(HeadingVector(pose.heading_rad));
  }
  return places;
}

std::optional<double> FirstContact(const Foreseen& a, const Foreseen& b) {
  const double reach_m = a.radius_m + b.radius_m;
  for (std::size_t i = 0; i < std::min(a.centre.size(), b.centre.size()); ++i) {
    if (NormSquared(a.centre[i] - b.centre[i]) > reach_m * reach_m) continue;
    if (BoxesOverlap({a.centre[i], a.direction[i], a.half_length_m, a.half_width_m},
                     {b.centre[i], b.direction[i], b.half_length_m, b.half_width_m})) {
      return static_cast<double>(i) * kForesightStepS;
    }
  }
  return std::nullopt;
}

}  // namespace starling::sim
