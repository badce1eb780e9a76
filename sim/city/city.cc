#include "sim/city/city.h"

#include <cmath>
#include <string>

#include "common/geo/trigonometry.h"

namespace starling::sim {
namespace {

Status InRange(const char* name, double value, double low, double high) {
  if (value >= low && value <= high) return {};
  return {ErrorCode::kInvalidArgument, std::string("city ") + name + " is " +
                                           std::to_string(value) + ", not in " +
                                           std::to_string(low) + " to " + std::to_string(high)};
}

}  // namespace

Status CityConfig::Validate() const {
  if (Status status = InRange("side_m", side_m, 1000, 20000); !status.ok()) return status;
  if (Status status = InRange("block_m", block_m, 140, 400); !status.ok()) return status;
  if (Status status = InRange("missing_share", missing_share, 0, 0.3); !status.ok()) return status;
  return InRange("signal_share", signal_share, 0, 1);
}

LightState LightAt(const SignalProgramme& programme, std::uint8_t group, double time_s) {
  const double shifted = time_s + programme.offset_s - programme.start_s[group];
  const double in_cycle =
      shifted - programme.cycle_s * std::floor(shifted / programme.cycle_s);
  const double green = programme.green_s[group];
  if (in_cycle < green) return {Light::kGreen, in_cycle};
  if (in_cycle < green + SignalProgramme::kYellowS) return {Light::kYellow, in_cycle - green};
  return {Light::kRed, in_cycle - green - SignalProgramme::kYellowS};
}

Pose City::PoseAt(TrackIndex track, double distance_m) const {
  const std::span<const TrackArc> pieces = arcs(track);
  std::size_t piece = pieces.size() - 1;
  while (piece > 0 && distance_m < pieces[piece].from_m) --piece;
  const TrackArc& at = pieces[piece];
  const double along = distance_m - at.from_m;
  if (at.arc.curvature_per_m == 0) return {at.start + along * at.direction, at.heading_rad, 0};
  return DriveArc({at.start, at.heading_rad, 0}, along, at.arc.curvature_per_m);
}

}  // namespace starling::sim
