// init, request and sign: a fleet's certificates.

#include "cloud/starling/subcommand.h"

#include <unistd.h>

#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cloud/fleet_ca/fleet_ca.h"

namespace starling::cloud {
namespace {

int Init(const std::string& folder, const FleetConfig& config) {
  if (const Status status = config.Validate(); !status.ok()) {
    Fail(status);
    return kExitUsage;
  }
  const bool terminal = ::isatty(STDERR_FILENO) != 0;
  const auto progress = [terminal](std::size_t done, std::size_t total) {
    if (terminal) std::fprintf(stderr, "\rvehicles %zu / %zu%s", done, total, done == total ? "\n" : "");
  };
  const auto report = InitFleet(CertificateFolder{folder}, config, CloudNow(), progress);
  if (!report.ok()) return Fail(report.status());
  const auto word = [](bool made) { return made ? "made" : "kept"; };
  std::printf("%s: authority %s, server %s, vehicles %zu made, %zu kept\n", folder.c_str(),
              word(report.value().authority_made), word(report.value().server_made),
              report.value().vehicles_made, report.value().vehicles_kept);
  if (report.value().vehicles_expired > 0) {
    std::fprintf(stderr, "starling: %zu of the kept ones are not valid today; delete them and init again\n",
                 report.value().vehicles_expired);
    return kExitFailed;
  }
  return 0;
}

int Request(const std::string& name, const std::string& out) {
  const Result<VehicleId> vehicle = VehicleId::Parse(name);
  if (!vehicle.ok()) {
    Fail(vehicle.status());
    return kExitUsage;
  }
  if (const Status status = RequestCertificate(vehicle.value(), out); !status.ok()) {
    return Fail(status);
  }
  std::printf("%s/%s.key stays here; have %s/%s.csr signed\n", out.c_str(), name.c_str(), out.c_str(),
              name.c_str());
  return 0;
}

int Sign(const std::string& folder, const std::string& request, const std::string& name, bool replace,
         int days) {
  std::optional<VehicleId> expected;
  if (!name.empty()) {
    const Result<VehicleId> parsed = VehicleId::Parse(name);
    if (!parsed.ok()) {
      Fail(parsed.status());
      return kExitUsage;
    }
    expected = parsed.value();
  }
  const CertificateFolder certificates{folder};
  const Result<VehicleId> vehicle =
      SignRequest(certificates, request, expected, replace, days, CloudNow());
  if (!vehicle.ok()) return Fail(vehicle.status());
  std::printf("%s\n", certificates.vehicle(vehicle.value()).c_str());
  return 0;
}

// What the options are read into: lives as long as the commands do.
struct FleetOptions {
  FleetConfig config;
  std::string folder;
  std::string name;
  std::string out = ".";
  std::string request;
  bool replace = false;
};

}  // namespace

void AddFleetCommands(CLI::App* program, std::vector<Subcommand>* commands) {
  const auto options = std::make_shared<FleetOptions>();
  FleetConfig& config = options->config;

  CLI::App* const init = program->add_subcommand(
      "init", "Make a folder with authority, server's, vehicles' certificates and ticket key");
  init->add_option("DIR", options->folder, "folder; what is there is kept, what is missing is added")->required();
  init->add_option("--vehicles", config.vehicles, "number of vehicles")->capture_default_str();
  init->add_option("--prefix", config.prefix, "of their names")->capture_default_str();
  init->add_option("--server-name", config.server_names,
                   "further name or address of the server (repeat)");
  init->add_option("--days", config.days, "validity of new certificates")->capture_default_str();
  commands->push_back({init, [options] { return Init(options->folder, options->config); }});

  CLI::App* const ask = program->add_subcommand("request", "On a vehicle: make its key and a request");
  ask->add_option("NAME", options->name, "the vehicle's name")->required();
  ask->add_option("--out", options->out, "folder for NAME.key and NAME.csr")->capture_default_str();
  commands->push_back({ask, [options] { return Request(options->name, options->out); }});

  CLI::App* const sign = program->add_subcommand("sign", "Sign a vehicle's request");
  sign->add_option("DIR", options->folder, "the fleet's folder, with ca.pem and ca.key")->required();
  sign->add_option("--request", options->request, "the request's file")->required();
  sign->add_option("--name", options->name, "refuse if the request is by another vehicle");
  sign->add_option("--days", config.days, "validity")->capture_default_str();
  sign->add_flag("--replace", options->replace, "also if the vehicle has a certificate already");
  commands->push_back({sign, [options] {
                         return Sign(options->folder, options->request, options->name, options->replace,
                                     options->config.days);
                       }});
}

}  // namespace starling::cloud
