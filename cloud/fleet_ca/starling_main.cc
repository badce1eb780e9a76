// The operator's program: makes and extends a fleet's certificates.

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <optional>
#include <string>

#include "cloud/fleet_ca/fleet_ca.h"

namespace {

using starling::CertificateFolder;
using starling::CloudNow;
using starling::Result;
using starling::Status;
using starling::VehicleId;

constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;

constexpr const char* kExamples = R"(
Examples:
  starling init certs --vehicles 10000          a fleet: veh-00001 to veh-10000
  starling init certs --vehicles 12000          later: adds the last 2,000
  starling init certs --server-name gw.example.org
  starling request taxi-7 --out /etc/starling   on the vehicle: makes its key and a request
  starling sign certs --request taxi-7.csr      where the authority is: certs/vehicles/taxi-7.pem

Exit codes: 0 done, 1 failed (the reason is on standard error), 2 wrong usage.)";

int Fail(const Status& status) {
  std::fprintf(stderr, "starling: %.*s\n", static_cast<int>(status.message().size()),
               status.message().data());
  return kExitFailed;
}

int Init(const std::string& folder, const starling::cloud::FleetConfig& config) {
  if (const Status status = config.Validate(); !status.ok()) {
    Fail(status);
    return kExitUsage;
  }
  const bool terminal = ::isatty(STDERR_FILENO) != 0;
  const auto progress = [terminal](std::size_t done, std::size_t total) {
    if (terminal) std::fprintf(stderr, "\rvehicles %zu / %zu%s", done, total, done == total ? "\n" : "");
  };
  const auto report = starling::cloud::InitFleet(CertificateFolder{folder}, config, CloudNow(), progress);
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
  if (const Status status = starling::cloud::RequestCertificate(vehicle.value(), out); !status.ok()) {
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
      starling::cloud::SignRequest(certificates, request, expected, replace, days, CloudNow());
  if (!vehicle.ok()) return Fail(vehicle.status());
  std::printf("%s\n", certificates.vehicle(vehicle.value()).c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Starling's operator program: a fleet's certificates.", "starling");
  app.footer(kExamples);
  app.require_subcommand(1);
  starling::cloud::FleetConfig config;
  std::string folder;
  std::string name;
  std::string out = ".";
  std::string request;
  bool replace = false;

  CLI::App* const init = app.add_subcommand(
      "init", "Make a folder with authority, server's, vehicles' certificates and ticket key");
  init->add_option("DIR", folder, "folder; what is there is kept, what is missing is added")->required();
  init->add_option("--vehicles", config.vehicles, "number of vehicles")->capture_default_str();
  init->add_option("--prefix", config.prefix, "of their names")->capture_default_str();
  init->add_option("--server-name", config.server_names,
                   "further name or address of the server (repeat)");
  init->add_option("--days", config.days, "validity of new certificates")->capture_default_str();

  CLI::App* const ask = app.add_subcommand("request", "On a vehicle: make its key and a request");
  ask->add_option("NAME", name, "the vehicle's name")->required();
  ask->add_option("--out", out, "folder for NAME.key and NAME.csr")->capture_default_str();

  CLI::App* const sign = app.add_subcommand("sign", "Sign a vehicle's request");
  sign->add_option("DIR", folder, "the fleet's folder, with ca.pem and ca.key")->required();
  sign->add_option("--request", request, "the request's file")->required();
  sign->add_option("--name", name, "refuse if the request is by another vehicle");
  sign->add_option("--days", config.days, "validity")->capture_default_str();
  sign->add_flag("--replace", replace, "also if the vehicle has a certificate already");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kExitUsage;
  }
  if (*init) return Init(folder, config);
  if (*ask) return Request(name, out);
  return Sign(folder, request, name, replace, config.days);
}
