#include <algorithm>
#include <cmath>

#include "common/prefetch.h"
#include "sim/traffic/traffic.h"

namespace starling::sim {
namespace {

constexpr double kStepS = ToSeconds(Traffic::kStep);
constexpr double kDecelMax = 8;              // What tyres give, m/s².
constexpr double kHardMps2 = 3.4;             // TrafficCounters::hard_brakings,
constexpr double kEmergencyMps2 = 4;          // emergency_brakings,
constexpr double kEndMps2 = 2;                // and when both are over.
constexpr double kComfortJerk = 3;           // m/s³
constexpr double kFirmJerk = 10;
constexpr double kEmergencyJerk = 60;
constexpr double kLookaheadMinM = 40;
constexpr double kLookaheadS = 6;
constexpr double kDivergeM = 7;              // A leader that turns off is in the way this long.
constexpr double kCornerLookaheadM = 100;

}  // namespace

// What its driver will look at, once it is there itself.
void Traffic::FetchFor(VehicleIndex vehicle) const {
  const Vehicle& me = vehicles_[vehicle];
  const TrackIndex way = city_.TrackOf(me.through);
  Prefetch(&drivers_[vehicle].ahead);
  Prefetch(&city_.connection(me.through));
  Prefetch(&city_.track(way));
  Prefetch(&queues_[way]);
}

void Traffic::Decide(std::uint32_t begin, std::uint32_t end, Tally* tally) {
  const VehicleIndex* coming = Gather(begin, end, tally);
  occupied_.ForEach(begin, end, [&](TrackIndex track) {
    const QueueRow& vehicles = queues_[track].vehicles;
    VehicleIndex leader = kNobody;
    for (std::size_t i = 0; i < vehicles.size(); ++i) {
      if (coming != nullptr) {
        Prefetch(&vehicles_[coming[kFetchFar]]);
        FetchFor(coming[kFetchNear]);
        ++coming;
      }
      const VehicleIndex vehicle = vehicles[i];
      Vehicle& me = vehicles_[vehicle];
      if (me.track != track) {
        leader = vehicle;
        continue;
      }
      const VehicleIndex behind = i + 1 < vehicles.size() ? vehicles[i + 1] : kNobody;
      me.accel_mps2 = static_cast<float>(AccelOf(vehicle, leader, behind, tally));
      if (me.accel_mps2 < -kHardMps2 || me.brakes_hard) CountBraking(&me, &tally->counters);
      leader = vehicle;
    }
  });
}

// Whoever brakes in an emergency brakes hard, too.
void Traffic::CountBraking(Vehicle* me, TrafficCounters* counters) {
  if (me->accel_mps2 > -kEndMps2) {
    me->brakes_hard = me->emergency = false;
    return;
  }
  if (me->accel_mps2 < -kHardMps2 && !me->brakes_hard) {
    ++counters->hard_brakings;
    me->brakes_hard = true;
  }
  if (me->accel_mps2 < -kEmergencyMps2 && !me->emergency) {
    ++counters->emergency_brakings;
    me->emergency = true;
  }
}

// One vehicle after the other as they lie in memory: by tracks each of these moments would be
// waited for.
void Traffic::RememberAll(std::uint32_t begin, std::uint32_t end, Tally*) {
  for (VehicleIndex vehicle = begin; vehicle < end; ++vehicle) {
    if (OnRoad(vehicle)) Remember(vehicle, step_ + 1);
  }
}

void Traffic::Remember(VehicleIndex vehicle, std::int64_t step) {
  const Vehicle& me = vehicles_[vehicle];
  Moment& moment = moments_[static_cast<std::size_t>(step & (kMoments - 1)) * vehicles_.size() + vehicle];
  moment.along_m = me.along_m;
  moment.speed_mps = me.speed_mps;
  moment.accel_mps2 = me.accel_mps2;
  moment.track = me.track;
  moment.through = me.through;
  moment.route = me.route;
  moment.intent = me.intent;
  moment.changing = me.changing;
}

double Traffic::AccelOf(VehicleIndex vehicle, VehicleIndex leader, VehicleIndex behind, Tally* tally) {
  Vehicle& me = vehicles_[vehicle];
  if (me.held) {
    if (drivers_[vehicle].held_until_step > step_ + 1) return me.speed_mps > 0 ? -kDecelMax * weather_.friction : 0;
    me.held = false;
  }
  const double speed = me.speed_mps;
  const VehicleKind& kind = KindOf(me);
  double limit = std::min(LimitOn(me.track) * me.eagerness, kind.speed_max_mps);
  for (const SlowPiece& slow : city_.slow_pieces(city_.track(me.track))) {
    if (me.along_m > slow.from_m && me.along_m < slow.to_m) limit = std::min(limit, slow.speed_mps * weather_.in_turns);
  }
  const double lookahead_m = std::max(kLookaheadMinM, kLookaheadS * speed);
  double wanted = kind.following.Free(speed, limit);
  wanted = std::min(wanted, ForSpeedsAhead(me));
  const double free = wanted;
  wanted = std::min(wanted, ForLeader(vehicle, leader, lookahead_m, free, tally));
  if (me.changing && changes_[vehicle].in_both) wanted = std::min(wanted, ForLaneLeft(vehicle, free, tally));
  if ((me.wants_left || me.wants_right) && !me.changing && me.turn_number == 0 && city_.IsLane(me.track)) {
    wanted = std::min(wanted, ForLaneWanted(vehicle, leader, behind));
  }
  if (me.courteous) wanted = std::min(wanted, ForOneLetIn(vehicle));
  wanted = std::min(wanted, ForJunction(vehicle, tally));
  if (me.halts) wanted = std::min(wanted, ForStop(vehicle));
  if (me.broken_down) wanted = std::min(wanted, -kBreakdownMps2);
  double accel = LimitedJerk(me, wanted);
  // A command is not a matter of comfort: it holds from this step on.
  if (me.limited) accel = std::min(accel, ForCeiling(vehicle));
  accel = std::max(accel, -kDecelMax * weather_.friction);
  return speed <= 0 ? std::max(accel, 0.0) : accel;
}

double Traffic::ForCeiling(VehicleIndex vehicle) const {
  const Driver& driver = drivers_[vehicle];
  const double speed = vehicles_[vehicle].speed_mps;
  const double down_to = (driver.ceiling_mps - speed) / kStepS;
  return speed > driver.ceiling_mps ? std::max<double>(-driver.ceiling_decel_mps2, down_to) : down_to;
}

double Traffic::LimitedJerk(const Vehicle& me, double wanted) const {
  double down = kComfortJerk;
  if (wanted < -2.2) down = kFirmJerk;
  if (wanted < -4) down = kEmergencyJerk;
  const double up = me.accel_mps2 < 0 ? 2 * kComfortJerk : kComfortJerk;
  // At a stand the brake is let go at once.
  const double before = me.speed_mps <= 0 ? std::max(me.accel_mps2, 0.0f) : me.accel_mps2;
  return std::clamp(wanted, before - down * kStepS, before + up * kStepS);
}

double Traffic::ForSpeedsAhead(const Vehicle& me) const {
  const double corners = ForCornersAhead(me);
  if (me.leaving) return corners;
  const double left_m = city_.track(me.track).length_m - me.along_m;
  TrackIndex next;
  if (city_.IsLane(me.track)) {
    if (left_m >= 100) return corners;
    next = city_.TrackOf(me.through);
  } else {
    next = city_.connection(me.through).to_lane;
  }
  const double target = LimitOn(next) * std::min(me.eagerness, 1.0f);
  return std::min(corners, SlowDown(me.speed_mps, target, left_m));
}

// On its track and on the next lane.
double Traffic::ForCornersAhead(const Vehicle& me) const {
  double accel = kNoLimitMps2;
  const auto look = [&](TrackIndex track, double start_m) {
    for (const SlowPiece& slow : city_.slow_pieces(city_.track(track))) {
      const double ahead_m = start_m + slow.from_m;
      if (ahead_m > 0) accel = std::min(accel, SlowDown(me.speed_mps, slow.speed_mps * weather_.in_turns, ahead_m));
    }
  };
  look(me.track, -me.along_m);
  if (me.leaving) return accel;
  double left_m = city_.track(me.track).length_m - me.along_m;
  if (city_.IsLane(me.track)) left_m += city_.track(city_.TrackOf(me.through)).length_m;
  if (left_m < kCornerLookaheadM) look(city_.connection(me.through).to_lane, left_m);
  return accel;
}

double Traffic::ForLeader(VehicleIndex vehicle, VehicleIndex leader, double lookahead_m,
                          double desired_accel, Tally* tally) {
  const Vehicle& me = vehicles_[vehicle];
  // `on` begins `start_m` after my own track.
  const auto behind = [&](VehicleIndex other, TrackIndex on, double start_m) {
    return BehindLeader(vehicle, other, start_m + AlongOn(other, on) - me.along_m - LengthsM(me, vehicles_[other]),
                        desired_accel, tally);
  };
  const auto behind_departed = [&](VehicleIndex other, double start_m) {
    return behind(other, vehicles_[other].track, start_m);
  };
  if (leader != kNobody) return behind(leader, me.track, 0);
  double accel = kNoLimitMps2;
  if (me.leaving) return accel;
  double start_m = city_.track(me.track).length_m;  // Of the next track.
  TrackIndex track = me.track;
  ConnectionIndex through = me.through;
  if (city_.IsLane(track)) {
    // Whoever left this lane for another connection than mine still has its tail in my way.
    const VehicleIndex departed = queues_[track].departed;
    if (departed != kNobody && departed != vehicle) {
      if (TailIsOn(departed, track, through)) accel = behind_departed(departed, start_m);
    }
    track = city_.TrackOf(through);
    if (start_m - me.along_m >= lookahead_m) return accel;
    if (!queues_[track].vehicles.empty()) {
      return std::min(accel, behind(queues_[track].vehicles.back(), track, start_m));
    }
    start_m += city_.track(track).length_m;
  } else {
    const Connection& mine = city_.connection(through);
    const VehicleIndex departed = queues_[mine.from_lane].departed;
    if (departed != kNobody && departed != vehicle && me.along_m < kDivergeM) {
      const Vehicle& other = vehicles_[departed];
      if (other.track != track && !city_.IsLane(other.track) && other.along_m > me.along_m &&
          city_.connection(other.through).from_lane == mine.from_lane &&
          other.along_m < kDivergeM) {
        accel = behind_departed(departed, 0);
      }
    }
  }
  // On from the end of the connection.
  Goals route = me.route;
  track = city_.connection(through).to_lane;
  while (start_m - me.along_m < lookahead_m) {
    if (!queues_[track].vehicles.empty()) {
      return std::min(accel, behind(queues_[track].vehicles.back(), track, start_m));
    }
    start_m += city_.track(track).length_m;
    if (start_m - me.along_m > lookahead_m) break;
    if (city_.IsLane(track)) {
      if (city_.lane(track).connection_count == 0) break;
      through = Follow(vehicle, &route, track);
      const VehicleIndex departed = queues_[track].departed;
      if (departed != kNobody && departed != vehicle && TailIsOn(departed, track, through)) {
        accel = std::min(accel, behind_departed(departed, start_m));
      }
      track = city_.TrackOf(through);
    } else {
      track = city_.connection(through).to_lane;
    }
  }
  return accel;
}

// Whether one that left `lane` by another connection than `through` is in the way still.
bool Traffic::TailIsOn(VehicleIndex departed, LaneIndex lane, ConnectionIndex through) const {
  const Vehicle& other = vehicles_[departed];
  return !city_.IsLane(other.track) && other.through != through &&
         city_.connection(other.through).from_lane == lane && other.along_m < kDivergeM;
}

double Traffic::BehindLeader(VehicleIndex vehicle, VehicleIndex leader, double gap_m,
                             double desired_accel, Tally* tally) {
  Vehicle& me = vehicles_[vehicle];
  const double speed = me.speed_mps;
  const double closing = speed - vehicles_[leader].speed_mps;
  const double room_m = std::max(gap_m - 0.8, 0.1);
  const double needed = closing > 0 ? closing * closing / (2 * room_m) : 0;
  if (needed > 3 && closing > 1) {
    if (!me.following_counted && !drivers_[leader].Touches(vehicle)) {
      ++tally->counters.near_misses_following;
      if (me.late_brake_mps2 > 0) Note(vehicle, MistakeKind::kBrakedLate, tally);
    }
    me.following_counted = true;
  } else if (needed < 1) {
    me.following_counted = false;
  }
  if (gap_m < 0.3) return -kDecelMax;
  const CarFollowing& following = KindOf(me).following;
  const double base = std::clamp(desired_accel, 0.0, following.accel_mps2);
  if (me.late_brake_mps2 > 0 && gap_m > following.gap_min_m + 0.4 * speed) {
    if (needed < me.late_brake_mps2) return closing > 0.5 ? 0 : base;
    return -std::min(kDecelMax, 1.25 * needed);
  }
  double headway_s = following.headway_s;
  if (me.tailgates) {
    headway_s = config_.faults.tailgate_headway_s;
    if (gap_m < kTailgatedS * speed && speed > kTailgatedMps && tailgated_[vehicle] != leader) {
      tailgated_[vehicle] = leader;
      Note(vehicle, MistakeKind::kTailgated, tally);
    }
  }
  const double kept_m = following.gap_min_m + (vehicles_[leader].broken_down ? kKeptFreeM : 0);
  const double model = following.Behind(base, following.Interaction(speed, gap_m, closing, headway_s, kept_m));
  // The model brakes hardest where it is late anyway; tyres and a margin bound it.
  return std::max(model, -std::max(3.0, 1.4 * needed));
}

}  // namespace starling::sim
