// Ten thousand taxis in a city, each moved by its own steps.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/motion/predictor.h"
#include "common/status.h"
#include "sim/city/city.h"
#include "sim/city/router.h"
#include "sim/traffic/car_following.h"
#include "sim/traffic/poses.h"
#include "sim/traffic/traffic_config.h"
#include "sim/traffic/vehicle.h"

namespace starling::sim {

// What a vehicle's own sensors and planner would say at the instant of its last step.
struct VehicleTruth {
  SimTime time;
  Vec2 position;                 // Centre of its box, m in the city's frame.
  double heading_rad = 0;        // Clockwise from north, in [-pi, pi).
  double speed_mps = 0;
  double accel_mps2 = 0;         // Along the heading, from now until the next step.
  double yaw_rate_radps = 0;     // Clockwise positive.
  Intent intent = Intent::kIdle;
  PlannedPath path;              // Empty: straight on for 8 s and 60 m at least.
  double length_m = kVehicleLengthM;
  double width_m = kVehicleWidthM;
};

struct TrafficCounters {
  std::uint64_t steps = 0;
  std::uint64_t trips = 0;                // Finished.
  std::uint64_t collisions = 0;           // Pairs, once for each contact.
  std::uint64_t emergency_brakings = 0;   // Onsets of more than 4 m/s² of braking.
  std::uint64_t red_light_runs = 0;
  // Onsets of a pair that needs more than 3 m/s² of one of them, or touches within 2 s.
  std::uint64_t near_misses_following = 0;
  std::uint64_t near_misses_crossing = 0;
};

// Traffic without a clock: the caller says when each vehicle's next instant is,
// and the vehicle sees the others where they are at that instant.
//
// A trip starts and ends in motion: passengers get on and off at the kerb, which is not
// on the road.  Two vehicles that collide brake to a stand, stay for some seconds and then go
// on through each other; nobody is removed or moved by hand.
//
// The same seeds and the same sequence of calls give the same traffic.
//
// Threading: thread-compatible; one thread owns it.
class Traffic {
 public:
  // Places the vehicles and runs the warm-up, which ends at time 0.  `city` must outlive it.
  // REQUIRES: config.Validate().ok()
  Traffic(const City& city, const TrafficConfig& config);

  VehicleIndex size() const { return static_cast<VehicleIndex>(vehicles_.size()); }

  // The first instant after the warm-up at which a vehicle should step, so that
  // all instants are spread evenly over 100 ms; later ones follow every 100 ms.
  SimTime FirstStep(VehicleIndex vehicle) const;

  // Brings one vehicle to `now` and lets its driver decide for the time until its next step.
  // Steps should be 100 ms apart; a longer pause is made up for in steps of that length.
  // A `now` that is not after the vehicle's last step changes nothing.
  void Step(VehicleIndex vehicle, SimTime now);

  // From its next step on, the vehicle brakes at `decel_mps2` (at most 8) down to
  // the ceiling and stays below it; every driver complies.  nullopt lifts it.
  // The ceiling only ever slows: whoever has to brake harder for something else does.
  void SetLimit(VehicleIndex vehicle, std::optional<double> ceiling_mps, double decel_mps2);

  // The vehicle at its last step.
  VehicleTruth Truth(VehicleIndex vehicle) const;

  // Where it is at `time`: between two steps of the last 3 s by cubic interpolation
  // (error about a millimetre), after the last step by constant acceleration along its path.
  // Before that, the oldest pose that is still known.
  Pose TruthAt(VehicleIndex vehicle, SimTime time) const;

  const TrafficCounters& counters() const { return counters_; }

  // By a walk over all vehicles.
  std::uint32_t StoppedVehicles() const;  // Slower than 0.1 m/s.
  double MeanSpeed() const;               // m/s

  // A hash of every vehicle's motion, for replay tests.
  std::uint64_t Digest() const;

 private:
  // The vehicles on one track, and what was promised to others who will enter it.
  struct Queue {
    VehicleIndex first = kNobody;           // Farthest along.
    VehicleIndex last = kNobody;
    VehicleIndex departed = kNobody;        // The last one that left it.
    std::uint32_t reserved = 0;             // Committed to come, not here yet.
  };

  // The vehicles that are committed to cross a junction, or cross it.
  struct Crossing {
    static constexpr std::uint32_t kMembersMax = 31;
    std::array<VehicleIndex, kMembersMax> members{};
    std::uint32_t count = 0;
  };

  struct Other {                            // Another vehicle, brought to our instant.
    double along_m;
    double speed_mps;
  };

  // placement.cc
  void Place();
  void WarmUp();

  // traffic.cc
  void StepOnce(VehicleIndex vehicle, std::int64_t now_ns);
  void Advance(VehicleIndex vehicle, double dt_s);
  void EnterTrack(VehicleIndex vehicle, TrackIndex track);
  void ArriveOnLane(Vehicle& me, LaneIndex lane);
  PlaceIndex DrawGoal(Vehicle& me, Vec2 from);
  ConnectionIndex NextAfter(const Vehicle& me, LaneIndex lane) const;
  void Append(VehicleIndex vehicle, TrackIndex track);
  void Remove(VehicleIndex vehicle);
  Other At(const Vehicle& other, std::int64_t now_ns) const;

  // driving.cc
  double Decide(VehicleIndex vehicle, double dt_s);
  double ForLeader(VehicleIndex vehicle, double lookahead_m, double desired_accel);
  double BehindLeader(VehicleIndex vehicle, VehicleIndex leader, double gap_m, double leader_mps,
                      double desired_accel);
  double ForSpeedsAhead(const Vehicle& me) const;
  double LimitedJerk(const Vehicle& me, double wanted, double dt_s) const;

  // right_of_way.cc
  double ForJunction(VehicleIndex vehicle);
  double ForOthersCrossing(VehicleIndex vehicle);
  bool MayCommit(VehicleIndex vehicle, double to_line_m) const;
  bool MustGiveUp(VehicleIndex vehicle, double to_line_m) const;
  bool SignalAllows(const Vehicle& me, double to_line_m) const;
  bool ExitHasRoom(const Vehicle& me, bool reserved) const;
  bool ClearOfMembers(VehicleIndex vehicle, double to_line_m) const;
  bool ClearOfApproaching(VehicleIndex vehicle, double to_line_m) const;
  void Commit(VehicleIndex vehicle);
  void GiveUp(VehicleIndex vehicle);
  void LeaveJunction(VehicleIndex vehicle);

  // contact.cc
  void CheckContact(VehicleIndex vehicle);
  bool Overlap(const Vehicle& me, const Vehicle& other) const;
  void Touch(VehicleIndex a, VehicleIndex b);

  const City& city_;
  const TrafficConfig config_;
  const Router router_;
  const CarFollowing following_;
  Random random_;
  std::vector<Vehicle> vehicles_;
  std::vector<PoseRing> poses_;
  std::vector<Queue> queues_;             // By track.
  std::vector<Crossing> crossings_;       // By junction.
  std::uint64_t turn_number_ = 0;
  TrafficCounters counters_;
};

}  // namespace starling::sim
