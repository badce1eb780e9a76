#include "sim/demand_command.h"

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "cloud/streets/sumo_network.h"
#include "sim/demand/demand_report.h"
#include "sim/demand/sumo_routes.h"

namespace starling::sim {
namespace {

constexpr int kExitFailed = 1;

constexpr const char* kExamples = R"(Examples:
  starling-sim demand --network city.net.xml.gz --routes cars.rou.xml.gz,buses.rou.xml,types.add.xml
  starling-sim demand --network city.net.xml --routes cars.rou.xml --begin 3600 --end 7200 --json | jq .departures

Exit codes: 0 the files were read, 1 they cannot be (standard error has file, line and what was
expected there), 2 wrong usage.)";

struct DemandCommandOptions {
  std::string network;
  std::vector<std::string> routes;
  DemandOptions reading;
  DemandReportConfig report;
  bool json = false;
};

int Fail(const Status& status) {
  const std::string_view message = status.message();
  std::fprintf(stderr, "starling-sim: %.*s\n", static_cast<int>(message.size()), message.data());
  return kExitFailed;
}

int ShowDemand(const DemandCommandOptions& options) {
  const Result<cloud::StreetNetwork> network = cloud::ReadSumoNetwork(options.network);
  if (!network.ok()) return Fail(network.status());
  const Result<Demand> demand = ReadSumoDemand(options.routes, network.value(), options.reading);
  if (!demand.ok()) return Fail(demand.status());
  const DemandReport report = MakeDemandReport(demand.value(), network.value(), options.report);
  const std::string text = options.json ? report.ToJson() : report.ToText();
  (void)std::fwrite(text.data(), 1, text.size(), stdout);
  return 0;
}

}  // namespace

DemandCommand AddDemandCommand(CLI::App* program) {
  CLI::App* const demand =
      program->add_subcommand("demand", "What SUMO's route files have, and what is not supported; drives nothing");
  demand->footer(kExamples);
  const auto options = std::make_shared<DemandCommandOptions>();
  demand->add_option("--network", options->network, "the streets: .net.xml or .net.xml.gz")->required();
  demand->add_option("--routes", options->routes, "FILE[,FILE]: .rou.xml, .rou.xml.gz, .add.xml")
      ->required()
      ->delimiter(',');
  demand->add_option("--begin", options->report.begin_s, "count departures from this second on")
      ->capture_default_str();
  demand->add_option("--end", options->report.end_s, "and before this one")->capture_default_str();
  demand->add_option("--seed", options->report.seed, "of what is drawn")->capture_default_str();
  demand->add_flag("--skip-broken", options->reading.leave_out_broken,
                   "leave out, and count, who would have a gap in his route");
  demand->add_flag("--json", options->json, "as JSON");
  return {demand, [options] { return ShowDemand(*options); }};
}

}  // namespace starling::sim
