// What trips take, and the taxis' batteries.
#include <algorithm>
#include <string>

#include "sim/traffic/traffic.h"

namespace starling::sim {
namespace {

constexpr double kStepS = ToSeconds(Traffic::kStep);
constexpr double kLowShare = 0.15;            // Of its range: with less one goes to charge.
constexpr std::uint64_t kBatterySalt = 5;

}  // namespace

void Traffic::PrepareTaxis() {
  taxis_.resize(config_.vehicles);
  for (VehicleIndex i = 0; i < taxis_.size(); ++i) {
    taxis_[i].range_m = 1000 * config_.range_km * Random(MixHash(MixHash(config_.seed, kBatterySalt), i)).Unit();
  }
}

double Traffic::FreeS(const Vehicle& me, TrackIndex track, double way_m) const {
  return way_m / std::min(city_.track(track).speed_limit_mps * me.eagerness, KindOf(me).speed_max_mps);
}

// The one at whose end it is.
void Traffic::CountTrack(VehicleIndex vehicle) {
  const Vehicle& me = vehicles_[vehicle];
  const double length_m = city_.track(me.track).length_m;
  const double free_s = FreeS(me, me.track, length_m);
  if (entrance_ != nullptr) {
    TripRecord& record = entrance_->trips[vehicle].record;
    record.route_m += length_m;
    record.free_s += free_s;
    return;
  }
  Taxi& taxi = taxis_[vehicle];
  taxi.route_m += length_m;
  taxi.free_s += free_s;
  taxi.range_m -= length_m;
}

// It has come to its goal.
void Traffic::FinishTaxiTrip(VehicleIndex vehicle) {
  const Vehicle& me = vehicles_[vehicle];
  const Driver& driver = drivers_[vehicle];
  Taxi& taxi = taxis_[vehicle];
  // What it has driven on this track already.
  const double free_s = FreeS(me, me.track, me.along_m);
  const double now_s = static_cast<double>(step_ + 1) * kStepS;
  if (taxi.begun_s && finished_.size() < kTaxiTripsMax) {
    TripRecord record{std::to_string(vehicle), *taxi.begun_s, *taxi.begun_s, now_s};
    record.route_m = taxi.route_m + me.along_m;
    record.free_s = taxi.free_s + free_s;
    record.waited_s = (driver.stood_steps - taxi.stood_steps) * kStepS;
    record.intent = me.intent == Intent::kRerouting ? Intent::kWithPassenger : me.intent;
    finished_.push_back(std::move(record));
  } else if (taxi.begun_s) {
    ++pending_.trips_dropped;
  }
  taxi.begun_s = now_s;
  taxi.route_m = -me.along_m;
  taxi.free_s = -free_s;
  taxi.stood_steps = driver.stood_steps;
  if (me.intent == Intent::kCharging) taxi.range_m = 1000 * config_.range_km;
}

// Before its next passenger.
void Traffic::ConsiderCharging(VehicleIndex vehicle) {
  if (taxis_[vehicle].range_m > kLowShare * 1000 * config_.range_km) return;
  Vehicle& me = vehicles_[vehicle];
  me.intent = Intent::kCharging;
  me.route.goal = ChargingPlaceNear(city_.PoseAt(me.track, me.along_m).position);
}

PlaceIndex Traffic::ChargingPlaceNear(Vec2 from) const {
  const auto far = [&](PlaceIndex place) { return NormSquared(router_.PositionOf(place) - from); };
  PlaceIndex nearest = 0;
  for (PlaceIndex place = 1; place < config_.charging_places; ++place) {
    if (IsShut(nearest) || (!IsShut(place) && far(place) < far(nearest))) nearest = place;
  }
  return nearest;
}

}  // namespace starling::sim
