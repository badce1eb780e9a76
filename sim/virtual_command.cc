#include "sim/virtual_command.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <memory>
#include <thread>
#include <utility>

#include "sim/fleet/fleet_config.h"
#include "sim/fleet/report.h"
#include "sim/scenario/scenario_reader.h"
#include "sim/scenario/scenario_report.h"
#include "sim/scenario/scenario_run.h"

namespace starling::sim {
namespace {

constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;
constexpr int kExitInterrupted = 130;

volatile std::sig_atomic_t interrupted = 0;
void OnSignal(int) { interrupted = 1; }

int Fail(int code, std::string_view message) {
  std::fprintf(stderr, "starling-sim: %.*s\n", static_cast<int>(message.size()), message.data());
  return code;
}

Result<Scenario> ScenarioOf(const VirtualOptions& options) {
  Scenario scenario;
  scenario.name = "city";
  scenario.fleet.clock.uptime_max = seconds(864'000);
  if (!options.scenario.empty()) {
    Result<Scenario> read = ReadScenario(options.scenario);
    if (!read.ok()) return read.status();
    scenario = std::move(read).value();
  }
  if (!options.network.empty()) {
    scenario.network = options.network;
    scenario.signals = options.signals;
  }
  if (options.vehicles) {
    scenario.traffic.vehicles = *options.vehicles;
  }
  // As dense as ever, unless the scenario says how large its city is.
  if (options.scenario.empty()) scenario.city.side_m = CitySideFor(scenario.traffic.vehicles);
  if (options.seconds) scenario.seconds = *options.seconds;
  const std::uint32_t processors = std::clamp(std::thread::hardware_concurrency(), 1U, 64U);
  scenario.fleet.threads = options.threads > 0 ? options.threads : processors;
  scenario.fleet.obey = options.obey;
  if (options.raw) scenario.fleet.raw = true;
  if (Status status = scenario.Validate(); !status.ok()) return status;
  return WithSeed(std::move(scenario), options.seed);
}

// What is known while it runs, to standard error: in place on a terminal, else a line now and then.
class Progress {
 public:
  bool Tell(const ScenarioProgress& now) {
    const auto wall = std::chrono::steady_clock::now();
    const bool last = now.simulated_s >= now.of_s;
    const auto every = std::chrono::milliseconds(terminal_ ? 500 : 5'000);
    if (!last && wall - told_ < every) return interrupted == 0;
    told_ = wall;
    const double wall_s = std::chrono::duration<double>(wall - begin_).count();
    std::fprintf(stderr, "%s%.0f of %.0f s, %.1f times real time; %.1f m/s, %llu commands, %llu collisions%s",
                 terminal_ ? "\r\033[K" : "", now.simulated_s, now.of_s, wall_s > 0 ? now.simulated_s / wall_s : 0,
                 now.mean_speed_mps, static_cast<unsigned long long>(now.commands),
                 static_cast<unsigned long long>(now.collisions), terminal_ && !last ? "" : "\n");
    return interrupted == 0;
  }

 private:
  const bool terminal_ = ::isatty(STDERR_FILENO) == 1;
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point told_ = begin_;
};

}  // namespace

int RunVirtual(const VirtualOptions& options) {
  const Result<Scenario> read = ScenarioOf(options);
  if (!read.ok()) return Fail(kExitUsage, read.status().message());
  const Scenario& scenario = read.value();
  std::string remark;
  const Result<City> city = CityOf(scenario, &remark);
  if (!city.ok()) return Fail(kExitUsage, city.status().message());
  if (!remark.empty()) std::fprintf(stderr, "starling-sim: %s\n", remark.c_str());
  Result<std::unique_ptr<ScenarioRecord>> record = ScenarioRecord::Create(options.record);
  if (!record.ok()) return Fail(kExitUsage, record.status().message());
  std::fprintf(stderr, "starling-sim: %s, seed %llu: %u vehicles, %u s; warming up\n", scenario.name.c_str(),
               static_cast<unsigned long long>(options.seed), scenario.traffic.vehicles, scenario.seconds);

  struct sigaction action {};
  action.sa_handler = OnSignal;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  Progress progress;
  const ScenarioOutcome outcome =
      RunScenario(scenario, city.value(), [&](const ScenarioProgress& now) { return progress.Tell(now); },
                  record.value().get());
  const Status recorded = record.value()->Finish();
  const std::string document = ScenarioDocument(scenario, options.seed, outcome);
  std::fputs(options.json ? document.c_str() : ScenarioTable(scenario, options.seed, outcome).c_str(), stdout);
  std::fflush(stdout);  // What follows goes to standard error.
  if (!options.report.empty()) {
    if (const Status status = WriteFile(options.report, document); !status.ok()) {
      return Fail(kExitFailed, status.message());
    }
    std::fprintf(stderr, "report        %s\n", options.report.c_str());
  }
  if (!recorded.ok()) return Fail(kExitFailed, recorded.message());
  if (outcome.interrupted) return kExitInterrupted;
  return outcome.failures.empty() ? 0 : kExitFailed;
}

}  // namespace starling::sim
