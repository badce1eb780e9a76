// starling-replay: a recorded drive, through a real agent, into an orchestrator.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <random>
#include <string>

#include "common/tls/tls_context.h"
#include "edge/uplink/endpoint.h"
#include "sim/replay/replay_program.h"

namespace starling::sim {
namespace {

constexpr int kExitRuntime = 1;
constexpr int kExitUsage = 2;

constexpr const char* kDescription =
    "Replays one recorded drive: real samples through the real agent, over a real connection.\n"
    "Resamples to 10 Hz; where the recording has a gap of more than 0.5 s there are no samples.";

constexpr const char* kFooter =
    "--speed 1 drives as recorded, on both lanes. A vehicle that runs faster than time cannot be\n"
    "live: the cloud refuses positions that are older than 2 s or faster than 70 m/s. So 10 and max\n"
    "replay an outage: the vehicle drives all of it without a link (10 times as fast, or at once),\n"
    "then the link comes up; the history arrives whole, with the recorded spacing, and the live lane\n"
    "carries the newest position alone.\n"
    "\n"
    "A CSV needs a column of time (time_s, time_ms, time_ns, boot_time_s, ...), lat_deg and lon_deg;\n"
    "it may have heading_deg, bearing_deg or course_deg, speed_mps, accel_mps2, yaw_rate_dps or\n"
    "yaw_rate_radps, accuracy_m; docs/formats/drive_csv.md says how the rest is derived.\n"
    "\n"
    "Examples:\n"
    "  starling-replay --drive comma2k19_drive --connect 127.0.0.1:7443 --certs fleet --report r.json\n"
    "  starling-replay --drive trip.csv --connect 127.0.0.1:7443 --certs fleet --name veh-00002 \\\n"
    "      --speed max\n"
    "\n"
    "Exit code: 0 all samples delivered; 1 some dropped or not acknowledged, or a failure;\n"
    "2 wrong usage. Rows that are refused as invalid are no samples.";

int Fail(int code, std::string_view message) {
  std::fprintf(stderr, "starling-replay: %.*s\n", static_cast<int>(message.size()), message.data());
  return code;
}

int Main(int argc, char** argv) {
  ReplayOptions options;
  std::string drive_path;
  std::string connect;
  std::string certs;
  std::string name = "veh-00001";
  std::string speed = "1";
  std::string report_file;

  CLI::App app(kDescription, "starling-replay");
  app.footer(kFooter);
  app.add_option("--drive", drive_path, "CSV file, or folder with gnss_*.csv and more")->required();
  app.add_option("--connect", connect, "Gateway, as HOST:PORT")->required();
  app.add_option("--certs", certs, "Folder that `starling init` made")->required();
  app.add_option("--name", name, "The vehicle's name")->capture_default_str();
  app.add_option("--server-name", options.shell.uplink.server_name,
                 "Name that the gateway's certificate must carry")->capture_default_str();
  app.add_option("--speed", speed, "How fast")->check(CLI::IsMember({"1", "10", "max"}))->capture_default_str();
  app.add_flag("--raw", options.shell.agent.raw, "Send every sample at once");
  app.add_option("--report", report_file, "Write the report to this file; else to standard output");
  app.add_flag("--verbose", options.verbose, "Tell of commands and refused rows");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kExitUsage;
  }
  options.speed = speed == "max" ? 0 : speed == "10" ? 10 : 1;

  const Result<edge::Endpoint> endpoint = edge::ParseEndpoint(connect);
  if (!endpoint.ok()) return Fail(kExitUsage, endpoint.status().message());
  options.shell.uplink.host = endpoint.value().host;
  options.shell.uplink.port = endpoint.value().port;
  const Result<VehicleId> vehicle = VehicleId::Parse(name);
  if (!vehicle.ok()) return Fail(kExitUsage, vehicle.status().message());
  if (Status status = options.Validate(); !status.ok()) return Fail(kExitUsage, status.message());

  const Result<Drive> drive = LoadDrive(drive_path);
  if (!drive.ok()) return Fail(kExitRuntime, drive.status().message());
  for (const std::string& complaint : drive.value().complaints) {
    std::fprintf(stderr, "starling-replay: refused: %s\n", complaint.c_str());
  }
  if (drive.value().samples.empty()) return Fail(kExitRuntime, drive_path + " holds no sample");

  const CertificateFolder folder{certs};
  const Result<SslContextPtr> tls = MakeClientContext(folder.ca());
  if (!tls.ok()) return Fail(kExitRuntime, tls.status().message());
  const Result<Credentials> credentials =
      LoadCredentials(folder.vehicle(vehicle.value()), folder.vehicle_key(vehicle.value()));
  if (!credentials.ok()) return Fail(kExitRuntime, credentials.status().message());

  std::random_device device;
  const BootId boot{(static_cast<std::uint64_t>(device()) << 32 | device()) | 1};
  ReplayProgram program(options, drive.value(), tls.value().get(), &credentials.value(), boot);
  const Status outcome = program.Run();
  if (report_file.empty()) {
    std::printf("%s\n", program.Report().c_str());
  } else {
    std::ofstream file(report_file);
    file << program.Report() << '\n';
    if (!file.flush()) return Fail(kExitRuntime, "cannot write " + report_file);
  }
  return outcome.ok() ? 0 : Fail(kExitRuntime, outcome.message());
}

}  // namespace
}  // namespace starling::sim

int main(int argc, char** argv) { return starling::sim::Main(argc, argv); }
