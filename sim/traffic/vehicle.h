#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "common/geo/vec2.h"
#include "common/motion/predictor.h"
#include "sim/city/city.h"
#include "sim/city/random.h"
#include "sim/city/router.h"

namespace starling::sim {

using VehicleIndex = std::uint32_t;

inline constexpr VehicleIndex kNobody = ~VehicleIndex{0};

// Contacts of one vehicle at one time; a further one is neither counted nor felt.
inline constexpr std::size_t kTouchingMax = 4;
inline constexpr double kVehicleLengthM = 4.6;
inline constexpr double kVehicleWidthM = 1.8;
inline constexpr double kHalfLengthM = kVehicleLengthM / 2;

// What a vehicle is doing; the names of the telemetry's intents.
enum class Intent : std::uint8_t { kIdle, kToPickup, kWithPassenger, kRerouting };

// One vehicle at the instant of its last step.
struct Vehicle {
  // Motion: the box's centre is `along_m` down its track, and keeps `accel` until
  // the next step.
  std::int64_t time_ns = 0;
  double along_m = 0;
  double speed_mps = 0;
  double accel_mps2 = 0;
  Vec2 position;
  double heading_rad = 0;
  TrackIndex track = 0;

  // Its neighbours on the same track.
  VehicleIndex ahead = kNobody;
  VehicleIndex behind = kNobody;

  // The connection that it is on or will take at the end of its lane.
  ConnectionIndex through = 0;

  // The junction movement that it has committed itself to, until its tail has left it.
  std::uint64_t turn_number = 0;             // Order of commitment; 0 is none.
  ConnectionIndex committed = 0;
  double committed_offset_m = 0;             // Distance along `committed` minus along_m.

  // Commands.
  double ceiling_mps = 1e9;
  double ceiling_decel_mps2 = 0;

  // Driver.
  float eagerness = 1;                       // Desired speed over the limit.
  float late_brake_mps2 = 0;                 // Brakes only when this much is needed; 0 is in time.
  float waited_s = 0;                        // Standing time.
  bool inattentive = false;
  bool runner = false;
  bool late_braker = false;
  bool looks_away = false;                   // At the junction ahead.
  bool hidden = false;                       // Others do not expect it until it has entered.
  bool over_line = false;                    // Its front, at the junction ahead.
  bool crossing_counted = false;
  bool following_counted = false;
  bool emergency = false;

  // Contact: whom it touches, and until when it stands because of that.  A contact is
  // one from the first overlap until they are apart, however many are in a heap.
  std::array<VehicleIndex, kTouchingMax> touching = {kNobody, kNobody, kNobody, kNobody};
  std::int64_t held_until_ns = INT64_MIN;

  bool Touches(VehicleIndex other) const {
    return std::find(touching.begin(), touching.end(), other) != touching.end();
  }

  // Trip.
  PlaceIndex goal = 0;
  PlaceIndex goal_after = 0;
  Intent intent = Intent::kIdle;
  Random random{0};
};

}  // namespace starling::sim
