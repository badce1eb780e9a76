// Every key that a scenario has, and where its value goes.
#pragma once

#include <string>
#include <vector>

#include "common/time.h"
#include "sim/scenario/scenario.h"

namespace starling::sim {

enum class KeyKind : std::uint8_t { kNumber, kCount, kFlag, kText };

struct ScenarioKey {
  std::string section;             // empty: of the file
  std::string key;
  KeyKind kind = KeyKind::kNumber;
  std::string value;               // another one than its default
  std::string refused;             // out of its range; empty: it has none
  // What was read: durations in s, flags as 0 and 1; of a text whether it is `value`.
  double (*read)(const Scenario& scenario) = nullptr;
  std::string beside;              // what its range needs in the same section, a line
};

// What a section cannot do without.
inline std::string NeededIn(const std::string& section, const std::string& but_for) {
  const bool disc = section == "canyon" || section == "tunnel" || section == "hole";
  return disc && but_for != "radius_m" ? "radius_m = 50\n" : "";
}

inline bool IsOneOfMany(const std::string& section) {
  for (const char* each : {"breakdown", "closure", "attraction", "rain", "canyon", "tunnel", "hole"}) {
    if (section == each) return true;
  }
  return false;
}

inline std::string HeaderOf(const std::string& section) {
  if (section.empty()) return "";
  return IsOneOfMany(section) ? "[[" + section + "]]\n" : "[" + section + "]\n";
}

// A scenario with that key alone; it is on line kKeyLine.
inline constexpr int kKeyLine = 3;
inline std::string ScenarioWith(const ScenarioKey& key, const std::string& value) {
  if (key.key == "name") return "\n\nname = " + value + "\n";
  std::string text = key.section.empty() ? "name = \"test\"\n\n" : "name = \"test\"\n" + HeaderOf(key.section);
  text += key.key + " = " + value + "\n";
  return text + NeededIn(key.section, key.key) + key.beside;
}

inline std::vector<ScenarioKey> ScenarioKeys() {
  using enum KeyKind;
  using S = const Scenario&;
  return {
      {"", "name", kText, "\"other\"", "", [](S s) { return double(s.name == "other"); }, ""},
      {"", "description", kText, "\"of it\"", "", [](S s) { return double(s.description == "of it"); }, ""},
      {"", "seconds", kCount, "61", "86401", [](S s) { return double(s.seconds); }, ""},

      {"city", "network", kText, "\"a.net.xml\"", "", [](S s) { return double(s.network == "folder/a.net.xml"); }, ""},
      {"city", "signals", kText, "\"../a.add.xml\"", "", [](S s) { return double(s.signals == "a.add.xml"); }, ""},
      {"city", "side_m", kNumber, "1500", "999", [](S s) { return s.city.side_m; }, ""},
      {"city", "block_m", kNumber, "150", "401", [](S s) { return s.city.block_m; }, ""},
      {"city", "missing_share", kNumber, "0.2", "0.31", [](S s) { return s.city.missing_share; }, ""},
      {"city", "signal_share", kNumber, "0.5", "1.1", [](S s) { return s.city.signal_share; }, ""},
      {"city", "roundabout_share", kNumber, "0.5", "1.1", [](S s) { return s.city.roundabout_share; }, ""},
      {"city", "coordinated", kFlag, "false", "", [](S s) { return double(s.city.coordinated); }, ""},
      {"city", "progression_mps", kNumber, "12", "9", [](S s) { return s.city.progression_mps; }, ""},

      {"traffic", "vehicles", kCount, "77", "100001", [](S s) { return double(s.traffic.vehicles); }, ""},
      {"traffic", "places", kCount, "77", "1", [](S s) { return double(s.traffic.places); }, ""},
      {"traffic", "warm_up_s", kNumber, "7.5", "601", [](S s) { return s.traffic.warm_up_s; }, ""},
      {"traffic", "reroute_chance", kNumber, "0.2", "1.5", [](S s) { return s.traffic.reroute_chance; }, ""},
      {"traffic", "charging_places", kCount, "7", "257", [](S s) { return double(s.traffic.charging_places); }, ""},
      {"traffic", "range_km", kNumber, "77", "0.5", [](S s) { return s.traffic.range_km; }, ""},

      {"drivers", "inattentive_share", kNumber, "0.2", "1.5",
       [](S s) { return s.traffic.faults.inattentive_share; }, ""},
      {"drivers", "look_away_chance", kNumber, "0.2", "-0.1",
       [](S s) { return s.traffic.faults.look_away_chance; }, ""},
      {"drivers", "runner_share", kNumber, "0.2", "1.5", [](S s) { return s.traffic.faults.runner_share; }, ""},
      {"drivers", "late_brake_share", kNumber, "0.2", "1.5", [](S s) { return s.traffic.faults.late_brake_share; }, ""},
      {"drivers", "late_brake_chance", kNumber, "0.2", "1.5",
       [](S s) { return s.traffic.faults.late_brake_chance; }, ""},
      {"drivers", "red_runner_share", kNumber, "0.2", "1.5", [](S s) { return s.traffic.faults.red_runner_share; }, ""},
      {"drivers", "red_run_chance", kNumber, "0.2", "1.5", [](S s) { return s.traffic.faults.red_run_chance; }, ""},
      {"drivers", "tailgater_share", kNumber, "0.2", "1.5", [](S s) { return s.traffic.faults.tailgater_share; }, ""},
      {"drivers", "tailgate_headway_s", kNumber, "0.2", "1",
       [](S s) { return s.traffic.faults.tailgate_headway_s; }, ""},
      {"drivers", "forcing_share", kNumber, "0.2", "1.5", [](S s) { return s.traffic.faults.forcing_share; }, ""},
      {"drivers", "force_chance", kNumber, "0.2", "1.5", [](S s) { return s.traffic.faults.force_chance; }, ""},

      {"breakdown", "from_s", kNumber, "7", "86401", [](S s) { return s.traffic.events.breakdowns.at(0).from_s; }, ""},
      {"breakdown", "x_m", kNumber, "7", "", [](S s) { return s.traffic.events.breakdowns.at(0).at.x; }, ""},
      {"breakdown", "y_m", kNumber, "-7", "", [](S s) { return s.traffic.events.breakdowns.at(0).at.y; }, ""},
      {"breakdown", "radius_m", kNumber, "7", "0.5",
       [](S s) { return s.traffic.events.breakdowns.at(0).radius_m; }, ""},
      {"breakdown", "several_lanes", kFlag, "true", "",
       [](S s) { return double(s.traffic.events.breakdowns.at(0).several_lanes); }, ""},
      {"breakdown", "stands_s", kNumber, "7", "0.5",
       [](S s) { return s.traffic.events.breakdowns.at(0).stands_s; }, ""},

      {"closure", "from_s", kNumber, "7", "-1", [](S s) { return s.traffic.events.closures.at(0).from_s; },
       "until_s = 86400\n"},
      {"closure", "until_s", kNumber, "7", "86401", [](S s) { return s.traffic.events.closures.at(0).until_s; }, ""},
      {"closure", "x_m", kNumber, "7", "", [](S s) { return s.traffic.events.closures.at(0).at.x; }, ""},
      {"closure", "y_m", kNumber, "-7", "", [](S s) { return s.traffic.events.closures.at(0).at.y; }, ""},
      {"closure", "radius_m", kNumber, "7", "20001", [](S s) { return s.traffic.events.closures.at(0).radius_m; }, ""},

      {"attraction", "from_s", kNumber, "7", "-1", [](S s) { return s.traffic.events.attractions.at(0).from_s; },
       "until_s = 86400\n"},
      {"attraction", "until_s", kNumber, "7", "86401",
       [](S s) { return s.traffic.events.attractions.at(0).until_s; }, ""},
      {"attraction", "x_m", kNumber, "7", "", [](S s) { return s.traffic.events.attractions.at(0).at.x; }, ""},
      {"attraction", "y_m", kNumber, "-7", "", [](S s) { return s.traffic.events.attractions.at(0).at.y; }, ""},
      {"attraction", "radius_m", kNumber, "7", "0.5",
       [](S s) { return s.traffic.events.attractions.at(0).radius_m; }, ""},
      {"attraction", "share", kNumber, "0.7", "1.5", [](S s) { return s.traffic.events.attractions.at(0).share; }, ""},
      {"attraction", "starts_there", kFlag, "true", "",
       [](S s) { return double(s.traffic.events.attractions.at(0).starts_there); }, ""},

      {"rain", "from_s", kNumber, "7", "-1",
       [](S s) { return s.traffic.events.rains.at(0).from_s; }, "until_s = 86400\n"},
      {"rain", "until_s", kNumber, "7", "86401", [](S s) { return s.traffic.events.rains.at(0).until_s; }, ""},
      {"rain", "friction_factor", kNumber, "0.7", "0.4",
       [](S s) { return s.traffic.events.rains.at(0).friction_factor; }, ""},
      {"rain", "headway_factor", kNumber, "1.7", "0.9",
       [](S s) { return s.traffic.events.rains.at(0).headway_factor; }, ""},
      {"rain", "speed_factor", kNumber, "0.7", "1.1",
       [](S s) { return s.traffic.events.rains.at(0).speed_factor; }, ""},

      {"fleet", "penetration", kNumber, "0.7", "1.1", [](S s) { return s.fleet.penetration; }, ""},
      {"fleet", "compliance", kNumber, "0.7", "-0.1", [](S s) { return s.fleet.compliance; }, ""},
      {"fleet", "raw", kFlag, "true", "", [](S s) { return double(s.fleet.raw); }, ""},
      {"fleet", "durable_after_s", kNumber, "0.02", "10.1", [](S s) { return ToSeconds(s.fleet.durable_after); }, ""},

      {"gnss", "model", kText, "\"built-in\"", "\"other\"",
       [](S s) { return double(s.fleet.gnss.drift_sigma_m == GnssConfig::BuiltIn().drift_sigma_m); }, ""},
      {"gnss", "drift_sigma_m", kNumber, "7", "101", [](S s) { return s.fleet.gnss.drift_sigma_m; }, ""},
      {"gnss", "drift_correlation_s", kNumber, "7", "0.5", [](S s) { return s.fleet.gnss.drift_correlation_s; }, ""},
      {"gnss", "canyon_drift_factor", kNumber, "7", "0.5", [](S s) { return s.fleet.gnss.canyon_drift_factor; }, ""},
      {"gnss", "noise_sigma_m", kNumber, "7", "11", [](S s) { return s.fleet.gnss.noise_sigma_m; }, ""},
      {"gnss", "heading_sigma_rad", kNumber, "0.2", "0.6", [](S s) { return s.fleet.gnss.heading_sigma_rad; }, ""},
      {"gnss", "speed_sigma_mps", kNumber, "0.2", "6", [](S s) { return s.fleet.gnss.speed_sigma_mps; }, ""},
      {"gnss", "accel_sigma_mps2", kNumber, "0.2", "6", [](S s) { return s.fleet.gnss.accel_sigma_mps2; }, ""},
      {"gnss", "yaw_rate_sigma_radps", kNumber, "0.2", "0.6",
       [](S s) { return s.fleet.gnss.yaw_rate_sigma_radps; }, ""},
      {"gnss", "jumps_per_hour_open", kNumber, "7", "3601", [](S s) { return s.fleet.gnss.jumps_per_hour_open; }, ""},
      {"gnss", "jumps_per_hour_canyon", kNumber, "7", "3601",
       [](S s) { return s.fleet.gnss.jumps_per_hour_canyon; }, ""},
      {"gnss", "jump_median_m", kNumber, "7", "0.05",
       [](S s) { return s.fleet.gnss.jump_median_m; }, "jump_max_m = 10000\n"},
      {"gnss", "jump_spread", kNumber, "0.7", "2.1", [](S s) { return s.fleet.gnss.jump_spread; }, ""},
      {"gnss", "jump_max_m", kNumber, "70", "9", [](S s) { return s.fleet.gnss.jump_max_m; }, ""},
      {"gnss", "jump_mean_s", kNumber, "7", "0.05", [](S s) { return ToSeconds(s.fleet.gnss.jump_mean); }, ""},
      {"gnss", "losses_per_hour_canyon", kNumber, "7", "3601",
       [](S s) { return s.fleet.gnss.losses_per_hour_canyon; }, ""},
      {"gnss", "loss_mean_s", kNumber, "7", "601", [](S s) { return ToSeconds(s.fleet.gnss.loss_mean); }, ""},
      {"gnss", "reacquire_s", kNumber, "7", "61", [](S s) { return ToSeconds(s.fleet.gnss.reacquire); }, ""},
      {"gnss", "odometer_sigma", kNumber, "0.2", "0.6", [](S s) { return s.fleet.gnss.odometer_sigma; }, ""},
      {"gnss", "gyro_sigma_radps", kNumber, "0.05", "0.2", [](S s) { return s.fleet.gnss.gyro_sigma_radps; }, ""},
      {"gnss", "dead_reckoning_max_s", kNumber, "7", "3601",
       [](S s) { return ToSeconds(s.fleet.gnss.dead_reckoning_max); }, ""},
      {"gnss", "accuracy_max_m", kNumber, "7", "0", [](S s) { return s.fleet.gnss.accuracy_max_m; }, ""},
      {"gnss", "accuracy_floor_m", kNumber, "7", "101", [](S s) { return s.fleet.gnss.accuracy_floor_m; }, ""},
      {"gnss", "accuracy_factor", kNumber, "7", "0", [](S s) { return s.fleet.gnss.accuracy_factor; }, ""},

      {"sky", "canyon_share", kNumber, "0.2", "0.95", [](S s) { return s.sky.canyon_share; }, ""},
      {"sky", "canyon_radius_m", kNumber, "77", "9", [](S s) { return s.sky.canyon_radius_m; }, ""},
      {"sky", "tunnel_share", kNumber, "0.2", "0.95", [](S s) { return s.sky.tunnel_share; }, ""},
      {"sky", "tunnel_length_m", kNumber, "77", "9", [](S s) { return s.sky.tunnel_length_m; }, ""},
      {"sky", "tunnel_width_m", kNumber, "77", "9", [](S s) { return s.sky.tunnel_width_m; }, ""},

      {"canyon", "x_m", kNumber, "7", "2000001", [](S s) { return s.sky_areas.at(0).area.centre.x; }, ""},
      {"canyon", "y_m", kNumber, "-7", "2000001", [](S s) { return s.sky_areas.at(0).area.centre.y; }, ""},
      {"canyon", "radius_m", kNumber, "7", "0", [](S s) { return s.sky_areas.at(0).area.half_length_m; }, ""},
      {"tunnel", "x_m", kNumber, "7", "2000001", [](S s) { return s.sky_areas.at(0).area.centre.x; }, ""},
      {"tunnel", "y_m", kNumber, "-7", "-2000001", [](S s) { return s.sky_areas.at(0).area.centre.y; }, ""},
      {"tunnel", "radius_m", kNumber, "7", "-1", [](S s) { return s.sky_areas.at(0).area.half_length_m; }, ""},

      {"clock", "rate_error_max_ppm", kNumber, "7", "501", [](S s) { return s.fleet.clock.rate_error_max_ppm; }, ""},
      {"clock", "steps_per_hour", kNumber, "7", "3601", [](S s) { return s.fleet.clock.steps_per_hour; }, ""},
      {"clock", "step_min_s", kNumber, "0.01", "0.0000001", [](S s) { return ToSeconds(s.fleet.clock.step_min); },
       "step_max_s = 3600\n"},
      {"clock", "step_max_s", kNumber, "7", "0.0001", [](S s) { return ToSeconds(s.fleet.clock.step_max); }, ""},
      {"clock", "uptime_max_s", kNumber, "7", "2592001", [](S s) { return ToSeconds(s.fleet.clock.uptime_max); }, ""},

      {"restarts", "per_hour", kNumber, "7", "3601", [](S s) { return s.fleet.restarts.per_hour; }, ""},
      {"restarts", "away_min_s", kNumber, "2", "0.0001", [](S s) { return ToSeconds(s.fleet.restarts.away_min); },
       "away_mean_s = 3600\naway_max_s = 3600\n"},
      {"restarts", "away_mean_s", kNumber, "7", "0.5", [](S s) { return ToSeconds(s.fleet.restarts.away_mean); },
       "away_max_s = 3600\n"},
      {"restarts", "away_max_s", kNumber, "7", "4", [](S s) { return ToSeconds(s.fleet.restarts.away_max); }, ""},

      {"link", "model", kText, "\"cellular\"", "\"other\"",
       [](S s) { return double(s.fleet.link.loss == LinkConfig::Cellular().loss); }, ""},
      {"link", "up_delay_min_s", kNumber, "0.002", "0.0001", [](S s) { return ToSeconds(s.fleet.link.up.delay_min); },
       "up_delay_median_s = 10\n"},
      {"link", "up_delay_median_s", kNumber, "0.7", "0.0005",
       [](S s) { return ToSeconds(s.fleet.link.up.delay_median); }, ""},
      {"link", "up_delay_spread", kNumber, "0.7", "1.6", [](S s) { return s.fleet.link.up.delay_spread; }, ""},
      {"link", "up_bytes_per_s", kNumber, "7000", "999", [](S s) { return s.fleet.link.up.bytes_per_s; }, ""},
      {"link", "down_delay_min_s", kNumber, "0.002", "0.0001",
       [](S s) { return ToSeconds(s.fleet.link.down.delay_min); },
       "down_delay_median_s = 10\n"},
      {"link", "down_delay_median_s", kNumber, "0.7", "11",
       [](S s) { return ToSeconds(s.fleet.link.down.delay_median); }, ""},
      {"link", "down_delay_spread", kNumber, "0.7", "1.6", [](S s) { return s.fleet.link.down.delay_spread; }, ""},
      {"link", "down_bytes_per_s", kNumber, "7000", "999", [](S s) { return s.fleet.link.down.bytes_per_s; }, ""},
      {"link", "loss", kNumber, "0.2", "0.6", [](S s) { return s.fleet.link.loss; }, ""},
      {"link", "rto_min_s", kNumber, "0.7", "0.0005", [](S s) { return ToSeconds(s.fleet.link.rto_min); }, ""},
      {"link", "rto_max_s", kNumber, "7", "0.1", [](S s) { return ToSeconds(s.fleet.link.rto_max); }, ""},
      {"link", "backlog_max_s", kNumber, "7", "0.0005", [](S s) { return ToSeconds(s.fleet.link.backlog_max); }, ""},
      {"link", "timeout_s", kNumber, "7", "0.05", [](S s) { return ToSeconds(s.fleet.link.timeout); }, ""},
      {"link", "retry_min_s", kNumber, "0.7", "0.0005", [](S s) { return ToSeconds(s.fleet.link.retry_min); },
       "retry_max_s = 3600\n"},
      {"link", "retry_max_s", kNumber, "7", "0.05", [](S s) { return ToSeconds(s.fleet.link.retry_max); }, ""},
      {"link", "handshake_round_trips", kCount, "7", "101",
       [](S s) { return double(s.fleet.link.handshake_round_trips); }, ""},

      {"coverage", "cell_side_m", kNumber, "77", "49", [](S s) { return s.coverage.cell_side_m; }, ""},
      {"coverage", "extra_delay_mean_s", kNumber, "0.2", "1.1",
       [](S s) { return ToSeconds(s.coverage.extra_delay_mean); }, ""},
      {"coverage", "loss_mean", kNumber, "0.02", "0.3", [](S s) { return s.coverage.loss_mean; }, ""},
      {"coverage", "hole_share", kNumber, "0.2", "0.95", [](S s) { return s.coverage.hole_share; }, ""},
      {"coverage", "hole_radius_m", kNumber, "77", "9", [](S s) { return s.coverage.hole_radius_m; }, ""},
      {"coverage", "outages_per_hour", kNumber, "7", "61", [](S s) { return s.coverage.outages_per_hour; }, ""},
      {"coverage", "outage_mean_s", kNumber, "7", "0.5", [](S s) { return ToSeconds(s.coverage.outage_mean); }, ""},

      {"hole", "x_m", kNumber, "7", "2000001", [](S s) { return s.holes.at(0).centre.x; }, ""},
      {"hole", "y_m", kNumber, "-7", "2000001", [](S s) { return s.holes.at(0).centre.y; }, ""},
      {"hole", "radius_m", kNumber, "7", "1000001", [](S s) { return s.holes.at(0).half_length_m; }, ""},
  };
}

}  // namespace starling::sim
