#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "sim/city/city.h"
#include "sim/city/random.h"
#include "sim/city/router.h"
#include "sim/traffic/car_following.h"

namespace starling::sim {

using VehicleIndex = std::uint32_t;

inline constexpr TrackIndex kOffRoad = ~TrackIndex{0};
inline constexpr VehicleIndex kNobody = ~VehicleIndex{0};

// Contacts of one vehicle at one time; a further one is neither counted nor felt.
inline constexpr std::size_t kTouchingMax = 4;
inline constexpr double kVehicleLengthM = 4.6;
inline constexpr double kVehicleWidthM = 1.8;
// So much farther behind one that has broken down the others stop: from there one gets around it.
inline constexpr double kKeptFreeM = 7;
inline constexpr double kBreakdownMps2 = 2;  // By which it stops.

// What vehicles of one kind have in common.
struct VehicleKind {
  double length_m = kVehicleLengthM;
  double width_m = kVehicleWidthM;
  double speed_max_mps = 1e9;
  CarFollowing following;
};

// What a vehicle is doing; the names of the telemetry's intents.
enum class Intent : std::uint8_t { kIdle, kToPickup, kWithPassenger, kRerouting, kCharging };

// Where it goes, and where from there.  With a way of its own `goal` is kOwnWay and `goal_after`
// the place in it.
struct Goals {
  PlaceIndex goal = 0;
  PlaceIndex goal_after = 0;
};
inline constexpr PlaceIndex kOwnWay = 0xffff;

// What every step of every vehicle reads and writes: one cache line.
struct alignas(64) Vehicle {
  // Motion: the box's centre is `along_m` down its track, and keeps `accel` for a step.
  double along_m = 0;
  float speed_mps = 0;
  float accel_mps2 = 0;
  TrackIndex track = 0;
  // The connection that it is on or will take at the end of its lane.
  ConnectionIndex through = 0;
  Goals route;

  // The junction movement that it has committed itself to, until its tail has left it.
  ConnectionIndex committed = 0;
  std::uint32_t turn_number = 0;             // Order of commitment there; 0 is none.
  float committed_offset_m = 0;              // Distance along `committed` minus along_m.

  // Driver.
  float eagerness = 1;                       // Desired speed over the limit.
  float late_brake_mps2 = 0;                 // Brakes only when this much is needed; 0 is in time.
  std::uint16_t waited_steps = 0;            // Since when it stands.
  Intent intent = Intent::kIdle;
  bool wants_left : 1 = false;               // Its way goes on from there.
  bool wants_right : 1 = false;
  bool courteous : 1 = false;                // Lets somebody in: Driver::lets_in.
  bool tailgates : 1 = false;
  bool runs_red : 1 = false;                 // At the junction ahead, if it is red.
  bool pushes : 1 = false;                   // There, if it would have to wait;
  bool forces : 1 = false;                   // and it does.
  bool brakes_hard : 1 = false;

  // Not one of the bits: others read it.
  bool broken_down = false;

  // Others do not expect it until it has entered.  Not one of the bits: others read it while
  // its driver changes those.
  bool hidden = false;
  bool runner : 1 = false;
  bool looks_away : 1 = false;               // At the junction ahead.
  bool over_line : 1 = false;                // Its front, at the junction ahead.
  bool crossing_counted : 1 = false;
  bool following_counted : 1 = false;
  bool emergency : 1 = false;
  bool held : 1 = false;                     // Stands because of a contact.
  bool leaving : 1 = false;                  // The city, at the end of its lane.

  double waited_s() const { return 0.1 * waited_steps; }

  // Between two lanes: its track is the one that it goes to; see LaneChange.
  bool changing = false;
  std::uint8_t kind = 0;
  bool limited = false;                      // By a command: Driver::ceiling_mps.
  bool halts = false;                        // Has a stop to make: Entrance::Trip::halt.
  float half_length_m = static_cast<float>(kVehicleLengthM / 2);
};
static_assert(sizeof(Vehicle) == 64);

// From centre to centre of two that touch, one behind the other.
inline double LengthsM(const Vehicle& a, const Vehicle& b) {
  return double{a.half_length_m} + double{b.half_length_m};
}

// A vehicle's way from one lane to the one beside it: two arcs, of which the second turns back.
// It is the way's geometry, whatever the speed.  Until its tail is clear of the lane that it
// leaves, most of the way, the vehicle is in both lanes' queues.
struct LaneChange {
  static constexpr double kInBoth = 0.7;     // Of its length.

  TrackIndex from = 0;
  TrackIndex to = 0;
  float begin_m = 0;                         // Along `to`.
  float length_m = 0;
  float width_m = 0;                         // From lane to lane; positive to the right.
  float from_offset_m = 0;                   // Distance along `from` minus that along `to`.
  std::int64_t last_step = INT64_MIN / 2;    // Of its beginning, then of its end.

  // What lies at `along_m` of `to`: how far to the right of its middle, by how much the heading
  // is turned clockwise, and the curvature that is added.
  struct Displacement {
    double right_m = 0;
    double turned_rad = 0;
    double curvature_per_m = 0;
  };
  Displacement At(double along_m) const;
  // Where it is along `to`, `driven_m` after it was at `along_m`.
  double After(double along_m, double driven_m) const;
  double radius_m() const {                  // Of both arcs.
    return (length_m * length_m + width_m * width_m) / (4 * std::abs(width_m));
  }
  double arc_m() const {                     // Length of each arc.
    return radius_m() * std::asin(length_m / (2 * radius_m()));
  }
  double end_m() const { return begin_m + length_m; }
  bool in_both = false;
};

// To one movement through a junction, until the tail has left it.
struct Commitment {
  ConnectionIndex way = 0;
  std::uint32_t turn_number = 0;             // Order of commitment there; 0 is none.
  float offset_m = 0;                        // Distance along `way` minus that along its own track.
};

// What is needed now and then, when it comes to another street, say, or into contact.
struct Driver {
  // To the junction after the one that it is committed to, if it could not stop between them.
  Commitment ahead;
  bool inattentive : 1 = false;
  bool late_braker : 1 = false;
  bool red_runner : 1 = false;
  bool forceful : 1 = false;
  Random random{0};
  std::int64_t since_step = 0;               // On its lane.
  std::uint32_t stood_steps = 0;             // In all.
  VehicleIndex lets_in = kNobody;
  std::int64_t lets_in_until = INT64_MIN;    // Step.
  float ceiling_mps = 0;                     // By command, as long as it is `limited`.
  float ceiling_decel_mps2 = 0;

  // Whom it touches, and until when it stands because of that.  A contact is one from
  // the first overlap until they are apart, however many are in a heap.
  std::array<VehicleIndex, kTouchingMax> touching = {kNobody, kNobody, kNobody, kNobody};
  std::int64_t held_until_step = INT64_MIN;
  std::int64_t squeezes_until_step = INT64_MIN;  // Past others, through a junction that is stuck.

  bool Touches(VehicleIndex other) const {
    return std::find(touching.begin(), touching.end(), other) != touching.end();
  }
};

}  // namespace starling::sim
