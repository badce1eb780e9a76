#include "sim/fleet/report_figures.h"

#include <algorithm>

namespace starling::sim {
namespace {

// A counter that begins anew with each process of the orchestrator.
double OverRestarts(const RunRecord& run, const std::string& name) {
  return FigureOf(run.after.cloud, name) + FigureOf(run.cloud.before_restarts, name);
}

std::uint64_t CountOverRestarts(const RunRecord& run, const std::string& name) {
  return static_cast<std::uint64_t>(OverRestarts(run, name));
}

}  // namespace

std::uint64_t HeldSamples(const CloudFigures& figures) { return CountOf(figures, "ledger.samples"); }

ReportFigures ComputeFigures(const RunRecord& run, const FleetOutcome& outcome,
                             const ByteBaseline& baseline) {
  ReportFigures figures;
  const edge::UplinkCounters& all = outcome.total.uplinks;
  figures.connecting_bytes_up = outcome.connected.uplinks.bytes_up;
  figures.connecting_bytes_down = outcome.connected.uplinks.bytes_down;
  figures.bytes_up = all.bytes_up - figures.connecting_bytes_up;
  figures.bytes_down = all.bytes_down - figures.connecting_bytes_down;
  const auto bytes = static_cast<double>(figures.bytes_up + figures.bytes_down);
  if (outcome.samples > 0) {
    figures.bytes_per_vehicle_second = bytes / static_cast<double>(outcome.samples) * 10;
  }
  figures.json_mqtt = baseline.Scaled(outcome.samples);
  figures.baseline_looked_at = baseline.looked_at();
  figures.json_line_mean = baseline.json_line_mean_bytes();
  if (figures.json_mqtt.up > 0) {
    figures.byte_ratio = static_cast<double>(figures.json_mqtt.up + figures.json_mqtt.down) / bytes;
  }

  const std::uint64_t held_before = HeldSamples(run.before.cloud);
  figures.cloud_held = HeldSamples(run.after.cloud) - std::min(held_before, HeldSamples(run.after.cloud));

  static const std::string kVerdicts = "gateway.verdicts.";
  for (const auto& [name, count] : run.after.cloud) {
    if (name.starts_with(kVerdicts)) {
      figures.verdicts.emplace_back(name.substr(kVerdicts.size()), CountOverRestarts(run, name));
    }
  }

  figures.cloud_cpu_s = OverRestarts(run, "process.cpu_seconds");
  figures.sim_cpu_s = run.after.sim.cpu_s;
  figures.sim_cpu_run_s = run.run_end.sim.cpu_s - run.run_begin.sim.cpu_s;
  // After a restart inside of the run its figure begins anew: what ended is added.
  figures.cloud_cpu_run_s = FigureOf(run.run_end.cloud, "process.cpu_seconds") +
                            FigureOf(run.cloud.before_restarts, "process.cpu_seconds") -
                            FigureOf(run.run_begin.cloud, "process.cpu_seconds");
  figures.handshakes_full = CountOverRestarts(run, "gateway.handshakes_full");
  figures.handshakes_resumed = CountOverRestarts(run, "gateway.handshakes_resumed");
  figures.handshakes_failed = CountOverRestarts(run, "gateway.handshakes_failed");
  return figures;
}

}  // namespace starling::sim
