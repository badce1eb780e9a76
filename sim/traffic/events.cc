// What happens on the streets: breakdowns, closures, attractions, rain.
#include <algorithm>
#include <cmath>

#include "common/check.h"
#include "sim/traffic/traffic.h"

namespace starling::sim {
namespace {

constexpr double kStepS = ToSeconds(Traffic::kStep);
constexpr double kAfterStartM = 30;           // A breakdown leaves room to turn into its street,
constexpr double kBeforeLineM = 20;           // and to get back into the lane after it.
constexpr double kAnnouncedS = 60;            // Before a closure begins.
constexpr std::uint32_t kRenewSteps = 300;    // For the ways to all places.
constexpr int kGoalsDrawn = 1000;

bool IsNear(Vec2 a, Vec2 b, double radius_m) { return NormSquared(a - b) <= radius_m * radius_m; }

}  // namespace

void Traffic::PrepareEvents() {
  const TrafficEvents& events = config_.events;
  if (events.empty()) return;
  events_ = std::make_unique<EventsUnderWay>();
  for (const Breakdown& breakdown : events.breakdowns) {
    STARLING_CHECK(breakdown.lane == kNoLane || breakdown.lane < city_.lanes().size());
    EventsUnderWay::Waiting waiting{breakdown, {}};
    for (LaneIndex lane = 0; lane < city_.lanes().size(); ++lane) {
      if (breakdown.lane != kNoLane && breakdown.lane != lane) continue;
      if (breakdown.several_lanes && city_.lane(lane).left == kNoLane && city_.lane(lane).right == kNoLane) continue;
      const double half_m = city_.track(lane).length_m / 2;
      if (IsNear(city_.PoseAt(lane, half_m).position, breakdown.at, breakdown.radius_m + half_m)) {
        waiting.lanes.push_back(lane);
      }
    }
    events_->waiting.push_back(std::move(waiting));
  }
  if (entrance_ != nullptr) return;
  events_->stages.resize(events.closures.size(), EventsUnderWay::Stage::kAhead);
  events_->next_renewed = router_.places();
  for (const Closure& closure : events.closures) {
    std::vector<LaneIndex>& lanes = events_->closed.emplace_back();
    for (LaneIndex lane = 0; lane < city_.lanes().size(); ++lane) {
      // All lanes of a street alike, by the innermost one.
      LaneIndex inner = lane;
      while (city_.lane(inner).left != kNoLane) inner = city_.lane(inner).left;
      const Vec2 middle = city_.PoseAt(inner, city_.track(inner).length_m / 2).position;
      if (IsNear(middle, closure.at, closure.radius_m)) lanes.push_back(lane);
    }
  }
  for (const Attraction& attraction : events.attractions) {
    std::vector<PlaceIndex>& places = events_->attracting.emplace_back();
    PlaceIndex nearest = 0;
    for (PlaceIndex place = 0; place < router_.places(); ++place) {
      const Vec2 at = router_.PositionOf(place);
      if (IsNear(at, attraction.at, attraction.radius_m)) places.push_back(place);
      if (NormSquared(at - attraction.at) < NormSquared(router_.PositionOf(nearest) - attraction.at)) nearest = place;
    }
    if (places.empty()) places.push_back(nearest);
  }
}

// At the beginning of the step that is being worked on.
void Traffic::RunEvents() {
  const double now_s = static_cast<double>(step_ + 1) * kStepS;
  RunRain(now_s);
  RunBreakdowns(now_s);
  if (entrance_ == nullptr) RunClosures(now_s);
}

void Traffic::RunRain(double now_s) {
  Weather weather;
  double headway = 1;
  bool rains = false;
  for (const Rain& rain : config_.events.rains) {
    if (now_s < rain.from_s || now_s >= rain.until_s) continue;
    rains = true;
    weather.friction = std::min(weather.friction, rain.friction_factor);
    weather.on_lanes = std::min(weather.on_lanes, rain.speed_factor);
    headway = std::max(headway, rain.headway_factor);
  }
  if (!rains && events_->dry_kinds.empty()) return;
  weather.in_turns = std::min(weather.on_lanes, std::sqrt(weather.friction));
  weather_ = weather;
  if (events_->dry_kinds.empty()) events_->dry_kinds = kinds_;
  for (std::size_t i = 0; i < kinds_.size(); ++i) {
    kinds_[i].following.headway_s = events_->dry_kinds[i].following.headway_s * headway;
  }
}

void Traffic::RunBreakdowns(double now_s) {
  std::erase_if(events_->standing, [&](EventsUnderWay::Standing& standing) {
    Vehicle& me = vehicles_[standing.vehicle];
    if (standing.until_step == 0 && me.speed_mps <= 0) {
      standing.until_step = step_ + 1 + std::llround(standing.stands_s / kStepS);
    }
    if (standing.until_step == 0 || step_ + 1 < standing.until_step) return false;
    me.broken_down = false;
    return true;
  });
  std::erase_if(events_->waiting, [&](const EventsUnderWay::Waiting& waiting) {
    if (now_s < waiting.breakdown.from_s) return false;
    const VehicleIndex vehicle = WhoBreaksDown(waiting.breakdown, waiting.lanes);
    if (vehicle == kNobody) return false;
    vehicles_[vehicle].broken_down = true;
    events_->standing.push_back({vehicle, waiting.breakdown.stands_s, 0});
    ++pending_.breakdowns;
    return true;
  });
}

// The one nearest to the point of those that are near enough and have room to stop.
VehicleIndex Traffic::WhoBreaksDown(const Breakdown& breakdown, const std::vector<LaneIndex>& lanes) const {
  VehicleIndex who = kNobody;
  double nearest = breakdown.radius_m * breakdown.radius_m;
  for (const LaneIndex lane : lanes) {
    for (const VehicleIndex vehicle : queues_[lane].vehicles) {
      const Vehicle& me = vehicles_[vehicle];
      if (me.track != lane || me.changing || me.turn_number != 0 || me.held || me.leaving || me.broken_down) continue;
      const double v = me.speed_mps;
      const double stops_m = me.along_m + v * v / (2 * kBreakdownMps2) + 0.5 * v;
      if (me.along_m < kAfterStartM || stops_m + me.half_length_m + kBeforeLineM > city_.track(lane).length_m) continue;
      const double apart = NormSquared(city_.PoseAt(lane, me.along_m).position - breakdown.at);
      if (apart > nearest || (apart == nearest && who < vehicle)) continue;
      nearest = apart;
      who = vehicle;
    }
  }
  return who;
}

void Traffic::RunClosures(double now_s) {
  using Stage = EventsUnderWay::Stage;
  bool changed = false;
  bool begins = false;
  for (std::size_t i = 0; i < config_.events.closures.size(); ++i) {
    const Closure& closure = config_.events.closures[i];
    const Stage stage = now_s < closure.from_s - kAnnouncedS ? Stage::kAhead
                        : now_s < closure.from_s             ? Stage::kAnnounced
                        : now_s < closure.until_s            ? Stage::kOn
                                                             : Stage::kOver;
    if (stage == events_->stages[i]) continue;
    events_->stages[i] = stage;
    changed = true;
    begins = begins || stage == Stage::kOn;
  }
  if (changed) {
    closed_ = LanesClosed(/*announced=*/false);
    std::vector<std::uint8_t> announced = LanesClosed(/*announced=*/true);
    if (announced != events_->announced) {
      events_->announced = announced;
      events_->next_renewed = 0;
      router_.SetClosed(std::move(announced));
    }
  }
  const std::uint32_t places = router_.places();
  const std::uint32_t until = begins ? places : std::min(places, events_->next_renewed + places / kRenewSteps + 1);
  while (events_->next_renewed < until) router_.Renew(static_cast<PlaceIndex>(events_->next_renewed++));
  if (begins) TurnAway();
}

// By lane, those of the closures that are on, or announced; empty if there are none.
std::vector<std::uint8_t> Traffic::LanesClosed(bool announced) const {
  std::vector<std::uint8_t> closed;
  for (std::size_t i = 0; i < events_->stages.size(); ++i) {
    const EventsUnderWay::Stage stage = events_->stages[i];
    if (stage != EventsUnderWay::Stage::kOn && !(announced && stage == EventsUnderWay::Stage::kAnnounced)) continue;
    closed.resize(city_.lanes().size());
    for (const LaneIndex lane : events_->closed[i]) closed[lane] = 1;
  }
  const auto leads_nowhere_else = [&](LaneIndex number) {
    const Lane& lane = city_.lane(number);
    for (std::uint32_t i = 0; i < lane.connection_count; ++i) {
      if (closed[city_.connection(lane.connection_first + i).to_lane] == 0) return false;
    }
    return lane.connection_count > 0;
  };
  for (bool more = !closed.empty(); more;) {
    more = false;
    for (LaneIndex lane = 0; lane < closed.size(); ++lane) {
      if (closed[lane] != 0 || !leads_nowhere_else(lane)) continue;
      closed[lane] = 1;
      more = true;
    }
  }
  return closed;
}

// Who would go in, or through, and can still decide.
void Traffic::TurnAway() {
  for (VehicleIndex vehicle = 0; vehicle < size(); ++vehicle) {
    Vehicle& me = vehicles_[vehicle];
    Driver& driver = drivers_[vehicle];
    for (PlaceIndex* goal : {&me.route.goal, &me.route.goal_after}) {
      if (!IsShut(*goal)) continue;
      const Vec2 here = city_.PoseAt(me.track, me.along_m).position;
      const bool charges = goal == &me.route.goal && me.intent == Intent::kCharging;
      *goal = charges ? ChargingPlaceNear(here) : DrawGoal(&driver.random, here);
    }
    if (!city_.IsLane(me.track) || IsCommitted(me)) continue;
    Goals route = me.route;
    me.through = Follow(vehicle, &route, me.track);
  }
}

bool Traffic::IsShut(PlaceIndex place) const {
  return events_ != nullptr && !events_->announced.empty() && events_->announced[router_.LaneOf(place)] != 0;
}

PlaceIndex Traffic::DrawGoal(Random* random, Vec2 from) const {
  PlaceIndex goal = DrawAnyGoal(random, from);
  for (int i = 0; i < kGoalsDrawn && IsShut(goal); ++i) goal = DrawAnyGoal(random, from);
  return goal;
}

// Its pick-up, or its passenger's destination.
void Traffic::Attract(VehicleIndex vehicle) {
  Goals& route = vehicles_[vehicle].route;
  Random& random = drivers_[vehicle].random;
  const double now_s = static_cast<double>(step_ + 1) * kStepS;
  for (std::size_t i = 0; i < config_.events.attractions.size(); ++i) {
    const Attraction& attraction = config_.events.attractions[i];
    if (now_s < attraction.from_s || now_s >= attraction.until_s || !random.Chance(attraction.share)) continue;
    const std::vector<PlaceIndex>& places = events_->attracting[i];
    const PlaceIndex place = places[random.Below(static_cast<std::uint32_t>(places.size()))];
    if (IsShut(place)) continue;
    (attraction.starts_there ? route.goal : route.goal_after) = place;
  }
}

}  // namespace starling::sim
