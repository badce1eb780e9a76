#include "cloud/console/live_picture.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace starling::cloud {
namespace {

template <typename Whole>
Whole Rounded(double value) {
  const double nearest = std::nearbyint(value);
  return static_cast<Whole>(std::clamp(nearest, static_cast<double>(std::numeric_limits<Whole>::min()),
                                       static_cast<double>(std::numeric_limits<Whole>::max())));
}

}  // namespace

LiveVehicle Quantised(const PictureVehicle& seen) {
  LiveVehicle live;
  live.vehicle = seen.vehicle;
  live.x_cm = Rounded<std::int32_t>(seen.position.x * 100);
  live.y_cm = Rounded<std::int32_t>(seen.position.y * 100);
  const double turns = seen.heading_rad / (2 * std::numbers::pi);
  live.heading = static_cast<std::uint16_t>(static_cast<std::uint32_t>((turns - std::floor(turns)) * 65536) & 0xFFFF);
  live.speed_cmps = Rounded<std::int16_t>(seen.speed_mps * 100);
  live.ahead_dm = {Rounded<std::int16_t>(seen.near.x * 10), Rounded<std::int16_t>(seen.near.y * 10),
                   Rounded<std::int16_t>(seen.far.x * 10), Rounded<std::int16_t>(seen.far.y * 10)};
  live.state = static_cast<std::uint16_t>(seen.intent);
  if (seen.fix_age_s > kSilentAfterS) live.state |= kSilentBit;
  if (!seen.connected) live.state |= kDisconnectedBit;
  if (seen.planned) live.state |= kPlannedBit;
  return live;
}

CentimetrePoint PredictAsViewer(const LiveVehicle& told, double dt_s) {
  const double u = std::clamp(dt_s / kAheadNearS, 0.0, 2.0);
  const double near = 10 * u * (2 - u);
  const double far = 5 * u * (u - 1);
  return {told.x_cm + near * told.ahead_dm[0] + far * told.ahead_dm[2],
          told.y_cm + near * told.ahead_dm[1] + far * told.ahead_dm[3]};
}

}  // namespace starling::cloud
