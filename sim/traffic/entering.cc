// Vehicles that come into the city with a way of their own, and leave it at its end.
#include <algorithm>
#include <cmath>

#include "common/check.h"
#include "sim/traffic/traffic.h"

namespace starling::sim {
namespace {

constexpr double kStepS = ToSeconds(Traffic::kStep);
constexpr int kPositionsTried = 10;          // Of those drawn at random, in one step.
constexpr double kYieldMps2 = 2;             // What the one behind may have to do.

// By that a queue leaves a line as Krauss' drivers do, who do as their leader does in the same step: measured beside SUMO,
// a vehicle each 1.5 s from the second one on.
constexpr double kPullAwayS = 2;

// SUMO's parameters of Krauss' model, as the Intelligent Driver Model has them.  Its braking is
// a comfortable one, SUMO's the hardest that a driver plans with.
VehicleKind KindOfType(const VehicleType& type) {
  VehicleKind kind;
  kind.length_m = type.length_m;
  kind.width_m = type.width_m;
  kind.speed_max_mps = type.speed_max_mps;
  kind.following.accel_mps2 = type.accel_mps2;
  kind.following.decel_mps2 = std::min(type.decel_mps2, CarFollowing().decel_mps2);
  kind.following.headway_s = type.tau_s;
  kind.following.gap_min_m = type.gap_min_m;
  kind.following.pull_away_s = kPullAwayS;
  kind.following.half_root_ab = 0.5 / std::sqrt(kind.following.accel_mps2 * kind.following.decel_mps2);
  return kind;
}

const TrafficConfig& Checked(const TrafficConfig& config) {
  STARLING_CHECK(config.Validate().ok());
  return config;
}

// A lane of each street that some way ends in.
std::vector<LaneIndex> LastLanes(const OwnWays& ways, const Demand& demand) {
  std::vector<LaneIndex> lanes;
  for (RouteIndex route = 0; route < demand.routes.size(); ++route) {
    const auto last = ways.LanesOf(demand.edges(route).back());
    if (!last.empty()) lanes.push_back(last.front());
  }
  std::ranges::sort(lanes);
  lanes.erase(std::unique(lanes.begin(), lanes.end()), lanes.end());
  return lanes;
}

}  // namespace

Traffic::Traffic(const City& city, const Demand& demand, const TrafficConfig& config)
    : city_(city),
      config_(Checked(config)),
      router_(city, LastLanes(OwnWays(city, demand), demand), MixHash(config.seed, 1)),
      workers_(config.threads),
      random_(MixHash(config.seed, 2)),
      entrance_(std::make_unique<Entrance>(city, demand, MixHash(config.seed, 3), config.vehicles)) {
  STARLING_CHECK(demand.types.size() <= kKindsMax && router_.places() <= kEndsMax);
  Allocate();
  kinds_.clear();
  for (const VehicleType& type : demand.types) {
    kinds_.push_back(KindOfType(type));
    kinds_.back().following.summed = config.plain_idm;
  }
  PrepareEvents();
  for (Vehicle& vehicle : vehicles_) vehicle.track = kOffRoad;
  entrance_->next = entrance_->stream.Next();
  Enter();
}

std::uint32_t Traffic::Waiting() const {
  std::size_t waiting = 0;
  for (const auto& [street, queue] : entrance_->waiting) waiting += queue.size();
  return static_cast<std::uint32_t>(waiting);
}

bool Traffic::Finished() const { return !entrance_->next && on_road_ == 0 && Waiting() == 0; }

// Whose time has come, where there is room.
void Traffic::Enter() {
  Entrance& entrance = *entrance_;
  for (; entrance.next && entrance.next->time_s <= static_cast<double>(step_) * kStepS; entrance.next = entrance.stream.Next()) {
    if (!entrance.ways.IsDriven(entrance.next->route)) {
      entrance.not_driven.push_back(entrance.next->id());
      continue;
    }
    entrance.waiting[entrance.demand.edges(entrance.next->route).front()].push_back(*entrance.next);
  }
  for (auto of = entrance.waiting.begin(); of != entrance.waiting.end();) {
    std::deque<Departing>& queue = of->second;
    while (!queue.empty() && !entrance.free.empty() && TryEnter(of->first, queue.front())) queue.pop_front();
    of = queue.empty() ? entrance.waiting.erase(of) : std::next(of);
  }
}

bool Traffic::TryEnter(StreetIndex street, const Departing& departing) {
  const Ends& ends = departing.departure->ends;
  std::vector<LaneIndex> lanes;
  for (const LaneIndex lane : entrance_->ways.LanesOf(street)) {
    if (ends.lane != DepartLane::kNumber || city_.lane(lane).number == ends.lane_number) lanes.push_back(lane);
  }
  if (ends.lane != DepartLane::kNumber) {
    // The one that leads on, and of those the emptiest.
    std::ranges::stable_sort(lanes, {}, [&](LaneIndex lane) {
      return std::pair(entrance_->ways.Better(departing.route, 0, lane) != kNoLane, queues_[lane].vehicles.size());
    });
    if (ends.lane != DepartLane::kRandom && ends.lane != DepartLane::kFree) lanes.resize(1);
  }
  const VehicleKind& kind = kinds_[departing.type];
  for (const LaneIndex lane : lanes) {
    const double length_m = city_.track(lane).length_m;
    const double first_m = std::min(kind.length_m / 2 + 0.01, length_m / 2);
    const double last_m = std::max(first_m, length_m - kind.length_m / 2 - 1);
    const double top_mps = std::min(city_.track(lane).speed_limit_mps * departing.speed_factor, kind.speed_max_mps);
    double speed_mps = ends.speed == DepartSpeed::kNumber   ? std::min(ends.speed_mps, top_mps)
                       : ends.speed == DepartSpeed::kRandom ? random_.Between(0, top_mps)
                                                            : top_mps;
    switch (ends.position) {
      case DepartPosition::kBase:
        if (EnterAt(departing, lane, first_m, speed_mps)) return true;
        break;
      case DepartPosition::kMetres: {
        const double front_m = ends.position_m < 0 ? length_m + ends.position_m : ends.position_m;
        if (EnterAt(departing, lane, std::clamp(front_m - kind.length_m / 2, first_m, last_m), speed_mps)) return true;
        break;
      }
      case DepartPosition::kLast: {
        const auto& queue = queues_[lane].vehicles;
        double at_m = last_m;
        if (!queue.empty()) {
          const Vehicle& back = vehicles_[queue.back()];
          at_m = AlongOn(queue.back(), lane) - back.half_length_m - kind.length_m / 2 - kind.following.gap_min_m - speed_mps;
        }
        if (at_m >= first_m && EnterAt(departing, lane, at_m, speed_mps)) return true;
        break;
      }
      case DepartPosition::kRandom:
      case DepartPosition::kFree:
      case DepartPosition::kRandomFree:
        for (int i = 0; i < kPositionsTried; ++i) {
          if (EnterAt(departing, lane, random_.Between(first_m, last_m), speed_mps)) return true;
        }
        if (ends.position != DepartPosition::kRandom && EnterAt(departing, lane, first_m, speed_mps)) return true;
        break;
    }
  }
  return false;
}

// Whether there is room, and then there it is.
bool Traffic::EnterAt(const Departing& departing, LaneIndex lane, double along_m, double speed_mps) {
  const VehicleKind& kind = kinds_[departing.type];
  const double half_m = kind.length_m / 2;
  if (departing.departure->stop_count > 0) speed_mps = SpeedToEnter(departing, lane, along_m + half_m, speed_mps);
  const QueueRow& queue = queues_[lane].vehicles;
  const std::size_t place = PlaceIn(lane, along_m);
  if (place > 0) {
    const Vehicle& leader = vehicles_[queue[place - 1]];
    const double gap_m = AlongOn(queue[place - 1], lane) - along_m - leader.half_length_m - half_m;
    const double closing = std::max(0.0, speed_mps - leader.speed_mps);
    if (gap_m < kind.following.gap_min_m + speed_mps * kind.following.headway_s / 2 + closing * closing / (2 * kYieldMps2)) {
      return false;
    }
  }
  const auto leaves_room = [&](VehicleIndex behind, double apart_m) {
    const Vehicle& other = vehicles_[behind];
    const double gap_m = apart_m - other.half_length_m - half_m;
    const double closing = std::max(0.0, other.speed_mps - speed_mps);
    return gap_m > KindOf(other).following.gap_min_m + closing * closing / (2 * kYieldMps2);
  };
  if (place < queue.size()) {
    if (!leaves_room(queue[place], along_m - AlongOn(queue[place], lane))) return false;
  } else {
    for (const ConnectionIndex number : city_.arriving(lane)) {
      const TrackIndex track = city_.TrackOf(number);
      if (queues_[track].vehicles.empty()) continue;
      const VehicleIndex first = queues_[track].vehicles.front();
      if (!leaves_room(first, along_m + city_.track(track).length_m - vehicles_[first].along_m)) return false;
    }
  }
  const VehicleIndex vehicle = entrance_->free.back();
  entrance_->free.pop_back();
  Entrance::Trip& trip = entrance_->trips[vehicle];
  trip.departing = departing;
  trip.number = entrance_->entered;
  trip.stood_steps = 0;
  trip.way = entrance_->demand.edges(departing.route);
  trip.record = {departing.id(), departing.time_s, static_cast<double>(step_) * kStepS};
  // Its first lane counts as a whole when it leaves it.
  trip.record.route_m = -along_m;
  trip.record.free_s =
      -along_m / std::min(city_.track(lane).speed_limit_mps * departing.speed_factor, kind.speed_max_mps);
  Vehicle& me = vehicles_[vehicle];
  me = Vehicle();
  me.along_m = along_m;
  me.speed_mps = static_cast<float>(speed_mps);
  me.kind = static_cast<std::uint8_t>(departing.type);
  me.half_length_m = static_cast<float>(half_m);
  me.eagerness = static_cast<float>(departing.speed_factor);
  Driver& driver = drivers_[vehicle];
  driver = Driver();
  driver.random = Random(MixHash(config_.seed, 1000 + entrance_->entered));
  DrawFaults(vehicle, entrance_->entered);
  me.intent = Intent::kWithPassenger;
  me.route = {kOwnWay, 0};
  driver.since_step = step_;
  changes_[vehicle] = LaneChange();
  tailgated_[vehicle] = kNobody;
  Insert(vehicle, lane);
  BeginStops(vehicle);
  ArriveOnLane(vehicle, lane);
  // Nothing is left of who had the number before.
  for (std::int64_t step = 0; step < kMoments; ++step) Remember(vehicle, step_ + step);
  ++entrance_->entered;
  ++on_road_;
  ever_used_ = std::max(ever_used_, vehicle + 1);
  return true;
}

// The way of one who has left the planned one: to the same end.
void Traffic::FindWayBack(VehicleIndex vehicle) {
  const LaneIndex last = entrance_->ways.LanesOf(entrance_->trips[vehicle].way.back()).front();
  const PlaceIndex place = router_.PlaceOf(last);
  router_.Find(place);
  vehicles_[vehicle].route = {place, place};
}

// Whether it leaves the city on `lane`, when it has come there by `route`.
bool Traffic::LeavesOn(VehicleIndex vehicle, const Goals& route, LaneIndex lane) const {
  if (entrance_ == nullptr) return false;
  if (city_.lane(lane).connection_count == 0) return true;
  const Entrance::Trip& trip = entrance_->trips[vehicle];
  return city_.lane(lane).street == trip.way.back() && (route.goal != kOwnWay || route.goal_after + 1u == trip.way.size());
}

void Traffic::Leave(VehicleIndex vehicle) {
  Vehicle& me = vehicles_[vehicle];
  if (me.halts) MissStops(vehicle);
  CountTrack(vehicle);
  if (me.turn_number != 0) LeaveJunction(vehicle);
  if (drivers_[vehicle].ahead.turn_number != 0) GiveUpAhead(vehicle);
  Remove(vehicle, me.track);
  queues_[me.track].departed = kNobody;
  for (const VehicleIndex touched : drivers_[vehicle].touching) {
    if (touched != kNobody) std::ranges::replace(drivers_[touched].touching, vehicle, kNobody);
  }
  std::erase(in_contact_, vehicle);
  Entrance::Trip& trip = entrance_->trips[vehicle];
  trip.record.arrival_s = static_cast<double>(step_ + 1) * kStepS;
  trip.record.stopped_s = trip.stood_steps * kStepS;
  trip.record.waited_s = std::max(0.0, drivers_[vehicle].stood_steps * kStepS - trip.record.stopped_s);
  trip.record.strayed = city_.lane(me.track).street != trip.way.back();
  finished_.push_back(std::move(trip.record));
  me.track = kOffRoad;
  me.along_m = 1e9;
  entrance_->free.push_back(vehicle);
  --on_road_;
  ++pending_.trips;
}

}  // namespace starling::sim
