#include "sim/drive_command.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cloud/streets/sumo_network.h"
#include "sim/city/street_city.h"
#include "sim/demand/sumo_routes.h"
#include "sim/drive_record.h"
#include "sim/traffic/traffic.h"

namespace starling::sim {
namespace {

constexpr int kExitFailed = 1;
constexpr int kExitInterrupted = 130;
constexpr double kJammedS = 300;
constexpr std::uint64_t kMissedNamedMax = 10;

constexpr const char* kExamples = R"(Examples:
  starling-sim drive --network city.net.xml.gz --routes cars.rou.xml.gz,types.add.xml --trips trips.xml
  starling-sim drive --network city.net.xml --routes cars.rou.xml --end 3600 --mistakes --json | jq .mean_speed_mps
  starling-sim drive --network city.net.xml --routes cars.rou.xml --end 600 --fcd drive.xml.gz --ssm near.xml

Vehicles set off when the routes say, wait where there is no room, and leave at the end of their
way.  They make the stops that the routes give them; stops that are missed are counted, and the first
ones named.  Those whose streets are not for passenger cars (buses on lanes of their own) are counted
and do not drive.  Ctrl-C ends it early; what was written is kept.

Exit codes: 0 driven, 1 an input cannot be read or an output not be written, 2 wrong usage,
130 ended early.)";

struct DriveOptions {
  std::string network;
  std::vector<std::string> routes;
  std::vector<std::string> signals;
  DemandOptions reading;
  TrafficConfig traffic;
  double end_s = 24 * 3600;
  double warm_up_s = 0;
  bool mistakes = false;
  DriveRecordConfig record;
  bool json = false;
};

volatile std::sig_atomic_t interrupted = 0;
void OnSignal(int) { interrupted = 1; }

int Fail(std::string_view message) {
  std::fprintf(stderr, "starling-sim: %.*s\n", static_cast<int>(message.size()), message.data());
  return kExitFailed;
}

struct Sums {
  std::uint64_t trips = 0;
  std::uint64_t strayed = 0;
  double duration_s = 0;
  double route_m = 0;
  double lost_s = 0;
  double waited_s = 0;
  double delay_s = 0;

  void Add(const TripRecord& trip) {
    ++trips;
    strayed += trip.strayed;
    duration_s += trip.took_s();
    route_m += trip.route_m;
    lost_s += trip.lost_s();
    waited_s += trip.waited_s;
    delay_s += trip.depart_s - trip.planned_s;
  }
  double Mean(double sum) const { return trips > 0 ? sum / static_cast<double>(trips) : 0; }
};

unsigned long long Wide(std::uint64_t count) { return count; }

// Since the end of the warm-up.
struct Measured {
  double simulated_s = 0;
  double wall_s = 0;
  std::uint64_t updates = 0;

  double updates_per_s() const { return wall_s > 0 ? static_cast<double>(updates) / wall_s : 0; }
  double real_time() const { return wall_s > 0 ? simulated_s / wall_s : 0; }
};

// By kind.
using MistakeCounts = std::array<std::uint64_t, kMistakeNames.size()>;

// By outcome.
using StopCounts = std::array<std::uint64_t, kStopOutcomeNames.size()>;

// Why a vehicle did not stop somewhere.
std::string_view ReasonOf(StopOutcome outcome) {
  switch (outcome) {
    case StopOutcome::kNoSuchLane: return "its lane is not for cars";
    case StopOutcome::kOffWay: return "the vehicle does not come by";
    case StopOutcome::kPassed: return "too late to brake for it";
    case StopOutcome::kWrongLane: return "the vehicle came by on another lane";
    case StopOutcome::kMade: break;
  }
  return "made";
}

void NameMissed(const StopRecord& record, const Demand& demand, const cloud::StreetNetwork& network) {
  const Stop& stop = demand.stops[record.stop];
  const std::string_view reason = ReasonOf(record.outcome);
  std::fprintf(stderr, "starling-sim: %s misses its stop on %s_%u, %.1f to %.1f m: %.*s\n", record.vehicle.c_str(),
               network.edges()[stop.edge].id.c_str(), stop.lane_number, stop.from_m, stop.to_m,
               static_cast<int>(reason.size()), reason.data());
}

std::string StopsText(const StopCounts& stops) {
  const std::uint64_t made = stops[static_cast<std::size_t>(StopOutcome::kMade)];
  std::string missed;
  for (std::size_t outcome = 1; outcome < stops.size(); ++outcome) {
    if (stops[outcome] == 0) continue;
    missed += (missed.empty() ? "; missed " : ", missed ") + std::to_string(stops[outcome]) + ": " +
              std::string(ReasonOf(static_cast<StopOutcome>(outcome)));
  }
  if (made == 0 && missed.empty()) return "";
  char text[64];
  std::snprintf(text, sizeof text, "stops made            %10llu", Wide(made));
  return text + missed + "\n";
}

std::string Summary(const Traffic& traffic, const Sums& sums, const MistakeCounts& mistakes, const StopCounts& stops,
                    std::optional<std::uint64_t> contacts, const Measured& measured, bool json) {
  const double now_s = SecondsOf(traffic.time());
  const TrafficCounters& counters = traffic.counters();
  const std::uint32_t jammed = traffic.StandingVehicles(kJammedS);
  const double speed_mps = sums.duration_s > 0 ? sums.route_m / sums.duration_s : 0;
  if (json) {
    boost::json::object by_kind;
    for (std::size_t kind = 0; kind < mistakes.size(); ++kind) by_kind[kMistakeNames[kind]] = mistakes[kind];
    boost::json::object missed;
    for (std::size_t outcome = 1; outcome < stops.size(); ++outcome) missed[kStopOutcomeNames[outcome]] = stops[outcome];
    const boost::json::object report = {
        {"simulated_s", now_s},
        {"wall_s", measured.wall_s},
        {"vehicle_updates", measured.updates},
        {"updates_per_s", measured.updates_per_s()},
        {"mean_speed_now_mps", traffic.MeanSpeed()},
        {"trips", sums.trips},
        {"on_road", traffic.on_road()},
        {"waiting_to_enter", traffic.Waiting()},
        {"not_for_cars", traffic.NotDriven().size()},
        {"strayed", sums.strayed},
        {"mean_travel_time_s", sums.Mean(sums.duration_s)},
        {"mean_speed_mps", speed_mps},
        {"mean_route_m", sums.Mean(sums.route_m)},
        {"mean_time_loss_s", sums.Mean(sums.lost_s)},
        {"mean_waiting_s", sums.Mean(sums.waited_s)},
        {"mean_depart_delay_s", sums.Mean(sums.delay_s)},
        {"lane_changes", counters.lane_changes},
        {"turns_missed", counters.turns_missed},
        {"detours", counters.detours},
        {"collisions", counters.collisions},
        {"contacts_in_trajectories", contacts ? boost::json::value(*contacts) : boost::json::value(nullptr)},
        {"red_light_runs", counters.red_light_runs},
        {"mistakes", by_kind},
        {"stops_made", stops[static_cast<std::size_t>(StopOutcome::kMade)]},
        {"stops_missed", missed},
        {"emergency_brakings", counters.emergency_brakings},
        {"jammed", jammed},
    };
    return boost::json::serialize(report) + "\n";
  }
  const std::string seen = contacts ? ", in the trajectories " + std::to_string(*contacts) : "";
  char text[2048];
  std::snprintf(text, sizeof text,
                "%.0f s simulated in %.1f s (%.0f times real time, %.2f million updates/s)\n"
                "trips finished        %10llu\n"
                "on the road           %10u\n"
                "waiting to enter      %10u\n"
                "not for cars          %10llu\n"
                "mean travel time      %10.1f s\n"
                "mean speed            %10.2f m/s\n"
                "mean way              %10.0f m\n"
                "mean time lost        %10.1f s, of which standing %.1f s\n"
                "mean delay of entry   %10.1f s\n"
                "changes of lanes      %10llu; turns missed %llu, detours %llu, strayed %llu\n"
                "collisions            %10llu%s; red lights run %llu, emergency brakings %llu\n"
                "standing for > 5 min  %10u%s\n",
                measured.simulated_s, measured.wall_s, measured.real_time(), measured.updates_per_s() * 1e-6, Wide(sums.trips),
                traffic.on_road(), traffic.Waiting(), Wide(traffic.NotDriven().size()), sums.Mean(sums.duration_s), speed_mps,
                sums.Mean(sums.route_m), sums.Mean(sums.lost_s), sums.Mean(sums.waited_s), sums.Mean(sums.delay_s),
                Wide(counters.lane_changes), Wide(counters.turns_missed), Wide(counters.detours), Wide(sums.strayed),
                Wide(counters.collisions), seen.c_str(), Wide(counters.red_light_runs), Wide(counters.emergency_brakings), jammed,
                jammed > 0 ? ": a jam that does not dissolve" : "");
  std::string summary = text + StopsText(stops);
  if (std::ranges::all_of(mistakes, [](std::uint64_t count) { return count == 0; })) return summary;
  summary += "mistakes             ";
  for (std::size_t kind = 0; kind < mistakes.size(); ++kind) {
    summary += std::string(kind > 0 ? ", " : " ") + kMistakeNames[kind] + " " + std::to_string(mistakes[kind]);
  }
  return summary + "\n";
}

int Drive(const DriveOptions& options) {
  Result<cloud::StreetNetwork> network = cloud::ReadSumoNetwork(options.network);
  if (!network.ok()) return Fail(network.status().message());
  for (const std::string& path : options.signals) {
    if (const Status status = cloud::AddSumoSignals(path, &network.value()); !status.ok()) return Fail(status.message());
  }
  const Result<Demand> demand = ReadSumoDemand(options.routes, network.value(), options.reading);
  if (!demand.ok()) return Fail(demand.status().message());
  const Result<StreetCity> made = MakeStreetCity(network.value(), StreetPart::kAll);
  if (!made.ok()) return Fail(made.status().message());
  if (demand.value().types.size() > Traffic::kKindsMax) {
    return Fail("the routes have " + std::to_string(demand.value().types.size()) + " types of vehicles; at most " +
                std::to_string(Traffic::kKindsMax) + " are driven");
  }
  std::set<cloud::EdgeIndex> ends;
  for (RouteIndex route = 0; route < demand.value().routes.size(); ++route) ends.insert(demand.value().edges(route).back());
  if (ends.size() > Traffic::kEndsMax) {
    return Fail("the routes end on " + std::to_string(ends.size()) + " streets; at most " +
                std::to_string(Traffic::kEndsMax) + " are driven to");
  }
  TrafficConfig config = options.mistakes ? TrafficConfig() : TrafficConfig::PerfectDrivers();
  config.seed = options.traffic.seed;
  config.vehicles = options.traffic.vehicles;
  config.threads = options.traffic.threads;
  if (const Status status = config.Validate(); !status.ok()) return Fail(status.message());
  std::fprintf(stderr, "starling-sim: %s: %zu lanes, %.1f km; %llu lanes for cars left out, because they only end\n",
               options.network.c_str(), made.value().lane_of.size(), made.value().metres / 1000,
               Wide(made.value().lanes_left_out));
  Traffic traffic(made.value().city, demand.value(), config);
  const auto record = DriveRecord::Create(options.record, network.value(), made.value(), traffic);
  if (!record.ok()) return Fail(record.status().message());

  struct sigaction action {};
  action.sa_handler = OnSignal;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  using Clock = std::chrono::steady_clock;
  auto begun = Clock::now();
  auto shown = begun;
  double begun_s = 0;
  std::uint64_t begun_updates = 0;
  Sums sums;
  MistakeCounts mistakes{};
  StopCounts stops{};
  std::uint64_t named = 0;
  while (interrupted == 0 && SecondsOf(traffic.time()) < options.end_s && !traffic.Finished()) {
    if (const Status status = record.value()->AddStep(); !status.ok()) return Fail(status.message());
    traffic.AdvanceTo(traffic.time() + Traffic::kStep);
    const std::vector<TripRecord> trips = traffic.TakeFinished();
    for (const TripRecord& trip : trips) sums.Add(trip);
    for (const Mistake& mistake : traffic.TakeMistakes()) ++mistakes[static_cast<std::size_t>(mistake.kind)];
    for (const StopRecord& stop : traffic.TakeStops()) {
      ++stops[static_cast<std::size_t>(stop.outcome)];
      if (stop.outcome != StopOutcome::kMade && named++ < kMissedNamedMax) NameMissed(stop, demand.value(), network.value());
    }
    if (const Status status = record.value()->AddTrips(trips); !status.ok()) return Fail(status.message());
    const auto now = Clock::now();
    if (begun_s < options.warm_up_s) {
      begun = now;
      begun_s = SecondsOf(traffic.time());
      begun_updates = traffic.counters().updates;
    }
    if (now - shown < std::chrono::seconds(5)) continue;
    shown = now;
    std::fprintf(stderr, "starling-sim: %.0f s simulated, %.0f times real time; %u vehicles, %u wait to enter, %llu trips\n",
                 SecondsOf(traffic.time()), (SecondsOf(traffic.time()) - begun_s) / std::max(1e-9, std::chrono::duration<double>(now - begun).count()),
                 traffic.on_road(), traffic.Waiting(), Wide(sums.trips));
  }
  if (const Status status = record.value()->AddLeftOut(traffic.NotDriven()); !status.ok()) return Fail(status.message());
  const Measured measured{SecondsOf(traffic.time()) - begun_s,
                          std::chrono::duration<double>(Clock::now() - begun).count(),
                          traffic.counters().updates - begun_updates};
  if (const Status status = record.value()->Finish(); !status.ok()) return Fail(status.message());
  const std::string summary = Summary(traffic, sums, mistakes, stops, record.value()->contacts(), measured, options.json);
  (void)std::fwrite(summary.data(), 1, summary.size(), stdout);
  return interrupted != 0 ? kExitInterrupted : 0;
}

}  // namespace

DriveCommand AddDriveCommand(CLI::App* program) {
  CLI::App* const drive = program->add_subcommand("drive", "Drives a network's traffic from SUMO's route files");
  drive->footer(kExamples);
  const auto options = std::make_shared<DriveOptions>();
  options->traffic.vehicles = 20'000;
  drive->add_option("--network", options->network, "the streets: .net.xml or .net.xml.gz")->required();
  drive->add_option("--routes", options->routes, "FILE[,FILE]: .rou.xml, .rou.xml.gz, .add.xml")->required()->delimiter(',');
  drive->add_option("--signals", options->signals, "FILE[,FILE]: other programmes of signals")->delimiter(',');
  drive->add_option("--end", options->end_s, "at this second; before, when all have arrived")->capture_default_str();
  drive->add_option("--warm-up", options->warm_up_s, "seconds that the figures of speed leave out")->capture_default_str();
  drive->add_option("--vehicles", options->traffic.vehicles, "at once at most; the others wait")->capture_default_str();
  drive->add_option("--seed", options->traffic.seed, "of what is drawn")->capture_default_str();
  drive->add_option("--threads", options->traffic.threads, "the same traffic with any number")->capture_default_str();
  drive->add_flag("--mistakes", options->mistakes, "some drivers run lights, look away, brake late");
  drive->add_flag("--skip-broken", options->reading.leave_out_broken, "leave out who would have a gap in his route");
  drive->add_option("--trips", options->record.trips, "FILE: each trip, as SUMO's tripinfo");
  drive->add_option("--fcd", options->record.fcd, "FILE: all vehicles ten times a second, as SUMO's FCD; .csv, .gz");
  drive->add_option("--left-out", options->record.left_out, "FILE: names of those who do not drive, a line each");
  drive->add_option("--edges", options->record.edges, "FILE: what passed over each street, as SUMO's edgeData");
  drive->add_option("--ssm", options->record.ssm, "FILE: encounters with TTC, DRAC and PET, as SUMO's SSM device; .gz");
  drive->add_flag("--json", options->json, "the summary as JSON");
  return {drive, [options] { return Drive(*options); }};
}

}  // namespace starling::sim
