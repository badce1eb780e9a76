#include "sim/roam_command.h"

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <cinttypes>
#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/city/city_source.h"
#include "sim/fleet/fleet_config.h"
#include "sim/traffic/traffic.h"
#include "sim/truth/encounters.h"

namespace starling::sim {
namespace {

constexpr int kExitFailed = 1;
constexpr int kExitCrashed = 3;
constexpr int kExitInterrupted = 130;
constexpr double kJammedS = 300;
// Two that touch have their front bumpers nearer than that: the length of one and half the width of the other.
constexpr double kContactRangeM = 20;

constexpr const char* kExamples = R"(Examples:
  starling-sim roam --vehicles 10000 --seconds 3600
  starling-sim roam --vehicles 10000 --seconds 3600 --city-seed 2 --roundabouts 0.6 --contacts
  starling-sim roam --network city.net.xml.gz --vehicles 500 --mistakes --json | jq .collisions

Vehicles drive from one random place to the next.  Without --mistakes all drivers are lawful, and then a
collision is an error of the simulator.  Ctrl-C ends it early, with the summary.

Exit codes: 0 driven, 1 an input cannot be read, 2 wrong usage, 3 lawful drivers have collided,
130 ended early.)";

struct RoamOptions {
  CitySource source;
  std::uint32_t vehicles = 10'000;
  std::uint32_t threads = 1;
  std::uint64_t seed = 1;
  double seconds = 60;
  bool mistakes = false;
  bool plain_idm = false;
  bool contacts = false;
  bool json = false;
};

volatile std::sig_atomic_t interrupted = 0;
void OnSignal(int) { interrupted = 1; }

int Fail(std::string_view message) {
  std::fprintf(stderr, "starling-sim: %.*s\n", static_cast<int>(message.size()), message.data());
  return kExitFailed;
}

// Contacts in the true trajectories, by boxes alone: knows nothing of the traffic's own count.
class ContactCount {
 public:
  ContactCount() : encounters_(Config()) {}

  void AddStep(const Traffic& traffic) {
    states_.clear();
    for (VehicleIndex vehicle = 0; vehicle < traffic.size(); ++vehicle) {
      if (!traffic.OnRoad(vehicle)) continue;
      const VehicleTruth truth = traffic.Truth(vehicle, traffic.time());
      states_.push_back({vehicle, FrontOf(truth.position, truth.heading_rad, truth.length_m), truth.heading_rad,
                         truth.speed_mps, truth.accel_mps2, static_cast<float>(truth.length_m),
                         static_cast<float>(truth.width_m)});
    }
    encounters_.Add(traffic.time(), states_);
    (void)encounters_.TakeEncounters();
    (void)encounters_.TakeCollisions();
  }

  std::uint64_t Finish() {
    encounters_.Finish();
    return encounters_.counters().collisions;
  }

 private:
  // Paths ahead are of no interest, so none is kept.
  static EncounterConfig Config() {
    EncounterConfig config;
    config.range_m = kContactRangeM;
    config.extra_time_s = 0;
    config.delay_s = 0;
    return config;
  }

  Encounters encounters_;
  std::vector<VehicleState> states_;
};

// The mean over time of all vehicles' mean speed, taken once a second.
struct SpeedSum {
  double sum_mps = 0;
  std::uint32_t count = 0;

  void Add(double speed_mps) {
    sum_mps += speed_mps;
    ++count;
  }
  double Mean() const { return count > 0 ? sum_mps / count : 0; }
};

std::string Summary(const Traffic& traffic, const SpeedSum& speed, std::optional<std::uint64_t> contacts, double wall_s,
                    bool json) {
  const double simulated_s = SecondsOf(traffic.time());
  const TrafficCounters& counters = traffic.counters();
  const std::uint32_t jammed = traffic.StandingVehicles(kJammedS);
  const double driven_km = speed.Mean() * simulated_s * traffic.size() / 1000;
  const double rate = static_cast<double>(counters.updates) / std::max(wall_s, 1e-9);
  if (json) {
    return boost::json::serialize(boost::json::object{
               {"simulated_s", simulated_s},
               {"wall_s", wall_s},
               {"vehicles", traffic.size()},
               {"vehicle_updates", counters.updates},
               {"updates_per_s", rate},
               {"mean_speed_mps", speed.Mean()},
               {"driven_km", driven_km},
               {"trips", counters.trips},
               {"lane_changes", counters.lane_changes},
               {"turns_missed", counters.turns_missed},
               {"detours", counters.detours},
               {"collisions", counters.collisions},
               {"contacts_in_trajectories", contacts ? boost::json::value(*contacts) : boost::json::value(nullptr)},
               {"red_light_runs", counters.red_light_runs},
               {"hard_brakings", counters.hard_brakings},
               {"emergency_brakings", counters.emergency_brakings},
               {"jammed", jammed},
               {"digest", std::to_string(traffic.Digest())},
           }) +
           "\n";
  }
  const std::string seen = contacts ? ", in the trajectories " + std::to_string(*contacts) : "";
  char text[1024];
  std::snprintf(text, sizeof text,
                "%.0f s simulated in %.1f s (%.0f times real time, %.2f million updates/s)\n"
                "driven                %10.0f km by %zu vehicles, %" PRIu64 " trips finished\n"
                "mean speed            %10.2f m/s\n"
                "changes of lanes      %10" PRIu64 "; turns missed %" PRIu64 ", detours %" PRIu64 "\n"
                "collisions            %10" PRIu64 "%s; red lights run %" PRIu64 "\n"
                "brakings              %10" PRIu64 " harder than 3.4 m/s2, %" PRIu64 " than 4 m/s2\n"
                "standing for > 5 min  %10u%s\n"
                "digest                %016" PRIx64 "\n",
                simulated_s, wall_s, simulated_s / std::max(wall_s, 1e-9), rate * 1e-6, driven_km,
                static_cast<std::size_t>(traffic.size()), counters.trips, speed.Mean(), counters.lane_changes,
                counters.turns_missed, counters.detours, counters.collisions, seen.c_str(), counters.red_light_runs,
                counters.hard_brakings, counters.emergency_brakings, jammed,
                jammed > 0 ? ": a jam that does not dissolve" : "", traffic.Digest());
  return text;
}

int Roam(const RoamOptions& options) {
  const Result<OpenedCity> opened = OpenCity(options.source);
  if (!opened.ok()) return Fail(opened.status().message());
  if (!opened.value().remark.empty()) std::fprintf(stderr, "starling-sim: %s\n", opened.value().remark.c_str());
  TrafficConfig config = options.mistakes ? TrafficConfig() : TrafficConfig::PerfectDrivers();
  config.seed = options.seed;
  config.vehicles = options.vehicles;
  config.threads = options.threads;
  config.plain_idm = options.plain_idm;
  if (const Status status = config.Validate(); !status.ok()) return Fail(status.message());
  if (const std::uint32_t room = Traffic::RoomIn(opened.value().city); options.vehicles > room) {
    return Fail("this city has room for " + std::to_string(room) + " vehicles; take fewer, or a larger --city-side");
  }
  Traffic traffic(opened.value().city, config);

  struct sigaction action {};
  action.sa_handler = OnSignal;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  using Clock = std::chrono::steady_clock;
  const auto begun = Clock::now();
  const auto wall_s = [&] { return std::chrono::duration<double>(Clock::now() - begun).count(); };
  auto shown = begun;
  SpeedSum speed;
  std::optional<ContactCount> contacts;
  if (options.contacts) contacts.emplace();
  for (std::uint64_t step = 0; interrupted == 0 && SecondsOf(traffic.time()) < options.seconds; ++step) {
    if (contacts) contacts->AddStep(traffic);
    if (step % 10 == 0) speed.Add(traffic.MeanSpeed());
    traffic.AdvanceTo(traffic.time() + Traffic::kStep);
    (void)traffic.TakeMistakes();
    const auto now = Clock::now();
    if (now - shown < std::chrono::seconds(5)) continue;
    shown = now;
    std::fprintf(stderr, "starling-sim: %.0f s simulated, %.0f times real time; %.1f m/s, %" PRIu64 " collisions\n",
                 SecondsOf(traffic.time()), SecondsOf(traffic.time()) / std::max(wall_s(), 1e-9), traffic.MeanSpeed(),
                 traffic.counters().collisions);
  }
  const double took_s = wall_s();
  const auto seen = contacts ? std::optional(contacts->Finish()) : std::nullopt;
  const std::string summary = Summary(traffic, speed, seen, took_s, options.json);
  (void)std::fwrite(summary.data(), 1, summary.size(), stdout);
  if (interrupted != 0) return kExitInterrupted;
  const bool crashed = traffic.counters().collisions > 0 || seen.value_or(0) > 0;
  return crashed && !options.mistakes ? kExitCrashed : 0;
}

}  // namespace

RoamCommand AddRoamCommand(CLI::App* program) {
  CLI::App* const roam = program->add_subcommand("roam", "Drives a city's own traffic, lawful unless told otherwise");
  roam->footer(kExamples);
  const auto options = std::make_shared<RoamOptions>();
  CitySource& source = options->source;
  source.drawn.side_m = 0;
  auto* const network = roam->add_option("--network", source.network, "streets: .net.xml or .net.xml.gz; else a drawn city");
  roam->add_option("--signals", source.signals, "other programmes of signals")->needs(network);
  roam->add_option("--city-seed", source.drawn.seed, "of the drawn city")->capture_default_str()->excludes(network);
  roam->add_option("--city-side", source.drawn.side_m, "m, of the drawn city; by the number of vehicles")->excludes(network);
  roam->add_option("--roundabouts", source.drawn.roundabout_share, "share of junctions that are roundabouts, of the drawn city")
      ->capture_default_str()
      ->excludes(network);
  roam->add_option("--vehicles", options->vehicles, "how many")->capture_default_str();
  roam->add_option("--seconds", options->seconds, "simulated")->capture_default_str()->check(CLI::PositiveNumber);
  roam->add_option("--seed", options->seed, "of what is drawn of the traffic")->capture_default_str();
  roam->add_option("--threads", options->threads, "the same traffic with any number")->capture_default_str();
  roam->add_flag("--mistakes", options->mistakes, "some drivers run lights, look away, brake late");
  roam->add_flag("--idm", options->plain_idm, "follow by the IDM as it was published, not by the IDM+");
  roam->add_flag("--contacts", options->contacts, "count contacts in the trajectories, too: slower");
  roam->add_flag("--json", options->json, "the summary as JSON");
  return {roam, [options] {
            if (options->source.drawn.side_m == 0) options->source.drawn.side_m = CitySideFor(options->vehicles);
            return Roam(*options);
          }};
}

}  // namespace starling::sim
