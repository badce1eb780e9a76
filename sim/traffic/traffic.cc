#include "sim/traffic/traffic.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "common/check.h"
#include "common/geo/trigonometry.h"

namespace starling::sim {
namespace {

constexpr std::int64_t kStepNs = 100'000'000;
constexpr std::int64_t kStepLongestNs = 150'000'000;
constexpr double kDecelMax = 8;                  // What tyres give, m/s².
constexpr double kPlanTimeS = 8;
constexpr double kPlanLengthM = 60;
constexpr double kClearOfJunctionM = kHalfLengthM + 1;

std::int64_t NsOf(SimTime time) { return time.time_since_epoch().count(); }

}  // namespace

Traffic::Traffic(const City& city, const TrafficConfig& config)
    : city_(city),
      config_(config),
      router_(city, config.places, config.vehicles, MixHash(config.seed, 1)),
      random_(MixHash(config.seed, 2)) {
  STARLING_CHECK(config.Validate().ok());
  queues_.resize(city.tracks().size());
  crossings_.resize(city.junctions().size());
  Place();
  WarmUp();
}

SimTime Traffic::FirstStep(VehicleIndex vehicle) const {
  return SimTime(nanoseconds(kStepNs * vehicle / size()));
}

void Traffic::Step(VehicleIndex vehicle, SimTime now) {
  const std::int64_t now_ns = NsOf(now);
  while (now_ns - vehicles_[vehicle].time_ns > kStepLongestNs) {
    StepOnce(vehicle, vehicles_[vehicle].time_ns + kStepNs);
  }
  if (now_ns > vehicles_[vehicle].time_ns) StepOnce(vehicle, now_ns);
}

void Traffic::StepOnce(VehicleIndex vehicle, std::int64_t now_ns) {
  Vehicle& me = vehicles_[vehicle];
  const double dt_s = static_cast<double>(now_ns - me.time_ns) * 1e-9;
  ++counters_.steps;
  Advance(vehicle, dt_s);
  me.time_ns = now_ns;
  const Pose pose = city_.PoseAt(me.track, me.along_m);
  me.position = pose.position;
  me.heading_rad = pose.heading_rad;
  poses_[vehicle].Push({now_ns, static_cast<float>(pose.position.x),
                        static_cast<float>(pose.position.y), static_cast<float>(pose.heading_rad),
                        static_cast<float>(me.speed_mps)});
  CheckContact(vehicle);
  me.waited_s = me.speed_mps < 0.1 ? me.waited_s + static_cast<float>(dt_s) : 0;
  me.accel_mps2 = Decide(vehicle, dt_s);
  const bool emergency = me.accel_mps2 < -4;
  if (emergency && !me.emergency) ++counters_.emergency_brakings;
  if (emergency || me.accel_mps2 > -2) me.emergency = emergency;
}

void Traffic::Advance(VehicleIndex vehicle, double dt_s) {
  Vehicle& me = vehicles_[vehicle];
  const Travel travel = TravelAfter(me.speed_mps, me.accel_mps2, dt_s);
  me.along_m += travel.distance_m;
  me.speed_mps = travel.speed_mps;
  while (me.along_m >= city_.track(me.track).length_m) {
    const double length = city_.track(me.track).length_m;
    const bool from_lane = city_.IsLane(me.track);
    EnterTrack(vehicle, from_lane ? city_.TrackOf(me.through)
                                  : city_.connection(me.through).to_lane);
    me.along_m -= length;
    me.committed_offset_m += length;
    if (from_lane) {
      if (me.turn_number == 0) Commit(vehicle);  // It slid over the line.
      me.committed_offset_m = 0;
    } else {
      ArriveOnLane(me, me.track);
    }
  }
  if (me.turn_number != 0 && city_.IsLane(me.track) &&
      me.track == city_.connection(me.committed).to_lane && me.along_m > kClearOfJunctionM) {
    LeaveJunction(vehicle);
  }
}

void Traffic::EnterTrack(VehicleIndex vehicle, TrackIndex track) {
  Vehicle& me = vehicles_[vehicle];
  queues_[me.track].departed = vehicle;
  Remove(vehicle);
  Append(vehicle, track);
  if (city_.IsLane(track) && queues_[track].reserved > 0) --queues_[track].reserved;
}

void Traffic::Append(VehicleIndex vehicle, TrackIndex track) {
  Vehicle& me = vehicles_[vehicle];
  Queue& queue = queues_[track];
  me.track = track;
  me.ahead = queue.last;
  me.behind = kNobody;
  (queue.last == kNobody ? queue.first : vehicles_[queue.last].behind) = vehicle;
  queue.last = vehicle;
}

void Traffic::Remove(VehicleIndex vehicle) {
  const Vehicle& me = vehicles_[vehicle];
  Queue& queue = queues_[me.track];
  (me.ahead == kNobody ? queue.first : vehicles_[me.ahead].behind) = me.behind;
  (me.behind == kNobody ? queue.last : vehicles_[me.behind].ahead) = me.ahead;
}

ConnectionIndex Traffic::NextAfter(const Vehicle& me, LaneIndex lane) const {
  return router_.Next(lane == router_.LaneOf(me.goal) ? me.goal_after : me.goal, lane);
}

void Traffic::ArriveOnLane(Vehicle& me, LaneIndex lane) {
  me.through = NextAfter(me, lane);
  me.over_line = false;
  const Vec2 here = city_.arcs(lane)[0].start;
  if (lane == router_.LaneOf(me.goal)) {
    ++counters_.trips;
    me.goal = me.goal_after;
    me.goal_after = DrawGoal(me, router_.PositionOf(me.goal));
    if (me.intent == Intent::kToPickup) {
      me.intent = Intent::kWithPassenger;
    } else {
      me.intent = me.random.Chance(0.3) ? Intent::kIdle : Intent::kToPickup;
    }
  } else if (me.random.Chance(config_.reroute_chance)) {
    // The way through the next junction is planned already; the goal is from there on.
    me.goal = DrawGoal(me, here);
    if (me.intent == Intent::kWithPassenger) me.intent = Intent::kRerouting;
  } else if (me.intent == Intent::kRerouting) {
    me.intent = Intent::kWithPassenger;
  }
  const Connection& ahead = city_.connection(me.through);
  me.looks_away = me.inattentive && ahead.yields && ahead.signal_group == kNoSignal &&
                  me.random.Chance(config_.look_away_chance);
  me.late_brake_mps2 = 0;
  if (me.late_braker && me.random.Chance(config_.late_brake_chance)) {
    const double lateness = me.random.Unit();
    me.late_brake_mps2 = static_cast<float>(3.2 + 4.3 * lateness * lateness);
  }
}

PlaceIndex Traffic::DrawGoal(Vehicle& me, Vec2 from) {
  // The nearest of a few: most trips are short ones.
  PlaceIndex best = me.random.Below(router_.places());
  for (int i = 0; i < 3; ++i) {
    const PlaceIndex other = me.random.Below(router_.places());
    const auto far = [&](PlaceIndex place) {
      return NormSquared(router_.PositionOf(place) - from);
    };
    if (far(other) < far(best) && far(other) > 400.0 * 400.0) best = other;
  }
  return best;
}

Traffic::Other Traffic::At(const Vehicle& other, std::int64_t now_ns) const {
  const double dt_s = static_cast<double>(now_ns - other.time_ns) * 1e-9;
  const Travel travel = TravelAfter(other.speed_mps, other.accel_mps2, dt_s);
  return {other.along_m + travel.distance_m, travel.speed_mps};
}

void Traffic::SetLimit(VehicleIndex vehicle, std::optional<double> ceiling_mps,
                       double decel_mps2) {
  Vehicle& me = vehicles_[vehicle];
  me.ceiling_mps = ceiling_mps.has_value() ? std::max(*ceiling_mps, 0.0) : 1e9;
  me.ceiling_decel_mps2 = std::clamp(decel_mps2, 0.1, kDecelMax);
}

VehicleTruth Traffic::Truth(VehicleIndex vehicle) const {
  const Vehicle& me = vehicles_[vehicle];
  VehicleTruth truth;
  truth.time = SimTime(nanoseconds(me.time_ns));
  truth.position = me.position;
  truth.heading_rad = WrapAngle(me.heading_rad);
  truth.speed_mps = me.speed_mps;
  truth.accel_mps2 = me.accel_mps2;
  truth.intent = me.intent;

  const double wanted_m = std::max(kPlanLengthM, kPlanTimeS * me.speed_mps);
  double covered_m = 0;
  PathArc pending{0, 0};
  bool turns = false;
  bool first = true;
  TrackIndex track = me.track;
  ConnectionIndex through = me.through;
  double from_m = me.along_m;
  while (covered_m < wanted_m) {
    for (const TrackArc& piece : city_.arcs(track)) {
      const double left_m = piece.from_m + piece.arc.length_m - std::max(from_m, piece.from_m);
      if (left_m <= 0) continue;
      const double curvature = piece.arc.curvature_per_m;
      if (first) truth.yaw_rate_radps = me.speed_mps * curvature;
      first = false;
      if (curvature == pending.curvature_per_m) {
        pending.length_m += left_m;
      } else {
        if (pending.length_m > 0) truth.path.Append(pending);
        pending = {left_m, curvature};
        turns = true;
      }
      covered_m += left_m;
      if (covered_m >= wanted_m || truth.path.size() + 1 == PlannedPath::kArcsMax) break;
    }
    if (truth.path.size() + 1 == PlannedPath::kArcsMax) break;
    from_m = 0;
    if (city_.IsLane(track)) {
      track = city_.TrackOf(through);
    } else {
      track = city_.connection(through).to_lane;
      through = NextAfter(me, track);
    }
  }
  truth.path.Append(pending);
  if (!turns) truth.path.Clear();
  return truth;
}

Pose Traffic::TruthAt(VehicleIndex vehicle, SimTime time) const {
  const PoseRing& ring = poses_[vehicle];
  const std::int64_t at_ns = NsOf(time);
  const Vehicle& me = vehicles_[vehicle];
  if (at_ns >= me.time_ns) {
    const VehicleTruth truth = Truth(vehicle);
    return Predict({truth.position, truth.heading_rad, truth.speed_mps, truth.accel_mps2, 0},
                   truth.path, static_cast<double>(at_ns - me.time_ns) * 1e-9);
  }
  const std::uint32_t known = std::min(ring.next, PoseRing::kCapacity);
  const PoseRing::Entry* after = &ring.entries[(ring.next - 1) % PoseRing::kCapacity];
  for (std::uint32_t back = 2; back <= known; ++back) {
    const PoseRing::Entry* before = &ring.entries[(ring.next - back) % PoseRing::kCapacity];
    if (before->time_ns <= at_ns) {
      const double span_s = static_cast<double>(after->time_ns - before->time_ns) * 1e-9;
      const double u = static_cast<double>(at_ns - before->time_ns) * 1e-9 / span_s;
      // Cubic Hermite with the velocities at both ends.
      const Vec2 from{before->x, before->y};
      const Vec2 to{after->x, after->y};
      const Vec2 v0 = (before->speed_mps * span_s) * HeadingVector(before->heading_rad);
      const Vec2 v1 = (after->speed_mps * span_s) * HeadingVector(after->heading_rad);
      const double u2 = u * u;
      const double u3 = u2 * u;
      const Vec2 position = (2 * u3 - 3 * u2 + 1) * from + (u3 - 2 * u2 + u) * v0 +
                            (3 * u2 - 2 * u3) * to + (u3 - u2) * v1;
      const double turn = WrapAngle(double{after->heading_rad} - before->heading_rad);
      return {position, WrapAngle(before->heading_rad + u * turn),
              before->speed_mps + u * (after->speed_mps - before->speed_mps)};
    }
    after = before;
  }
  return {{after->x, after->y}, after->heading_rad, after->speed_mps};
}

std::uint32_t Traffic::StoppedVehicles() const {
  return static_cast<std::uint32_t>(std::count_if(
      vehicles_.begin(), vehicles_.end(), [](const Vehicle& v) { return v.speed_mps < 0.1; }));
}

double Traffic::MeanSpeed() const {
  double sum = 0;
  for (const Vehicle& vehicle : vehicles_) sum += vehicle.speed_mps;
  return sum / static_cast<double>(vehicles_.size());
}

std::uint64_t Traffic::Digest() const {
  std::uint64_t digest = counters_.steps;
  for (const Vehicle& vehicle : vehicles_) {
    digest = MixHash(digest, vehicle.track);
    for (const double value : {vehicle.along_m, vehicle.speed_mps, vehicle.accel_mps2}) {
      digest = MixHash(digest, std::bit_cast<std::uint64_t>(value));
    }
  }
  return digest;
}

}  // namespace starling::sim
