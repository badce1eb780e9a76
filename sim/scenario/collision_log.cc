#include "sim/scenario/collision_log.h"

#include <flatbuffers/flatbuffers.h>

#include <boost/json.hpp>
#include <cmath>

#include "common/geo/trigonometry.h"
#include "sim/fleet/fleet_config.h"

namespace starling::sim {
namespace {

namespace json = boost::json;

constexpr std::size_t kMomentsMax = 600;
constexpr std::size_t kEventsMax = 64;
constexpr nanoseconds kBefore = seconds(8);
constexpr nanoseconds kApart = milliseconds(500);  // of the moments that are written; the last ones all are
constexpr nanoseconds kLast = milliseconds(500);
constexpr double kDegrees = 180 / kPi;

template <typename Event>
void Keep(Event event, std::size_t most, std::deque<Event>* events) {
  events->push_back(std::move(event));
  if (events->size() > most) events->pop_front();
}

double Rounded(double value) { return std::round(value * 100) / 100; }

double Since(SimTime time, const Collision& collision) {
  return std::round(ToSeconds(time - collision.time) * 1000) / 1000;
}

bool Counts(SimTime time, const Collision& collision) {
  return time > collision.time - kBefore && time <= collision.time;
}

}  // namespace

void CollisionLog::AddStep(const Traffic& traffic) {
  vehicles_.resize(traffic.size());
  for (VehicleIndex vehicle = 0; vehicle < traffic.size(); ++vehicle) {
    if (!traffic.OnRoad(vehicle)) continue;
    const VehicleTruth truth = traffic.Truth(vehicle, traffic.time());
    Keep({traffic.time(), truth.position, static_cast<float>(truth.heading_rad), static_cast<float>(truth.speed_mps),
          static_cast<float>(truth.accel_mps2)},
         kMomentsMax, &vehicles_[vehicle].moments);
  }
}

void CollisionLog::Add(const Mistake& mistake) { Keep(mistake, kEventsMax, &vehicles_[mistake.vehicle].mistakes); }

CollisionLog::Vehicle* CollisionLog::Find(std::string_view name) {
  const std::size_t at = VehicleIndexOf(name, vehicles_.size());
  return at < vehicles_.size() ? &vehicles_[at] : nullptr;
}

void CollisionLog::Add(const cloud::ShardOutputs& outputs, SimTime time) {
  for (const cloud::ShardOutputs::Command& each : outputs.commands) {
    const auto* command = flatbuffers::GetRoot<wire::Command>(each.wire_command.data());
    if (Vehicle* const vehicle = Find(each.vehicle.view()); vehicle != nullptr) {
      Keep({time, command->kind(), command->episode_id(), command->speed_ceiling_cmps() * 0.01,
            command->decel_cmps2() * 0.01},
           kEventsMax, &vehicle->told);
    }
  }
  for (const cloud::ShardOutputs::Record& record : outputs.records) {
    if (record.topic != cloud::Topic::kConflicts) continue;
    const auto* conflict = flatbuffers::GetRoot<log::Conflict>(record.value.data());
    const std::string_view names[] = {conflict->vehicle_a()->string_view(), conflict->vehicle_b()->string_view()};
    for (const int side : {0, 1}) {
      Vehicle* const vehicle = Find(names[side]);
      if (vehicle == nullptr) continue;
      Keep({time, conflict->episode_id(), conflict->phase(), conflict->encounter(),
            static_cast<std::uint32_t>(VehicleIndexOf(names[1 - side], vehicles_.size())), conflict->ttc_ms() * 1e-3,
            conflict->drac_cmps2() * 1e-2, conflict->probability() / 255.0},
           kEventsMax, &vehicle->said);
    }
  }
}

std::string CollisionLog::Describe(const Collision& collision, const Traffic& traffic) const {
  json::array sides;
  for (const std::uint32_t number : {collision.first, collision.second}) {
    const Vehicle& vehicle = vehicles_[number];
    json::array moments;
    SimTime next = collision.time - kBefore;
    for (const Moment& each : vehicle.moments) {
      if (!Counts(each.time, collision) || (each.time < next && each.time < collision.time - kLast)) continue;
      next = each.time + kApart;
      moments.push_back({Since(each.time, collision), Rounded(each.position.x), Rounded(each.position.y),
                         Rounded(each.heading_rad * kDegrees), Rounded(each.speed_mps), Rounded(each.accel_mps2)});
    }
    json::array mistakes;
    for (const Mistake& each : vehicle.mistakes) {
      if (!Counts(each.time, collision)) continue;
      mistakes.push_back({{"at_s", Since(each.time, collision)}, {"mistake", kMistakeNames[static_cast<std::size_t>(each.kind)]}});
    }
    json::array said;
    for (const Said& each : vehicle.said) {
      if (!Counts(each.time, collision)) continue;
      said.push_back({{"at_s", Since(each.time, collision)},
                      {"phase", log::EnumNameEpisodePhase(each.phase)},
                      {"type", log::EnumNameEncounter(each.type)},
                      {"with", VehicleName(each.with)},
                      {"episode", std::to_string(each.episode)},
                      {"ttc_s", Rounded(each.ttc_s)},
                      {"drac_mps2", Rounded(each.drac_mps2)},
                      {"probability", Rounded(each.probability)}});
    }
    json::array told;
    for (const Told& each : vehicle.told) {
      if (!Counts(each.time, collision)) continue;
      told.push_back({{"at_s", Since(each.time, collision)},
                      {"kind", wire::EnumNameCommandKind(each.kind)},
                      {"episode", std::to_string(each.episode)},
                      {"ceiling_mps", Rounded(each.ceiling_mps)},
                      {"decel_mps2", Rounded(each.decel_mps2)}});
    }
    sides.push_back({{"vehicle", VehicleName(number)},
                     {"breaks_rules", traffic.BreaksRules(number)},
                     {"moments", std::move(moments)},
                     {"mistakes", std::move(mistakes)},
                     {"conflicts", std::move(said)},
                     {"commands", std::move(told)}});
  }
  return json::serialize(json::object{{"time_s", SecondsOf(collision.time)},
                                      {"x_m", Rounded(collision.position.x)},
                                      {"y_m", Rounded(collision.position.y)},
                                      {"relative_speed_mps", Rounded(collision.relative_speed_mps)},
                                      {"angle_deg", Rounded(collision.angle_rad * kDegrees)},
                                      {"vehicles", std::move(sides)}}) +
         "\n";
}

}  // namespace starling::sim
