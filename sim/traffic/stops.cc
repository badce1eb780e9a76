// Stops of the demand's vehicles: which one is next, which lanes lead there, how one comes to rest at it and goes on.
#include "sim/traffic/stops.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include "sim/traffic/traffic.h"

namespace starling::sim {
namespace {

constexpr double kStepS = ToSeconds(Traffic::kStep);
constexpr double kBeginStopMps2 = 1.2;       // Where braking for a stop begins;
constexpr double kStopMps2 = 3.0;            // who would have to brake harder drives on.
constexpr double kSeeMps2 = 0.8;
constexpr double kBeforeEndM = 0.5;          // One means to stand this far before the stop's end,
constexpr double kBeforeLineM = 1.3;         // and before the line, where nobody stands on it.
constexpr double kShortestM = 0.4;           // A stop that is shorter is so long.
constexpr double kRestMps = 0.05;            // Who is slower has come to rest.
constexpr double kPlannedM = 500;            // From there on one thinks of the stop's lane.
constexpr double kWaitBeforeM = 1;           // The last place for a change.
constexpr float kNever = 1e6;
// Who stands at a stop waits for nobody, and need not be waited for: longer than ComesTooSoon asks for, shorter than
// what makes a driver impatient.
constexpr std::uint16_t kWaitedSteps = 20;

// A place along a stop's lane as the network measures it, along a lane that is as long as `lane_m`.
double Along(const Stop& stop, double metres, double lane_m) {
  return stop.lane_m > 0 ? metres / stop.lane_m * lane_m : 0;
}

}  // namespace

// Of one that has entered.
void Traffic::BeginStops(VehicleIndex vehicle) {
  Entrance::Trip& trip = entrance_->trips[vehicle];
  trip.halt.reset();
  const Departure& departure = *trip.departing.departure;
  if (departure.stop_count == 0) return;
  trip.halt = std::make_unique<Halt>();
  trip.halt->next = departure.stop_first;
  trip.halt->end = departure.stop_first + departure.stop_count;
  vehicles_[vehicle].halts = true;
  entrance_->halting.push_back(vehicle);
  FindStop(vehicle);
}

// So fast that one can come to rest at a stop of the street on which it enters.
double Traffic::SpeedToEnter(const Departing& departing, LaneIndex lane, double front_m, double speed_mps) const {
  const Stop& stop = entrance_->demand.stops[departing.departure->stop_first];
  if (stop.edge != city_.lane(lane).street) return speed_mps;
  const double room_m = Along(stop, stop.to_m, city_.track(lane).length_m) - kBeforeEndM - front_m;
  return room_m < 0 ? speed_mps : std::min(speed_mps, std::sqrt(2 * kBeginStopMps2 * room_m));
}

LaneIndex Traffic::LaneOfStop(const Stop& stop) const {
  for (const LaneIndex lane : entrance_->ways.LanesOf(stop.edge)) {
    if (city_.lane(lane).number == stop.lane_number) return lane;
  }
  return kNoLane;
}

// The next one of its stops that it comes to; those before that are missed.
void Traffic::FindStop(VehicleIndex vehicle) {
  Vehicle& me = vehicles_[vehicle];
  Entrance::Trip& trip = entrance_->trips[vehicle];
  Halt& halt = *trip.halt;
  halt.stands = false;
  for (; halt.next < halt.end; ++halt.next) {
    const Stop& stop = entrance_->demand.stops[halt.next];
    std::size_t at = halt.at;
    const bool there = trip.way[at] == stop.edge && city_.IsLane(me.track);
    const double length_m = city_.track(me.track).length_m;
    const bool ahead = there && me.along_m + me.half_length_m <= Along(stop, stop.to_m, length_m);
    if (!ahead) {
      do ++at;
      while (at < trip.way.size() && trip.way[at] != stop.edge);
    }
    if (at >= trip.way.size()) {
      NoteStop(vehicle, there ? StopOutcome::kPassed : StopOutcome::kOffWay);
      continue;
    }
    const LaneIndex lane = LaneOfStop(stop);
    if (lane == kNoLane) {
      NoteStop(vehicle, StopOutcome::kNoSuchLane);
      continue;
    }
    const double lane_m = city_.track(lane).length_m;
    halt.stop_at = at;
    halt.lane = lane;
    halt.to_m = Along(stop, stop.to_m, lane_m);
    halt.from_m = std::min(Along(stop, stop.from_m, lane_m), halt.to_m - kShortestM);
    halt.rest_m = halt.to_m - std::min(kBeforeEndM, (halt.to_m - halt.from_m) / 2);
    if (city_.lane(lane).connection_count > 0) halt.rest_m = std::min(halt.rest_m, lane_m - kBeforeLineM);
    halt.from_m = std::min(halt.from_m, halt.rest_m - kShortestM / 2);
    PlanLanes(vehicle);
    break;
  }
  me.halts = halt.next < halt.end;
  if (!me.halts) trip.halt.reset();
  // Its lane's end may be left by another way now.
  if (city_.IsLane(me.track) && city_.lane(me.track).connection_count > 0 && !IsCommitted(me) &&
      drivers_[vehicle].ahead.turn_number == 0) {
    Goals route = me.route;
    me.through = Follow(vehicle, &route, me.track);
  }
}

void Traffic::PlanLanes(VehicleIndex vehicle) {
  const Entrance::Trip& trip = entrance_->trips[vehicle];
  Halt& halt = *trip.halt;
  const auto lanes_of = [&](std::size_t at) { return entrance_->ways.LanesOf(trip.way[at]); };
  // From the stop back to where one begins to think of it, or to where no lane leads there.
  std::vector<std::vector<float>> backwards;
  double metres = 0;
  for (std::size_t at = halt.stop_at + 1; at-- > halt.at;) {
    const std::span<const LaneIndex> lanes = lanes_of(at);
    std::vector<float> stays;
    for (const LaneIndex lane : lanes) {
      float least = kNever;
      if (at == halt.stop_at) {
        least = lane == halt.lane ? 0 : kNever;
      } else {
        for (std::uint32_t i = 0; i < city_.lane(lane).connection_count; ++i) {
          const Connection& connection = city_.connection(city_.lane(lane).connection_first + i);
          if (city_.lane(connection.to_lane).street != trip.way[at + 1]) continue;
          const float joining = connection.joins ? 2 * static_cast<float>(LaneChangeS(city_.track(lane).length_m)) : 0;
          least = std::min(least, joining + backwards.back()[entrance_->ways.NumberIn(connection.to_lane)]);
        }
      }
      stays.push_back(least);
    }
    std::vector<float>& efforts = backwards.emplace_back(stays);
    for (std::size_t i = 0; i < lanes.size(); ++i) {
      for (const auto beside : {&Lane::left, &Lane::right}) {
        float changes = 0;
        for (LaneIndex other = city_.lane(lanes[i]).*beside; other != kNoLane; other = city_.lane(other).*beside) {
          changes += static_cast<float>(LaneChangeS(city_.track(other).length_m));
          efforts[i] = std::min(efforts[i], changes + stays[entrance_->ways.NumberIn(other)]);
        }
      }
    }
    if (std::ranges::all_of(efforts, [](float effort) { return effort >= kNever; })) {
      backwards.pop_back();
      break;
    }
    if (at < halt.stop_at) metres += city_.track(lanes.front()).length_m;
    if (metres > kPlannedM) break;
  }
  halt.planned_from = halt.stop_at + 1 - backwards.size();
  halt.effort_first.clear();
  halt.efforts.clear();
  for (auto of = backwards.rbegin(); of != backwards.rend(); ++of) {
    halt.effort_first.push_back(static_cast<std::uint32_t>(halt.efforts.size()));
    halt.efforts.insert(halt.efforts.end(), of->begin(), of->end());
  }
}

// From a lane of the way's street with number `at`, with changes of lanes on it or not.
float Traffic::EffortToStop(const Halt& halt, std::size_t at, LaneIndex lane) const {
  return halt.efforts[halt.effort_first[at - halt.planned_from] + entrance_->ways.NumberIn(lane)];
}

// The connection at the end of `lane` from which one comes to the stop's lane with the least changes; `otherwise` if
// none is better.
ConnectionIndex Traffic::NextToStop(VehicleIndex vehicle, std::size_t at, LaneIndex lane,
                                    ConnectionIndex otherwise) const {
  const Entrance::Trip& trip = entrance_->trips[vehicle];
  const Halt& halt = *trip.halt;
  if (at >= halt.stop_at || at + 1 < halt.planned_from) return otherwise;
  const auto effort = [&](ConnectionIndex way) {
    const LaneIndex to = city_.connection(way).to_lane;
    return city_.lane(to).street == trip.way[at + 1] ? EffortToStop(halt, at + 1, to) : 2 * kNever;
  };
  ConnectionIndex best = otherwise;
  float least = effort(best);
  for (std::uint32_t i = 0; i < city_.lane(lane).connection_count; ++i) {
    const ConnectionIndex way = city_.lane(lane).connection_first + i;
    if (effort(way) >= least) continue;
    least = effort(way);
    best = way;
  }
  return best;
}

// The lane beside `lane`, of the street that it is on, that it had better be in for its stop; nullopt if that does not
// matter.
std::optional<LaneIndex> Traffic::BetterForStop(VehicleIndex vehicle, LaneIndex lane) const {
  const Entrance::Trip& trip = entrance_->trips[vehicle];
  const Halt& halt = *trip.halt;
  if (halt.at < halt.planned_from || halt.at > halt.stop_at || city_.lane(lane).street != trip.way[halt.at]) {
    return std::nullopt;
  }
  const auto stays = [&](LaneIndex on) {
    if (halt.at == halt.stop_at) return on == halt.lane ? 0.0f : kNever;
    float least = kNever;
    for (std::uint32_t i = 0; i < city_.lane(on).connection_count; ++i) {
      const Connection& connection = city_.connection(city_.lane(on).connection_first + i);
      if (city_.lane(connection.to_lane).street != trip.way[halt.at + 1]) continue;
      const float joining = connection.joins ? 2 * static_cast<float>(LaneChangeS(city_.track(on).length_m)) : 0;
      least = std::min(least, joining + EffortToStop(halt, halt.at + 1, connection.to_lane));
    }
    return least;
  };
  if (EffortToStop(halt, halt.at, lane) >= kNever) return std::nullopt;
  // Too late for a change: what comes after it counts.
  const Vehicle& me = vehicles_[vehicle];
  if (halt.at == halt.stop_at && lane != halt.lane &&
      me.along_m + me.half_length_m + ChangeLengthM(0, kLaneWidthM) > StopOnM(vehicle, me.track)) {
    return std::nullopt;
  }
  float least = stays(lane);
  LaneIndex better = kNoLane;
  for (const auto beside : {&Lane::left, &Lane::right}) {
    float changes = 0;
    for (LaneIndex other = city_.lane(lane).*beside; other != kNoLane; other = city_.lane(other).*beside) {
      changes += static_cast<float>(LaneChangeS(city_.track(other).length_m));
      if (changes + stays(other) >= least) continue;
      least = changes + stays(other);
      better = city_.lane(lane).*beside;
    }
  }
  return better;
}

// Where along `lane`, of the street that it is on, its front means to stand; beyond all lanes if it has no stop there.
double Traffic::StopOnM(VehicleIndex vehicle, LaneIndex lane) const {
  const Halt& halt = *entrance_->trips[vehicle].halt;
  if (halt.at != halt.stop_at || city_.lane(lane).street != city_.lane(halt.lane).street) return kFarM;
  return halt.rest_m * city_.track(lane).length_m / city_.track(halt.lane).length_m;
}

// Where it has to be in the lane at last.
double Traffic::LastChangeM(VehicleIndex vehicle) const {
  const Vehicle& me = vehicles_[vehicle];
  return StopOnM(vehicle, me.track) - me.half_length_m - ChangeLengthM(0, kLaneWidthM) - kWaitBeforeM;
}

// Whether its next stop is on `lane`, on which it is or to which it comes next.
bool Traffic::StopsOn(VehicleIndex vehicle, LaneIndex lane) const {
  const Halt& halt = *entrance_->trips[vehicle].halt;
  return halt.lane == lane && halt.at <= halt.stop_at && halt.stop_at <= halt.at + 1;
}

bool Traffic::StandsAtStop(VehicleIndex vehicle) const { return entrance_->trips[vehicle].halt->stands; }

// From its front to where it means to stand, if its way leads to that lane and it is no farther than `see_m`.
std::optional<double> Traffic::ToStopM(VehicleIndex vehicle, double see_m) const {
  const Vehicle& me = vehicles_[vehicle];
  const Entrance::Trip& trip = entrance_->trips[vehicle];
  const Halt& halt = *trip.halt;
  TrackIndex track = me.track;
  ConnectionIndex through = me.through;
  Goals route = me.route;
  std::size_t at = halt.at;
  for (double start_m = -me.along_m - me.half_length_m; start_m < see_m;) {
    if (city_.IsLane(track)) {
      if (at == halt.stop_at) return track == halt.lane ? std::optional(start_m + halt.rest_m) : std::nullopt;
      if (city_.lane(track).connection_count == 0) return std::nullopt;
      start_m += city_.track(track).length_m;
      track = city_.TrackOf(through);
      continue;
    }
    start_m += city_.track(track).length_m;
    track = city_.connection(through).to_lane;
    if (trip.way[at] != city_.lane(track).street) ++at;
    if (at > halt.stop_at || trip.way[at] != city_.lane(track).street) return std::nullopt;
    through = Follow(vehicle, &route, track);
  }
  return std::nullopt;
}

double Traffic::ForStop(VehicleIndex vehicle) const {
  const Vehicle& me = vehicles_[vehicle];
  const double speed = me.speed_mps;
  if (StandsAtStop(vehicle)) return speed > 0 ? -kBeginStopMps2 : 0;
  const std::optional<double> room_m = ToStopM(vehicle, speed * speed / (2 * kSeeMps2) + speed + 15);
  if (!room_m) return kNoLimitMps2;
  return std::max(-kStopMps2, StopIn(speed, *room_m, me.accel_mps2, kBeginStopMps2));
}

// At the beginning of the step that is being worked on.
void Traffic::RunStops() {
  std::erase_if(entrance_->halting, [&](VehicleIndex vehicle) {
    Vehicle& me = vehicles_[vehicle];
    if (!me.halts) return true;
    Entrance::Trip& trip = entrance_->trips[vehicle];
    Halt& halt = *trip.halt;
    const double speed = me.speed_mps;
    if (halt.stands) {
      me.waited_steps = std::min(me.waited_steps, kWaitedSteps);
      if (step_ + 1 < halt.until_step) return false;
      trip.stood_steps += static_cast<std::uint32_t>(step_ + 1 - halt.from_step);
      NoteStop(vehicle, StopOutcome::kMade);
      ++halt.next;
      FindStop(vehicle);
      return !me.halts;
    }
    const std::optional<double> room_m = ToStopM(vehicle, speed * speed / (2 * kStopMps2) + speed + 1);
    if (!room_m) {
      const bool passed = halt.at == halt.stop_at && city_.IsLane(me.track) &&
                          me.along_m + me.half_length_m > StopOnM(vehicle, me.track);
      if (!passed) return false;
      NoteStop(vehicle, StopOutcome::kWrongLane);
      ++halt.next;
      FindStop(vehicle);
      return !me.halts;
    }
    const double to_end_m = *room_m + halt.to_m - halt.rest_m;
    if (to_end_m < 0 || speed * speed > 2 * kStopMps2 * (to_end_m + kBeforeEndM)) {
      NoteStop(vehicle, StopOutcome::kPassed);
      ++halt.next;
      FindStop(vehicle);
      return !me.halts;
    }
    if (speed >= kRestMps || me.changing || *room_m > halt.rest_m - halt.from_m) return false;
    const Stop& stop = entrance_->demand.stops[halt.next];
    halt.stands = true;
    halt.from_step = step_ + 1;
    halt.until_step = halt.from_step + std::llround(std::ceil(stop.duration_s / kStepS - 1e-6));
    if (stop.until_s > 0) {
      // A flow's times are its first vehicle's.
      const double until_s = stop.until_s + trip.departing.time_s - trip.departing.departure->time_s;
      halt.until_step = std::max<std::int64_t>(halt.until_step, std::llround(std::ceil(until_s / kStepS - 1e-6)));
    }
    me.wants_left = me.wants_right = false;
    return false;
  });
}

// It comes to `lane`.
void Traffic::AdvanceToStop(VehicleIndex vehicle, LaneIndex lane) {
  Entrance::Trip& trip = entrance_->trips[vehicle];
  Halt& halt = *trip.halt;
  const StreetIndex street = city_.lane(lane).street;
  if (trip.way[halt.at] == street) return;
  if (halt.at + 1 == trip.way.size() || trip.way[halt.at + 1] != street) return MissStops(vehicle);
  if (++halt.at <= halt.stop_at) return;
  NoteStop(vehicle, StopOutcome::kWrongLane);
  ++halt.next;
  FindStop(vehicle);
}

// All that it still had.
void Traffic::MissStops(VehicleIndex vehicle) {
  Halt& halt = *entrance_->trips[vehicle].halt;
  for (; halt.next < halt.end; ++halt.next) NoteStop(vehicle, StopOutcome::kOffWay);
  vehicles_[vehicle].halts = false;
  entrance_->trips[vehicle].halt.reset();
}

void Traffic::NoteStop(VehicleIndex vehicle, StopOutcome outcome) {
  const Entrance::Trip& trip = entrance_->trips[vehicle];
  const double now_s = static_cast<double>(step_ + 1) * kStepS;
  const bool made = outcome == StopOutcome::kMade;
  ++(made ? pending_.stops_made : pending_.stops_missed);
  stops_.push_back({trip.record.id, trip.halt->next, outcome,
                    made ? static_cast<double>(trip.halt->from_step) * kStepS : now_s, now_s});
}

}  // namespace starling::sim
