// starling-edge: the agent of one vehicle.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "common/geo/trigonometry.h"
#include "common/tls/tls_context.h"
#include "edge/doctor/doctor.h"
#include "edge/spool/disk_spool.h"
#include "edge/spool/spool_folder.h"
#include "edge/uplink/endpoint.h"
#include "edge/vehicle_program.h"

namespace starling::edge {
namespace {

constexpr int kExitRuntime = 1;
constexpr int kExitUsage = 2;

constexpr const char* kDescription =
    "The agent of one vehicle: reads samples as lines of JSON, or makes them of a receiver's\n"
    "fixes and what the vehicle's bus says, reduces them, and sends them to the orchestrator;\n"
    "writes the commands that come back to standard output as lines of JSON. The format of a\n"
    "line is described in docs/formats/sample_json.md, sensors in docs/sources.md.";

constexpr const char* kFooter =
    "Without --spool, samples that the cloud has not acknowledged when the process ends are lost;\n"
    "with it they are written to disk --commit-interval after they were taken, survive the process\n"
    "and a power cut, and the next run sends them and says what is missing. Samples that were\n"
    "dropped because the spool was full or the cloud refused them are counted by the last line on\n"
    "standard error. Ctrl-C or SIGTERM waits for the cloud up to --drain-seconds; a second one does\n"
    "not wait.\n"
    "\n"
    "Certificate, key and authority are read again when their files change, or at SIGHUP; what cannot\n"
    "be used is said, and what was in use stays so. In the last 30 days of a certificate standard error\n"
    "has a line each hour.\n"
    "\n"
    "Examples:\n"
    "  starling-edge --connect 10.0.0.5:7443 --certs fleet --name veh-00001 < samples.jsonl\n"
    "  starling-edge --connect cloud.example:7443 --ca ca.pem --cert me.pem --key me.key \\\n"
    "      --listen-unix /run/starling/samples.sock --report /var/log/starling.json\n"
    "  echo '{\"lat_deg\":44.49,\"lon_deg\":11.34,\"heading_deg\":90,\"speed_mps\":8.3}' |\n"
    "      starling-edge --connect 127.0.0.1:7443 --certs fleet --name veh-00001\n"
    "  starling-edge --connect 10.0.0.5:7443 --certs fleet --name veh-00001 --gpsd 127.0.0.1:2947\n"
    "  starling-edge --connect 10.0.0.5:7443 --certs fleet --name veh-00001 --nmea /dev/ttyUSB0@9600 \\\n"
    "      --can can0 --dbc car.dbc --can-map speed=ESP.Speed --can-map 'yaw_rate=ESP.YawRate*-1'\n"
    "  starling-edge --connect near.example:7443,far.example:7443 --certs fleet --name veh-00001\n"
    "  starling-edge --config /etc/starling/edge.toml\n"
    "  starling-edge doctor --config /etc/starling/edge.toml\n"
    "\n"
    "Exit code: 0 all samples delivered; 1 some dropped or not acknowledged, or a failure;\n"
    "2 wrong usage. Lines that are refused as invalid are no samples. Of doctor: 0 nothing failed;\n"
    "1 a step failed; 2 the configuration did.";

int Fail(int code, std::string_view message) {
  std::fprintf(stderr, "starling-edge: %.*s\n", static_cast<int>(message.size()), message.data());
  return code;
}

struct CredentialFiles {
  std::string folder;
  std::string name;
  std::string ca;
  std::string certificate;
  std::string key;

  // The files named one by one win over those of the folder.
  Status Complete() {
    if (!folder.empty()) {
      const CertificateFolder certificates{folder};
      if (ca.empty()) ca = certificates.ca();
      if (!name.empty()) {
        const Result<VehicleId> vehicle = VehicleId::Parse(name);
        if (!vehicle.ok()) return vehicle.status();
        if (certificate.empty()) certificate = certificates.vehicle(vehicle.value());
        if (key.empty()) key = certificates.vehicle_key(vehicle.value());
      }
    }
    if (!ca.empty() && !certificate.empty() && !key.empty()) return Status();
    return Status(ErrorCode::kInvalidArgument,
                  "give --certs DIR and --name NAME, or --ca, --cert and --key");
  }
};

// The options of a vehicle's sensors, as they are given.
struct SensorOptions {
  std::string gpsd;
  std::string nmea;
  std::string can;
  std::string candump;
  std::string dbc;
  std::vector<std::string> can_map;
  long can_age_max_ms = 300;
  double wheelbase_m = 2.7;
  long reckon_max_ms = 1500;
  long fix_delay_ms = 0;
  std::optional<double> start_heading_deg;

  void AddTo(CLI::App* app) {
    const char* const kGroup = "Sensors instead of lines of JSON (docs/sources.md)";
    app->add_option("--gpsd", gpsd, "Positions from the gpsd at HOST:PORT, usually 127.0.0.1:2947")->group(kGroup);
    app->add_option("--nmea", nmea,
                    "Positions by NMEA 0183 from a serial line, DEVICE[@BAUD], a fifo, a recording\n"
                    "or, with -, standard input")->group(kGroup);
    app->add_option("--can", can, "The vehicle's bus, as an interface of SocketCAN such as can0")->group(kGroup);
    app->add_option("--candump", candump,
                    "The vehicle's bus from a log of candump's, a fifo or, with -, standard input")->group(kGroup);
    app->add_option("--dbc", dbc, "What the bits of the bus mean")->group(kGroup);
    app->add_option("--can-map", can_map,
                    "QUANTITY=MESSAGE.SIGNAL[*FACTOR], for each of speed, heading, yaw_rate, steering, accel\n"
                    "that the bus has; FACTOR turns the signal into m/s, deg, deg/s or m/s2, clockwise positive;\n"
                    "without one, the unit in the DBC file does")->group(kGroup);
    app->add_option("--can-age-max-ms", can_age_max_ms, "What the bus says counts for so long")
        ->capture_default_str()->group(kGroup);
    app->add_option("--wheelbase-m", wheelbase_m, "Turns steering into yaw rate")
        ->capture_default_str()->group(kGroup);
    app->add_option("--reckon-max-ms", reckon_max_ms,
                    "Reckon positions for so long from the last fix, then be silent")
        ->capture_default_str()->group(kGroup);
    app->add_option("--fix-delay-ms", fix_delay_ms, "Between a fix's instant and its first byte")
        ->capture_default_str()->group(kGroup);
    app->add_option("--start-heading-deg", start_heading_deg,
                    "Heading until the vehicle has driven; without it, it is silent until then")->group(kGroup);
  }

  // nullopt: no sensor is asked for.
  Result<std::optional<SensorSourceConfig>> Config() const {
    if (gpsd.empty() && nmea.empty() && can.empty() && candump.empty() && dbc.empty() && can_map.empty()) {
      return std::optional<SensorSourceConfig>();
    }
    SensorSourceConfig config;
    config.fusion.reckon_max = milliseconds(reckon_max_ms);
    config.fusion.fix_delay = milliseconds(fix_delay_ms);
    config.fusion.bus_age_max = milliseconds(can_age_max_ms);
    config.fusion.wheelbase_m = wheelbase_m;
    if (start_heading_deg) config.fusion.start_heading_rad = *start_heading_deg * kDegree;
    if (!gpsd.empty()) {
      const Result<Endpoint> endpoint = ParseEndpoint(gpsd);
      if (!endpoint.ok()) {
        return Status(ErrorCode::kInvalidArgument, "--gpsd: " + std::string(endpoint.status().message()));
      }
      config.gpsd.emplace();
      config.gpsd->host = endpoint.value().host;
      config.gpsd->port = endpoint.value().port;
    }
    if (!nmea.empty()) {
      LineDeviceConfig device;
      const std::size_t at = nmea.rfind('@');
      device.path = nmea.substr(0, at);
      if (at != std::string::npos) {
        const char* const end = nmea.data() + nmea.size();
        const auto [stop, error] = std::from_chars(nmea.data() + at + 1, end, device.baud);
        if (error != std::errc() || stop != end) {
          return Status(ErrorCode::kInvalidArgument, "--nmea: " + nmea + " is not DEVICE[@BAUD]");
        }
      }
      config.nmea = device;
    }
    if (!can.empty()) config.can = CanSocketConfig{.interface = can};
    if (!candump.empty()) {
      config.candump.emplace();
      config.candump->path = candump;
    }
    if (dbc.empty() != can_map.empty()) {
      return Status(ErrorCode::kInvalidArgument, "--dbc and --can-map go together");
    }
    if (!dbc.empty()) {
      std::vector<CanMapping> mappings;
      for (const std::string& text : can_map) {
        const Result<CanMapping> mapping = ParseCanMapping(text);
        if (!mapping.ok()) return mapping.status();
        mappings.push_back(mapping.value());
      }
      const Result<Dbc> file = LoadDbc(dbc);
      if (!file.ok()) return file.status();
      const Result<CanDecoder> decoder = CanDecoder::Make(file.value(), dbc, mappings);
      if (!decoder.ok()) return decoder.status();
      config.decoder = decoder.value();
    }
    return std::optional(config);
  }
};

struct SpoolOptions {
  std::string folder;  // empty: the spool is in memory
  double age_s = 7 * 86'400;
  double commit_s = 1;

  milliseconds commit_interval() const { return milliseconds(static_cast<std::int64_t>(commit_s * 1e3)); }

  Result<std::unique_ptr<DiskSpool>> Open(std::size_t bytes_max) const {
    DiskSpoolConfig config;
    config.bytes_max = bytes_max;
    config.age_max = seconds(static_cast<std::int64_t>(age_s));
    return OpenSpoolFolder(folder, config);
  }
};

// CLI11's reader of TOML, which also knows the line of each key.
class ConfigFile final : public CLI::ConfigTOML {
 public:
  std::vector<CLI::ConfigItem> from_config(std::istream& input) const override {
    const std::string text{std::istreambuf_iterator<char>(input), std::istreambuf_iterator<char>()};
    std::istringstream lines(text);
    int number = 1;
    for (std::string line; std::getline(lines, line); ++number) {
      const std::string key = CLI::detail::trim_copy(line.substr(0, line.find('=')));
      if (!key.empty() && key.front() != '#') lines_.emplace(key, number);
    }
    std::istringstream copy(text);
    return CLI::ConfigTOML::from_config(copy);
  }

  // `error` in words that begin with the line of the key that it is about, if it is about one.
  std::string Place(const std::string& file, const CLI::ParseError& error) const {
    const std::string what = error.what();
    const bool unknown = dynamic_cast<const CLI::ConfigError*>(&error) != nullptr;
    for (const auto& [key, line] : lines_) {
      const bool named = unknown ? what.ends_with(" " + key) : what.find("--" + key + " ") != std::string::npos ||
                                                                   what.find("--" + key + ":") != std::string::npos;
      if (!named) continue;
      const std::string place = file + ":" + std::to_string(line) + ": ";
      return unknown ? place + "no option is called " + key + "; see starling-edge --help" : place + what;
    }
    return what;
  }

 private:
  mutable std::map<std::string, int> lines_;  // of the keys that stand in the file, the first time
};

// `configuration` is why the options cannot be used, or that they can.
int Diagnose(const Status& configuration, const DoctorConfig& config, bool json) {
  std::vector<Finding> findings;
  if (configuration.ok()) {
    findings = Examine(config, CloudNow);
    findings.insert(findings.begin(), Fine("configuration", "the options are complete, and fit together"));
  } else {
    findings.push_back(Failed("configuration", std::string(configuration.message()),
                              "see starling-edge --help; in the file an option stands without its dashes"));
    for (const char* step : {"source", "dns", "tcp", "certificate", "tls", "clock", "spool"}) {
      findings.push_back(Skipped(step, "the configuration comes first"));
    }
  }
  const std::string text = json ? FindingsJson(findings) + "\n" : FindingsTable(findings);
  const bool written = std::fputs(text.c_str(), stdout) >= 0 && std::fflush(stdout) == 0;
  if (!configuration.ok()) return kExitUsage;
  return FirstFailed(findings) == nullptr && written ? 0 : kExitRuntime;
}

int Main(int argc, char** argv) {
  VehicleProgramOptions options;
  CredentialFiles files;
  std::vector<std::string> connect;
  SensorOptions sensors;
  long drain_seconds = 10;
  long renew_spread = 60;
  SpoolOptions spool;

  CLI::App app(kDescription, "starling-edge");
  app.footer(kFooter);
  app.set_version_flag("--version", "starling-edge " STARLING_VERSION);
  const auto config_file = std::make_shared<ConfigFile>();
  app.config_formatter(config_file);
  CLI::Option* const config_path =
      app.set_config("--config", "", "Read options from this file, as TOML: an option's name without its dashes,\n"
                                     "as in connect = \"10.0.0.5:7443\"; one on the command line wins");
  app.allow_config_extras(CLI::config_extras_mode::error);
  CLI::App* const doctor = app.add_subcommand(
      "doctor", "With the same options: checks everything that the agent needs, step by step, and says\n"
                "what to do about what fails");
  doctor->fallthrough();
  bool doctor_json = false;
  const CLI::Option* const json_flag = doctor->add_flag("--json", doctor_json, "For programs")->configurable(false);
  app.add_option("--connect", connect,
                 "Gateway, as HOST:PORT; several, with commas between, are tried in this order, the\n"
                 "next at once after one that fails; the vehicle stays with the one that works")
      ->required()->delimiter(',')->allow_extra_args(false);
  app.add_option("--server-name", options.shell.uplink.server_name,
                 "Name that the gateway's certificate must carry")->capture_default_str();
  app.add_option("--certs", files.folder, "Folder that `starling init` made");
  app.add_option("--name", files.name, "The vehicle's name: which certificate of --certs");
  app.add_option("--ca", files.ca, "Certificate of the fleet's authority");
  app.add_option("--cert", files.certificate, "The vehicle's certificate");
  app.add_option("--key", files.key, "The vehicle's private key");
  app.add_option("--renew-spread", renew_spread,
                 "A new certificate in these files is shown at a moment drawn within so many seconds;\n"
                 "SIGHUP: at once")
      ->capture_default_str();
  app.add_option("--listen-unix", options.listen_unix,
                 "Read from the writers that connect to this Unix socket, one after the other,\n"
                 "instead of from standard input");
  sensors.AddTo(&app);
  app.add_flag("--raw", options.shell.agent.raw, "Send every sample at once, also where it says nothing new");
  app.add_option("--length-m", options.shell.agent.length_m, "Length of the vehicle")->capture_default_str();
  app.add_option("--width-m", options.shell.agent.width_m, "Width of the vehicle")->capture_default_str();
  app.add_option("--spool-bytes", options.shell.spool.bytes_max,
                 "Memory, or with --spool disk, for samples that wait for the cloud; the oldest are\n"
                 "dropped above it")
      ->capture_default_str();
  app.add_option("--spool", spool.folder,
                 "Keep samples that wait for the cloud in this folder, one for each vehicle, and the\n"
                 "collection plan over restarts");
  app.add_option("--spool-age", spool.age_s, "With --spool: older samples are dropped, seconds")
      ->check(CLI::Range(1.0, 315'360'000.0))->capture_default_str();
  app.add_option("--commit-interval", spool.commit_s,
                 "With --spool: a power cut loses the samples of this time at most, and of one write\n"
                 "to the disk, seconds")
      ->check(CLI::Range(0.01, 60.0))->capture_default_str();
  app.add_option("--drain-seconds", drain_seconds, "Wait so long for the cloud at the end")
      ->capture_default_str();
  app.add_option("--report", options.report_file, "Write ledger and counters to this file at the end");
  app.add_flag("--verbose", options.verbose, "Tell of the link on standard error");
  const auto settle = [&]() -> Status {
    std::vector<Endpoint> endpoints;
    for (const std::string& text : connect) {
      const Result<Endpoint> endpoint = ParseEndpoint(text);
      if (!endpoint.ok()) {
        return Status(ErrorCode::kInvalidArgument, "--connect: " + std::string(endpoint.status().message()));
      }
      if (std::ranges::find(endpoints, endpoint.value()) != endpoints.end()) {
        return Status(ErrorCode::kInvalidArgument, "--connect: " + text + " stands there twice");
      }
      endpoints.push_back(endpoint.value());
    }
    UplinkConfig& uplink = options.shell.uplink;
    uplink.host = endpoints.front().host;
    uplink.port = endpoints.front().port;
    uplink.others.assign(endpoints.begin() + 1, endpoints.end());
    options.drain_max = seconds(drain_seconds);
    options.renew_spread = seconds(renew_spread);
    const Result<std::optional<SensorSourceConfig>> sensor_config = sensors.Config();
    if (!sensor_config.ok()) return sensor_config.status();
    options.sensors = sensor_config.value();
    if (!spool.folder.empty()) {
      options.shell.agent.commit_interval = spool.commit_interval();
      options.plan_file = spool.folder + "/" + kKeptPlanName;
    }
    if (Status status = files.Complete(); !status.ok()) return status;
    return options.Validate();
  };
  Status configuration;
  try {
    app.parse(argc, argv);
    configuration = settle();
  } catch (const CLI::ParseError& error) {
    // Help is no error.
    if (error.get_exit_code() == 0) return app.exit(error);
    const std::string file = config_path->count() > 0 ? config_path->as<std::string>() : std::string();
    configuration = Status(ErrorCode::kInvalidArgument, config_file->Place(file, error));
  }
  if (doctor->parsed()) {
    const DoctorConfig config{.cloud = {options.shell.uplink.host, options.shell.uplink.port},
                              .others = options.shell.uplink.others,
                              .server_name = options.shell.uplink.server_name,
                              .ca = files.ca,
                              .certificate = files.certificate,
                              .key = files.key,
                              .listen_unix = options.listen_unix,
                              .sensors = options.sensors,
                              .spool = spool.folder,
                              .spool_bytes_max = options.shell.spool.bytes_max};
    // Not the flag's variable: it is not set where an option before it cannot be used.
    return Diagnose(configuration, config, json_flag->count() > 0);
  }
  if (!configuration.ok()) {
    // What cannot be read may be readable soon: whoever supervises it tries again.
    return Fail(configuration.code() == ErrorCode::kIoError ? kExitRuntime : kExitUsage, configuration.message());
  }

  // A controller that went away is reported, not died of.
  std::signal(SIGPIPE, SIG_IGN);
  IdentityWatch identity({files.ca, files.certificate, files.key});
  if (Status status = identity.Start(); !status.ok()) return Fail(kExitRuntime, status.message());

  std::unique_ptr<DiskSpool> disk_spool;
  if (!spool.folder.empty()) {
    Result<std::unique_ptr<DiskSpool>> opened = spool.Open(options.shell.spool.bytes_max);
    if (!opened.ok()) {
      const bool usage = opened.status().code() == ErrorCode::kInvalidArgument;
      return Fail(usage ? kExitUsage : kExitRuntime, "--spool: " + std::string(opened.status().message()));
    }
    disk_spool = std::move(opened).value();
  }

  VehicleProgram program(options, std::move(identity), std::move(disk_spool));
  if (Status status = program.Run(); !status.ok()) return Fail(kExitRuntime, status.message());
  return 0;
}

}  // namespace
}  // namespace starling::edge

int main(int argc, char** argv) { return starling::edge::Main(argc, argv); }
