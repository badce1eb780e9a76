#include "sim/simulator.h"

#include <CLI/CLI.hpp>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "edge/uplink/endpoint.h"
#include "sim/accuracy_command.h"
#include "sim/city/city_source.h"
#include "sim/demand_command.h"
#include "sim/drive_command.h"
#include "sim/experiment_command.h"
#include "sim/fleet/fleet.h"
#include "sim/fleet/fleet_config.h"
#include "sim/fleet/observer.h"
#include "sim/fleet/picture.h"
#include "sim/fleet/process_figures.h"
#include "sim/fleet/report.h"
#include "sim/map_command.h"
#include "sim/roam_command.h"
#include "sim/scaling_command.h"
#include "sim/virtual/train_dictionary.h"
#include "sim/virtual_command.h"
#include "sim/traffic/traffic.h"

namespace starling::sim {
namespace {

constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;

// Where the default orchestrator has its origin, too.
constexpr FrameOrigin kDefaultOrigin{481'351'000, 115'820'000};

constexpr seconds kCloudPatience{3};

struct Options {
  FleetConfig fleet;
  std::string network;
  std::string signals;
  std::string origin;
  bool headless = false;
  std::string report;
  std::string picture;
  std::string train_dictionary;
  std::size_t dictionary_bytes = TrainingConfig().dictionary_bytes;
};

int Fail(int code, const std::string& message) {
  std::fprintf(stderr, "starling-sim: %s\n", message.c_str());
  return code;
}

bool ParseOrigin(const std::string& text, FrameOrigin* origin) {
  double lat = 0;
  double lon = 0;
  int used = 0;
  if (std::sscanf(text.c_str(), "%lf,%lf%n", &lat, &lon, &used) != 2 ||
      used != static_cast<int>(text.size()) || std::abs(lat) > 70 || std::abs(lon) > 180) {
    return false;
  }
  *origin = {static_cast<std::int32_t>(std::lround(lat * 1e7)),
             static_cast<std::int32_t>(std::lround(lon * 1e7))};
  return true;
}

Moment Look(const FleetConfig& config) {
  CloudPages client(config, milliseconds(3'000));
  Moment moment;
  if (Result<CloudFigures> figures = client.Stats(); figures.ok()) {
    moment.cloud = std::move(figures).value();
  }
  moment.sim = ReadProcessFigures();
  return moment;
}

// It may have come up at this moment, or its region may be changing hands.
Status AwaitCloud(const FleetConfig& config) {
  const auto until = std::chrono::steady_clock::now() + kCloudPatience;
  for (;;) {
    CloudPages client(config, milliseconds(3'000));
    const Result<CloudFigures> figures = client.Stats();
    if (figures.ok()) return Status();
    if (std::chrono::steady_clock::now() >= until) return figures.status();
    std::this_thread::sleep_for(milliseconds(100));
  }
}

struct EndOfDriving {
  Moment moment;
  std::vector<CloudCell> cells;
};

EndOfDriving LookAtEnd(const FleetConfig& config) {
  EndOfDriving end{Look(config), {}};
  CloudPages client(config, milliseconds(3'000));
  // A shard that is busy refuses; it has time for a question soon.
  for (int attempt = 0; attempt < 5 && end.cells.empty(); ++attempt) {
    if (Result<std::vector<CloudCell>> cells = client.Heatmap(); cells.ok()) {
      end.cells = std::move(cells).value();
    }
  }
  return end;
}

Status WritePicture(const std::string& path, const City& city, const RunRecord& run,
                    std::vector<CloudCell> cells) {
  char title[96];
  std::snprintf(title, sizeof title, "%zu vehicles on %.1f km2 after %u s, seed %llu",
                run.config.vehicles, run.city_side_m * run.city_side_m * 1e-6, run.config.seconds,
                static_cast<unsigned long long>(run.config.seed));
  char subtitle[128];
  std::snprintf(subtitle, sizeof subtitle,
                "cells of 100 m by congestion at the end, conflicts met over the run: %zu",
                run.cloud.conflicts.size());
  const Canvas canvas = DrawPicture({&city, std::move(cells), run.cloud.conflicts, title, subtitle});
  return canvas.WritePng(path);
}

// The one that --network names, or one that is drawn for so many vehicles.
Result<City> MakeCity(const Options& options) {
  const FleetConfig& config = options.fleet;
  CitySource source{options.network, options.signals, {}};
  source.drawn.seed = config.seed;
  source.drawn.side_m = CitySideFor(config.vehicles);
  Result<OpenedCity> opened = OpenCity(source);
  if (!opened.ok()) return opened.status();
  if (!opened.value().remark.empty()) std::fprintf(stderr, "starling-sim: %s\n", opened.value().remark.c_str());
  if (const std::uint32_t room = Traffic::RoomIn(opened.value().city); room < config.vehicles) {
    return Status(ErrorCode::kInvalidArgument, options.network + " has room for " + std::to_string(room) +
                                                   " vehicles, not for " + std::to_string(config.vehicles) +
                                                   "; take fewer --vehicles");
  }
  return std::move(opened).value().city;
}

void OnSignal(int) { Fleet::RequestStop(); }

int Run(const Options& options, const FleetHooks& hooks) {
  const FleetConfig& config = options.fleet;
  FrameOrigin origin = kDefaultOrigin;
  if (!options.origin.empty() && !ParseOrigin(options.origin, &origin)) {
    return Fail(kExitUsage, "--origin takes LAT,LON in degrees, |LAT| at most 70");
  }
  // Sockets, and some for the program itself.
  const std::uint64_t files = config.vehicles + 64;
  if (const std::uint64_t limit = RaiseOpenFiles(files); limit < files) {
    return Fail(kExitUsage, std::to_string(config.vehicles) + " vehicles need " +
                                std::to_string(files) + " open files, the limit is " +
                                std::to_string(limit) + ": run `ulimit -n " +
                                std::to_string(files) + "` as root, or take fewer --vehicles");
  }
  const Result<City> made = MakeCity(options);
  if (!made.ok()) return Fail(kExitUsage, std::string(made.status().message()));
  const City& city = made.value();
  const Vec2 size = city.north_east() - city.south_west();
  RunRecord run;
  run.config = config;
  run.city_side_m = options.network.empty() ? CitySideFor(config.vehicles) : std::sqrt(size.x * size.y);
  if (const Status status = AwaitCloud(config); !status.ok()) {
    return Fail(kExitUsage, "no orchestrator answers at http://" + config.http_host + ":" +
                                std::to_string(config.http_port) + "/v1/stats: " + std::string(status.message()) +
                                "; start starling-cloud, or see --http");
  }
  run.before = Look(config);

  TrafficConfig traffic_config;
  traffic_config.seed = config.seed;
  traffic_config.vehicles = static_cast<std::uint32_t>(config.vehicles);
  std::fprintf(stderr, "starling-sim: a city of %.1f km2; warming up %zu vehicles\n",
               run.city_side_m * run.city_side_m * 1e-6, config.vehicles);
  Traffic traffic(city, traffic_config);

  const FleetClock clock;
  FleetExchange exchange;
  Result<std::unique_ptr<Fleet>> created = 
      Fleet::Create(config, origin, &traffic, &clock, &exchange, hooks);
  if (!created.ok()) {
    return Fail(kExitUsage, std::string(created.status().message()) +
                                " (starling init DIR --vehicles N makes certificates)");
  }
  Fleet& fleet = *created.value();
  struct sigaction action {};
  action.sa_handler = OnSignal;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);

  const bool terminal = !options.headless && ::isatty(STDOUT_FILENO) == 1;
  Observer observer(config, terminal ? ViewMode::kTerminal : ViewMode::kLines, stdout, &exchange);
  observer.Start();
  fleet.Connect();
  run.run_begin = Look(config);
  fleet.Drive();
  // In a thread of its own: commands still arrive, and are timed.
  std::future<EndOfDriving> end = std::async(std::launch::async, LookAtEnd, config);
  fleet.Drain();
  EndOfDriving end_of_driving = end.get();
  run.run_end = std::move(end_of_driving.moment);
  observer.Stop();
  run.after = Look(config);
  if (fleet.outcome().drained) run.after.cloud = fleet.outcome().cloud_drained;
  run.cloud = observer.record();
  run.traffic = traffic.counters();

  if (!config.journal.empty()) {
    if (Status status = SaveJournal(config.journal, fleet.TakeJournal()); !status.ok()) {
      return Fail(kExitFailed, std::string(status.message()));
    }
  }
  const FleetOutcome& outcome = fleet.outcome();
  std::fputs(SummaryTable(run, outcome, fleet.book(), fleet.baseline()).c_str(), stdout);
  if (!options.report.empty()) {
    const Status status = WriteFile(
        options.report, ReportDocument(run, outcome, fleet.book(), fleet.baseline()));
    if (!status.ok()) return Fail(kExitFailed, std::string(status.message()));
    std::printf("report        %s\n", options.report.c_str());
  }
  if (!options.picture.empty()) {
    const Status status = WritePicture(options.picture, city, run, std::move(end_of_driving.cells));
    if (!status.ok()) return Fail(kExitFailed, std::string(status.message()));
    std::printf("picture       %s\n", options.picture.c_str());
  }
  std::fflush(stdout);
  return Judge(run, outcome, fleet.book()).failures.empty() ? 0 : kExitFailed;
}

int Train(const Options& options) {
  TrainingConfig training;
  training.file = options.train_dictionary;
  training.seconds = options.fleet.seconds;
  training.seed = options.fleet.seed;
  training.origin = kDefaultOrigin;
  training.dictionary_bytes = options.dictionary_bytes;
  if (Status status = training.Validate(); !status.ok()) {
    return Fail(kExitUsage, std::string(status.message()));
  }
  if (Status status = TrainDictionary(training); !status.ok()) {
    return Fail(kExitFailed, std::string(status.message()));
  }
  return 0;
}

}  // namespace

int SimulatorMain(int argc, char** argv, const FleetHooks& hooks) {
  Options options;
  FleetConfig& fleet = options.fleet;
  std::string connect = "127.0.0.1:7443";
  std::vector<std::string> http = {"127.0.0.1:7480"};
  std::string certificates = "certs";
  std::uint32_t connect_timeout_s = 120;
  std::uint32_t drain_timeout_s = 30;
  bool no_obey = false;
  bool in_virtual_time = false;
  VirtualOptions virtually;

  CLI::App app{"Drives a simulated city of vehicles, each with the real agent and its own mutual\n"
               "TLS connection, against a running orchestrator, and reports what it measured."};
  app.name("starling-sim");
  app.footer(
      "Examples:\n"
      "  starling-sim --certs certs --vehicles 200 --seconds 20\n"
      "  starling-sim --certs certs --headless --report out/report.json --picture out/city.png\n"
      "  starling-sim --certs certs --vehicles 200 --cut-at 10 --cut-vehicles 50\n"
      "  starling-sim --certs certs --vehicles 300 --network bologna.net.xml.gz\n"
      "  starling-sim --virtual --vehicles 2000 --seconds 600 --seed 7 --report out/virtual.json\n"
      "  starling-sim --virtual --scenario sim/scenario/library/dead-zone.toml\n"
      "  starling-sim demand --network city.net.xml.gz --routes cars.rou.xml.gz\n"
      "  starling-sim drive --network city.net.xml.gz --routes cars.rou.xml.gz --trips trips.xml\n"
      "  starling-sim experiment sim/scenario/library/rush-hour.toml --report out/rush-hour.json\n"
      "  starling-sim map --vehicles 10000 --out streets.geojson\n"
      "  starling-sim accuracy --fcd fcd.xml.gz --types dims.txt --report out/accuracy.json\n"
      "  starling-sim scaling --report out/scaling.json --page out/scaling.html\n"
      "Exit codes: 0 balanced and in time, 1 not, 2 cannot start.  Ctrl-C ends early, with the\n"
      "report; a second one does not wait for what is in flight.");
  app.add_option("--connect", connect, "HOST:PORT of the gateway")->capture_default_str();
  app.add_option("--http", http, "HOST:PORT of the orchestrator's pages; of a gateway alone, and then its shards'")
      ->expected(1, 16)
      ->capture_default_str();
  app.add_option("--certs", certificates, "folder made by `starling init`")->capture_default_str();
  app.add_option("--vehicles", fleet.vehicles, "how many vehicles")->capture_default_str();
  app.add_option("--seconds", fleet.seconds, "of sampling")->capture_default_str();
  app.add_option("--seed", fleet.seed, "of city and traffic")->capture_default_str();
  app.add_option("--network", options.network, "SUMO network to drive in (.net.xml, .net.xml.gz), not a drawn city");
  app.add_option("--signals", options.signals, "SUMO file with other signal programmes for it")->needs("--network");
  app.add_option("--origin", options.origin, "LAT,LON of the city; the orchestrator's own");
  app.add_flag("--headless", options.headless, "lines instead of the live view");
  CLI::Option* const virtual_flag =
      app.add_flag("--virtual", in_virtual_time,
                   "city, agents, links and orchestrator in this process on one clock: connects to nothing,\n"
                   "and one seed gives the same report to the last digit");
  app.add_option("--scenario", virtually.scenario, "file that says what happens (docs/formats/scenario.md)")
      ->needs(virtual_flag);
  app.add_option("--threads", virtually.threads, "of --virtual; as many as there are processors")->needs(virtual_flag);
  app.add_flag("--json", virtually.json, "with --virtual: the report to standard output")->needs(virtual_flag);
  app.add_option("--fcd", virtually.record.fcd, "FILE: true trajectories, as SUMO's FCD; .csv, .gz")->needs(virtual_flag);
  app.add_option("--ssm", virtually.record.ssm, "FILE: encounters with TTC, DRAC and PET, as SUMO's SSM device; .gz")
      ->needs(virtual_flag);
  app.add_option("--mistakes", virtually.record.mistakes, "FILE: what drivers did wrong, and when, CSV")
      ->needs(virtual_flag);
  app.add_option("--collisions", virtually.record.collisions,
                 "FILE: what led to each collision: motion, mistakes, conflicts, commands; lines of JSON")
      ->needs(virtual_flag);
  app.add_flag("--raw", fleet.raw, "every sample on the live lane");
  app.add_flag("--no-obey", no_obey, "drivers ignore commands, for comparison");
  app.add_option("--report", options.report, "file for the report, JSON");
  app.add_option("--picture", options.picture, "file for the picture of the city, PNG");
  app.add_option("--cut-at", fleet.cut_at_s, "second at which links are cut");
  app.add_option("--cut-vehicles", fleet.cut_vehicles, "how many of them");
  app.add_option("--reboot-at", fleet.reboot_at_s, "second at which vehicles reboot");
  app.add_option("--reboot-vehicles", fleet.reboot_vehicles, "how many of them");
  app.add_option("--journal", fleet.journal, "file for what happened on the vehicles");
  app.add_option("--kills", fleet.kills, "how often the orchestrator is killed (SIGKILL)");
  app.add_option("--kill-at", fleet.kill_at_s, "second of the first kill")->capture_default_str();
  app.add_option("--kill-every", fleet.kill_every_s, "seconds between two")->capture_default_str();
  app.add_option("--kill-pid-file", fleet.kill_pid_file, "holds the orchestrator's process number");
  app.add_option("--train-dictionary", options.train_dictionary,
                 "file for the frames' dictionary; connects to nothing (common/frame/dictionary.zdict)")
      ->excludes("--network");
  app.add_option("--dictionary-bytes", options.dictionary_bytes, "how large it gets")
      ->capture_default_str();
  app.add_option("--connect-timeout", connect_timeout_s, "seconds; then it starts with those there")
      ->capture_default_str();
  app.add_option("--drain-timeout", drain_timeout_s, "seconds for what is in flight at the end")
      ->capture_default_str();
  const AccuracyCommand accuracy = AddAccuracyCommand(&app);
  const DemandCommand demand = AddDemandCommand(&app);
  const DriveCommand drive = AddDriveCommand(&app);
  const ExperimentCommand experiment = AddExperimentCommand(&app);
  const MapCommand map = AddMapCommand(&app);
  const RoamCommand roam = AddRoamCommand(&app);
  const ScalingCommand scaling = AddScalingCommand(&app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& stop) {
    return app.exit(stop) == 0 ? 0 : kExitUsage;  // 0: help was asked for
  }
  if (accuracy.command->parsed()) return accuracy.run();
  if (demand.command->parsed()) return demand.run();
  if (drive.command->parsed()) return drive.run();
  if (experiment.command->parsed()) return experiment.run();
  if (map.command->parsed()) return map.run();
  if (roam.command->parsed()) return roam.run();
  if (scaling.command->parsed()) return scaling.run();
  if (in_virtual_time) {
    virtually.network = options.network;
    virtually.signals = options.signals;
    if (app.count("--vehicles") > 0) {
      if (fleet.vehicles > 100'000) return Fail(kExitUsage, "--virtual drives at most 100000 --vehicles");
      virtually.vehicles = static_cast<std::uint32_t>(fleet.vehicles);
    }
    for (const char* const other : {"--picture", "--journal", "--cut-at", "--cut-vehicles", "--reboot-at",
                                    "--reboot-vehicles", "--kills", "--train-dictionary"}) {
      if (app.count(other) > 0) return Fail(kExitUsage, std::string(other) + " does not go with --virtual");
    }
    if (app.count("--seconds") > 0) virtually.seconds = fleet.seconds;
    virtually.seed = fleet.seed;
    virtually.obey = !no_obey;
    virtually.raw = fleet.raw;
    virtually.report = options.report;
    return RunVirtual(virtually);
  }
  fleet.obey = !no_obey;
  fleet.certificates = certificates;
  fleet.connect_timeout = seconds(connect_timeout_s);
  fleet.drain_timeout = seconds(drain_timeout_s);
  const Result<edge::Endpoint> gateway = edge::ParseEndpoint(connect);
  if (!gateway.ok()) {
    return Fail(kExitUsage, "--connect: " + std::string(gateway.status().message()));
  }
  fleet.host = gateway.value().host;
  fleet.port = gateway.value().port;
  for (const std::string& address : http) {
    const Result<edge::Endpoint> pages = edge::ParseEndpoint(address);
    if (!pages.ok()) return Fail(kExitUsage, "--http: " + std::string(pages.status().message()));
    fleet.shards_http.emplace_back(pages.value().host, pages.value().port);
  }
  std::tie(fleet.http_host, fleet.http_port) = fleet.shards_http.front();
  fleet.shards_http.erase(fleet.shards_http.begin());
  if (Status status = fleet.Validate(); !status.ok()) {
    return Fail(kExitUsage, std::string(status.message()));
  }
  return options.train_dictionary.empty() ? Run(options, hooks) : Train(options);
}

}  // namespace starling::sim
