// Who changes lanes, when, and by which way.
//
// Source: A. Kesting, M. Treiber, D. Helbing, General lane-changing model MOBIL for
// car-following models, Transp. Res. Rec. 1999 (2007): its incentive and its safety.  We deviate:
// the braking asked of the one behind is milder; a lane that leads to where one wants to go is
// worth the more the nearer the junction is, and near it is taken as soon as there is a gap; and
// a change takes its way, as long as the speed asks for, during which a vehicle is in both lanes.
//
// How near: by what the queue leaves.  In the fuller one of the two lanes each vehicle ahead takes up its place before
// the line, where a change will not be had.
// Source: J. Erdmann, SUMO's Lane-Changing Model, Modeling Mobility with Open Data (2015): the lanes' occupation.
#include <algorithm>
#include <cmath>

#include "common/geo/trigonometry.h"
#include "sim/traffic/traffic.h"

namespace starling::sim {
namespace {

constexpr std::int64_t kThinkSteps = 5;      // From one thought of the other lanes to the next.
constexpr std::int64_t kPauseSteps = 40;     // After a change; what is past is known by its lane for 3 s.
constexpr double kPoliteness = 0.2;
constexpr double kThresholdMps2 = 0.2;
constexpr double kSafeMps2 = 2.0;            // What it may cost the one behind.
constexpr double kWantedMps2 = 1.0;          // What the right lane is worth anywhere,
constexpr double kUrgentMps2 = 4.0;          // and more of it at the junction,
constexpr double kUrgentFromM = 300;         // and from where on it is worth something,
constexpr double kQueuedM = 7;               // less so much for each vehicle ahead.
constexpr double kLateralMps2 = 1.2;
constexpr double kRadiusMinM = 9;
constexpr double kBesideLineM = 8;           // Before the line and behind it nobody changes.
// With his lane one changes his way through the junction: early enough for those who wait
// there for what he does.
constexpr double kStopMps2 = 1.8;
constexpr double kReactS = 0.7;
constexpr double kGapMinM = 1.0;             // Nearer nobody goes in front of another, nor behind,
constexpr double kGapMinS = 0.35;            // and at speed not at less headway.
constexpr double kMovingMps = 3;             // A leader that is slower may stop before the change is over;
constexpr double kMovingGapM = 6;            // one as near as this, on the lane that is left, too.
constexpr double kAskM = 150;                // From the line; farther from it nobody asks,
constexpr double kAskedM = 60;               // nor is asked who is farther behind.
constexpr double kCourtesyMps2 = 1.5;
constexpr double kWaitBeforeM = 1;           // The last place for a change.
constexpr double kBrakeForGapMps2 = 1;
constexpr double kHeldOpenM = 20;            // No longer gap is left in front
constexpr double kHeldUpM = 20;              // of those who are as near behind,
constexpr double kSlowestMps = 4;            // nor does one drive more slowly where the lane is free.
constexpr double kDetourAfterS = 45;
constexpr std::int64_t kDetourSteps = 50;
constexpr double kAroundFromM = 80;          // Behind one that has broken down, or is at its stop.

// Whether one can go behind the other at that distance: neither too near nor too fast.
bool IsGap(const Vehicle& behind, const Vehicle& leader, double gap_m) {
  if (gap_m < kGapMinM + kGapMinS * behind.speed_mps) return false;
  const double closing = std::max(0.0f, behind.speed_mps - leader.speed_mps);
  return closing * closing < 2 * kSafeMps2 * (gap_m - kGapMinM + 0.1);
}

Vec2 RightOf(Vec2 direction) { return {direction.y, -direction.x}; }

}  // namespace

LaneChange::Displacement LaneChange::At(double along_m) const {
  const double at_m = std::max(0.0, along_m - begin_m);
  if (at_m >= length_m) return {};
  const double radius = radius_m();
  const bool turning_back = at_m > length_m / 2.0;
  const double to_end_m = turning_back ? length_m - at_m : at_m;
  const double side = width_m > 0 ? 1 : -1;
  const double off_m = radius - std::sqrt(radius * radius - to_end_m * to_end_m);
  Displacement displacement;
  displacement.right_m = side * (turning_back ? -off_m : off_m - std::abs(width_m));
  displacement.turned_rad = side * std::asin(to_end_m / radius);
  displacement.curvature_per_m = side * (turning_back ? -1 : 1) / radius;
  return displacement;
}

double LaneChange::After(double along_m, double driven_m) const {
  const double at_m = std::max(0.0, along_m - begin_m);
  if (at_m >= length_m) return along_m + driven_m;
  const double radius = radius_m();
  const double way_m = 2 * arc_m();
  const double before_m = at_m < length_m / 2.0 ? radius * std::asin(at_m / radius)
                                                : way_m - radius * std::asin((length_m - at_m) / radius);
  const double after_m = before_m + driven_m;
  if (after_m >= way_m) return end_m() + after_m - way_m;
  return begin_m + (after_m < way_m / 2 ? radius * std::sin(after_m / radius)
                                        : length_m - radius * std::sin((way_m - after_m) / radius));
}

double Traffic::AlongOn(VehicleIndex vehicle, TrackIndex track) const {
  const Vehicle& me = vehicles_[vehicle];
  return me.track == track ? me.along_m : me.along_m + changes_[vehicle].from_offset_m;
}

Pose Traffic::PoseOf(VehicleIndex vehicle, TrackIndex track, double along_m, bool changing) const {
  Pose pose = city_.PoseAt(track, along_m);
  if (!changing || changes_[vehicle].to != track) return pose;
  const LaneChange::Displacement off = changes_[vehicle].At(along_m);
  pose.position = pose.position + off.right_m * RightOf(HeadingVector(pose.heading_rad));
  pose.heading_rad += off.turned_rad;
  return pose;
}

// The place in a lane's queue behind all that are farther along.
std::size_t Traffic::PlaceIn(LaneIndex lane, double along_m) const {
  const QueueRow& vehicles = queues_[lane].vehicles;
  return static_cast<std::size_t>(
      std::ranges::partition_point(vehicles, [&](VehicleIndex other) { return AlongOn(other, lane) >= along_m; }) -
      vehicles.begin());
}

void Traffic::ConsiderLanes(std::uint32_t begin, std::uint32_t end, Tally* tally) {
  const auto lanes = static_cast<std::uint32_t>(city_.lanes().size());
  occupied_.ForEach(begin, std::max(begin, std::min(end, lanes)), [&](LaneIndex lane) {
    const Lane& here = city_.lane(lane);
    const QueueRow& vehicles = queues_[lane].vehicles;
    ConsiderDetour(vehicles.front(), tally);
    if (here.left == kNoLane && here.right == kNoLane) return;
    for (std::size_t i = 0; i < vehicles.size(); ++i) {
      const VehicleIndex vehicle = vehicles[i];
      Vehicle& me = vehicles_[vehicle];
      if ((step_ + vehicle) % kThinkSteps != 0 || me.track != lane || me.changing || me.turn_number != 0 || me.held ||
          me.broken_down || (me.halts && StandsAtStop(vehicle)) || step_ < changes_[vehicle].last_step + kPauseSteps) {
        continue;
      }
      const VehicleIndex leader = i > 0 ? vehicles[i - 1] : kNobody;
      const VehicleIndex behind = i + 1 < vehicles.size() ? vehicles[i + 1] : kNobody;
      const LaneIndex wanted = WantedLane(vehicle, leader);
      me.wants_left = wanted != kNoLane && wanted == here.left;
      me.wants_right = wanted != kNoLane && wanted == here.right;
      if (const LaneIndex to = LaneFor(vehicle, wanted, leader, behind); to != kNoLane) {
        tally->changes.push_back({vehicle, to, to == wanted});
      } else if (wanted != kNoLane && LeftForChangeM(vehicle) < kAskM && HasWayToChange(me, wanted) &&
                 !IsHemmedIn(me, leader)) {
        tally->asked.emplace_back(vehicle, wanted);
      }
    }
  });
}

// Whether `leader` on `lane` is one to get around: it has broken down, or it is at its stop and there is way behind it to
// come back; not for one that stops there, too.
bool Traffic::IsToBePassed(VehicleIndex vehicle, VehicleIndex leader, LaneIndex lane) const {
  const Vehicle& other = vehicles_[leader];
  if (other.broken_down) return true;
  return other.halts && StandsAtStop(leader) && city_.track(lane).length_m - AlongOn(leader, lane) > kAroundFromM &&
         !(vehicles_[vehicle].halts && StopsOn(vehicle, lane));
}

// The one that leads where it goes, unless somebody is to be passed.
LaneIndex Traffic::WantedLane(VehicleIndex vehicle, VehicleIndex leader) const {
  const Vehicle& me = vehicles_[vehicle];
  const LaneIndex better = Better(vehicle, me.track);
  if (leader == kNobody || better != kNoLane || !IsToBePassed(vehicle, leader, me.track)) return better;
  if (AlongOn(leader, me.track) - me.along_m > kAroundFromM) return better;
  const Lane& lane = city_.lane(me.track);
  return lane.left != kNoLane ? lane.left : lane.right;
}

// Queues that wait for each other all around a block never move if nobody goes another way.
void Traffic::ConsiderDetour(VehicleIndex vehicle, Tally* tally) const {
  const Vehicle& me = vehicles_[vehicle];
  if (me.waited_s() < kDetourAfterS || (step_ + vehicle) % kDetourSteps != 0 || me.turn_number != 0 || me.changing || me.leaving ||
      !city_.IsLane(me.track) || HasRoom(me, me.through, false)) {
    return;
  }
  const Lane& lane = city_.lane(me.track);
  // Not all of them the same.
  for (std::uint32_t i = 0; i < lane.connection_count; ++i) {
    const ConnectionIndex other = lane.connection_first + (vehicle + i) % lane.connection_count;
    if (other == me.through || !HasRoom(me, other, false) ||
        IsClosed(city_.connection(other).to_lane)) {
      continue;
    }
    tally->detours.emplace_back(vehicle, other);
    return;
  }
}

// Whether the one in front on its own lane leaves no room to pull out behind.  Nobody stands still for such a one: both might
// wait for ever.
bool Traffic::IsHemmedIn(const Vehicle& me, VehicleIndex leader) const {
  if (leader == kNobody || vehicles_[leader].speed_mps >= kMovingMps) return false;
  return AlongOn(leader, me.track) - me.along_m - LengthsM(me, vehicles_[leader]) < kMovingGapM;
}

// The lane that it changes to now.
LaneIndex Traffic::LaneFor(VehicleIndex vehicle, LaneIndex wanted, VehicleIndex leader, VehicleIndex behind) const {
  const Vehicle& me = vehicles_[vehicle];
  const LaneIndex lane = me.track;
  const double to_line_m = LeftForChangeM(vehicle) - me.half_length_m;
  if (IsHemmedIn(me, leader)) return kNoLane;
  const double gap_m = leader == kNobody ? kFarM : AlongOn(leader, lane) - me.along_m - LengthsM(me, vehicles_[leader]);
  const double now = ModelAccel(vehicle, leader, gap_m);
  double followed = 0;  // What the one behind gains.
  if (behind != kNobody) {
    const double behind_m = me.along_m - AlongOn(behind, lane) - LengthsM(me, vehicles_[behind]);
    followed = ModelAccel(behind, leader, gap_m + behind_m + 2 * me.half_length_m) - ModelAccel(behind, vehicle, behind_m);
  }
  LaneIndex best = kNoLane;
  double best_gain = kThresholdMps2;
  const std::size_t ahead = PlaceIn(lane, me.along_m + 0.01);
  for (const LaneIndex to : {city_.lane(lane).left, city_.lane(lane).right}) {
    if (to == kNoLane) continue;
    const std::size_t ahead_there = PlaceIn(to, me.along_m * city_.track(to).length_m / city_.track(lane).length_m);
    const double left_m = to_line_m - kQueuedM * static_cast<double>(std::max(ahead, ahead_there));
    const double urgency = left_m < kUrgentFromM ? kUrgentMps2 * (1 - std::max(0.0, left_m) / kUrgentFromM) : 0;
    const bool leads = to == wanted || Better(vehicle, to) == kNoLane;
    // There may be no way back in time; whoever has a stop ahead does not try.
    if (!leads && (left_m < kAskM || me.halts)) continue;
    const double bias = to == wanted ? kWantedMps2 + urgency : leads ? 0 : -kWantedMps2 - urgency;
    const std::optional<Room> room = RoomOn(vehicle, to, to == wanted);
    if (!room) continue;
    if (to == wanted && left_m < kUrgentFromM) return to;
    const double gain = room->accel_mps2 - now + kPoliteness * (followed - room->cost_mps2) + bias;
    if (gain > best_gain) {
      best_gain = gain;
      best = to;
    }
  }
  return best;
}

// What the car-following model says of `gap_m` behind `leader`, which may be nobody.
double Traffic::ModelAccel(VehicleIndex vehicle, VehicleIndex leader, double gap_m) const {
  const Vehicle& me = vehicles_[vehicle];
  double limit = std::min(LimitOn(me.track) * me.eagerness, KindOf(me).speed_max_mps);
  if (me.limited) limit = std::min<double>(limit, drivers_[vehicle].ceiling_mps);
  const CarFollowing& following = KindOf(me).following;
  const double free = following.Free(me.speed_mps, std::max(limit, 0.1));
  if (leader == kNobody) return free;
  return following.Behind(free, following.Interaction(me.speed_mps, gap_m, me.speed_mps - vehicles_[leader].speed_mps));
}

// How long a change is at that speed.
double Traffic::ChangeLengthM(double speed_mps, double width_m) {
  const double radius = std::max(kRadiusMinM, speed_mps * speed_mps / kLateralMps2);
  return std::sqrt(std::max(4 * std::abs(width_m) * radius - width_m * width_m, width_m * width_m));
}

// What is left of its lane, or until it stops on a lane of its street.
double Traffic::LeftForChangeM(VehicleIndex vehicle) const {
  const Vehicle& me = vehicles_[vehicle];
  const double left_m = city_.track(me.track).length_m - me.along_m;
  return me.halts ? std::min(left_m, StopOnM(vehicle, me.track) - me.along_m) : left_m;
}

// Whether there is enough of the lane left to change to the one beside it.
bool Traffic::HasWayToChange(const Vehicle& me, LaneIndex to) const {
  const double speed = me.speed_mps;
  const double length_m = city_.track(me.track).length_m;
  const double along_m = std::max(me.along_m, me.along_m * city_.track(to).length_m / length_m);
  if (along_m < kBesideLineM + me.half_length_m + speed) return false;
  const double needed_m = std::max(ChangeLengthM(speed, kLaneWidthM), kReactS * speed + speed * speed / (2 * kStopMps2));
  return along_m + me.half_length_m + kBesideLineM + needed_m <= std::min(city_.track(to).length_m, length_m);
}

// Whether there is a gap on the lane beside it, and what it would mean.  Where one has to go, a
// shorter headway than one likes will do for a while, for both.
std::optional<Traffic::Room> Traffic::RoomOn(VehicleIndex vehicle, LaneIndex to, bool wanted) const {
  const Vehicle& me = vehicles_[vehicle];
  if (!HasWayToChange(me, to) || (IsClosed(to) && !IsClosed(me.track))) return std::nullopt;
  const double speed = me.speed_mps;
  const double along_m = me.along_m * city_.track(to).length_m / city_.track(me.track).length_m;
  const double change_m = ChangeLengthM(speed, kLaneWidthM);
  // One stops where the change is over.
  if (me.halts && along_m + me.half_length_m + std::max(change_m, kReactS * speed + speed * speed / (2 * kStopMps2)) >
                      StopOnM(vehicle, to)) {
    return std::nullopt;
  }
  const QueueRow& vehicles = queues_[to].vehicles;
  const std::size_t place = PlaceIn(to, along_m);
  Room room;
  if (place > 0) {
    const VehicleIndex leader = vehicles[place - 1];
    const double gap_m = AlongOn(leader, to) - along_m - LengthsM(me, vehicles_[leader]);
    if (!IsGap(me, vehicles_[leader], gap_m)) return std::nullopt;
    if (gap_m < kAroundFromM && IsToBePassed(vehicle, leader, to)) return std::nullopt;
    // Who cannot end it stands in the way on two lanes.
    if (vehicles_[leader].speed_mps < kMovingMps && gap_m < LaneChange::kInBoth * change_m) return std::nullopt;
    room.accel_mps2 = ModelAccel(vehicle, leader, gap_m);
    if (!wanted && room.accel_mps2 < -kSafeMps2) return std::nullopt;
  } else {
    room.accel_mps2 = ModelAccel(vehicle, kNobody, kFarM);
  }
  const auto fits = [&](VehicleIndex behind, double gap_m) {
    if (!IsGap(vehicles_[behind], me, gap_m)) return false;
    const double after = ModelAccel(behind, vehicle, gap_m);
    if (!wanted && after < -kSafeMps2) return false;
    const double before =
        place > 0 ? ModelAccel(behind, vehicles[place - 1],
                               AlongOn(vehicles[place - 1], to) - along_m + gap_m)
                  : ModelAccel(behind, kNobody, kFarM);
    room.cost_mps2 = std::max(room.cost_mps2, before - after);
    return true;
  };
  if (place < vehicles.size()) {
    if (!fits(vehicles[place], along_m - AlongOn(vehicles[place], to) - LengthsM(me, vehicles_[vehicles[place]]))) return std::nullopt;
    return room;
  }
  // The next one there may still be on its way through the junction.
  for (const ConnectionIndex number : city_.arriving(to)) {
    const TrackIndex track = city_.TrackOf(number);
    if (queues_[track].vehicles.empty()) continue;
    const VehicleIndex first = queues_[track].vehicles.front();
    const double gap_m = along_m + city_.track(track).length_m - vehicles_[first].along_m - LengthsM(me, vehicles_[first]);
    if (!fits(first, gap_m)) return std::nullopt;
  }
  return room;
}

// In the portions' order: of two that want the same gap the first one has it.
void Traffic::ChangeLanes() {
  for (Tally& tally : tallies_) {
    for (const auto& [vehicle, to, must] : tally.changes) {
      if (RoomOn(vehicle, to, must)) BeginChange(vehicle, to);
    }
    tally.changes.clear();
    for (const auto& [vehicle, to] : tally.asked) AskToBeLetIn(vehicle, to);
    tally.asked.clear();
    for (const auto& [vehicle, way] : tally.detours) {
      Vehicle& me = vehicles_[vehicle];
      if (city_.connection(way).from_lane != me.track) continue;  // It has changed lanes.
      me.through = way;
      ++pending_.detours;
    }
    tally.detours.clear();
  }
}

void Traffic::BeginChange(VehicleIndex vehicle, LaneIndex to) {
  Vehicle& me = vehicles_[vehicle];
  const LaneIndex from = me.track;
  const double length_m = city_.track(to).length_m;
  const Pose here = city_.PoseAt(from, me.along_m);
  // The place beside it: lanes are parallel, but in curves not equally long.
  double along_m = me.along_m * length_m / city_.track(from).length_m;
  for (int i = 0; i < 2; ++i) {
    const Pose there = city_.PoseAt(to, along_m);
    along_m = std::clamp(along_m + Dot(here.position - there.position, HeadingVector(there.heading_rad)), 0.0, length_m);
  }
  const Pose there = city_.PoseAt(to, along_m);
  const double width_m = Dot(there.position - here.position, RightOf(HeadingVector(there.heading_rad)));
  // Lanes that are not beside each other here, whatever the network says.
  if (std::abs(width_m) < kLaneWidthM / 2 || std::abs(width_m) > 2 * kLaneWidthM) return;
  const double change_m = ChangeLengthM(me.speed_mps, width_m);
  if (along_m + change_m + me.half_length_m > length_m) return;
  if (me.halts && along_m + change_m + me.half_length_m > StopOnM(vehicle, to)) return;
  LaneChange& change = changes_[vehicle];
  change.from = from;
  change.to = to;
  change.begin_m = static_cast<float>(along_m);
  change.length_m = static_cast<float>(change_m);
  change.width_m = static_cast<float>(width_m);
  change.from_offset_m = static_cast<float>(me.along_m - along_m);
  change.last_step = step_;
  change.in_both = true;
  me.changing = true;
  me.along_m = along_m;
  Insert(vehicle, to);
  ArriveOnLane(vehicle, to);
  ++pending_.lane_changes;
}

// The one that it changes from.
void Traffic::LeaveLane(VehicleIndex vehicle) {
  LaneChange& change = changes_[vehicle];
  if (!change.in_both) return;
  change.in_both = false;
  Remove(vehicle, change.from);
}

void Traffic::EndChange(VehicleIndex vehicle) {
  LeaveLane(vehicle);
  vehicles_[vehicle].changing = false;
  changes_[vehicle].last_step = step_;
}

// The one who would be behind it there leaves a gap for some time.
void Traffic::AskToBeLetIn(VehicleIndex vehicle, LaneIndex to) {
  const Vehicle& me = vehicles_[vehicle];
  const double along_m = me.along_m * city_.track(to).length_m / city_.track(me.track).length_m;
  const QueueRow& vehicles = queues_[to].vehicles;
  const std::size_t place = PlaceIn(to, along_m);
  if (place == vehicles.size()) return;
  const VehicleIndex behind = vehicles[place];
  if (vehicles_[behind].track != to || along_m - AlongOn(behind, to) > kAskedM) return;
  drivers_[behind].lets_in = vehicle;
  drivers_[behind].lets_in_until = step_ + 2 * kThinkSteps;
  vehicles_[behind].courteous = true;
}

// Somebody beside it who asks.
double Traffic::ForOneLetIn(VehicleIndex vehicle) {
  Vehicle& me = vehicles_[vehicle];
  const Driver& driver = drivers_[vehicle];
  const Vehicle& other = vehicles_[driver.lets_in];
  const bool beside = city_.IsLane(me.track) && other.track != kOffRoad &&
                      (other.track == city_.lane(me.track).left || other.track == city_.lane(me.track).right);
  if (driver.lets_in_until < step_ || !beside) {
    me.courteous = false;
    return kNoLimitMps2;
  }
  const double gap_m = other.along_m * city_.track(me.track).length_m / city_.track(other.track).length_m - me.along_m -
                       LengthsM(me, other);
  if (gap_m < 0) return kNoLimitMps2;
  return std::max(-kCourtesyMps2, ModelAccel(vehicle, driver.lets_in, gap_m));
}

// In the wrong lane one keeps behind those on the right one and slows down while there is way
// left for a change, but does not stand for it.
double Traffic::ForLaneWanted(VehicleIndex vehicle, VehicleIndex leader, VehicleIndex behind) const {
  const Vehicle& me = vehicles_[vehicle];
  const bool open = leader == kNobody || AlongOn(leader, me.track) - me.along_m - LengthsM(me, vehicles_[leader]) > kHeldOpenM;
  const bool holds_up =
      behind != kNobody && me.along_m - AlongOn(behind, me.track) - LengthsM(me, vehicles_[behind]) < kHeldUpM;
  if (open && (holds_up || me.speed_mps < kSlowestMps)) return kNoLimitMps2;
  const LaneIndex to = me.wants_left ? city_.lane(me.track).left : city_.lane(me.track).right;
  const double length_m = city_.track(me.track).length_m;
  if (LeftForChangeM(vehicle) > kAskM) return kNoLimitMps2;
  // From here on it is too late.
  double last_m = length_m - me.half_length_m - kBesideLineM - ChangeLengthM(0, kLaneWidthM) - kWaitBeforeM;
  if (me.halts) last_m = std::min(last_m, LastChangeM(vehicle));
  if (me.along_m > last_m + kWaitBeforeM || last_m < kBesideLineM + 2 * me.half_length_m || me.waited_steps > 0) {
    return kNoLimitMps2;
  }
  const double room_m = last_m - me.along_m;
  const double needed = me.speed_mps * me.speed_mps / (2 * std::max(room_m, 0.1));
  double accel = room_m <= 0.1 ? -kCourtesyMps2 : needed > kBrakeForGapMps2 ? -std::min(needed, 3.0) : kNoLimitMps2;
  const double along_m = me.along_m * city_.track(to).length_m / length_m;
  const std::size_t place = PlaceIn(to, along_m);
  if (place > 0) {
    const VehicleIndex there = queues_[to].vehicles[place - 1];
    const double gap_m = AlongOn(there, to) - along_m - LengthsM(me, vehicles_[there]);
    if (gap_m > 0) accel = std::min(accel, std::max(-kCourtesyMps2, ModelAccel(vehicle, there, gap_m)));
  }
  return accel;
}

// For those in front of it on the lane that it leaves.
double Traffic::ForLaneLeft(VehicleIndex vehicle, double desired_accel, Tally* tally) {
  const TrackIndex lane = changes_[vehicle].from;
  const QueueRow& vehicles = queues_[lane].vehicles;
  const auto at = std::ranges::find(vehicles, vehicle);
  if (at == vehicles.begin()) return kNoLimitMps2;
  const VehicleIndex leader = *(at - 1);
  const double gap_m = AlongOn(leader, lane) - AlongOn(vehicle, lane) - LengthsM(vehicles_[vehicle], vehicles_[leader]);
  return BehindLeader(vehicle, leader, gap_m, desired_accel, tally);
}

}  // namespace starling::sim
