#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "cloud/shard/encounter.h"
#include "sim/traffic/traffic.h"

namespace starling::sim {

// The shard's state of a vehicle, as if a fix of `truth` had come without delay and rounded to nothing but what
// the state holds.
cloud::VehicleState ShardStateOf(const VehicleTruth& truth);

// Where a vehicle's box will be, each kForesightStepS from now to the horizon: by the production's motion
// (cloud::Mover), and by nothing else of it.
struct Foreseen {
  std::vector<Vec2> centre;
  std::vector<Vec2> direction;
  double half_length_m = 0;
  double half_width_m = 0;
  double radius_m = 0;
};
inline constexpr double kForesightStepS = 0.05;
Foreseen ForeseePlaces(const cloud::Mover& mover, double horizon_s);

// The first instant at which two boxes overlap, seconds from now; none within the horizon.
std::optional<double> FirstContact(const Foreseen& a, const Foreseen& b);

}  // namespace starling::sim
