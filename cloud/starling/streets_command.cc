// streets: what a city's network has, before anything is run on it.

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "cloud/starling/subcommand.h"
#include "cloud/streets/street_report.h"
#include "cloud/streets/sumo_network.h"

namespace starling::cloud {
namespace {

constexpr const char* kExamples = R"(
Examples:
  starling streets city.net.xml.gz
  starling streets city.net.xml --signals plans.add.xml    the programmes that are loaded last are in force
  starling streets city.net.xml --json | jq .unsupported
  netconvert --osm-files city.osm -o city.net.xml          OpenStreetMap, by SUMO's own converter

Exit codes: 0 the network was read, 1 it cannot be (standard error has file, line and what was
expected there), 2 wrong usage.)";

struct StreetsOptions {
  std::string file;
  std::vector<std::string> signals;
  bool json = false;
};

int ShowStreets(const StreetsOptions& options) {
  Result<StreetNetwork> network = ReadSumoNetwork(options.file);
  if (!network.ok()) return Fail(network.status());
  for (const std::string& file : options.signals) {
    if (const Status status = AddSumoSignals(file, &network.value()); !status.ok()) return Fail(status);
  }
  const StreetReport report = MakeStreetReport(network.value());
  const std::string text = options.json ? report.ToJson() : report.ToText();
  (void)std::fwrite(text.data(), 1, text.size(), stdout);
  return 0;
}

}  // namespace

void AddStreetsCommand(CLI::App* program, std::vector<Subcommand>* commands) {
  CLI::App* const streets =
      program->add_subcommand("streets", "What a SUMO network has, and what of it is not supported");
  streets->footer(kExamples);
  const auto options = std::make_shared<StreetsOptions>();
  streets->add_option("FILE", options->file, "a network: .net.xml or .net.xml.gz")->required();
  streets->add_option("--signals", options->signals, "ADD.xml with signal programmes; may be repeated")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  streets->add_flag("--json", options->json, "as JSON");
  commands->push_back({streets, [options] { return ShowStreets(*options); }});
}

}  // namespace starling::cloud
