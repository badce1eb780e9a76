#include "sim/traffic/traffic.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "common/check.h"
#include "common/geo/trigonometry.h"
#include "common/prefetch.h"

namespace starling::sim {
namespace {

constexpr double kStepS = ToSeconds(Traffic::kStep);
constexpr double kDecelMax = 8;                  // What tyres give, m/s².
constexpr double kPlanTimeS = 8;
constexpr double kPlanLengthM = 60;
constexpr double kClearOfJunctionM = 1;           // Behind its tail.
// Work on the next step is through a little before it begins.
constexpr double kAheadFactor = 1.1;
constexpr std::int64_t kRefreshSteps = 4;        // From one place's routes to the next one's.

const TrafficConfig& Checked(const TrafficConfig& config) {
  STARLING_CHECK(config.Validate().ok());
  return config;
}

// How far along a lane one is clear of the junction before it.  A lane that is hardly longer than
// a vehicle is left before its tail is clear.
double ClearM(const Vehicle& me, double length_m) {
  return std::min<double>(me.half_length_m + kClearOfJunctionM, std::max(0.0, length_m - me.half_length_m - 1.5));
}

// Whether it has come clear of the other lane, or to the end.
bool IsPastPart(const LaneChange& change, double along_m) {
  return along_m >= change.end_m() ||
         (change.in_both && along_m >= change.begin_m + LaneChange::kInBoth * change.length_m);
}

}  // namespace

const std::array<Traffic::Phase, Traffic::kPhases> Traffic::kStepPhases{{
    {&Traffic::Move, &Traffic::Exchange, Phase::kTracks},
    {&Traffic::FindContactsFollowing, nullptr, Phase::kTracks},
    {&Traffic::LetGo, &Traffic::TakeTouches, Phase::kJunctions},
    {&Traffic::ConsiderLanes, &Traffic::ChangeLanes, Phase::kTracks},
    {&Traffic::Arbitrate, nullptr, Phase::kJunctions},
    {&Traffic::Decide, nullptr, Phase::kTracks},
    {&Traffic::RememberAll, &Traffic::EndStep, Phase::kVehicles},
}};

Traffic::Traffic(const City& city, const TrafficConfig& config)
    : city_(city),
      config_(Checked(config)),
      router_(city, config.places, config.vehicles, MixHash(config.seed, 1)),
      workers_(config.threads),
      random_(MixHash(config.seed, 2)) {
  Allocate();
  kinds_.front().following.summed = config.plain_idm;
  PrepareEvents();
  on_road_ = ever_used_ = config.vehicles;
  step_ = -std::llround(config.warm_up_s / kStepS);
  Place();
  AdvanceTo(SimTime());
  counters_ = {};
  mistakes_.clear();
  finished_.clear();
  tailgated_.assign(config.vehicles, kNobody);
}

void Traffic::Allocate() {
  queues_.resize(city_.tracks().size());
  occupied_ = TrackSet(queues_.size());
  waits_s_.resize(city_.lanes().size());
  FindSwept();
  crossings_.resize(city_.junctions().size());
  vehicles_.resize(config_.vehicles);
  drivers_.resize(config_.vehicles);
  changes_.resize(config_.vehicles);
  tailgated_.assign(config_.vehicles, kNobody);
  moments_.resize(static_cast<std::size_t>(kMoments) * config_.vehicles);
  if (entrance_ == nullptr) PrepareTaxis();
}

void Traffic::AdvanceTo(SimTime now) {
  while (now >= time() + kStep) Work(kPhases * kPortions);
}

void Traffic::WorkAhead(SimTime now) {
  if (now < time()) return;
  AdvanceTo(now);
  const double past = ToSeconds(now - time()) / kStepS * kAheadFactor;
  // The last portion ends the step, which is AdvanceTo's.
  const auto portions = static_cast<std::uint32_t>(past * kPhases * kPortions);
  Work(std::min<std::uint32_t>(portions, kPhases * kPortions - 1));
}

// Runs the next step's portions up to the one with number `until`.
void Traffic::Work(std::uint32_t until) {
  while (done_ < until) {
    const Phase& phase = kStepPhases[done_ / kPortions];
    if (done_ % kPortions == 0 && until - done_ >= kPortions) {
      RunPhase(phase);
      done_ += kPortions;
    } else {
      RunPortion(phase, done_ % kPortions);
      ++done_;
    }
    if (done_ % kPortions == 0 && phase.end != nullptr) (this->*phase.end)();
  }
  if (done_ == kPhases * kPortions) done_ = 0;
}

void Traffic::RunPhase(const Phase& phase) {
  workers_.Run(kPortions, [&](std::uint32_t portion) { RunPortion(phase, portion); });
}

void Traffic::RunPortion(const Phase& phase, std::uint32_t portion) {
  const std::uint64_t items = phase.over == Phase::kVehicles    ? ever_used_
                              : phase.over == Phase::kJunctions ? crossings_.size()
                                                                : queues_.size();
  (this->*phase.portion)(static_cast<std::uint32_t>(items * portion / kPortions),
                         static_cast<std::uint32_t>(items * (portion + 1) / kPortions),
                         &tallies_[portion]);
}

void Traffic::EndStep() {
  for (Tally& tally : tallies_) {
    counters_.updates += tally.counters.updates;
    counters_.emergency_brakings += tally.counters.emergency_brakings;
    counters_.hard_brakings += tally.counters.hard_brakings;
    counters_.red_light_runs += tally.counters.red_light_runs;
    counters_.near_misses_following += tally.counters.near_misses_following;
    counters_.near_misses_crossing += tally.counters.near_misses_crossing;
    tally.counters = {};
    for (const VehicleIndex vehicle : tally.startled) LookUp(vehicle);
    tally.startled.clear();
  }
  counters_.trips += pending_.trips;
  counters_.collisions += pending_.collisions;
  counters_.scrapes += pending_.scrapes;
  counters_.lane_changes += pending_.lane_changes;
  counters_.turns_missed += pending_.turns_missed;
  counters_.detours += pending_.detours;
  counters_.breakdowns += pending_.breakdowns;
  counters_.trips_dropped += pending_.trips_dropped;
  counters_.stops_made += pending_.stops_made;
  counters_.stops_missed += pending_.stops_missed;
  pending_ = {};
  ++step_;
  TakeNotes();
  if (entrance_ != nullptr) {
    Enter();
  } else if (step_ % kRefreshSteps == 0) {
    RefreshRoutes();
  }
}

// By the time that vehicles take at present.
void Traffic::RefreshRoutes() {
  for (LaneIndex lane = 0; lane < waits_s_.size(); ++lane) {
    const QueueRow& vehicles = queues_[lane].vehicles;
    waits_s_[lane] = vehicles.empty() ? 0
                                      : static_cast<float>(kStepS * static_cast<double>(
                                                               step_ - drivers_[vehicles.front()].since_step));
  }
  router_.Refresh(waits_s_);
}

// The vehicles of a portion of tracks in the order in which they are looked at, and kFetchFar more of any: they
// lie anywhere in memory, and most tracks have one or none.  Null where it is not worth it.
const VehicleIndex* Traffic::Gather(TrackIndex begin, TrackIndex end, Tally* tally) const {
  if (vehicles_.size() < kFetchedFrom) return nullptr;
  std::vector<VehicleIndex>& coming = tally->coming;
  coming.clear();
  occupied_.ForEach(begin, end, [&](TrackIndex track) {
    for (const VehicleIndex vehicle : queues_[track].vehicles) coming.push_back(vehicle);
  });
  coming.resize(coming.size() + kFetchFar);
  return coming.data();
}

void Traffic::Move(std::uint32_t begin, std::uint32_t end, Tally* tally) {
  const VehicleIndex* coming = Gather(begin, end, tally);
  occupied_.ForEach(begin, end, [&](TrackIndex track) {
    const QueueRow& vehicles = queues_[track].vehicles;
    const double length_m = city_.track(track).length_m;
    const bool lane = city_.IsLane(track);
    for (std::size_t i = 0; i < vehicles.size(); ++i) {
      if (coming != nullptr) Prefetch(&vehicles_[coming++[kFetchFar]]);
      Vehicle& me = vehicles_[vehicles[i]];
      if (me.track != track) continue;
      ++tally->counters.updates;
      const Travel travel = TravelAfter(me.speed_mps, me.accel_mps2, kStepS);
      if (me.changing) {
        me.along_m = changes_[vehicles[i]].After(me.along_m, travel.distance_m);
      } else {
        me.along_m += travel.distance_m;
      }
      me.speed_mps = static_cast<float>(travel.speed_mps);
      if (me.speed_mps < 0.1f) {
        if (me.waited_steps < UINT16_MAX) ++me.waited_steps;
        ++drivers_[vehicles[i]].stood_steps;
      } else {
        me.waited_steps = 0;
      }
      if (me.along_m >= length_m) {
        tally->leavers.push_back(vehicles[i]);
      } else if (lane && me.turn_number != 0 && me.along_m > ClearM(me, length_m) &&
                 track == city_.connection(me.committed).to_lane) {
        me.turn_number = 0;
        me.hidden = false;
        if (drivers_[vehicles[i]].ahead.turn_number != 0) TakeUpAhead(vehicles[i]);
      } else if (me.changing && IsPastPart(changes_[vehicles[i]], me.along_m)) {
        tally->changed.push_back(vehicles[i]);
      }
    }
  });
}

// Those that came to the end of their track, or of a change of lanes.
void Traffic::Exchange() {
  for (Tally& tally : tallies_) {
    for (const VehicleIndex vehicle : tally.changed) {
      LeaveLane(vehicle);
      if (vehicles_[vehicle].along_m >= changes_[vehicle].end_m()) EndChange(vehicle);
    }
    tally.changed.clear();
    for (const VehicleIndex vehicle : tally.leavers) {
      Vehicle& me = vehicles_[vehicle];
      if (me.changing) EndChange(vehicle);
      while (me.track != kOffRoad && me.along_m >= city_.track(me.track).length_m) {
        if (me.leaving) {
          Leave(vehicle);
          break;
        }
        CountTrack(vehicle);
        const double length_m = city_.track(me.track).length_m;
        const bool from_lane = city_.IsLane(me.track);
        me.along_m -= length_m;
        me.committed_offset_m += static_cast<float>(length_m);
        drivers_[vehicle].ahead.offset_m += static_cast<float>(length_m);
        EnterTrack(vehicle, from_lane ? city_.TrackOf(me.through)
                                      : city_.connection(me.through).to_lane);
        if (from_lane) {
          const LaneIndex lane = city_.connection(me.through).from_lane;
          if (MissesTurn(vehicle, lane)) ++pending_.turns_missed;
          router_.Observe(lane, kStepS * static_cast<double>(step_ - drivers_[vehicle].since_step));
          if (!IsCommitted(me)) Commit(vehicle);  // It slid over the line.
          if (me.committed == me.through) me.committed_offset_m = 0;
        } else {
          ArriveOnLane(vehicle, me.track);
          drivers_[vehicle].since_step = step_;
        }
      }
    }
    tally.leavers.clear();
  }
  if (events_ != nullptr) RunEvents();
  if (entrance_ != nullptr) RunStops();
}

void Traffic::EnterTrack(VehicleIndex vehicle, TrackIndex track) {
  Vehicle& me = vehicles_[vehicle];
  queues_[me.track].departed = vehicle;
  Remove(vehicle, me.track);
  Insert(vehicle, track);
  if (city_.IsLane(track) && IsCommitted(me)) --queues_[track].reserved;
}

void Traffic::Insert(VehicleIndex vehicle, TrackIndex track) {
  Vehicle& me = vehicles_[vehicle];
  me.track = track;
  QueueRow& vehicles = queues_[track].vehicles;
  auto at = vehicles.end();
  while (at != vehicles.begin() && AlongOn(*(at - 1), track) < me.along_m) --at;
  vehicles.insert(at, vehicle);
  occupied_.Insert(track);
}

void Traffic::Remove(VehicleIndex vehicle, TrackIndex track) {
  QueueRow& vehicles = queues_[track].vehicles;
  vehicles.erase(std::ranges::find(vehicles, vehicle));
  if (vehicles.empty()) occupied_.Erase(track);
}

// The way on from `lane`, for one who comes there; any number where there is none.
ConnectionIndex Traffic::Follow(VehicleIndex vehicle, Goals* route, LaneIndex lane) const {
  if (city_.lane(lane).connection_count == 0) return 0;
  if (route->goal == kOwnWay) {
    const std::span<const StreetIndex> way = entrance_->trips[vehicle].way;
    const StreetIndex street = city_.lane(lane).street;
    const std::size_t at = route->goal_after;
    if (way[at] != street && at + 1 < way.size() && way[at + 1] == street) ++route->goal_after;
    const ConnectionIndex next = entrance_->ways.Next(entrance_->trips[vehicle].departing.route, route->goal_after, lane);
    return vehicles_[vehicle].halts ? NextToStop(vehicle, route->goal_after, lane, next) : next;
  }
  if (lane == router_.LaneOf(route->goal)) route->goal = route->goal_after;
  return router_.Next(route->goal, lane);
}

// The lane beside it that it had better be in.
LaneIndex Traffic::Better(VehicleIndex vehicle, LaneIndex lane) const {
  const Goals& route = vehicles_[vehicle].route;
  if (vehicles_[vehicle].halts) {
    if (const std::optional<LaneIndex> better = BetterForStop(vehicle, lane)) return *better;
  }
  if (vehicles_[vehicle].leaving) return kNoLane;
  if (route.goal != kOwnWay) return router_.Better(route.goal, lane);
  return entrance_->ways.Better(entrance_->trips[vehicle].departing.route, route.goal_after, lane);
}

// Whether it goes on from `lane`, at whose end it is, by another way than it wants.
bool Traffic::MissesTurn(VehicleIndex vehicle, LaneIndex lane) const {
  const Goals& route = vehicles_[vehicle].route;
  if (route.goal != kOwnWay) return router_.Better(route.goal, lane) != kNoLane;
  const std::span<const StreetIndex> way = entrance_->trips[vehicle].way;
  const std::size_t next = std::size_t{route.goal_after} + 1;
  return next < way.size() && city_.lane(city_.connection(vehicles_[vehicle].through).to_lane).street != way[next];
}

void Traffic::ArriveOnLane(VehicleIndex vehicle, LaneIndex lane) {
  Vehicle& me = vehicles_[vehicle];
  Driver& driver = drivers_[vehicle];
  const bool arrived = entrance_ == nullptr && lane == router_.LaneOf(me.route.goal);
  if (me.halts) AdvanceToStop(vehicle, lane);
  me.through = Follow(vehicle, &me.route, lane);
  me.over_line = false;
  me.wants_left = me.wants_right = false;
  if (entrance_ != nullptr) {
    const bool off_way = me.route.goal == kOwnWay &&
                         entrance_->trips[vehicle].way[me.route.goal_after] != city_.lane(lane).street;
    if (off_way) {
      FindWayBack(vehicle);
      me.through = Follow(vehicle, &me.route, lane);
    }
    me.leaving = LeavesOn(vehicle, me.route, lane);
    if (me.leaving && driver.ahead.turn_number != 0) GiveUpAhead(vehicle);
    if (city_.lane(lane).connection_count == 0) return;
  }
  const Vec2 here = city_.arcs(lane)[0].start;
  if (arrived) {
    ++pending_.trips;
    FinishTaxiTrip(vehicle);
    me.route.goal_after = DrawGoal(&driver.random, router_.PositionOf(me.route.goal));
    if (me.intent == Intent::kToPickup) {
      me.intent = Intent::kWithPassenger;
    } else {
      me.intent = driver.random.Chance(0.3) ? Intent::kIdle : Intent::kToPickup;
      if (config_.charging_places > 0) ConsiderCharging(vehicle);
    }
    if (events_ != nullptr && me.intent == Intent::kToPickup) Attract(vehicle);
  } else if (entrance_ == nullptr && me.intent != Intent::kCharging &&
             driver.random.Chance(config_.reroute_chance)) {
    // The way through the next junction is planned already; the goal is from there on.
    me.route.goal = DrawGoal(&driver.random, here);
    if (me.intent == Intent::kWithPassenger) me.intent = Intent::kRerouting;
  } else if (me.intent == Intent::kRerouting) {
    me.intent = Intent::kWithPassenger;
  }
  if (driver.ahead.turn_number != 0 && city_.connection(driver.ahead.way).from_lane == lane) {
    me.through = driver.ahead.way;  // Others rely on it.
  }
  const Connection& ahead = city_.connection(me.through);
  const DriverFaults& faults = config_.faults;
  me.looks_away = driver.inattentive && ahead.yields && ahead.signal == kNoSignal &&
                  driver.random.Chance(faults.look_away_chance);
  me.runs_red = driver.red_runner && ahead.signal != kNoSignal && driver.random.Chance(faults.red_run_chance);
  me.pushes = driver.forceful && ahead.yields && driver.random.Chance(faults.force_chance);
  me.forces = false;
  me.late_brake_mps2 = 0;
  if (driver.late_braker && driver.random.Chance(faults.late_brake_chance)) {
    const double lateness = driver.random.Unit();
    me.late_brake_mps2 = static_cast<float>(3.2 + 4.3 * lateness * lateness);
  }
}

PlaceIndex Traffic::DrawAnyGoal(Random* random, Vec2 from) const {
  // The nearest of a few: most trips are short ones.
  const auto any = [&] { return static_cast<PlaceIndex>(random->Below(router_.places())); };
  PlaceIndex best = any();
  for (int i = 0; i < 3; ++i) {
    const PlaceIndex other = any();
    const auto far = [&](PlaceIndex place) {
      return NormSquared(router_.PositionOf(place) - from);
    };
    if (far(other) < far(best) && far(other) > 400.0 * 400.0) best = other;
  }
  return best;
}

void Traffic::SetLimit(VehicleIndex vehicle, std::optional<double> ceiling_mps,
                       double decel_mps2) {
  Vehicle& me = vehicles_[vehicle];
  me.limited = ceiling_mps.has_value();
  if (!me.limited) return;
  drivers_[vehicle].ceiling_mps = static_cast<float>(std::max(*ceiling_mps, 0.0));
  drivers_[vehicle].ceiling_decel_mps2 = static_cast<float>(std::clamp(decel_mps2, 0.1, kDecelMax));
}

// Where it is `dt_s` later, on whatever track that is.
Traffic::Moment Traffic::Later(VehicleIndex vehicle, const Moment& moment, double dt_s) const {
  Moment later = moment;
  const Travel travel = TravelAfter(moment.speed_mps, moment.accel_mps2, dt_s);
  if (moment.changing && changes_[vehicle].to == moment.track) {
    later.along_m = changes_[vehicle].After(moment.along_m, travel.distance_m);
  } else {
    later.along_m += travel.distance_m;
  }
  later.speed_mps = static_cast<float>(travel.speed_mps);
  while (later.along_m >= city_.track(later.track).length_m) {
    if (city_.IsLane(later.track) && city_.lane(later.track).connection_count == 0) {
      later.along_m = city_.track(later.track).length_m;  // It is about to leave the city.
      break;
    }
    later.along_m -= city_.track(later.track).length_m;
    if (city_.IsLane(later.track)) {
      later.track = city_.TrackOf(later.through);
    } else {
      later.track = city_.connection(later.through).to_lane;
      later.through = Follow(vehicle, &later.route, later.track);
    }
  }
  return later;
}

VehicleTruth Traffic::Truth(VehicleIndex vehicle, SimTime at) const {
  STARLING_CHECK(at >= time() && at <= time() + kStep);
  const Moment moment = Later(vehicle, MomentAt(vehicle, step_), ToSeconds(at - time()));
  const Pose pose = PoseOf(vehicle, moment.track, moment.along_m, moment.changing);
  VehicleTruth truth;
  truth.time = at;
  truth.position = pose.position;
  truth.heading_rad = WrapAngle(pose.heading_rad);
  truth.speed_mps = moment.speed_mps;
  truth.accel_mps2 = moment.accel_mps2;
  truth.intent = moment.intent;
  truth.length_m = KindOf(vehicles_[vehicle]).length_m;
  truth.width_m = KindOf(vehicles_[vehicle]).width_m;

  const double wanted_m = std::max(kPlanLengthM, kPlanTimeS * truth.speed_mps);
  double covered_m = 0;
  PathArc pending{0, 0};
  bool turns = false;
  bool first = true;
  const auto add = [&](double length_m, double curvature) {
    if (first) truth.yaw_rate_radps = truth.speed_mps * curvature;
    first = false;
    if (curvature == pending.curvature_per_m) {
      pending.length_m += length_m;
    } else {
      if (pending.length_m > 0) truth.path.Append(pending);
      pending = {length_m, curvature};
      turns = true;
    }
    covered_m += length_m;
    return covered_m < wanted_m && truth.path.size() + 1 < PlannedPath::kArcsMax;
  };
  TrackIndex track = moment.track;
  ConnectionIndex through = moment.through;
  Goals route = moment.route;
  double from_m = moment.along_m;
  bool goes_on = true;
  if (moment.changing && changes_[vehicle].to == track && from_m < changes_[vehicle].end_m()) {
    const LaneChange& change = changes_[vehicle];
    const double beside = city_.CurvatureAt(track, from_m);
    const LaneChange::Displacement now = change.At(from_m);
    const double half_m = change.arc_m();
    const double turned_m = change.radius_m() * std::abs(now.turned_rad);
    const bool turning_back = from_m - change.begin_m > change.length_m / 2.0;
    add(turning_back ? turned_m : half_m - turned_m, beside + now.curvature_per_m);
    if (!turning_back) goes_on = add(half_m, beside - now.curvature_per_m);
    from_m = change.end_m();
  }
  while (goes_on) {
    for (const TrackArc& piece : city_.arcs(track)) {
      const double left_m = piece.from_m + piece.arc.length_m - std::max(from_m, piece.from_m);
      if (left_m <= 0) continue;
      goes_on = add(left_m, piece.arc.curvature_per_m);
      if (!goes_on) break;
    }
    from_m = 0;
    if (!goes_on) break;
    if (city_.IsLane(track)) {
      if (city_.lane(track).connection_count == 0) {
        add(wanted_m, 0);  // The city ends: as if it went straight on.
        break;
      }
      track = city_.TrackOf(through);
    } else {
      track = city_.connection(through).to_lane;
      through = Follow(vehicle, &route, track);
    }
  }
  truth.path.Append(pending);
  if (!turns) truth.path.Clear();
  return truth;
}

Pose Traffic::TruthAt(VehicleIndex vehicle, SimTime at) const {
  // One row is the next step's, on which work may have begun.
  const std::int64_t oldest = step_ - kMoments + 2;
  // Rounded down, also before time 0.
  std::int64_t step = at.time_since_epoch() / kStep;
  if (SimTime(step * kStep) > at) --step;
  const double dt_s =
      step < oldest ? 0 : ToSeconds(at - SimTime(std::min(step, step_) * kStep));
  const Moment moment = Later(vehicle, MomentAt(vehicle, std::clamp(step, oldest, step_)), dt_s);
  Pose pose = PoseOf(vehicle, moment.track, moment.along_m, moment.changing);
  pose.heading_rad = WrapAngle(pose.heading_rad);
  pose.speed_mps = moment.speed_mps;
  return pose;
}

std::uint32_t Traffic::StoppedVehicles() const {
  std::uint32_t stopped = 0;
  for (VehicleIndex i = 0; i < size(); ++i) stopped += OnRoad(i) && MomentAt(i, step_).speed_mps < 0.1f;
  return stopped;
}

std::uint32_t Traffic::StandingVehicles(double seconds) const {
  return static_cast<std::uint32_t>(std::ranges::count_if(vehicles_, [&](const Vehicle& vehicle) {
    return vehicle.track != kOffRoad && vehicle.waited_s() > seconds;
  }));
}

double Traffic::MeanSpeed() const {
  double sum = 0;
  for (VehicleIndex i = 0; i < size(); ++i) sum += OnRoad(i) ? double{MomentAt(i, step_).speed_mps} : 0;
  return on_road_ > 0 ? sum / on_road_ : 0;
}

std::uint64_t Traffic::Digest() const {
  std::uint64_t digest = counters_.updates;
  for (VehicleIndex i = 0; i < size(); ++i) {
    if (!OnRoad(i)) continue;
    const Moment& moment = MomentAt(i, step_);
    digest = MixHash(digest, moment.track);
    digest = MixHash(digest, std::bit_cast<std::uint64_t>(moment.along_m));
    digest = MixHash(digest, (std::uint64_t{std::bit_cast<std::uint32_t>(moment.speed_mps)} << 32) |
                                 std::bit_cast<std::uint32_t>(moment.accel_mps2));
  }
  return digest;
}

}  // namespace starling::sim
