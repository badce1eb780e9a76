#include "sim/experiment_command.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "sim/experiment/experiment_document.h"
#include "sim/experiment/experiment_page.h"
#include "sim/experiment/experiment_result.h"
#include "sim/experiment/experiment_table.h"
#include "sim/experiment/number_text.h"
#include "sim/fleet/report.h"
#include "sim/scenario/paired_runs.h"
#include "sim/scenario/scenario_reader.h"

namespace starling::sim {
namespace {

constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;
constexpr int kExitInterrupted = 130;
// Fewer show only what is obvious; for trying out, --pairs takes less.
constexpr std::uint32_t kPairs = 10;

constexpr const char* kExamples = R"(Examples:
  starling-sim experiment sim/scenario/library/rush-hour.toml --report out/rush-hour.json
  starling-sim experiment my.toml --seed 100 --pairs 20 --report out/my.json
  starling-sim experiment sim/scenario/library/red-light-runners.toml --penetration 0.3 --report out/third.json

Each seed is driven twice in virtual time, without and with the orchestrator's commands; all else is the same,
and drivers who break rules ignore commands, too.  What will be looked at is written to FILE.plan.json before the
first run, the figures to FILE.json, a page with plots and maps to FILE.html.  Ctrl-C ends it with the pairs that
are complete.

Exit codes: 0 measured, 1 a run failed by its own measure or a file cannot be written, 2 wrong usage or a scenario
that cannot be read, 130 ended early.)";

struct ExperimentOptions {
  std::string scenario;
  std::string report = "out/experiment.json";
  PairedRunsConfig runs{1, kPairs, 0};
  std::uint32_t vehicles = 0;
  std::uint32_t seconds = 0;
  std::optional<double> penetration;       // none: the scenario's
  std::string told_as;                     // the command line, for the page
};

volatile std::sig_atomic_t interrupted = 0;
void OnSignal(int) { interrupted = 1; }

int Fail(int code, std::string_view message) {
  std::fprintf(stderr, "starling-sim: %.*s\n", static_cast<int>(message.size()), message.data());
  return code;
}

unsigned long long Wide(std::uint64_t count) { return count; }

int RunExperiment(ExperimentOptions options) {
  Result<Scenario> read = ReadScenario(options.scenario);
  if (!read.ok()) return Fail(kExitUsage, read.status().message());
  Scenario scenario = std::move(read).value();
  if (options.vehicles > 0) scenario.traffic.vehicles = options.vehicles;
  if (options.seconds > 0) scenario.seconds = options.seconds;
  if (options.penetration) scenario.fleet.penetration = *options.penetration;
  if (options.runs.jobs == 0) options.runs.jobs = std::clamp(std::thread::hardware_concurrency(), 1U, 64U);
  for (const Status& status : {scenario.Validate(), options.runs.Validate()}) {
    if (!status.ok()) return Fail(kExitUsage, status.message());
  }
  const std::filesystem::path stem = std::filesystem::path(options.report).replace_extension();
  const auto write = [&](const char* ending, const std::string& text) {
    return WriteFile(stem.string() + ending, text);
  };
  if (const Status status = write(".plan.json", PlanDocument(scenario, options.runs)); !status.ok()) {
    return Fail(kExitFailed, status.message());
  }
  struct sigaction action {};
  action.sa_handler = OnSignal;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  std::fprintf(stderr, "%s: %u pairs of runs from seed %llu on, %u at a time; the plan is in %s.plan.json\n",
               scenario.name.c_str(), options.runs.pairs, Wide(options.runs.seed), options.runs.jobs, stem.c_str());

  const auto begin = std::chrono::steady_clock::now();
  const auto told = [&](const FinishedRun& run) {
    const double wall_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    std::fprintf(stderr, "%3u of %u, %.0f s: seed %llu %s commands: %zu collisions, %zu near misses, %.2f m/s, %llu commands\n",
                 run.finished, 2 * options.runs.pairs, wall_s, Wide(run.seed), run.obey ? "with   " : "without",
                 run.outcome->collisions.size(), run.outcome->near_misses.size(), run.outcome->mean_speed_mps,
                 Wide(run.outcome->acted));
  };
  Result<ExperimentResult> driven = RunPairs(scenario, options.runs, told, [] { return interrupted == 0; });
  if (!driven.ok()) {
    return Fail(driven.status().code() == ErrorCode::kInvalidArgument ? kExitUsage : kExitFailed,
                driven.status().message());
  }
  ExperimentResult result = std::move(driven).value();
  if (result.seeds.size() < 2) return Fail(kExitInterrupted, "ended before two pairs were complete");
  result.command_line = options.told_as;
  result.version = "starling-sim";
  result.not_for.push_back("Drivers and traffic are a model's (docs/validation.md); a real city has others.");
  if (result.seeds.size() < kPairs) {
    result.not_for.push_back("Fewer than ten pairs of runs: this is a trial.");
  }
  const Result<Experiment> evaluated = Evaluate(std::move(result));
  if (!evaluated.ok()) return Fail(kExitFailed, evaluated.status().message());
  std::fputs(ExperimentTable(evaluated.value()).c_str(), stdout);
  for (const auto& [ending, text] : {std::pair<const char*, std::string>{".json", ExperimentDocument(evaluated.value())},
                                     {".html", ExperimentPage(evaluated.value())}}) {
    if (const Status status = write(ending, text); !status.ok()) return Fail(kExitFailed, status.message());
  }
  std::printf("report %s.json, page %s.html\n", stem.c_str(), stem.c_str());
  return interrupted != 0 ? kExitInterrupted : 0;
}

}  // namespace

ExperimentCommand AddExperimentCommand(CLI::App* program) {
  CLI::App* const experiment =
      program->add_subcommand("experiment", "Drives a scenario without and with the orchestrator's commands");
  experiment->footer(kExamples);
  const auto options = std::make_shared<ExperimentOptions>();
  experiment->add_option("scenario", options->scenario, "its file (docs/formats/scenario.md)")->required();
  experiment->add_option("--seed", options->runs.seed, "of the first pair and of the city; the others follow it")
      ->capture_default_str();
  experiment->add_option("--pairs", options->runs.pairs, "of runs, one for each seed")->capture_default_str();
  experiment->add_option("--jobs", options->runs.jobs, "runs at a time; as many as there are processors");
  experiment->add_option("--vehicles", options->vehicles, "instead of the scenario's, in the same city");
  experiment->add_option("--seconds", options->seconds, "instead of the scenario's");
  experiment->add_option("--penetration", options->penetration, "share of vehicles with an agent, instead of the scenario's")
      ->check(CLI::Range(0.0, 1.0));
  experiment->add_option("--report", options->report, "FILE.json; beside it FILE.html and FILE.plan.json")
      ->capture_default_str();
  return {experiment, [options] {
            options->told_as = "starling-sim experiment " + options->scenario + " --seed " +
                               std::to_string(options->runs.seed) + " --pairs " + std::to_string(options->runs.pairs);
            const auto add = [&](const char* name, const std::string& value) { options->told_as += name + value; };
            if (options->vehicles > 0) add(" --vehicles ", std::to_string(options->vehicles));
            if (options->seconds > 0) add(" --seconds ", std::to_string(options->seconds));
            if (options->penetration) add(" --penetration ", Fixed(*options->penetration, 3));
            return RunExperiment(*options);
          }};
}

}  // namespace starling::sim
