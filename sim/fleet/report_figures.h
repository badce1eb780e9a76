// Figures that both the report and the summary state, computed once.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/fleet/report.h"

namespace starling::sim {

inline constexpr std::pair<wire::CommandKind, std::string_view> kReportedKinds[] = {
    {wire::CommandKind::SpeedAdvice, "speed_advice"},
    {wire::CommandKind::Avoidance, "avoidance"},
    {wire::CommandKind::Release, "release"},
};

struct ReportFigures {
  // At the vehicles' sockets with TLS records, from the first sample to the end of
  // the drain.
  std::uint64_t bytes_up = 0;
  std::uint64_t bytes_down = 0;
  std::uint64_t connecting_bytes_up = 0;
  std::uint64_t connecting_bytes_down = 0;
  double bytes_per_vehicle_second = 0;      // both directions
  JsonMqttBytes json_mqtt;                  // the same samples
  std::uint64_t baseline_looked_at = 0;
  double json_line_mean = 0;
  double byte_ratio = 0;                    // ours to the baseline's, both directions

  std::uint64_t cloud_held = 0;             // samples that the cloud took in this run
  std::vector<std::pair<std::string, std::uint64_t>> verdicts;

  double cloud_cpu_s = 0;
  double sim_cpu_s = 0;
  double cloud_cpu_run_s = 0;               // first sample to last
  double sim_cpu_run_s = 0;
  std::uint64_t handshakes_full = 0;
  std::uint64_t handshakes_resumed = 0;
  std::uint64_t handshakes_failed = 0;
};

ReportFigures ComputeFigures(const RunRecord& run, const FleetOutcome& outcome,
                             const ByteBaseline& baseline);

// Samples that the orchestrator holds; its figure outlives its process.
std::uint64_t HeldSamples(const CloudFigures& figures);

}  // namespace starling::sim
