// The orchestrator's program: reads its options once, starts the parts, and ends
// them in order when told to.

#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "cloud/console/live_streets.h"
#include "cloud/dispatch/ownership_book.h"
#include "cloud/log/kafka_properties.h"
#include "cloud/options.h"
#include "cloud/orchestrator.h"
#include "cloud/probe.h"
#include "cloud/streets/network_plane.h"
#include "cloud/streets/sumo_network.h"
#include "cloud/supervisor/listening.h"
#include "cloud/supervisor/supervisor.h"

namespace {

using starling::Result;
using starling::Status;
using starling::cloud::CloudOptions;
using starling::cloud::Orchestrator;

constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;

// Each arena keeps what its threads have freed; the default is eight for a core,
// and the few threads here do not contend.
constexpr int kMallocArenasMax = 4;

// A process that was killed lets go of its files within moments.
constexpr std::chrono::milliseconds kLockPatience{2'000};

// How often the main thread looks whether the log still works.
constexpr timespec kHealthInterval{0, 200'000'000};

constexpr const char* kExamples = R"(
Examples:
  starling init certs --vehicles 100
  starling-cloud --certs certs --data data
  starling-cloud --certs certs --data data --listen 0.0.0.0:7443 --http 127.0.0.1:7480
  starling-cloud --certs certs --data data --supervise      starts again at once after a crash
  starling-cloud --certs certs --data data --config cloud.json
      with cloud.json = {"gateway": {"connections_max": 500}, "log": {"sync_interval_ms": 4}}
  starling-cloud --certs certs --data data --regions 0-3 --region-map map.json      a city in four parts
  starling-cloud --role gateway --log kafka --kafka 10.0.0.1:9092 --certs certs --data gw --regions 0-3
  starling-cloud --role shard --log kafka --kafka 10.0.0.1:9092 --data shard-a --regions 0-3 --node shard-a
  starling-cloud probe readyz --http 127.0.0.1:7480         exit code 0 if it is, else why not: for containers
  curl http://127.0.0.1:7480/v1/vehicles/veh-00001      is my vehicle streaming?

SIGTERM or SIGINT: vehicles are told, what is due is acknowledged, the log is closed.
A second one, two seconds later, ends at once; nothing that was acknowledged is lost.  With --drain-delay vehicles
are taken for so long after the first one, and a second one ends that.
SIGHUP: the certificates' folder, the key file and the region map are read again; changed certificates are noticed
without it.  A region map with a higher version takes effect at once: vehicles and conflicts move with their ids.
Exit codes: 0 ended in order, 1 failed (the reason is on standard error), 2 wrong usage; with
--supervise also 128 and the number of the signal that ended the work.)";

void Say(const std::string& message) {
  const auto now = std::chrono::system_clock::now();
  const std::time_t time = std::chrono::system_clock::to_time_t(now);
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch());
  std::tm utc{};
  ::gmtime_r(&time, &utc);
  char stamp[32];
  std::strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);
  std::fprintf(stderr, "%s.%03dZ starling-cloud: %s\n", stamp, static_cast<int>(ms.count() % 1000),
               message.c_str());
}

int Fail(int code, const Status& status) {
  Say(std::string(status.message()));
  return code;
}

Status LoadConfiguration(const std::string& path, CloudOptions* options) {
  std::ifstream file(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file.is_open() || file.bad()) {
    return {starling::ErrorCode::kIoError, path + ": " + std::strerror(errno)};
  }
  const Status status = ReadConfiguration(text, options);
  if (status.ok()) return status;
  return {status.code(), path + ": " + std::string(status.message())};
}

// What the command line says; it goes before the configuration file.
struct Arguments {
  std::string certificates;
  std::string data;
  std::string config;
  std::string key_file;
  bool accept_plain_files = false;
  std::string port_file;
  std::string pid_file;
  bool supervise = false;
  std::optional<std::string> listen;
  std::optional<std::string> http;
  std::string http_tokens;
  std::string http_cert;
  std::string http_key;
  std::string http_client_ca;
  std::string http_client_crl;
  std::optional<std::string> origin;
  std::string network;
  std::string map;
  std::optional<std::size_t> gateway_threads;
  std::uint32_t drain_delay_s = 0;
  std::optional<std::uint32_t> region;
  std::optional<std::string> regions;
  std::string region_map;
  std::string role = "all";
  std::string log = "embedded";
  std::string kafka;
  std::string kafka_config;
  std::optional<std::string> kafka_prefix;
  std::string node;
};

// Which part this process plays, and on which log.
Status ReadRole(const Arguments& arguments, CloudOptions* options) {
  using starling::cloud::CloudRole;
  using starling::cloud::LogKind;
  const auto wrong = [](const std::string& what) { return Status(starling::ErrorCode::kInvalidArgument, what); };
  if (arguments.role == "gateway") options->role = CloudRole::kGateway;
  if (arguments.role == "shard") options->role = CloudRole::kShard;
  if (arguments.log == "kafka") options->log_kind = LogKind::kKafka;
  if (arguments.region && arguments.regions) return wrong("--region and --regions are the same; give one of them");
  if (arguments.region) options->regions = {starling::RegionId{*arguments.region}};
  if (arguments.regions) {
    auto regions = starling::cloud::ParseRegions(*arguments.regions);
    if (!regions.ok()) return regions.status();
    options->regions = std::move(regions).value();
  }
  options->region = options->regions.front();
  options->region_map = arguments.region_map;
  if (!options->region_map.empty()) {
    auto map = starling::cloud::ReadRegionMap(options->region_map);
    if (!map.ok()) return map.status();
    options->gateway.region_map = std::move(map).value();
  }
  options->node = arguments.node;
  if (options->node.empty()) {
    char host[256] = "";
    (void)::gethostname(host, sizeof host - 1);
    options->node = host;
  }
  if (!starling::cloud::IsNodeName(options->node)) {
    return wrong("--node " + options->node + ": a node's name is 1 to 64 of [A-Za-z0-9._-]");
  }
  if (options->has_gateway() && arguments.certificates.empty()) {
    return wrong("--certs names the folder made by `starling init`; only --role shard does without");
  }
  if (options->log_kind == LogKind::kEmbedded) {
    if (!arguments.kafka.empty() || !arguments.kafka_config.empty()) return wrong("--kafka goes with --log kafka");
    return {};
  }
  if (arguments.kafka.empty()) return wrong("--log kafka needs --kafka HOST:PORT");
  options->kafka.bootstrap = arguments.kafka;
  if (arguments.kafka_prefix) options->kafka.prefix = *arguments.kafka_prefix;
  if (!arguments.kafka_config.empty()) {
    auto properties = starling::cloud::ReadKafkaProperties(arguments.kafka_config);
    if (!properties.ok()) return properties.status();
    options->kafka.properties = std::move(properties).value();
  }
  // Standbys read along, and a machine that is gone takes its state with it.
  options->runner.prefer_standby = true;
  options->runner.changelog = true;
  return {};
}

// Where vehicles without a plan are expected to drive.
Status ReadStreets(const std::string& path, CloudOptions* options) {
  if (path.empty()) return {};
  if (options->regions.size() > 1 || !options->region_map.empty()) {
    return {starling::ErrorCode::kInvalidArgument,
            "--network goes with one region: a vehicle is told to the next one by its own motion, without streets"};
  }
  const auto network = starling::cloud::ReadSumoNetwork(path);
  if (!network.ok()) return network.status();
  auto lanes = starling::cloud::MakeLaneMap(network.value(), starling::LocalFrame(options->origin));
  if (!lanes.ok()) {
    return {lanes.status().code(), "--network " + path + ": " + std::string(lanes.status().message()) +
                                       "; --origin says where the city is"};
  }
  options->shard.streets = std::move(lanes).value();
  char size[80];
  std::snprintf(size, sizeof size, "%zu lanes, %.1f km", options->shard.streets->lanes(), options->shard.streets->length_m() / 1000);
  Say("streets of " + path + ": " + size);
  return {};
}

// The streets that the console draws: those of --map, or those that vehicles are expected to follow.
Status ReadDrawnStreets(const std::string& path, CloudOptions* options) {
  if (!path.empty()) {
    auto read = starling::cloud::ReadGeoJsonStreets(path, starling::LocalFrame(options->origin));
    if (!read.ok()) return read.status();
    options->streets_drawn = std::make_shared<const std::string>(std::move(read).value());
  } else if (options->shard.streets != nullptr) {
    starling::cloud::StreetLines lines;
    options->shard.streets->ForLanes(
        [&](std::span<const starling::Vec2> middle, double width_m) { lines.Add(middle, width_m); });
    options->streets_drawn = std::make_shared<const std::string>(lines.Document());
  }
  return {};
}

// `before`: whose streets were read already.
Result<CloudOptions> MakeOptions(const Arguments& arguments, const CloudOptions* before = nullptr) {
  CloudOptions options;
  if (!arguments.config.empty()) {
    if (Status status = LoadConfiguration(arguments.config, &options); !status.ok()) return status;
  }
  options.certificates = arguments.certificates;
  options.data = arguments.data;
  options.log.directory = arguments.data;
  options.state.directory = arguments.data + "/state";
  options.key_file = arguments.key_file;
  options.accept_plain_files = arguments.accept_plain_files;
  options.port_file = arguments.port_file;
  options.pid_file = arguments.pid_file;
  options.drain_delay = std::chrono::seconds(arguments.drain_delay_s);
  if (Status status = ReadRole(arguments, &options); !status.ok()) return status;
  if (arguments.listen) {
    Status status = starling::cloud::ParseHostPort(*arguments.listen, &options.gateway.host,
                                                   &options.gateway.port);
    if (!status.ok()) return status;
  }
  if (arguments.http) {
    Status status = starling::cloud::ParseHostPort(*arguments.http, &options.console.host,
                                                   &options.console.port);
    if (!status.ok()) return status;
  }
  starling::cloud::AccessConfig& access = options.console.access;
  for (const auto& [given, field] : {std::pair(&arguments.http_tokens, &access.tokens),
                                     std::pair(&arguments.http_cert, &access.certificate),
                                     std::pair(&arguments.http_key, &access.key),
                                     std::pair(&arguments.http_client_ca, &access.client_ca),
                                     std::pair(&arguments.http_client_crl, &access.client_crl)}) {
    if (!given->empty()) *field = *given;
  }
  if (arguments.origin) {
    const Result<starling::FrameOrigin> origin = starling::cloud::ParseOrigin(*arguments.origin);
    if (!origin.ok()) return origin.status();
    options.origin = origin.value();
  }
  if (before != nullptr) {
    options.shard.streets = before->shard.streets;
    options.streets_drawn = before->streets_drawn;
  } else {
    if (Status status = ReadStreets(arguments.network, &options); !status.ok()) return status;
    if (Status status = ReadDrawnStreets(arguments.map, &options); !status.ok()) return status;
  }
  if (arguments.gateway_threads) options.gateway.threads = *arguments.gateway_threads;
  options.gateway.region = options.region;
  options.gateway.origin = options.origin;
  if (Status status = options.Validate(); !status.ok()) return status;
  return options;
}

Status RaiseFileLimit(const CloudOptions& options) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return {starling::ErrorCode::kIoError, std::string("getrlimit: ") + std::strerror(errno)};
  }
  limit.rlim_cur = limit.rlim_max;
  const std::uint64_t needed = options.OpenFilesNeeded();
  if (limit.rlim_max < needed) {
    const std::string number = std::to_string(needed);
    return {starling::ErrorCode::kExhausted,
            "gateway.connections_max = " + std::to_string(options.gateway.connections_max) + " needs " +
                number + " open files, the limit is " + std::to_string(limit.rlim_max) +
                "; raise it with ulimit -Hn " + number + " or LimitNOFILE=" + number +
                " in the systemd unit, or lower gateway.connections_max with --config"};
  }
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return {starling::ErrorCode::kIoError, std::string("setrlimit: ") + std::strerror(errno)};
  }
  return {};
}

// A reader finds the whole file or none.  Without a path nothing is written.
Status WriteFileOf(const char* option, const std::string& path, const std::string& text) {
  if (path.empty()) return {};
  const std::string draft = path + ".new";
  std::ofstream file(draft, std::ios::trunc);
  file << text;
  file.close();
  std::error_code failure;
  if (file) std::filesystem::rename(draft, path, failure);
  if (!file || failure) return {starling::ErrorCode::kIoError, option + (" " + path) + " cannot be written"};
  return {};
}

Status WriteFiles(const CloudOptions& options, const Orchestrator& orchestrator) {
  const std::string pid = std::to_string(::getpid());
  Status status = WriteFileOf("--pid-file", options.pid_file, pid + "\n");
  if (!status.ok()) return status;
  return WriteFileOf("--port-file", options.port_file,
                     "{\"listen\": " + std::to_string(orchestrator.gateway_port()) + ", \"http\": " +
                         std::to_string(orchestrator.console_port()) + ", \"pid\": " + pid + "}\n");
}

sigset_t BlockSignals() {
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  sigaddset(&ends, SIGHUP);
  // A shell's background job inherits an ignored SIGINT.
  ::signal(SIGINT, SIG_DFL);
  ::signal(SIGTERM, SIG_DFL);
  ::signal(SIGHUP, SIG_DFL);   // nohup has it ignored, and it would never arrive
  ::signal(SIGPIPE, SIG_IGN);
  ::pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  return ends;
}

// When the first signal came, on CLOCK_MONOTONIC.
volatile std::sig_atomic_t drained_since_s = 0;

void EndAtOnce(int) {
  // systemd tells every process of a unit, and a supervisor passes on what it is told:
  // the two are one.
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  if (now.tv_sec - drained_since_s < 2) return;
  constexpr char kMessage[] = "starling-cloud: second signal: ending at once\n";
  // Nothing to be done if standard error is gone.
  (void)!::write(STDERR_FILENO, kMessage, sizeof kMessage - 1);
  ::_exit(kExitFailed);
}

int Run(const CloudOptions& options, const starling::cloud::ListeningSockets& sockets = {}) {
  const sigset_t ends = BlockSignals();  // before there are threads, which inherit it
  Say(options.log_kind == starling::cloud::LogKind::kKafka ? "Kafka: " + Describe(options.kafka)
                                                           : "opening the log in " + options.data);
  if (options.log_kind == starling::cloud::LogKind::kKafka && !options.kafka.transactions) {
    Say("kafka.transactions is false: what analysts read (commands, conflicts, heatmap, vehicle-state) may hold "
        "outputs twice after a crash, and a former owner's last ones behind its successor's first; commands to vehicles are "
        "fenced by epoch and known by id all the same");
  }
  // A whole fleet may be waiting.
  std::optional<starling::cloud::Haste> haste(std::in_place);
  Result<std::unique_ptr<Orchestrator>> started = Orchestrator::Start(options, {}, sockets);
  haste.reset();
  if (!started.ok()) return Fail(kExitFailed, started.status());
  Orchestrator& orchestrator = *started.value();
  if (Status status = WriteFiles(options, orchestrator); !status.ok()) return Fail(kExitFailed, status);
  std::string regions;
  for (const starling::RegionId region : options.regions) {
    regions += (regions.empty() ? "" : ", ") + std::to_string(ToNumber(region));
  }
  Say((options.regions.size() == 1 ? "region " : "regions ") + regions +
      (options.has_gateway()
           ? ", vehicles at " + options.gateway.host + ":" + std::to_string(orchestrator.gateway_port())
           : ", node " + options.node) +
      (options.console.access.encrypts() ? ", https://" : ", http://") + options.console.host + ":" + std::to_string(orchestrator.console_port()) + "/");

  Say(orchestrator.StartText());
  if (options.console.access.asks() && !options.console.access.encrypts() && !options.console.is_loopback()) {
    Say("tokens cross the network in plain at " + options.console.host +
        ": give --http-cert and --http-key, or have a proxy in front speak TLS");
  }

  Status failure;
  std::optional<std::chrono::steady_clock::time_point> leaves;
  while (true) {
    const int number = ::sigtimedwait(&ends, nullptr, &kHealthInterval);
    if (number == SIGHUP) {
      Say("SIGHUP: reading the certificates, the keys and the region map again");
      orchestrator.ReloadCertificates();
      if (const Status keys = orchestrator.ReloadKeys(); !keys.ok()) {
        Say(std::string(keys.message()) + "; the keys stay as they were");
      }
      if (const Status map = orchestrator.ReloadRegionMap(); !map.ok()) {
        Say(std::string(map.message()) + "; the region map stays as it was");
      }
      continue;
    }
    if (number > 0 && !leaves && options.drain_delay.count() > 0) {
      Say(std::string(::strsignal(number)) + ": draining in " +
          std::to_string(std::chrono::duration_cast<std::chrono::seconds>(options.drain_delay).count()) +
          " s; /readyz says so already");
      orchestrator.Leave();
      leaves = std::chrono::steady_clock::now() + options.drain_delay;
      continue;
    }
    if (number > 0) Say(std::string(::strsignal(number)) + ": draining");
    if (number > 0 || (leaves && std::chrono::steady_clock::now() >= *leaves)) break;
    if (const Status map = orchestrator.FollowRegionMap(); !map.ok()) {
      Say("the new region map: " + std::string(map.message()) + "; trying again");
    }
    orchestrator.Watch();
    failure = orchestrator.Health();
    if (!failure.ok()) {
      Say("stopping: " + std::string(failure.message()));
      break;
    }
  }
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  drained_since_s = static_cast<std::sig_atomic_t>(now.tv_sec);
  struct sigaction at_once {};
  at_once.sa_handler = EndAtOnce;
  ::sigaction(SIGTERM, &at_once, nullptr);
  ::sigaction(SIGINT, &at_once, nullptr);
  ::signal(SIGHUP, SIG_IGN);
  ::pthread_sigmask(SIG_UNBLOCK, &ends, nullptr);

  const Status stopped = orchestrator.Stop();
  if (!failure.ok()) return kExitFailed;
  if (!stopped.ok()) return Fail(kExitFailed, stopped);
  Say("ended in order");
  return 0;
}

// The same, in a process that is followed by another one whenever it was killed; the
// sockets listen in this one, so connections wait meanwhile.
int RunSupervised(const Arguments& arguments, const CloudOptions& first) {
  starling::cloud::ListeningSockets sockets;
  if (first.has_gateway()) {
    const Result<int> vehicles = starling::cloud::ListenOn(first.gateway.host, first.gateway.port);
    if (!vehicles.ok()) return Fail(kExitFailed, vehicles.status());
    sockets.vehicles = vehicles.value();
  }
  const Result<int> people = starling::cloud::ListenOn(first.console.host, first.console.port);
  if (!people.ok()) return Fail(kExitFailed, people.status());
  sockets.people = people.value();
  const auto work = [&] {
    // Read anew each time: files may have changed since.  Not the streets: what the log's tail was decided by stays, and a
    // city's take seconds.
    const Result<CloudOptions> options = MakeOptions(arguments, &first);
    if (!options.ok()) return Fail(kExitUsage, options.status());
    // Whoever else has them is named when they are opened.
    starling::cloud::AwaitUnlocked(options.value().log.directory + "/LOCK", kLockPatience);
    starling::cloud::AwaitUnlocked(options.value().state.directory + "/LOCK", kLockPatience);
    return Run(options.value(), sockets);
  };
  return starling::cloud::KeepRunning(work, Say);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "probe") return starling::cloud::ProbeMain(argc - 1, argv + 1);
  ::mallopt(M_ARENA_MAX, kMallocArenasMax);
  CLI::App app("Starling's orchestrator: takes vehicles in, keeps the city's picture, commands.",
               "starling-cloud");
  app.footer(kExamples);
  Arguments arguments;
  app.add_option("--certs", arguments.certificates, "folder made by `starling init`; not for --role shard");
  app.add_option("--data", arguments.data, "folder of log and state; made if missing; one process at a time")
      ->required();
  app.add_option("--role", arguments.role, "gateway takes vehicles, shard decides; all does both")
      ->check(CLI::IsMember({"all", "gateway", "shard"}))
      ->capture_default_str();
  app.add_option("--log", arguments.log, "embedded: in --data, for one process; kafka: for many")
      ->check(CLI::IsMember({"embedded", "kafka"}))
      ->capture_default_str();
  app.add_option("--kafka", arguments.kafka, "HOST:PORT[,...] of any of the cluster's brokers");
  app.add_option("--kafka-config", arguments.kafka_config,
                 "librdkafka's properties, a name=value on each line: security.protocol, sasl.*, ssl.*");
  app.add_option("--kafka-prefix", arguments.kafka_prefix, "in front of every topic's name [starling.]");
  app.add_option("--region-map", arguments.region_map,
                 "file that says which region each part of the map belongs to (docs/formats/region_map.md), the same "
                 "for every process; without it all vehicles are the first region's.  With Kafka `starling regions map` "
                 "gives it to all at once");
  app.add_option("--node", arguments.node, "name of this process for `starling regions` [the host's]");
  app.add_option("--listen", arguments.listen, "HOST:PORT for vehicles, port 0: any [0.0.0.0:7443]");
  app.add_option("--http", arguments.http, "HOST:PORT for people and tools [127.0.0.1:7480]");
  app.add_option("--http-tokens", arguments.http_tokens,
                 "FILE made by `starling tokens`: who may use the --http port; needed where that is not on loopback");
  app.add_option("--http-cert", arguments.http_cert, "FILE: certificate of the --http port, PEM; with --http-key: HTTPS");
  app.add_option("--http-key", arguments.http_key, "FILE: its key");
  app.add_option("--http-client-ca", arguments.http_client_ca,
                 "FILE: who shows a certificate of this authority, named ROLE:NAME, needs no token (docs/formats/access.md)");
  app.add_option("--http-client-crl", arguments.http_client_crl, "FILE: which of those are revoked");
  app.add_option("--region", arguments.region, "number of the region that this process owns [0]");
  app.add_option("--regions", arguments.regions, "several, as 0-3,7: those that it owns or stands by for");
  app.add_option("--origin", arguments.origin, "LAT,LON of the city's local frame [48.1351,11.582]");
  app.add_option("--network", arguments.network,
                 "FILE: the city's streets, SUMO's .net.xml or .net.xml.gz with a projection; vehicles that send no plan "
                 "are expected to follow them.  For a fleet of one region, and the same for all that own it or stand by");
  app.add_option("--map", arguments.map,
                 "FILE: streets for the console to draw, lines of GeoJSON; nothing is decided by them.  Without it those "
                 "of --network are drawn");
  app.add_option("--gateway-threads", arguments.gateway_threads, "threads that hold connections [1]");
  app.add_option("--config", arguments.config, "JSON file with everything else; an option goes before it");
  app.add_option("--key-file", arguments.key_file,
                 "encrypts the log and the state; a line \"ID HEX\" for each key, the first for new files");
  app.add_flag("--accept-plain-files", arguments.accept_plain_files,
               "with --key-file: takes over a folder that was written without, and encrypts it meanwhile");
  app.add_option("--port-file", arguments.port_file, "file that gets the ports, as JSON, when ready");
  app.add_option("--pid-file", arguments.pid_file, "file that gets the number of the process that works, when ready; "
                 "with --supervise end the first process, not that one");
  app.add_option("--drain-delay", arguments.drain_delay_s,
                 "seconds from SIGTERM until vehicles are told: for so long /readyz refuses, and who shares connections out "
                 "can send them elsewhere [0]");
  app.add_flag("--supervise", arguments.supervise,
               "works in a second process, and in a new one as soon as that was killed or has crashed; connections that "
               "come meanwhile wait for it");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kExitUsage;
  }
  const Result<CloudOptions> options = MakeOptions(arguments);
  if (!options.ok()) return Fail(kExitUsage, options.status());
  if (const Status status = RaiseFileLimit(options.value()); !status.ok()) {
    return Fail(kExitFailed, status);
  }
  return arguments.supervise ? RunSupervised(arguments, options.value()) : Run(options.value());
}
