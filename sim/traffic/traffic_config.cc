#include "sim/traffic/traffic_config.h"

#include <initializer_list>
#include <string>

namespace starling::sim {
namespace {

struct Field {
  const char* name;
  double value;
  double low = 0;
  double high = 1;
};

// A number as one would write it.
std::string Plain(double value) {
  std::string text = std::to_string(value);
  if (text.find('.') == std::string::npos) return text;
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

Status InRange(const std::string& of, std::initializer_list<Field> fields) {
  for (const Field& field : fields) {
    if (field.value >= field.low && field.value <= field.high) continue;
    return {ErrorCode::kInvalidArgument, of + " " + field.name + " is " + Plain(field.value) + ", not in " +
                                             Plain(field.low) + " to " + Plain(field.high)};
  }
  return {};
}

constexpr double kTimeMaxS = 86'400;
constexpr double kRadiusMinM = 1;
constexpr double kRadiusMaxM = 20'000;

std::string NameOf(const char* list, std::size_t number) {
  return std::string("traffic events.") + list + "[" + std::to_string(number) + "]";
}

Status Until(const std::string& of, double from_s, double until_s) {
  return InRange(of, {{"from_s", from_s, 0, kTimeMaxS}, {"until_s", until_s, from_s, kTimeMaxS}});
}

}  // namespace

Status TrafficConfig::Validate() const {
  if (Status status = InRange("traffic", {{"vehicles", static_cast<double>(vehicles), 1, 100'000},
                                          {"places", static_cast<double>(places), 2, 4096},
                                          {"threads", static_cast<double>(threads), 1, 64},
                                          {"warm_up_s", warm_up_s, 0, 600},
                                          {"reroute_chance", reroute_chance},
                                          {"charging_places", static_cast<double>(charging_places), 0,
                                           static_cast<double>(places)},
                                          {"range_km", range_km, 1, 1000}});
      !status.ok()) {
    return status;
  }
  if (Status status = faults.Validate(); !status.ok()) return status;
  return events.Validate();
}

Status DriverFaults::Validate() const {
  return InRange("traffic faults", {{"inattentive_share", inattentive_share},
                                    {"look_away_chance", look_away_chance},
                                    {"runner_share", runner_share},
                                    {"late_brake_share", late_brake_share},
                                    {"late_brake_chance", late_brake_chance},
                                    {"red_runner_share", red_runner_share},
                                    {"red_run_chance", red_run_chance},
                                    {"tailgater_share", tailgater_share},
                                    {"tailgate_headway_s", tailgate_headway_s, 0.1, 0.9},
                                    {"forcing_share", forcing_share},
                                    {"force_chance", force_chance}});
}

Status TrafficEvents::Validate() const {
  for (std::size_t i = 0; i < breakdowns.size(); ++i) {
    const Breakdown& breakdown = breakdowns[i];
    if (Status status = InRange(NameOf("breakdowns", i), {{"from_s", breakdown.from_s, 0, kTimeMaxS},
                                                          {"radius_m", breakdown.radius_m, kRadiusMinM, kRadiusMaxM},
                                                          {"stands_s", breakdown.stands_s, 1, 3600}});
        !status.ok()) {
      return status;
    }
  }
  for (std::size_t i = 0; i < closures.size(); ++i) {
    const std::string of = NameOf("closures", i);
    if (Status status = Until(of, closures[i].from_s, closures[i].until_s); !status.ok()) return status;
    if (Status status = InRange(of, {{"radius_m", closures[i].radius_m, kRadiusMinM, kRadiusMaxM}}); !status.ok()) {
      return status;
    }
  }
  for (std::size_t i = 0; i < attractions.size(); ++i) {
    const std::string of = NameOf("attractions", i);
    if (Status status = Until(of, attractions[i].from_s, attractions[i].until_s); !status.ok()) return status;
    if (Status status = InRange(of, {{"radius_m", attractions[i].radius_m, kRadiusMinM, kRadiusMaxM},
                                     {"share", attractions[i].share}});
        !status.ok()) {
      return status;
    }
  }
  for (std::size_t i = 0; i < rains.size(); ++i) {
    const std::string of = NameOf("rains", i);
    if (Status status = Until(of, rains[i].from_s, rains[i].until_s); !status.ok()) return status;
    if (Status status = InRange(of, {{"friction_factor", rains[i].friction_factor, 0.5, 1},
                                     {"headway_factor", rains[i].headway_factor, 1, 3},
                                     {"speed_factor", rains[i].speed_factor, 0.3, 1}});
        !status.ok()) {
      return status;
    }
  }
  return {};
}

}  // namespace starling::sim
