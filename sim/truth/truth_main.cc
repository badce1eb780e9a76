// starling-truth: how close the vehicles of a recording came to each other.

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <string>
#include <string_view>

#include "sim/truth/truth_program.h"

namespace starling::sim {
namespace {

constexpr int kExitRuntime = 1;
constexpr int kExitUsage = 2;

constexpr const char* kDescription =
    "Finds all encounters of two vehicles in a recording of SUMO's floating car data, with their smallest\n"
    "time to collision (TTC), largest needed braking (DRAC), post-encroachment time (PET) and contacts,\n"
    "and writes them as the log of SUMO's SSM device.";

constexpr const char* kFooter =
    "Examples:\n"
    "  starling-truth --fcd fcd.xml.gz --ssm ssm.xml\n"
    "  starling-truth --fcd fcd.csv --dims dims.txt --ssm ssm.xml.gz --json\n"
    "  sumo -c city.sumocfg --fcd-output fcd.xml --fcd-output.geo --fcd-output.acceleration\n"
    "  starling-truth --fcd fcd.xml --geo --ssm ssm.xml --ttc 5\n"
    "\n"
    "Exit code: 0 done; 1 the recording is damaged or a file cannot be read or written; 2 wrong usage.";

int Fail(int code, std::string_view message) {
  std::fprintf(stderr, "starling-truth: %.*s\n", static_cast<int>(message.size()), message.data());
  return code;
}

bool ParseOrigin(const std::string& text, FrameOrigin* origin) {
  double lat = 0;
  double lon = 0;
  int used = 0;
  if (std::sscanf(text.c_str(), "%lf,%lf%n", &lat, &lon, &used) != 2 || used != static_cast<int>(text.size()) ||
      !(std::abs(lat) <= 70 && std::abs(lon) <= 180)) {
    return false;
  }
  *origin = {static_cast<std::int32_t>(std::lround(lat * 1e7)), static_cast<std::int32_t>(std::lround(lon * 1e7))};
  return true;
}

int Main(int argc, char** argv) {
  TruthOptions options;
  std::string origin;
  bool json = false;
  CLI::App app(kDescription, "starling-truth");
  app.footer(kFooter);
  app.add_option("--fcd", options.fcd, "Recording: XML or CSV, plain or .gz")->required();
  app.add_option("--ssm", options.ssm, "File for the log; compressed if it ends in .gz");
  app.add_option("--dims", options.sizes, "File with lines \"type length width\" in m; else 5 m by 1.8 m");
  app.add_flag("--geo", options.geo, "x and y are degrees of longitude and latitude");
  app.add_option("--origin", origin, "The same, with LAT,LON of the local frame; else where the first vehicle is");
  app.add_flag("--json", json, "The summary as JSON");
  app.add_option("--range", options.encounters.range_m, "m within which two meet")->capture_default_str();
  app.add_option("--extra-time", options.encounters.extra_time_s, "s that an encounter goes on")->capture_default_str();
  app.add_option("--delay", options.encounters.delay_s, "s for which a path is known ahead")->capture_default_str();
  app.add_option("--tolerance", options.encounters.tolerance_m, "m between two paths that are one")->capture_default_str();
  app.add_option("--ground-width", options.encounters.ground_width_m, "m of a crossing; 0: the vehicle's width; SUMO: 3.2")
      ->capture_default_str();
  app.add_option("--ttc", options.ttc_s, "s; the log holds what is at most that,")->capture_default_str();
  app.add_option("--drac", options.drac_mps2, "m/s2; or at least that,")->capture_default_str();
  app.add_option("--pet", options.pet_s, "s; or at most that")->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kExitUsage;
  }
  if (!origin.empty() && !ParseOrigin(origin, &options.origin.emplace())) {
    return Fail(kExitUsage, "--origin takes LAT,LON in degrees, |LAT| at most 70");
  }
  if (Status status = options.Validate(); !status.ok()) return Fail(kExitUsage, status.message());

  const Result<TruthSummary> summary = RunTruth(options, {});
  if (!summary.ok()) return Fail(kExitRuntime, summary.status().message());
  std::printf("%s%s", (json ? summary.value().ToJson() : summary.value().ToText()).c_str(), json ? "\n" : "");
  return std::fflush(stdout) == 0 ? 0 : Fail(kExitRuntime, "cannot write to standard output");
}

}  // namespace
}  // namespace starling::sim

int main(int argc, char** argv) { return starling::sim::Main(argc, argv); }
