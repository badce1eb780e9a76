// starling-chaos: a city of vehicles against an orchestrator to which everything happens,
// and an oracle that judges what is left.
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "sim/chaos/chaos_report.h"
#include "sim/chaos/fault_plan.h"
#include "sim/chaos/round.h"

namespace starling::sim {
namespace {

constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;

struct Options {
  ChaosConfig config;
  std::uint32_t rounds = 20;
  std::optional<std::uint32_t> only_round;
  std::string report;
  std::vector<std::string> faults;
  bool keep_going = false;
};

int Fail(int code, const std::string& message) {
  std::fprintf(stderr, "starling-chaos: %s\n", message.c_str());
  return code;
}

std::string OwnFolder() { return std::filesystem::read_symlink("/proc/self/exe").parent_path().string(); }

std::string RepeatCommand(const ChaosConfig& config, std::uint32_t round) {
  std::string command = "./run chaos --seed " + std::to_string(config.seed) + " --only-round " +
                        std::to_string(round) + " --vehicles " + std::to_string(config.vehicles) +
                        " --seconds " + std::to_string(config.drive_s);
  if (config.limits.kafka) command += " --log kafka --nodes " + std::to_string(config.limits.brokers);
  for (const FaultKind kind : config.limits.kinds) command += " --fault '" + std::string(FaultName(kind)) + "'";
  return command;
}

// The folder as it is after the failure, beside the one that goes on.
std::string KeepData(const Arena& arena, const ChaosConfig& config, const RoundOutcome& outcome) {
  const std::uint32_t round = outcome.plan.round;
  const std::string kept = arena.Path("failed-" + std::to_string(round));
  std::error_code failure;
  std::filesystem::remove_all(kept, failure);
  std::filesystem::create_directories(kept, failure);
  const auto options = std::filesystem::copy_options::recursive | std::filesystem::copy_options::overwrite_existing;
  for (const auto& entry : std::filesystem::directory_iterator(config.folder)) {
    const std::string name = entry.path().filename().string();
    if (name != "data" && name != "journal" && entry.path().extension() != ".log") continue;
    std::filesystem::copy(entry.path(), kept + "/" + name, options, failure);
  }
  std::ofstream(kept + "/round.txt") << RoundLine(outcome) << "\n"
                                     << RoundDetails(outcome) << "once more: " << RepeatCommand(config, round) << "\n";
  return kept;
}

Status WriteReport(const Options& options, const ChaosReport& report) {
  if (options.report.empty()) return {};
  std::error_code failure;
  const std::filesystem::path path(options.report);
  if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path(), failure);
  const std::string draft = options.report + ".new";
  std::ofstream file(draft, std::ios::trunc);
  file << report.Json();
  file.close();
  if (file) std::filesystem::rename(draft, path, failure);
  if (file && !failure) return {};
  return {ErrorCode::kIoError, options.report + " cannot be written"};
}

int Run(const Options& options) {
  const ChaosConfig& config = options.config;
  Result<std::unique_ptr<Arena>> created = Arena::Create(config);
  if (!created.ok()) return Fail(kExitUsage, std::string(created.status().message()));
  Arena& arena = *created.value();
  const std::uint32_t first =
      options.only_round ? ChainStart(config.seed, *options.only_round, config.limits) : 0;
  const std::uint32_t end = options.only_round ? *options.only_round + 1 : options.rounds;
  ChaosReport report(config);
  for (std::uint32_t round = first; round < end; ++round) {
    const RoundPlan plan = DrawRound(config.seed, round, config.limits);
    const Result<RoundOutcome> outcome = arena.Run(plan);
    if (!outcome.ok()) {
      return Fail(kExitFailed, "round " + std::to_string(round) + ": " + std::string(outcome.status().message()));
    }
    report.Add(outcome.value());
    std::printf("%s\n", RoundLine(outcome.value()).c_str());
    if (!outcome.value().ok()) {
      std::printf("%s    kept in %s; once more: %s\n", RoundDetails(outcome.value()).c_str(),
                  KeepData(arena, config, outcome.value()).c_str(), RepeatCommand(config, round).c_str());
    }
    std::fflush(stdout);
    // After each: a run that is broken off has a report, too.
    if (Status status = WriteReport(options, report); !status.ok()) {
      return Fail(kExitFailed, std::string(status.message()));
    }
    if (!outcome.value().ok() && !options.keep_going) break;
  }
  std::fputs(report.Table().c_str(), stdout);
  if (!options.report.empty()) std::printf("report        %s\n", options.report.c_str());
  return report.rounds_failed() == 0 ? 0 : kExitFailed;
}

// Two sockets for each vehicle, here, and as many again while links are cut and made.
void RaiseFileLimit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

int Main(int argc, char** argv) {
  Options options;
  ChaosConfig& config = options.config;
  config.programs = OwnFolder();
  config.fault_library = config.programs + "/libstarling-faults.so";
  config.folder = "out/chaos";
  CLI::App app{"Drives a city against an orchestrator while processes are killed and paused, disks fill up\n"
               "and links break, and judges after each round by what the vehicles saw and the log holds."};
  app.name("starling-chaos");
  app.footer(
      "Examples:\n"
      "  starling-chaos --rounds 20 --seed 1 --report out/chaos/report.json\n"
      "  starling-chaos --rounds 50 --fault kill --fault 'disk full'\n"
      "  starling-chaos --seed 1 --only-round 7         repeats a round, and those whose data it goes on with\n"
      "Faults, order and moments come from the seed; what the machine does in between does not.\n"
      "Exit codes: 0 nothing lost, late or twice, 1 something was, 2 cannot start.");
  app.add_option("--rounds", options.rounds, "how many")->capture_default_str();
  app.add_option("--seed", config.seed, "of everything that is drawn")->capture_default_str();
  app.add_option("--only-round", options.only_round, "this one alone, with those that its data come from");
  app.add_option("--vehicles", config.vehicles, "how many vehicles")->capture_default_str();
  app.add_option("--seconds", config.drive_s, "of sampling in a round")->capture_default_str();
  app.add_option("--folder", config.folder, "for certificates, data and logs")->capture_default_str();
  app.add_option("--report", options.report, "file for the report, JSON");
  app.add_option("--programs", config.programs, "folder of the other programs")->capture_default_str();
  app.add_option("--cloud-program", config.cloud_program, "instead of starling-cloud");
  app.add_option("--sim-program", config.sim_program, "instead of starling-sim");
  app.add_option("--cloud-argument", config.cloud_arguments, "added to the orchestrator's");
  app.add_option("--sim-argument", config.sim_arguments, "added to the simulator's");
  app.add_option("--fault", options.faults, "only this kind (repeat): kill, pause, \"disk full\", ...");
  app.add_option("--kafka", config.kafka.bootstrap, "HOST:PORT[,...]: on Kafka, with a gateway and two shards");
  app.add_option("--kafka-nodes", config.kafka.nodes, "brokers of that cluster")->check(CLI::IsMember({1, 3}));
  app.add_option("--kafka-script", config.kafka.script, "broker.sh, to kill one of three");
  app.add_option("--kafka-data", config.kafka.data, "its --data");
  app.add_flag("--keep-going", options.keep_going, "also after a round that failed");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& stop) {
    return app.exit(stop) == 0 ? 0 : kExitUsage;
  }
  config.folder = std::filesystem::absolute(config.folder).string();
  config.limits.drive = seconds(config.drive_s);
  config.limits.kafka = !config.kafka.bootstrap.empty();
  config.limits.brokers = config.kafka.script.empty() ? 1 : config.kafka.nodes;
  for (const std::string& name : options.faults) {
    const std::optional<FaultKind> kind = FaultNamed(name);
    if (!kind) return Fail(kExitUsage, "--fault " + name + ": no fault is called so (docs/chaos.md)");
    auto& kinds = config.limits.kinds;
    if (std::find(kinds.begin(), kinds.end(), *kind) == kinds.end()) kinds.push_back(*kind);
  }
  if (Status status = config.Validate(); !status.ok()) return Fail(kExitUsage, std::string(status.message()));
  RaiseFileLimit();
  return Run(options);
}

}  // namespace
}  // namespace starling::sim

int main(int argc, char** argv) { return starling::sim::Main(argc, argv); }
