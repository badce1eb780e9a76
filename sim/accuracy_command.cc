#include "sim/accuracy_command.h"

#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <memory>
#include <string>

#include "sim/accuracy/accuracy.h"
#include "sim/accuracy/accuracy_text.h"
#include "sim/fleet/report.h"

namespace starling::sim {
namespace {

constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;
constexpr int kExitInterrupted = 130;

constexpr const char* kExamples = R"(Examples:
  starling-sim accuracy --fcd fcd.xml.gz --types dims.txt --report out/accuracy.json
  starling-sim accuracy --fcd fcd.xml.xz --ssm ssm.xml.xz --contacts contacts.csv --types dims.txt \
    --noise 0,0.5,2,5 --paths --sweep --report out/accuracy.json --plot out/accuracy.html

Each recorded vehicle has a real agent; the real gate and the real shard decide, in virtual time.  Commands are sent,
and nobody acts on them: all drive as recorded.  What was decided is compared with what truly happened
(docs/horizon.md).
The table goes to standard output, the report to FILE (docs/formats/accuracy_report.md).  The base point has the first
noise, no planned paths and the default thresholds; --noise, --paths and --sweep add others.

Exit codes: 0 measured, 1 a file cannot be written, 2 wrong usage or a file that cannot be read, 130 ended early.)";

struct Options {
  AccuracyOptions accuracy;
  std::string coordinates = "guess";
  std::string report;
  std::string plot;
};

volatile std::sig_atomic_t interrupted = 0;
void OnSignal(int) { interrupted = 1; }

int Fail(int code, std::string_view message) {
  std::fprintf(stderr, "starling-sim: %.*s\n", static_cast<int>(message.size()), message.data());
  return code;
}

// What is under way, to standard error: in place on a terminal, else a line now and then.
class Progress {
 public:
  bool Tell(const std::string& what, double share) {
    const auto wall = std::chrono::steady_clock::now();
    if (what == what_ && wall - told_ < std::chrono::milliseconds(terminal_ ? 300 : 10'000)) return interrupted == 0;
    what_ = what;
    told_ = wall;
    const double wall_s = std::chrono::duration<double>(wall - begin_).count();
    std::fprintf(stderr, "%s%.0f s: %s", terminal_ ? "\r\033[K" : "", wall_s, what.c_str());
    if (share > 0) std::fprintf(stderr, ", %.0f %%", 100 * share);
    if (!terminal_) std::fprintf(stderr, "\n");
    return interrupted == 0;
  }
  void End() const {
    if (terminal_) std::fprintf(stderr, "\r\033[K");
  }

 private:
  const bool terminal_ = ::isatty(STDERR_FILENO) == 1;
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point told_ = begin_;
  std::string what_;
};

int RunAccuracy(const Options& options) {
  struct sigaction action{};
  action.sa_handler = OnSignal;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  if (const Status status = options.accuracy.Validate(); !status.ok()) return Fail(kExitUsage, status.message());
  Progress progress;
  const Result<Accuracy> measured = MeasureAccuracy(
      options.accuracy, [&](const std::string& what, double share) { return progress.Tell(what, share); });
  progress.End();
  if (interrupted != 0) return Fail(kExitInterrupted, "ended early: nothing is written");
  if (!measured.ok()) return Fail(kExitUsage, measured.status().message());
  std::fputs(AccuracyTable(measured.value()).c_str(), stdout);
  std::fflush(stdout);
  if (const Status status = WriteFile(options.report, AccuracyDocument(measured.value())); !status.ok()) {
    return Fail(kExitFailed, status.message());
  }
  std::printf("\nreport %s\n", options.report.c_str());
  if (options.plot.empty()) return 0;
  if (const Status status = WriteFile(options.plot, AccuracyPage(measured.value())); !status.ok()) {
    return Fail(kExitFailed, status.message());
  }
  std::printf("page %s\n", options.plot.c_str());
  return 0;
}

}  // namespace

AccuracyCommand AddAccuracyCommand(CLI::App* program) {
  CLI::App* const accuracy =
      program->add_subcommand("accuracy", "How right the collision horizon is on recorded trajectories");
  accuracy->footer(kExamples);
  const auto options = std::make_shared<Options>();
  AccuracyOptions& all = options->accuracy;
  accuracy->add_option("--fcd", all.fcd, "FILE: trajectories, SUMO's FCD as XML or CSV; .gz, .xz, .zst")->required();
  accuracy->add_option("--report", options->report, "FILE for the report, JSON")->required();
  accuracy->add_option("--plot", options->plot, "FILE for a page with plots and pictures, HTML");
  accuracy->add_option("--ssm", all.ssm, "FILE: conflicts, of SUMO's SSM device; .gz, .xz, .zst");
  accuracy->add_option("--contacts", all.contacts, "FILE: contacts, CSV begin_s,end_s,id_a,id_b,...");
  accuracy->add_option("--types", all.types, "FILE: lines \"type length width\", m; else all are 5 m by 1.8 m");
  accuracy->add_option("--network", all.network,
                       "FILE: SUMO's streets, .net.xml or .net.xml.gz; each noise also with them");
  accuracy->add_option("--coordinates", options->coordinates, "metres, degrees, or guess by what speeds make of moves")
      ->check(CLI::IsMember({"guess", "metres", "degrees"}))
      ->capture_default_str();
  accuracy->add_option("--noise", all.noise_m, "LIST: deviations of positions on each axis, m")
      ->delimiter(',')
      ->capture_default_str();
  accuracy->add_flag("--paths", all.planned_paths,
                     "each noise also with planned paths: the way that was driven, as arcs");
  accuracy->add_flag("--sweep", all.sweep, "other thresholds of the alarm, too: recall and precision as a curve");
  accuracy->add_flag("!--no-reference", all.reference, "without brute force, which takes long where many are near");
  accuracy->add_option("--ttc", all.rules.ttc_s, "s: encounters that get below it are relevant")->capture_default_str();
  accuracy->add_option("--alive", all.rules.alive_s, "s that both are recorded before")->capture_default_str();
  accuracy->add_option("--sudden", all.rules.sudden_s, "s: what could not be seen earlier counts apart")
      ->capture_default_str();
  accuracy->add_option("--seed", all.seed, "of the noise")->capture_default_str();
  return {accuracy, [options] {
            using Coordinates = RecordingOptions::Coordinates;
            options->accuracy.coordinates = options->coordinates == "metres"    ? Coordinates::kMetres
                                            : options->coordinates == "degrees" ? Coordinates::kDegrees
                                                                                : Coordinates::kGuess;
            return RunAccuracy(*options);
          }};
}

}  // namespace starling::sim
