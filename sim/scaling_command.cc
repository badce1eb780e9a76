#include "sim/scaling_command.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "sim/fleet/fleet_config.h"
#include "sim/fleet/report.h"
#include "sim/scaling/scaling_document.h"
#include "sim/scaling/scaling_picture.h"
#include "sim/scaling/scaling_study.h"
#include "sim/scenario/scenario_run.h"

namespace starling::sim {
namespace {

constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;
constexpr int kExitInterrupted = 130;

constexpr const char* kExamples = R"(Examples:
  starling-sim scaling --report out/scaling.json --page out/scaling.html
  starling-sim scaling --seeds 20 --start 120,180 --report out/nodes.json     where each shard needs a new machine

First two small cities are driven in virtual time, to measure how many fixes a vehicle sends; --fixes takes a number
instead.  Then each seed's weeks are made, and the last one is served by each rule (docs/scaling.md).  One seed gives
the same report on any machine.

Exit codes: 0 done, 1 a file cannot be written, 2 wrong usage, 130 ended early.)";

struct Options {
  ScalingStudyConfig study;
  std::vector<double> start;
  std::uint32_t anchor_vehicles = 500;
  std::uint32_t anchor_seconds = 30;
  std::string report;
  std::string page;
};

volatile std::sig_atomic_t interrupted = 0;
void OnSignal(int) { interrupted = 1; }

int Fail(int code, std::string_view message) {
  std::fprintf(stderr, "starling-sim: %.*s\n", static_cast<int>(message.size()), message.data());
  return code;
}

// The city's own: agents, sensors, shard; the fixes that the shard applied.
Result<LoadAnchor::Run> Drive(std::uint32_t vehicles, std::uint32_t seconds, std::uint64_t seed) {
  Scenario scenario;
  scenario.name = "city";
  scenario.traffic.vehicles = vehicles;
  scenario.city.side_m = CitySideFor(vehicles);
  scenario.seconds = seconds;
  scenario.fleet.threads = std::clamp(std::thread::hardware_concurrency(), 1U, 64U);
  if (Status status = scenario.Validate(); !status.ok()) return status;
  scenario = WithSeed(std::move(scenario), seed);
  std::string remark;
  const Result<City> city = CityOf(scenario, &remark);
  if (!city.ok()) return city.status();
  const ScenarioOutcome outcome =
      RunScenario(scenario, city.value(), [](const ScenarioProgress&) { return interrupted == 0; });
  return LoadAnchor::Run{vehicles, outcome.driven_s, static_cast<double>(outcome.shard.fixes)};
}

// Of a city and of one four times as large: where the load grows with the vehicles alone, both send the same.
Result<LoadAnchor> Measure(const Options& options, double* fixes_per_vehicle_s) {
  LoadAnchor anchor{true, {}};
  double fixes = 0;
  double vehicle_seconds = 0;
  for (const std::uint32_t vehicles : {options.anchor_vehicles, 4 * options.anchor_vehicles}) {
    const Result<LoadAnchor::Run> run = Drive(vehicles, options.anchor_seconds, options.study.seed);
    if (!run.ok()) return run.status();
    anchor.runs.push_back(run.value());
    fixes += run.value().fixes;
    vehicle_seconds += vehicles * run.value().seconds;
  }
  *fixes_per_vehicle_s = fixes / vehicle_seconds;
  return anchor;
}

int Run(Options options) {
  struct sigaction action {};
  action.sa_handler = OnSignal;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  if (options.start.size() == 2) {
    options.study.queue.start_min_s = options.start[0];
    options.study.queue.start_max_s = options.start[1];
  }
  LoadAnchor anchor;
  double& fixes = options.study.demand.fixes_per_vehicle_s;
  if (fixes == 0) {
    std::fprintf(stderr, "starling-sim: driving %u and %u vehicles, to measure what one sends\n",
                 options.anchor_vehicles, 4 * options.anchor_vehicles);
    Result<LoadAnchor> measured = Measure(options, &fixes);
    if (interrupted != 0) return Fail(kExitInterrupted, "ended early: nothing is written");
    if (!measured.ok()) return Fail(kExitUsage, measured.status().message());
    anchor = std::move(measured).value();
  }
  options.study.scaling.capacity_fixes_per_second = options.study.queue.capacity_fixes_per_second;
  if (const Status status = options.study.Validate(); !status.ok()) return Fail(kExitUsage, status.message());
  const bool terminal = ::isatty(STDERR_FILENO) == 1;
  const Result<ScalingStudy> study = RunScalingStudy(options.study, [&](double share) {
    if (terminal) std::fprintf(stderr, "\r\033[K%.0f %%", 100 * share);
    return interrupted == 0;
  });
  if (terminal) std::fprintf(stderr, "\r\033[K");
  if (!study.ok()) return Fail(kExitInterrupted, "ended early: nothing is written");
  std::fputs(ScalingTable(study.value(), anchor).c_str(), stdout);
  std::fflush(stdout);
  for (const auto& [path, make] : {std::pair<std::string, std::function<std::string()>>{
                                       options.report, [&] { return ScalingDocument(study.value(), anchor); }},
                                   {options.page, [&] { return ScalingPage(study.value()); }}}) {
    if (path.empty()) continue;
    if (const Status status = WriteFile(path, make()); !status.ok()) return Fail(kExitFailed, status.message());
    std::fprintf(stderr, "wrote %s\n", path.c_str());
  }
  return 0;
}

}  // namespace

ScalingCommand AddScalingCommand(CLI::App* program) {
  CLI::App* const scaling =
      program->add_subcommand("scaling", "A week of a city's load under rules that scale, predictive and others");
  scaling->footer(kExamples);
  const auto options = std::make_shared<Options>();
  Options& all = *options;
  ScalingStudyConfig& study = all.study;
  scaling->add_option("--seed", study.seed, "of the first week")->capture_default_str();
  scaling->add_option("--seeds", study.seeds, "how many weeks")->capture_default_str();
  scaling->add_option("--vehicles", study.demand.peak_vehicles, "in motion at the busiest hour")->capture_default_str();
  scaling->add_option("--fixes", study.demand.fixes_per_vehicle_s, "of a vehicle in motion, 1/s; else it is measured");
  scaling->add_option("--anchor-vehicles", all.anchor_vehicles, "of the smaller city that is driven to measure it")
      ->capture_default_str();
  scaling->add_option("--anchor-seconds", all.anchor_seconds, "that it is driven for")->capture_default_str();
  scaling->add_option("--capacity", study.queue.capacity_fixes_per_second, "of a shard, fixes/s")->capture_default_str();
  scaling->add_option("--imbalance", study.queue.imbalance, "of the fullest shard over the mean")->capture_default_str();
  scaling->add_option("--start", all.start, "LEAST,MOST: s from the wish for a shard until it serves [20,40]")
      ->delimiter(',')
      ->expected(2);
  scaling->add_option("--target", study.scaling.target_share, "share of a shard's capacity to be used")
      ->capture_default_str();
  scaling->add_option("--coverage", study.scaling.coverage, "of the forecast's interval")->capture_default_str();
  scaling->add_option("--stadium", study.demand.stadium_share, "share of the vehicles that leave the match")
      ->capture_default_str();
  scaling->add_option("--report", all.report, "FILE for the report, JSON");
  scaling->add_option("--page", all.page, "FILE for a page with drawings, HTML");
  return {scaling, [options] { return Run(*options); }};
}

}  // namespace starling::sim
