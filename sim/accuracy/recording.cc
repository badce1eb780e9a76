#include "sim/accuracy/recording.h"

#include <algorithm>

#include "common/check.h"
#include "common/geo/trigonometry.h"

namespace starling::sim {

double Recording::vehicle_hours() const {
  double hours = 0;
  for (std::uint32_t track = 0; track < tracks.size(); ++track) hours += ToSeconds(End(track) - Begin(track)) / 3600;
  return hours;
}

VehicleTruth Recording::TruthAt(std::uint32_t number, SimTime time) const {
  const RecordedTrack& track = tracks[number];
  STARLING_CHECK(time >= Begin(number) && time <= End(number));
  const auto later = static_cast<std::uint32_t>(std::ranges::lower_bound(times, time) - times.begin());
  const RecordedRow& to = track.Row(later);
  const RecordedRow& from = later > track.first_step ? track.Row(later - 1) : to;
  double part = 1;
  double yaw_rate = 0;
  const double turned = WrapAngle(static_cast<double>(to.heading_rad) - from.heading_rad);
  if (later > track.first_step) {
    const double step_s = ToSeconds(times[later] - times[later - 1]);
    part = ToSeconds(time - times[later - 1]) / step_s;
    yaw_rate = turned / step_s;
  }
  VehicleTruth truth;
  truth.time = time;
  truth.heading_rad = WrapAngle(from.heading_rad + part * turned);
  truth.length_m = track.length_m;
  truth.width_m = track.width_m;
  truth.position =
      from.front + part * (to.front - from.front) - track.length_m / 2.0 * HeadingVector(truth.heading_rad);
  truth.speed_mps = from.speed_mps + part * (static_cast<double>(to.speed_mps) - from.speed_mps);
  truth.accel_mps2 = to.accel_mps2;
  truth.yaw_rate_radps = yaw_rate;
  return truth;
}

}  // namespace starling::sim
