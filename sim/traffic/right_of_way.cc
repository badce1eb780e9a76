// Who goes first at a junction.  A vehicle commits itself to its movement before
// it enters: commitments are ordered, and the later one waits for the earlier one
// wherever their paths touch.  Drivers who look away or run red skip the question, and those who
// force their way have an answer of their own.
#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include "common/check.h"
#include "common/geo/trigonometry.h"
#include "common/prefetch.h"
#include "sim/traffic/box.h"
#include "sim/traffic/traffic.h"

namespace starling::sim {
namespace {

constexpr double kLineMarginM = 1.0;          // Stops this far before the line.
constexpr double kBeginStopMps2 = 1.5;        // Where braking for the line begins.
constexpr double kStopMps2 = 3.5;             // Harder than that, a driver goes on.
constexpr double kGoesOnS = 2;                // What one who moves now is trusted to.
constexpr double kGapM = 2.4;                 // In a queue, as it may be.
constexpr double kNeverS = 1e6;
constexpr double kRunnerRedS = 1.3;
constexpr double kForcedMps2 = 4;             // What one who forces his way leaves to the others.
constexpr double kStuckS = 7;
constexpr double kShortLaneM = 12;            // One cannot be relied on to stop on it.
constexpr int kStreetsMax = 6;                // Looked back for those who come.
constexpr double kDecideMaxM = 250;          // Nobody decides farther from the line.
constexpr double kFollowMps2 = 2;             // Asked of one who has to follow somebody who joins.
constexpr double kCrawlMps = 0.8;
constexpr double kSlowMps = 4;
constexpr double kSweptMaxM = 4;              // Looked for behind a junction.
constexpr double kSweptStepM = 0.5;
constexpr double kSweptBesideM = 0.2;         // Between a tail and who passes it:
constexpr double kSweptCarM = 5;              // a long car.
constexpr double kCreepMps = 4;                // So slowly everybody sees what stands in front of him,
constexpr double kCreepSeeM = 1.2;            // to that much beyond where he can stop,
constexpr double kCreepStepM = 0.3;
constexpr double kCreepMps2 = 3;
constexpr double kCreepKeptM = 0.4;           // and keeps that much away.
constexpr double kWedgedS = 20;
constexpr double kScrapeS = 60;
constexpr std::int64_t kSqueezeSteps = 30;
constexpr double kSqueezeMps = 2;
constexpr double kStartledMps = 1.5;          // Who has braked so far for one that he had overlooked has seen him.
constexpr double kPullAway = 0.83;            // Of what the driver can: at least, out of a stand.

// Deceleration that it would take to stop before the line, once the foot is on the brake.
double NeededToStop(const Vehicle& me, double to_line_m) {
  const double soon_mps = me.speed_mps + 0.3 * std::max<double>(me.accel_mps2, 0);
  const double room_m = to_line_m - 0.3 * me.speed_mps - 0.2;
  return soon_mps * soon_mps / (2 * std::max(room_m, 0.05));
}

// Whether one who is forced to can stop for another one in `room_m`.
bool CanStopIn(double speed_mps, double room_m) {
  return speed_mps * speed_mps < 2 * kForcedMps2 * (room_m - 0.3 * speed_mps - 1);
}

// How far before the line a driver begins to think of it.
double SeeM(double speed_mps) { return speed_mps * speed_mps / 3 + 0.7 * speed_mps + 8; }

// Seconds until `distance_m` is behind, at best: pulling away at 2.2 m/s².
double SoonestS(double distance_m, double speed_mps, double limit_mps) {
  if (distance_m <= 0) return 0;
  const double top = std::max(speed_mps, limit_mps);
  const double ramp_s = (top - speed_mps) / 2.2;
  const double ramp_m = (speed_mps + top) / 2 * ramp_s;
  if (distance_m > ramp_m) return ramp_s + (distance_m - ramp_m) / top;
  return (std::sqrt(speed_mps * speed_mps + 2 * 2.2 * distance_m) - speed_mps) / 2.2;
}

// Seconds until `distance_m` is behind, for a driver who takes the turn with care.
double LatestS(double distance_m, double speed_mps, double limit_mps, double accel_mps2) {
  if (distance_m <= 0) return 0;
  const double top = limit_mps * 0.85;
  const double from = std::min(speed_mps, top);
  const double pull_mps2 = kPullAway * accel_mps2;
  const double ramp_s = (top - from) / pull_mps2;
  const double ramp_m = (from + top) / 2 * ramp_s;
  const double start_s = speed_mps < 1 ? 0.4 : 0;
  if (distance_m > ramp_m) return start_s + ramp_s + (distance_m - ramp_m) / top;
  return start_s +
         (std::sqrt(from * from + 2 * pull_mps2 * distance_m) - from) / pull_mps2;
}

}  // namespace

// Seconds until one that is under way through a junction has `rest_m` behind it.  Who is slow
// and did not pull away in the last step has somebody in front of him.
double Traffic::GoneS(VehicleIndex vehicle, double rest_m, double limit_mps) const {
  const double v = vehicles_[vehicle].speed_mps;
  // Not the vehicle's own figure: its driver may be deciding on it now.
  if (v < 4 && MomentAt(vehicle, step_).accel_mps2 < 0.5f) return v > 0.1 ? rest_m / v : kNeverS;
  return LatestS(rest_m, v, limit_mps, PullOf(vehicles_[vehicle]));
}

// What a junction to come is about, in two steps: the second one reads what the first has fetched.
void Traffic::FetchQueues(JunctionIndex junction) const {
  Prefetch(&crossings_[junction]);
  for (const LaneIndex lane : city_.incoming(junction)) {
    Prefetch(&queues_[lane]);
    Prefetch(&city_.track(lane));
  }
}

void Traffic::FetchVehicles(JunctionIndex junction) const {
  for (const LaneIndex lane : city_.incoming(junction)) {
    if (!queues_[lane].vehicles.empty()) Prefetch(&vehicles_[queues_[lane].vehicles.front()]);
  }
  const Crossing& crossing = crossings_[junction];
  for (std::uint32_t i = 0; i < crossing.count; ++i) {
    Prefetch(&vehicles_[crossing.members[i]]);
    Prefetch(&drivers_[crossing.members[i]].ahead);
  }
}

void Traffic::Arbitrate(std::uint32_t begin, std::uint32_t end, Tally* tally) {
  const bool fetch = vehicles_.size() >= kFetchedFrom;
  for (JunctionIndex junction = begin; junction < end; ++junction) {
    if (fetch) {
      if (junction + kFetchQueues < end) FetchQueues(junction + kFetchQueues);
      if (junction + kFetchVehicles < end) FetchVehicles(junction + kFetchVehicles);
    }
    const std::span<const LaneIndex> incoming = city_.incoming(junction);
    // Who asks first has an advantage: everybody in turn.
    const std::size_t first = static_cast<std::size_t>(step_ & 0xffff) % incoming.size();
    for (std::size_t i = 0; i < incoming.size(); ++i) {
      ArbitrateLane(incoming[(first + i) % incoming.size()], tally);
    }
  }
}

void Traffic::ArbitrateLane(LaneIndex lane, Tally* tally) {
  VehicleIndex leader = kNobody;
  const double length_m = city_.track(lane).length_m;
  for (const VehicleIndex vehicle : queues_[lane].vehicles) {
    const Vehicle& me = vehicles_[vehicle];
    const bool stops = me.halts && me.track == lane && StopsOn(vehicle, lane);
    if (stops && IsCommitted(me) && me.along_m + me.half_length_m < length_m) GiveUp(vehicle);
    if (me.track != lane || me.leaving || me.broken_down || stops) {  // Until it is gone nobody behind it goes.
      leader = vehicle;
      continue;
    }
    const double to_line_m = length_m - me.along_m - me.half_length_m;
    if (to_line_m > kDecideMaxM) return;
    if (IsCommitted(me)) {
      if (to_line_m > 0 && MustGiveUp(me, leader, to_line_m)) GiveUp(vehicle);
    } else if (me.turn_number == 0 && !me.changing) {  // Otherwise its tail is still in the last junction.
      if (Goes(vehicle, leader, to_line_m, tally)) Commit(vehicle);
    }
    leader = vehicle;
  }
  if (length_m < kShortLaneM) ArbitrateBefore(lane, leader);
}

// Whether it commits itself to the junction ahead, by what its driver sees and cares for.
bool Traffic::Goes(VehicleIndex vehicle, VehicleIndex leader, double to_line_m, Tally* tally) {
  Vehicle& me = vehicles_[vehicle];
  const bool looked_away = me.looks_away;
  // Who takes red for green looks out for nobody.
  const bool heedless = looked_away || (me.runs_red && LightOf(me.through).light == Light::kRed);
  const bool yields = Yields(me.through);
  const double decide_m = yields && !heedless ? 1.2 * me.speed_mps + 7 : SeeM(me.speed_mps);
  if (to_line_m >= decide_m) return false;
  if (MayCommit(me, me.through, leader, to_line_m, heedless)) {
    me.looks_away = heedless;
    if (looked_away && !IsClear(me, me.through, to_line_m)) Note(vehicle, MistakeKind::kLookedAway, tally);
    return true;
  }
  if (!me.pushes) return false;
  me.forces = true;
  if (MayCommit(me, me.through, leader, to_line_m, /*looks_away=*/false)) {
    Note(vehicle, MistakeKind::kIgnoredRightOfWay, tally);
    return true;
  }
  me.forces = false;
  return false;
}

// Those who will come to a lane on which they might not be able to stop, from the junction
// before it; `last` is behind the others on the lane.
void Traffic::ArbitrateBefore(LaneIndex lane, VehicleIndex last) {
  if (city_.lane(lane).connection_count == 0) return;
  const bool goes_on = last == kNobody || IsCommitted(vehicles_[last]);
  for (const ConnectionIndex arriving : city_.arriving(lane)) {
    const TrackIndex track = city_.TrackOf(arriving);
    if (queues_[track].vehicles.empty()) continue;
    const VehicleIndex vehicle = queues_[track].vehicles.front();
    const Vehicle& me = vehicles_[vehicle];
    const double to_start_m = city_.track(track).length_m - me.along_m + city_.track(lane).length_m;
    const double to_line_m = to_start_m - me.half_length_m;
    const Commitment& ahead = drivers_[vehicle].ahead;
    if (ahead.turn_number != 0) {
      const bool can_stop = NeededToStop(me, to_line_m) <= kStopMps2;
      if (can_stop && ((me.halts && StopsOn(vehicle, lane)) || !SignalAllows(me, ahead.way, to_line_m, /*committed=*/true) ||
                       !HasRoom(me, ahead.way, true))) {
        GiveUpAhead(vehicle);
      }
      continue;
    }
    Goals route = me.route;
    const ConnectionIndex way = Follow(vehicle, &route, lane);
    if (!goes_on || LeavesOn(vehicle, route, lane) || (me.halts && StopsOn(vehicle, lane))) continue;
    const double decide_m = Yields(way) ? 1.2 * me.speed_mps + 7 : SeeM(me.speed_mps);
    if (to_line_m < decide_m && MayCommit(me, way, kNobody, to_line_m, /*looks_away=*/false)) CommitAhead(vehicle, way, to_start_m);
  }
}

double Traffic::ForJunction(VehicleIndex vehicle, Tally* tally) {
  Vehicle& me = vehicles_[vehicle];
  double accel = kNoLimitMps2;
  const auto for_others = [&] {
    return ForOthersCrossing(vehicle, {me.committed, me.turn_number, me.committed_offset_m}, tally);
  };
  if (me.leaving) return me.turn_number != 0 ? for_others() : accel;
  if (city_.IsLane(me.track) && (me.turn_number == 0 || me.committed == me.through)) {
    const double to_line_m = city_.track(me.track).length_m - me.along_m - me.half_length_m;
    if (to_line_m < 0 && !me.over_line) {
      me.over_line = true;
      if (LightOf(me.through).light == Light::kRed) {
        ++tally->counters.red_light_runs;
        Note(vehicle, MistakeKind::kRedRun, tally);
      }
    }
    if (me.turn_number == 0 && to_line_m < SeeM(me.speed_mps)) {
      accel = StopIn(me.speed_mps, to_line_m - kLineMarginM, me.accel_mps2, kBeginStopMps2);
    }
  }
  if (me.turn_number != 0) {
    accel = std::min(accel, for_others());
    const Commitment& ahead = drivers_[vehicle].ahead;
    if (ahead.turn_number != 0) accel = std::min(accel, ForOthersCrossing(vehicle, ahead, tally));
  }
  return std::min(accel, ForJunctionsAhead(vehicle));
}

// For those after the next one, where streets are short: nobody has committed himself there.  On a street on which it might
// not be able to stop it waits before for those who have gone first behind it.
double Traffic::ForJunctionsAhead(VehicleIndex vehicle) const {
  const Vehicle& me = vehicles_[vehicle];
  const double see_m = SeeM(me.speed_mps);
  double line_m = city_.track(me.track).length_m - me.along_m - me.half_length_m;
  if (city_.IsLane(me.track)) line_m += city_.track(city_.TrackOf(me.through)).length_m;
  ConnectionIndex through = me.through;
  Goals route = me.route;
  double accel = kNoLimitMps2;
  while (line_m < see_m) {
    const LaneIndex lane = city_.connection(through).to_lane;
    line_m += city_.track(lane).length_m;
    if (line_m >= see_m) break;
    if (city_.lane(lane).connection_count == 0) break;
    through = Follow(vehicle, &route, lane);
    if (LeavesOn(vehicle, route, lane)) break;
    const Commitment& ahead = drivers_[vehicle].ahead;
    const bool committed = ahead.turn_number != 0 && ahead.way == through;
    if (committed) {
      // As for the one that it is committed to.
    } else if (Yields(through) || LightOf(through).light != Light::kGreen || IsObstructed(through) ||
               (city_.track(lane).length_m < kShortLaneM && !ClearOfMembers(me, through, line_m))) {
      accel = std::min(accel, StopIn(me.speed_mps, line_m - kLineMarginM, me.accel_mps2, kBeginStopMps2));
      break;
    }
    const Track& way = city_.track(city_.TrackOf(through));
    accel = std::min(accel, SlowDown(me.speed_mps, LimitOn(city_.TrackOf(through)), line_m + me.half_length_m));
    line_m += way.length_m;
  }
  return accel;
}

// Whether somebody stands, or nearly so, in the way through a junction.
bool Traffic::IsObstructed(ConnectionIndex way) const {
  const Crossing& crossing = crossings_[city_.connection(way).junction];
  for (std::uint32_t i = 0; i < crossing.count; ++i) {
    if (vehicles_[crossing.members[i]].speed_mps >= kSlowMps) continue;
    const Commitment member = CommitmentOf(crossing.members[i], city_.connection(way).junction);
    if (member.turn_number != 0 && city_.Zone(way, member.way) != nullptr) return true;
  }
  return false;
}

LightState Traffic::LightOf(ConnectionIndex number) const {
  const SignalIndex signal = city_.connection(number).signal;
  if (signal == kNoSignal) return {};
  return LightAt(city_.signal(signal), static_cast<double>(step_ + 1) * ToSeconds(kStep));
}

// Whether it has to look for others: by the junction's rules, unless its light says that it goes first.
bool Traffic::Yields(ConnectionIndex way) const { return city_.connection(way).yields && !LightOf(way).first; }

bool Traffic::SignalAllows(const Vehicle& me, ConnectionIndex way, double to_line_m, bool committed) const {
  const LightState state = LightOf(way);
  if (state.light == Light::kGreen || (me.runs_red && way == me.through)) return true;
  const double needed = NeededToStop(me, to_line_m);
  // Decided once: who has begun to brake for the yellow does not think again.
  if (state.light == Light::kYellow) {
    return me.runner ? needed > 1.0 : committed && needed > kStopMps2;
  }
  if (me.runner && state.since_s < kRunnerRedS && needed > 1.5) return true;
  return committed && needed > kStopMps2;
}

// How far into each connection's street those reach who take other ways through the junction: around a sharp turn a
// car's corners swing over the lanes beside it.
void Traffic::FindSwept() {
  swept_m_.assign(city_.connections().size(), 0);
  const auto box_at = [&](TrackIndex track, double along_m, double beside_m) {
    const Pose pose = city_.PoseAt(track, along_m);
    return Box{pose.position, HeadingVector(pose.heading_rad), kSweptCarM / 2 + beside_m, kVehicleWidthM / 2 + beside_m};
  };
  std::vector<std::vector<Box>> passing;  // By way: a car along it, from the lane before to the one behind.
  for (const Junction& junction : city_.junctions()) {
    passing.assign(junction.connection_count, {});
    for (std::uint32_t i = 0; i < junction.connection_count; ++i) {
      const ConnectionIndex way = junction.connection_first + i;
      const double lane_m = city_.track(city_.connection(way).from_lane).length_m;
      for (double at_m = std::max(0.0, lane_m - kSweptCarM); at_m < lane_m; at_m += kSweptStepM) {
        passing[i].push_back(box_at(city_.connection(way).from_lane, at_m, kSweptBesideM));
      }
      const double way_m = city_.track(city_.TrackOf(way)).length_m;
      for (double at_m = 0; at_m < way_m; at_m += kSweptStepM) {
        passing[i].push_back(box_at(city_.TrackOf(way), at_m, kSweptBesideM));
      }
      const double exit_m = std::min<double>(kSweptCarM, city_.track(city_.connection(way).to_lane).length_m);
      for (double at_m = 0; at_m < exit_m; at_m += kSweptStepM) {
        passing[i].push_back(box_at(city_.connection(way).to_lane, at_m, kSweptBesideM));
      }
    }
    for (std::uint32_t mine = 0; mine < junction.connection_count; ++mine) {
      const Connection& way = city_.connection(junction.connection_first + mine);
      const double exit_m = city_.track(way.to_lane).length_m;
      float& swept_m = swept_m_[junction.connection_first + mine];
      for (std::uint32_t other = 0; other < junction.connection_count; ++other) {
        const Connection& theirs = city_.connection(junction.connection_first + other);
        // Those follow each other.
        if (theirs.to_lane == way.to_lane || theirs.from_lane == way.from_lane) continue;
        for (double tail_m = swept_m; tail_m < kSweptMaxM; tail_m += kSweptStepM) {
          const double centre_m = tail_m + kSweptCarM / 2;
          if (centre_m > exit_m) break;
          const Box standing = box_at(way.to_lane, centre_m, 0);
          const bool touched = std::ranges::any_of(passing[other], [&](const Box& box) {
            return NormSquared(box.centre - standing.centre) < (kSweptCarM + 1) * (kSweptCarM + 1) && BoxesOverlap(box, standing);
          });
          if (touched) swept_m = static_cast<float>(tail_m + kSweptStepM);
        }
      }
    }
  }
}

// Whether one more finds room behind the junction; `reserved`: one of those that are to come is it.
bool Traffic::HasRoom(const Vehicle& me, ConnectionIndex way, bool reserved) const {
  const LaneIndex exit = city_.connection(way).to_lane;
  const Queue& queue = queues_[exit];
  if (swept_m_[way] > 0) return HasRoomForTail(me, way, reserved);
  if (queue.vehicles.empty()) return queue.reserved < 8;
  const Vehicle& last = vehicles_[queue.vehicles.back()];
  const std::uint32_t others = queue.reserved - (reserved && queue.reserved > 0 ? 1 : 0);
  const double room_m = AlongOn(queue.vehicles.back(), exit) - last.half_length_m + kGoesOnS * last.speed_mps +
                        last.speed_mps * last.speed_mps / (2 * kStopMps2) - (last.broken_down ? kKeptFreeM : 0);
  // Those that are to come are taken for cars.
  return room_m > 2 * me.half_length_m + kGapM + (kVehicleLengthM + kGapM) * others;
}

// The same where others swing over the street's beginning: there has to be room if everybody before it stops.
bool Traffic::HasRoomForTail(const Vehicle& me, ConnectionIndex way, bool reserved) const {
  const LaneIndex exit = city_.connection(way).to_lane;
  const Queue& queue = queues_[exit];
  const std::uint32_t others = queue.reserved - (reserved && queue.reserved > 0 ? 1 : 0);
  double room_m = city_.track(exit).length_m - kLineMarginM + kGapM;
  if (!queue.vehicles.empty()) {
    const Vehicle& last = vehicles_[queue.vehicles.back()];
    room_m = AlongOn(queue.vehicles.back(), exit) - last.half_length_m +
             last.speed_mps * last.speed_mps / (2 * kStopMps2) - (last.broken_down ? kKeptFreeM : 0);
  }
  return room_m > swept_m_[way] + 2 * me.half_length_m + kGapM + (kVehicleLengthM + kGapM) * others;
}

// `leader` is in front of it on its lane; nobody behind goes before him.
bool Traffic::MayCommit(const Vehicle& me, ConnectionIndex way, VehicleIndex leader, double to_line_m,
                        bool looks_away) const {
  if (leader != kNobody && !IsCommitted(vehicles_[leader])) return false;
  const Connection& connection = city_.connection(way);
  if (crossings_[connection.junction].count == Crossing::kMembersMax) return false;
  if (!SignalAllows(me, way, to_line_m, /*committed=*/false) || !HasRoom(me, way, false)) return false;
  return looks_away || IsClear(me, way, to_line_m);
}

// Of all for whom it has to wait.
bool Traffic::IsClear(const Vehicle& me, ConnectionIndex way, double to_line_m) const {
  return ClearOfMembers(me, way, to_line_m) &&
         (!Yields(way) || ClearOfApproaching(me, way, to_line_m));
}

bool Traffic::MustGiveUp(const Vehicle& me, VehicleIndex leader, double to_line_m) const {
  if (NeededToStop(me, to_line_m) > kStopMps2) return false;
  if (leader != kNobody && !IsCommitted(vehicles_[leader])) return true;
  return !SignalAllows(me, me.through, to_line_m, /*committed=*/true) || !HasRoom(me, me.through, true);
}

bool Traffic::ClearOfMembers(const Vehicle& me, ConnectionIndex way, double to_line_m) const {
  const double my_limit = city_.track(city_.TrackOf(way)).speed_limit_mps;
  const JunctionIndex junction = city_.connection(way).junction;
  const Crossing& crossing = crossings_[junction];
  for (std::uint32_t i = 0; i < crossing.count; ++i) {
    const Vehicle& other = vehicles_[crossing.members[i]];
    const Commitment member = CommitmentOf(crossing.members[i], junction);
    if (member.turn_number == 0) continue;
    const ConflictZone* mine = city_.Zone(way, member.way);
    if (mine == nullptr) continue;
    const double centre_m = other.along_m + member.offset_m;
    if (other.hidden && centre_m + other.half_length_m < 0) continue;
    const ConflictZone* theirs = city_.Zone(member.way, way);
    const double rest_m = theirs->leave_m - (centre_m - other.half_length_m);
    if (rest_m <= 0) continue;
    const double their_limit = city_.track(city_.TrackOf(member.way)).speed_limit_mps;
    const double my_enter_s = SoonestS(to_line_m + mine->enter_m, me.speed_mps, my_limit);
    if (GoneS(crossing.members[i], rest_m, LimitOn(city_.TrackOf(member.way))) + 0.3 < my_enter_s) continue;
    const double my_leave_s = LatestS(to_line_m + mine->leave_m + 2 * me.half_length_m, me.speed_mps,
                                      PaceAt(me, way, mine->leave_m), PullOf(me));
    const double their_enter_s =
        SoonestS(theirs->enter_m - centre_m - other.half_length_m, other.speed_mps, their_limit);
    if (my_leave_s + std::max(0.3, 1.0 - 0.05 * me.waited_s()) < their_enter_s) continue;
    if (Forces(me) && CanStopIn(other.speed_mps, theirs->enter_m - centre_m - other.half_length_m)) continue;
    return false;
  }
  return true;
}

bool Traffic::ClearOfApproaching(const Vehicle& me, ConnectionIndex way, double to_line_m) const {
  const Connection& connection = city_.connection(way);
  // Four who all have someone to their right take turns.
  if (city_.junction(connection.junction).control == Control::kPriorityToRight &&
      me.waited_s() > 2.5) {
    return true;
  }
  const double length_m = city_.track(city_.TrackOf(way)).length_m;
  const double my_limit = LimitOn(city_.TrackOf(way));
  const double through_s = LatestS(to_line_m + length_m + 2 * me.half_length_m, me.speed_mps, my_limit, PullOf(me));
  for (const LaneIndex lane : city_.incoming(connection.junction)) {
    if (lane == connection.from_lane) continue;
    const double lane_m = city_.track(lane).length_m;
    int looked = 0;
    for (const VehicleIndex number : queues_[lane].vehicles) {
      const Vehicle& other = vehicles_[number];
      if (other.track != lane || other.leaving) continue;
      if (looked++ == 3) break;
      if (IsCommitted(other)) {
        if (!other.hidden) --looked;
        continue;
      }
      if (LightOf(other.through).light == Light::kRed) break;
      if (ComesTooSoon(me, way, to_line_m, other, other.through, lane_m - other.along_m - other.half_length_m)) {
        return false;
      }
    }
    // Streets may be shorter than what those drive on them in that time.
    const double far_m = city_.track(lane).speed_limit_mps * (through_s + 1.2);
    if (lane_m < far_m && !ClearBefore(me, way, to_line_m, lane, lane, lane_m, far_m, 1)) return false;
  }
  return true;
}

// Whether nobody comes too soon who has still to come to `lane`, which begins `to_start_m` before
// the line of `incoming`; looks `far_m` before that line, and at so many streets.
bool Traffic::ClearBefore(const Vehicle& me, ConnectionIndex mine, double to_line_m, LaneIndex incoming, LaneIndex lane,
                          double to_start_m, double far_m, int streets) const {
  const auto comes = [&](VehicleIndex number, double their_line_m) {
    const std::optional<ConnectionIndex> way = WayOnFrom(number, incoming);
    return way && LightOf(*way).light != Light::kRed &&
           ComesTooSoon(me, mine, to_line_m, vehicles_[number], *way, their_line_m);
  };
  for (const ConnectionIndex connection : city_.arriving(lane)) {
    const TrackIndex track = city_.TrackOf(connection);
    const LaneIndex before = city_.connection(connection).from_lane;
    const double way_m = to_start_m + city_.track(track).length_m;
    const double lane_m = way_m + city_.track(before).length_m;
    for (const VehicleIndex number : queues_[track].vehicles) {
      if (comes(number, way_m - vehicles_[number].along_m - vehicles_[number].half_length_m)) return false;
    }
    if (before == me.track || way_m > far_m || LightOf(connection).light == Light::kRed) continue;
    for (const VehicleIndex number : queues_[before].vehicles) {
      if (vehicles_[number].track != before) continue;
      const double their_line_m = lane_m - vehicles_[number].along_m - vehicles_[number].half_length_m;
      if (their_line_m > far_m) break;
      if (vehicles_[number].through == connection && comes(number, their_line_m)) return false;
    }
    if (lane_m < far_m && streets < kStreetsMax &&
        !ClearBefore(me, mine, to_line_m, incoming, before, lane_m, far_m, streets + 1)) {
      return false;
    }
  }
  return true;
}

// The connection that it will take at the end of `lane`, if it comes there soon.
std::optional<ConnectionIndex> Traffic::WayOnFrom(VehicleIndex vehicle, LaneIndex lane) const {
  Goals route = vehicles_[vehicle].route;
  ConnectionIndex through = vehicles_[vehicle].through;
  for (int i = 0; i <= kStreetsMax; ++i) {
    const LaneIndex next = city_.connection(through).to_lane;
    if (city_.lane(next).connection_count == 0) return std::nullopt;
    through = Follow(vehicle, &route, next);
    if (next == lane) return through;
  }
  return std::nullopt;
}

// How fast it goes at most where it has `leave_m` of `way` behind it: it may have to stop at the
// end of a short street.
double Traffic::PaceAt(const Vehicle& me, ConnectionIndex way, double leave_m) const {
  const Track& track = city_.track(city_.TrackOf(way));
  const LaneIndex exit = city_.connection(way).to_lane;
  const double rest_m = track.length_m - leave_m - 2 * me.half_length_m + city_.track(exit).length_m;
  const double free_mps = LimitOn(city_.TrackOf(way));
  if (rest_m > free_mps * free_mps / (2 * kBeginStopMps2)) return free_mps;
  if (city_.lane(exit).connection_count == 0) return free_mps;
  const auto vehicle = static_cast<VehicleIndex>(&me - vehicles_.data());
  Goals route = me.route;
  const ConnectionIndex next = Follow(vehicle, &route, exit);
  if (!Yields(next) && LightOf(next).light == Light::kGreen) return free_mps;
  return std::min(free_mps, std::max(kCrawlMps, std::sqrt(2 * kBeginStopMps2 * std::max(rest_m, 0.0))));
}

// Whether `other`, who will take `their_way` and goes first, is there before I am through.
bool Traffic::ComesTooSoon(const Vehicle& me, ConnectionIndex way, double to_line_m, const Vehicle& other,
                           ConnectionIndex their_way, double their_line_m) const {
  const ConflictZone* mine = city_.Zone(way, their_way);
  if (mine == nullptr || !mine->yields) return false;
  if (other.speed_mps < 0.5 && other.waited_s() > 1.5) return false;  // It waits for something else.
  const double margin_s = std::max(0.2, 1.2 - 0.06 * me.waited_s());
  // Until just before the junction it may drive as fast as its street allows.
  const double their_limit = other.eagerness * std::max(city_.track(city_.TrackOf(their_way)).speed_limit_mps,
                                                        city_.track(city_.connection(their_way).from_lane).speed_limit_mps);
  double my_leave_s = 0;
  if (city_.connection(way).to_lane == city_.connection(their_way).to_lane) {
    // It will follow me: it is enough that I am in front, and that it need not brake hard.
    const double my_mps = LimitOn(city_.TrackOf(way));
    my_leave_s = LatestS(to_line_m + mine->enter_m + 2 * me.half_length_m, me.speed_mps, my_mps, PullOf(me)) +
                 std::max(0.0, other.speed_mps - 0.85 * my_mps) / (2 * kFollowMps2);
  } else {
    my_leave_s = LatestS(to_line_m + mine->leave_m + 2 * me.half_length_m, me.speed_mps,
                         PaceAt(me, way, mine->leave_m), PullOf(me));
  }
  const double their_enter_s = SoonestS(
      their_line_m + city_.Zone(their_way, way)->enter_m, other.speed_mps, their_limit);
  if (my_leave_s + margin_s <= their_enter_s) return false;
  return !Forces(me) || !CanStopIn(other.speed_mps, their_line_m + city_.Zone(their_way, way)->enter_m);
}

// Whoever is slow does not drive into what stands beside his way, whoever goes first.  Two that stand in each other's
// way can neither back off nor steer around each other here: in the end they scrape past, which is a contact of its own
// kind (Scraped).
double Traffic::ForOneInTheWay(VehicleIndex vehicle, VehicleIndex beside, Tally* tally) const {
  const Vehicle& me = vehicles_[vehicle];
  const Vehicle& other = vehicles_[beside];
  if (me.speed_mps > kCreepMps || drivers_[vehicle].Touches(beside)) return kNoLimitMps2;
  const double see_m = me.speed_mps * me.speed_mps / (2 * kCreepMps2) + kCreepKeptM + kCreepSeeM;
  const Pose there = PoseOf(beside, other.track, other.along_m, other.changing);
  const double reach_m = LengthsM(me, other) + see_m + 1;
  if (NormSquared(there.position - city_.PoseAt(me.track, me.along_m).position) > reach_m * reach_m) return kNoLimitMps2;
  const Box standing{there.position, HeadingVector(there.heading_rad), other.half_length_m, KindOf(other).width_m / 2};
  const auto touches = [&](double ahead_m) {
    TrackIndex track = me.track;
    double along_m = me.along_m + ahead_m;
    for (double length_m = city_.track(track).length_m; along_m > length_m; length_m = city_.track(track).length_m) {
      along_m -= length_m;
      track = city_.IsLane(track) ? city_.TrackOf(me.through) : city_.connection(me.committed).to_lane;
    }
    const Pose pose = PoseOf(vehicle, track, along_m, me.changing);
    return BoxesOverlap({pose.position, HeadingVector(pose.heading_rad), me.half_length_m, KindOf(me).width_m / 2}, standing);
  };
  if (touches(0)) return kNoLimitMps2;
  for (double ahead_m = kCreepStepM; ahead_m <= see_m; ahead_m += kCreepStepM) {
    if (!touches(ahead_m)) continue;
    if (me.waited_s() > kScrapeS && other.waited_s() > kScrapeS) tally->scrapes.emplace_back(vehicle, beside);
    const double room_m = ahead_m - kCreepStepM - kCreepKeptM;
    if (room_m <= 0) return -kCreepMps2;
    return StopIn(me.speed_mps, room_m, me.accel_mps2, 1);
  }
  return kNoLimitMps2;
}

double Traffic::ForOthersCrossing(VehicleIndex vehicle, const Commitment& my, Tally* tally) {
  Vehicle& me = vehicles_[vehicle];
  const JunctionIndex junction = city_.connection(my.way).junction;
  const Crossing& crossing = crossings_[junction];
  const double my_front_m = me.along_m + my.offset_m + me.half_length_m;
  const double my_limit = city_.track(city_.TrackOf(my.way)).speed_limit_mps;
  double accel = kNoLimitMps2;
  for (std::uint32_t i = 0; i < crossing.count; ++i) {
    if (crossing.members[i] == vehicle) continue;
    const Vehicle& other = vehicles_[crossing.members[i]];
    const Commitment member = CommitmentOf(crossing.members[i], junction);
    if (member.turn_number == 0) continue;
    accel = std::min(accel, ForOneBeside(vehicle, my, crossing.members[i], member, tally));
    const ConflictZone* mine = city_.Zone(my.way, member.way);
    if (mine == nullptr) continue;
    if (my.way == me.committed) accel = std::min(accel, ForOneInTheWay(vehicle, crossing.members[i], tally));
    if (my_front_m > mine->enter_m) continue;
    const ConflictZone* theirs = city_.Zone(member.way, my.way);
    const double their_front_m = other.along_m + member.offset_m + other.half_length_m;
    const double rest_m = theirs->leave_m + 2 * other.half_length_m - their_front_m;
    if (rest_m <= 0) continue;
    const bool inside = their_front_m > theirs->enter_m;
    const double to_zone_m = mine->enter_m - my_front_m;
    const double v = me.speed_mps;
    // Both as they drive now: who is second, and what would that one have to do?
    const double my_enter_s = v > 0.5 ? to_zone_m / v : kNeverS;
    const double their_enter_s =
        inside                ? 0
        : other.speed_mps > 0.5 ? (theirs->enter_m - their_front_m) / other.speed_mps
                              : kNeverS;
    const double their_leave_s = other.speed_mps > 0.5 ? rest_m / other.speed_mps : kNeverS;
    const bool meets = my_enter_s >= their_enter_s && my_enter_s < their_leave_s;
    const double needed = v * v / (2 * std::max(to_zone_m - 0.3, 0.1));
    if (meets && my_enter_s < 2 && needed > 3 && !me.crossing_counted) {
      me.crossing_counted = true;
      ++tally->counters.near_misses_crossing;
    }
    const bool expected = !other.hidden || their_front_m > 0;
    bool first = inside || (member.turn_number < my.turn_number && expected);
    if (!inside && first && expected) {
      // Unless I am through well before it comes.
      const double their_limit = city_.track(city_.TrackOf(member.way)).speed_limit_mps;
      first = LatestS(mine->leave_m + 2 * me.half_length_m - my_front_m, v,
                      PaceAt(me, my.way, mine->leave_m), PullOf(me)) + 0.5 >
              SoonestS(theirs->enter_m - their_front_m, other.speed_mps, their_limit);
    }
    if (me.looks_away) {
      // Sees it when it is nearly too late.
      first = meets && my_enter_s < 1.1;
      if (first && v < kStartledMps && my.way == me.committed) tally->startled.push_back(vehicle);
    } else if (me.forces && my.way == me.committed) {
      first = inside || (meets && my_enter_s < 1.1);
      if (first && v < kStartledMps) tally->startled.push_back(vehicle);
    } else if (!first && meets && other.hidden && their_front_m > 1 && my_enter_s < 1.6) {
      first = true;  // The other one should have waited, and does not.
    }
    if (!first) continue;
    if (me.waited_s() > kStuckS && !inside) continue;  // Someone has to begin.
    // Where each waits for the next one in a ring, somebody squeezes past (ForOneInTheWay).
    if (me.waited_s() > kWedgedS) drivers_[vehicle].squeezes_until_step = step_ + kSqueezeSteps;
    if (step_ < drivers_[vehicle].squeezes_until_step && v < kSqueezeMps) continue;
    if (v > 0.5 && other.speed_mps > 1 &&
        GoneS(crossing.members[i], rest_m, std::max<double>(other.speed_mps, 3)) + 0.2 <
            SoonestS(to_zone_m, v, my_limit)) {
      continue;                                      // It is gone when I come.
    }
    const double stop = StopIn(v, to_zone_m - 0.6, me.accel_mps2, 1.2);
    accel = std::min(accel, stop);
  }
  return accel;
}

// Two that come from one lane, or go to one, follow each other while there is no room for
// both beside each other.
double Traffic::ForOneBeside(VehicleIndex vehicle, const Commitment& my, VehicleIndex beside, const Commitment& member,
                             Tally* tally) {
  const Vehicle& me = vehicles_[vehicle];
  const Vehicle& other = vehicles_[beside];
  if (my.way == member.way) return kNoLimitMps2;
  const double here_m = me.along_m + my.offset_m;
  const double there_m = other.along_m + member.offset_m;
  const ConflictZone* mine = city_.Beside(my.way, member.way);
  if (mine == nullptr) return kNoLimitMps2;
  double gap_m = 0;
  if (mine->from_one_lane) {
    const ConflictZone* theirs = city_.Beside(member.way, my.way);
    if (there_m <= here_m || there_m - other.half_length_m > theirs->leave_m) return kNoLimitMps2;
    gap_m = there_m - here_m;
  } else {
    if (city_.connection(my.way).to_lane != city_.connection(member.way).to_lane ||
        here_m + me.half_length_m <= mine->enter_m) {
      return kNoLimitMps2;
    }
    const double my_rest_m = city_.track(city_.TrackOf(my.way)).length_m - here_m;
    const double their_rest_m = city_.track(city_.TrackOf(member.way)).length_m - there_m;
    if (their_rest_m > my_rest_m || (their_rest_m == my_rest_m && beside > vehicle)) return kNoLimitMps2;
    gap_m = my_rest_m - their_rest_m;
  }
  return BehindLeader(vehicle, beside, gap_m - me.half_length_m - other.half_length_m, KindOf(me).following.accel_mps2, tally);
}

}  // namespace starling::sim
