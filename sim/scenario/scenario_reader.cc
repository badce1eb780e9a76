#include "sim/scenario/scenario_reader.h"

#include <filesystem>
#include <utility>

#include "cloud/streets/text_file.h"
#include "sim/fleet/fleet_config.h"
#include "sim/scenario/toml_section.h"

namespace starling::sim {
namespace {

constexpr std::size_t kBytesMax = 1 << 20;

void ReadCity(TomlSection* section, const std::filesystem::path& folder, Scenario* scenario) {
  const auto path = [&](std::string_view key, std::string* to) {
    section->Read(key, to);
    if (!to->empty()) *to = (folder / *to).lexically_normal().string();
  };
  path("network", &scenario->network);
  path("signals", &scenario->signals);
  CityConfig& city = scenario->city;
  section->Read("side_m", &city.side_m);
  section->Read("block_m", &city.block_m);
  section->Read("missing_share", &city.missing_share);
  section->Read("signal_share", &city.signal_share);
  section->Read("roundabout_share", &city.roundabout_share);
  section->Read("coordinated", &city.coordinated);
  section->Read("progression_mps", &city.progression_mps);
  section->End(scenario->network.empty() ? city.Validate() : Status());
}

void ReadTraffic(TomlSection* section, TrafficConfig* traffic) {
  section->Read("vehicles", &traffic->vehicles);
  section->Read("places", &traffic->places);
  section->Read("warm_up_s", &traffic->warm_up_s);
  section->Read("reroute_chance", &traffic->reroute_chance);
  section->Read("charging_places", &traffic->charging_places);
  section->Read("range_km", &traffic->range_km);
  section->End(traffic->Validate());
}

void ReadDrivers(TomlSection* section, DriverFaults* faults) {
  section->Read("inattentive_share", &faults->inattentive_share);
  section->Read("look_away_chance", &faults->look_away_chance);
  section->Read("runner_share", &faults->runner_share);
  section->Read("late_brake_share", &faults->late_brake_share);
  section->Read("late_brake_chance", &faults->late_brake_chance);
  section->Read("red_runner_share", &faults->red_runner_share);
  section->Read("red_run_chance", &faults->red_run_chance);
  section->Read("tailgater_share", &faults->tailgater_share);
  section->Read("tailgate_headway_s", &faults->tailgate_headway_s);
  section->Read("forcing_share", &faults->forcing_share);
  section->Read("force_chance", &faults->force_chance);
  section->End(faults->Validate());
}

template <typename Event>
Status ValidateOne(std::vector<Event> TrafficEvents::*events, const Event& event) {
  TrafficEvents one;
  (one.*events).push_back(event);
  return one.Validate();
}

void ReadEvents(TomlSection* root, TrafficEvents* events) {
  root->Sections("breakdown", [&](TomlSection* section) {
    Breakdown each;
    section->Read("from_s", &each.from_s);
    section->Read("", &each.at);
    section->Read("radius_m", &each.radius_m);
    section->Read("several_lanes", &each.several_lanes);
    section->Read("stands_s", &each.stands_s);
    section->End(ValidateOne(&TrafficEvents::breakdowns, each));
    events->breakdowns.push_back(each);
  });
  root->Sections("closure", [&](TomlSection* section) {
    Closure each;
    section->Read("from_s", &each.from_s);
    section->Read("until_s", &each.until_s);
    section->Read("", &each.at);
    section->Read("radius_m", &each.radius_m);
    section->End(ValidateOne(&TrafficEvents::closures, each));
    events->closures.push_back(each);
  });
  root->Sections("attraction", [&](TomlSection* section) {
    Attraction each;
    section->Read("from_s", &each.from_s);
    section->Read("until_s", &each.until_s);
    section->Read("", &each.at);
    section->Read("radius_m", &each.radius_m);
    section->Read("share", &each.share);
    section->Read("starts_there", &each.starts_there);
    section->End(ValidateOne(&TrafficEvents::attractions, each));
    events->attractions.push_back(each);
  });
  root->Sections("rain", [&](TomlSection* section) {
    Rain each;
    section->Read("from_s", &each.from_s);
    section->Read("until_s", &each.until_s);
    section->Read("friction_factor", &each.friction_factor);
    section->Read("headway_factor", &each.headway_factor);
    section->Read("speed_factor", &each.speed_factor);
    section->End(ValidateOne(&TrafficEvents::rains, each));
    events->rains.push_back(each);
  });
}

void ReadFleet(TomlSection* section, VirtualFleetConfig* fleet) {
  section->Read("penetration", &fleet->penetration);
  section->Read("compliance", &fleet->compliance);
  section->Read("raw", &fleet->raw);
  section->Read("durable_after_s", &fleet->durable_after);
  section->End(fleet->Validate());
}

void ReadGnss(TomlSection* section, GnssConfig* gnss) {
  std::size_t model = 0;
  section->Read("model", {"perfect", "built-in"}, &model);
  if (model == 1) *gnss = GnssConfig::BuiltIn();
  section->Read("drift_sigma_m", &gnss->drift_sigma_m);
  section->Read("drift_correlation_s", &gnss->drift_correlation_s);
  section->Read("canyon_drift_factor", &gnss->canyon_drift_factor);
  section->Read("noise_sigma_m", &gnss->noise_sigma_m);
  section->Read("heading_sigma_rad", &gnss->heading_sigma_rad);
  section->Read("speed_sigma_mps", &gnss->speed_sigma_mps);
  section->Read("accel_sigma_mps2", &gnss->accel_sigma_mps2);
  section->Read("yaw_rate_sigma_radps", &gnss->yaw_rate_sigma_radps);
  section->Read("jumps_per_hour_open", &gnss->jumps_per_hour_open);
  section->Read("jumps_per_hour_canyon", &gnss->jumps_per_hour_canyon);
  section->Read("jump_median_m", &gnss->jump_median_m);
  section->Read("jump_spread", &gnss->jump_spread);
  section->Read("jump_max_m", &gnss->jump_max_m);
  section->Read("jump_mean_s", &gnss->jump_mean);
  section->Read("losses_per_hour_canyon", &gnss->losses_per_hour_canyon);
  section->Read("loss_mean_s", &gnss->loss_mean);
  section->Read("reacquire_s", &gnss->reacquire);
  section->Read("odometer_sigma", &gnss->odometer_sigma);
  section->Read("gyro_sigma_radps", &gnss->gyro_sigma_radps);
  section->Read("dead_reckoning_max_s", &gnss->dead_reckoning_max);
  section->Read("accuracy_max_m", &gnss->accuracy_max_m);
  section->Read("accuracy_floor_m", &gnss->accuracy_floor_m);
  section->Read("accuracy_factor", &gnss->accuracy_factor);
  section->End(gnss->Validate());
}

void ReadSky(TomlSection* section, SkyConfig* sky) {
  section->Read("canyon_share", &sky->canyon_share);
  section->Read("canyon_radius_m", &sky->canyon_radius_m);
  section->Read("tunnel_share", &sky->tunnel_share);
  section->Read("tunnel_length_m", &sky->tunnel_length_m);
  section->Read("tunnel_width_m", &sky->tunnel_width_m);
  section->End(sky->Validate());
}

Area ReadDisc(TomlSection* section) {
  Vec2 at;
  double radius_m = 0;
  section->Demand("radius_m");
  section->Read("", &at);
  section->Read("radius_m", &radius_m);
  const Area area = Area::Disc(at, radius_m);
  const auto refuse = [](const char* message) { return Status(ErrorCode::kInvalidArgument, message); };
  section->End(area.IsProper() && radius_m > 0         ? Status()
               : !Area::Disc({at.x, 0}, 0).IsProper() ? refuse("x_m must be within -2000000 and 2000000")
               : !Area::Disc({0, at.y}, 0).IsProper() ? refuse("y_m must be within -2000000 and 2000000")
                                                      : refuse("radius_m must be more than 0 and at most 1000000"));
  return area;
}

void ReadClock(TomlSection* section, ClockConfig* clock) {
  section->Read("rate_error_max_ppm", &clock->rate_error_max_ppm);
  section->Read("steps_per_hour", &clock->steps_per_hour);
  section->Read("step_min_s", &clock->step_min);
  section->Read("step_max_s", &clock->step_max);
  section->Read("uptime_max_s", &clock->uptime_max);
  section->End(clock->Validate());
}

void ReadRestarts(TomlSection* section, RestartConfig* restarts) {
  section->Read("per_hour", &restarts->per_hour);
  section->Read("away_min_s", &restarts->away_min);
  section->Read("away_mean_s", &restarts->away_mean);
  section->Read("away_max_s", &restarts->away_max);
  section->End(restarts->Validate());
}

void ReadLink(TomlSection* section, LinkConfig* link) {
  std::size_t model = 0;
  section->Read("model", {"perfect", "cellular"}, &model);
  if (model == 1) *link = LinkConfig::Cellular();
  const auto stream = [&](const std::string& prefix, LinkStreamConfig* each) {
    section->Read(prefix + "_delay_min_s", &each->delay_min);
    section->Read(prefix + "_delay_median_s", &each->delay_median);
    section->Read(prefix + "_delay_spread", &each->delay_spread);
    section->Read(prefix + "_bytes_per_s", &each->bytes_per_s);
  };
  stream("up", &link->up);
  stream("down", &link->down);
  section->Read("loss", &link->loss);
  section->Read("rto_min_s", &link->rto_min);
  section->Read("rto_max_s", &link->rto_max);
  section->Read("backlog_max_s", &link->backlog_max);
  section->Read("timeout_s", &link->timeout);
  section->Read("retry_min_s", &link->retry_min);
  section->Read("retry_max_s", &link->retry_max);
  section->Read("handshake_round_trips", &link->handshake_round_trips);
  section->End(link->Validate());
}

void ReadCoverage(TomlSection* section, CoverageConfig* coverage) {
  section->Read("cell_side_m", &coverage->cell_side_m);
  section->Read("extra_delay_mean_s", &coverage->extra_delay_mean);
  section->Read("loss_mean", &coverage->loss_mean);
  section->Read("hole_share", &coverage->hole_share);
  section->Read("hole_radius_m", &coverage->hole_radius_m);
  section->Read("outages_per_hour", &coverage->outages_per_hour);
  section->Read("outage_mean_s", &coverage->outage_mean);
  section->End(coverage->Validate());
}

}  // namespace

Result<Scenario> ParseScenario(std::string_view text, const std::string& path) {
  TomlFile file(path, text);
  if (!file.status().ok()) return file.status();
  Scenario scenario;
  // Boot clocks that are none alike, up to ten days old.
  scenario.fleet.clock.uptime_max = seconds(864'000);
  scenario.traffic.vehicles = 1000;
  TomlSection root(&file, file.root(), "the scenario");
  root.Demand("name");
  root.Read("name", &scenario.name);
  root.Read("description", &scenario.description);
  root.Read("seconds", &scenario.seconds);
  root.Section("traffic", [&](TomlSection* section) { ReadTraffic(section, &scenario.traffic); });
  scenario.city.side_m = CitySideFor(scenario.traffic.vehicles);
  root.Section("city", [&](TomlSection* section) {
    ReadCity(section, std::filesystem::path(path).parent_path(), &scenario);
  });
  root.Section("drivers", [&](TomlSection* section) { ReadDrivers(section, &scenario.traffic.faults); });
  ReadEvents(&root, &scenario.traffic.events);
  root.Section("fleet", [&](TomlSection* section) { ReadFleet(section, &scenario.fleet); });
  root.Section("gnss", [&](TomlSection* section) { ReadGnss(section, &scenario.fleet.gnss); });
  root.Section("sky", [&](TomlSection* section) { ReadSky(section, &scenario.sky); });
  root.Sections("canyon", [&](TomlSection* section) { scenario.sky_areas.push_back({ReadDisc(section), Sky::kCanyon}); });
  root.Sections("tunnel", [&](TomlSection* section) { scenario.sky_areas.push_back({ReadDisc(section), Sky::kTunnel}); });
  root.Section("clock", [&](TomlSection* section) { ReadClock(section, &scenario.fleet.clock); });
  root.Section("restarts", [&](TomlSection* section) { ReadRestarts(section, &scenario.fleet.restarts); });
  root.Section("link", [&](TomlSection* section) { ReadLink(section, &scenario.fleet.link); });
  root.Section("coverage", [&](TomlSection* section) { ReadCoverage(section, &scenario.coverage); });
  root.Sections("hole", [&](TomlSection* section) { scenario.holes.push_back(ReadDisc(section)); });
  root.End(scenario.Validate());
  if (!file.status().ok()) return file.status();
  return scenario;
}

Result<Scenario> ReadScenario(const std::string& path) {
  const Result<std::string> text = cloud::ReadTextFile(path, kBytesMax);
  if (!text.ok()) return text.status();
  return ParseScenario(text.value(), path);
}

}  // namespace starling::sim
