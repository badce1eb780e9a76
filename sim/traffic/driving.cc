#include <algorithm>
#include <cmath>

#include "sim/traffic/traffic.h"

namespace starling::sim {
namespace {

constexpr double kDecelMax = 8;              // What tyres give, m/s².
constexpr double kComfortJerk = 3;           // m/s³
constexpr double kFirmJerk = 10;
constexpr double kEmergencyJerk = 60;
constexpr double kSlowDownMps2 = 1.1;        // Where braking for a lower speed begins.
constexpr double kLookaheadMinM = 40;
constexpr double kLookaheadS = 6;
constexpr double kDivergeM = 7;              // A leader that turns off is in the way this long.

}  // namespace

double Traffic::Decide(VehicleIndex vehicle, double dt_s) {
  Vehicle& me = vehicles_[vehicle];
  if (me.held_until_ns > me.time_ns) return me.speed_mps > 0 ? -kDecelMax : 0;
  const double limit = city_.track(me.track).speed_limit_mps * me.eagerness;
  const double lookahead_m = std::max(kLookaheadMinM, kLookaheadS * me.speed_mps);
  double wanted = following_.Free(me.speed_mps, limit);
  wanted = std::min(wanted, ForSpeedsAhead(me));
  wanted = std::min(wanted, ForLeader(vehicle, lookahead_m, wanted));
  wanted = std::min(wanted, ForJunction(vehicle));
  double accel = LimitedJerk(me, wanted, dt_s);
  // A command is not a matter of comfort: it holds from this step on.
  if (me.speed_mps > me.ceiling_mps) {
    const double down_to = (me.ceiling_mps - me.speed_mps) / dt_s;
    accel = std::min(accel, std::max(-me.ceiling_decel_mps2, down_to));
  } else {
    accel = std::min(accel, (me.ceiling_mps - me.speed_mps) / dt_s);
  }
  accel = std::max(accel, -kDecelMax);
  return me.speed_mps <= 0 ? std::max(accel, 0.0) : accel;
}

double Traffic::LimitedJerk(const Vehicle& me, double wanted, double dt_s) const {
  double down = kComfortJerk;
  if (wanted < -2.2) down = kFirmJerk;
  if (wanted < -4) down = kEmergencyJerk;
  const double up = me.accel_mps2 < 0 ? 2 * kComfortJerk : kComfortJerk;
  // At a stand the brake is let go at once.
  const double before = me.speed_mps <= 0 ? std::max(me.accel_mps2, 0.0) : me.accel_mps2;
  return std::clamp(wanted, before - down * dt_s, before + up * dt_s);
}

double Traffic::ForSpeedsAhead(const Vehicle& me) const {
  double accel = 1e9;
  const auto reach = [&](TrackIndex track, double distance_m) {
    const double target = city_.track(track).speed_limit_mps * std::min<double>(me.eagerness, 1);
    if (me.speed_mps <= target) return;
    const double needed = (me.speed_mps * me.speed_mps - target * target) /
                          (2 * std::max(distance_m, 1.0));
    if (needed > kSlowDownMps2) accel = std::min(accel, -std::min(needed, 4.0));
  };
  const double left_m = city_.track(me.track).length_m - me.along_m;
  if (city_.IsLane(me.track)) {
    if (left_m < 100) reach(city_.TrackOf(me.through), left_m);
  } else {
    reach(city_.connection(me.through).to_lane, left_m);
  }
  return accel;
}

double Traffic::ForLeader(VehicleIndex vehicle, double lookahead_m, double desired_accel) {
  const Vehicle& me = vehicles_[vehicle];
  const auto behind = [&](VehicleIndex leader, double track_start_m) {
    const Other other = At(vehicles_[leader], me.time_ns);
    return BehindLeader(vehicle, leader,
                        track_start_m + other.along_m - me.along_m - kVehicleLengthM,
                        other.speed_mps, desired_accel);
  };
  if (me.ahead != kNobody) return behind(me.ahead, 0);
  double accel = 1e9;
  double start_m = city_.track(me.track).length_m;  // Of the next track.
  TrackIndex track = me.track;
  ConnectionIndex through = me.through;
  if (city_.IsLane(track)) {
    // Whoever left this lane for another connection than mine still has its tail in my way.
    const VehicleIndex departed = queues_[track].departed;
    if (departed != kNobody && departed != vehicle) {
      const Vehicle& other = vehicles_[departed];
      if (!city_.IsLane(other.track) && other.through != through &&
          city_.connection(other.through).from_lane == track && other.along_m < kDivergeM) {
        accel = behind(departed, start_m);
      }
    }
    track = city_.TrackOf(through);
    if (queues_[track].last != kNobody) {
      return std::min(accel, behind(queues_[track].last, start_m));
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
        accel = behind(departed, 0);
      }
    }
  }
  // On from the end of the connection.
  track = city_.connection(through).to_lane;
  while (start_m - me.along_m < lookahead_m) {
    if (queues_[track].last != kNobody) {
      return std::min(accel, behind(queues_[track].last, start_m));
    }
    start_m += city_.track(track).length_m;
    if (start_m - me.along_m > lookahead_m) break;
    if (city_.IsLane(track)) {
      through = NextAfter(me, track);
      track = city_.TrackOf(through);
    } else {
      track = city_.connection(through).to_lane;
    }
  }
  return accel;
}

double Traffic::BehindLeader(VehicleIndex vehicle, VehicleIndex leader, double gap_m,
                             double leader_mps, double desired_accel) {
  Vehicle& me = vehicles_[vehicle];
  const double closing = me.speed_mps - leader_mps;
  const double room_m = std::max(gap_m - 0.8, 0.1);
  const double needed = closing > 0 ? closing * closing / (2 * room_m) : 0;
  if (needed > 3 && closing > 1) {
    if (!me.following_counted && !vehicles_[leader].Touches(vehicle)) {
      ++counters_.near_misses_following;
    }
    me.following_counted = true;
  } else if (needed < 1) {
    me.following_counted = false;
  }
  if (gap_m < 0.3) return -kDecelMax;
  const double base = std::clamp(desired_accel, 0.0, following_.accel_mps2);
  if (me.late_brake_mps2 > 0 && gap_m > following_.gap_min_m + 0.4 * me.speed_mps) {
    if (needed < me.late_brake_mps2) return closing > 0.5 ? 0 : base;
    return -std::min(kDecelMax, 1.25 * needed);
  }
  const double model = base - following_.Interaction(me.speed_mps, gap_m, closing);
  // The model brakes hardest where it is late anyway; tyres and a margin bound it.
  return std::max(model, -std::max(3.0, 1.4 * needed));
}

}  // namespace starling::sim
