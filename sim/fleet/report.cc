#include "sim/fleet/report.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <utility>

#include "sim/fleet/pretty_json.h"
#include "sim/fleet/report_figures.h"

namespace starling::sim {
namespace {

namespace json = boost::json;

json::string_view View(std::string_view text) { return {text.data(), text.size()}; }

// Three decimals are what these figures are good for.
double Rounded(double value) { return static_cast<double>(static_cast<std::int64_t>(
    value * 1000 + (value < 0 ? -0.5 : 0.5))) / 1000; }

json::object Describe(const Quantiles& q) {
  return {{"p50", Rounded(q.p50)}, {"p99", Rounded(q.p99)}, {"p999", Rounded(q.p999)},
          {"max", Rounded(q.max)}, {"count", q.count}};
}

json::object Describe(const LegQuantiles& legs) {
  return {{"end_to_end", Describe(legs.end_to_end)}, {"uplink", Describe(legs.uplink)},
          {"log_in", Describe(legs.log_in)},         {"decision", Describe(legs.decision)},
          {"log_out", Describe(legs.log_out)},       {"delivery", Describe(legs.delivery)}};
}

json::object DescribeByTick(const LegQuantiles& legs) {
  return {{"end_to_end", Describe(legs.end_to_end)}, {"decision", Describe(legs.decision)},
          {"delivery", Describe(legs.delivery)}};
}

json::object DescribeLatency(const CommandBook& book) {
  json::object latency = Describe(LegQuantiles::Of(book.figures(wire::CommandKind::None).by_sample));
  for (const auto& [kind, name] : kReportedKinds) {
    const KindFigures& figures = book.figures(kind);
    latency[View(name)] = Describe(LegQuantiles::Of(figures.by_sample));
    latency[View(std::string(name) + "_by_tick")] = DescribeByTick(LegQuantiles::Of(figures.by_tick));
  }
  return latency;
}

json::object DescribeBytes(const ReportFigures& figures) {
  return {{"json_mqtt_up", figures.json_mqtt.up},
          {"json_mqtt_down", figures.json_mqtt.down},
          {"json_mqtt_samples_looked_at", figures.baseline_looked_at},
          {"json_line_mean", Rounded(figures.json_line_mean)},
          {"ratio", Rounded(figures.byte_ratio)},
          {"connecting_up", figures.connecting_bytes_up},
          {"connecting_down", figures.connecting_bytes_down}};
}

json::object DescribeCommands(const CommandBook& book, const FleetOutcome& outcome,
                              const CloudFigures& cloud) {
  const edge::AgentCounters& agents = outcome.total.agents;
  json::object handed_over;
  for (const auto& [kind, name] : kReportedKinds) {
    handed_over[View(name)] = book.figures(kind).handed_over;
  }
  return {{"issued",
           {{"speed_advice", CountOf(cloud, "shard.speed_advice_issued")},
            {"avoidance", CountOf(cloud, "shard.avoidance_issued")},
            {"release", CountOf(cloud, "shard.releases_issued")}}},
          {"handed_over", std::move(handed_over)},
          {"applied", agents.applied},
          {"superseded", agents.superseded},
          {"expired", agents.expired},
          {"rejected", agents.rejected},
          {"repeated", agents.commands_repeated},
          {"closed",
           {{"applied", CountOf(cloud, "shard.closed_applied")},
            {"superseded", CountOf(cloud, "shard.closed_superseded")},
            {"expired", CountOf(cloud, "shard.closed_expired")},
            {"rejected", CountOf(cloud, "shard.closed_rejected")},
            {"unknown", CountOf(cloud, "shard.closed_unknown")},
            {"twice", CountOf(cloud, "shard.closed_twice")}}},
          {"in_flight", CountOf(cloud, "shard.outbox_open")},
          {"acted_late", book.acted_late()},
          {"acted_twice", book.acted_twice()},
          {"causes_unknown", book.causes_unknown()}};
}

json::object DescribeLedger(const FleetOutcome& outcome, const ReportFigures& figures,
                            bool balanced) {
  const edge::AgentLedger& ledger = outcome.total.ledger;
  return {{"sampled", ledger.sampled},
          {"delivered", ledger.delivered},
          {"dropped",
           {{"spool_full", ledger.dropped_spool_full},
            {"refused", ledger.dropped_refused},
            {"io", ledger.dropped_io},
            {"reboot", outcome.total.dropped_reboot}}},
          {"in_flight", ledger.in_flight},
          {"cloud_held", figures.cloud_held},
          {"balanced", balanced}};
}

json::object DescribeVerdicts(const ReportFigures& figures) {
  json::object verdicts;
  for (const auto& [name, count] : figures.verdicts) verdicts[View(name)] = count;
  return verdicts;
}

json::value Milliseconds(const std::optional<nanoseconds>& span) {
  if (!span) return nullptr;
  return Rounded(ToSeconds(*span) * 1e3);
}

json::array DescribeOutages(const FleetOutcome& outcome) {
  json::array outages;
  for (const Outage& outage : outcome.outages) {
    outages.push_back({{"killed_process", outage.process},
                       {"first_command_ms", Milliseconds(outage.first_command)},
                       {"live_50_ms", Milliseconds(outage.live_50)},
                       {"live_99_ms", Milliseconds(outage.live_99)}});
  }
  return outages;
}

}  // namespace

std::string ReportDocument(const RunRecord& run, const FleetOutcome& outcome,
                           const CommandBook& book, const ByteBaseline& baseline) {
  const ReportFigures figures = ComputeFigures(run, outcome, baseline);
  const Verdict verdict = Judge(run, outcome, book);
  const CloudFigures& cloud = run.after.cloud;
  json::array failures;
  for (const std::string& failure : verdict.failures) failures.push_back(json::string(failure));

  json::object report;
  report["vehicles"] = run.config.vehicles;
  report["connections"] = outcome.connected.welcomed;
  report["seconds"] = run.config.seconds;
  report["seed"] = run.config.seed;
  report["raw"] = run.config.raw;
  report["obey"] = run.config.obey;
  report["passed"] = verdict.failures.empty();
  report["failures"] = std::move(failures);
  report["interrupted"] = outcome.interrupted;
  report["city_side_m"] = Rounded(run.city_side_m);
  report["samples"] = outcome.samples;
  report["samples_refused"] = outcome.total.agents.samples_refused;
  report["live_frames"] = outcome.total.agents.live_frames;
  report["live_conflated"] = outcome.total.agents.live_conflated;
  report["history_batches"] = outcome.total.agents.history_frames;
  report["bytes_up"] = figures.bytes_up;
  report["bytes_down"] = figures.bytes_down;
  report["bytes_per_vehicle_second"] = Rounded(figures.bytes_per_vehicle_second);
  report["bytes"] = DescribeBytes(figures);
  report["prediction_error_m"] = {{"p50", Rounded(outcome.prediction.p50)},
                                  {"p99", Rounded(outcome.prediction.p99)},
                                  {"max", Rounded(outcome.prediction.max)},
                                  {"count", outcome.prediction.count}};
  report["latency_ms"] = DescribeLatency(book);
  report["loop_lateness_ms"] = Describe(Quantiles::Of(outcome.lateness));
  report["heatmap"] = {{"windows", CountOf(cloud, "shard.windows")},
                       {"cells_max", CountOf(cloud, "shard.cells_max")},
                       {"congested_max", CountOf(cloud, "shard.congested_max")}};
  report["conflicts"] = {{"episodes", CountOf(run.run_end.cloud, "shard.episodes")},
                         {"episodes_with_drain", CountOf(cloud, "shard.episodes")},
                         {"seen", run.cloud.conflicts.size()}};
  report["commands"] = DescribeCommands(book, outcome, cloud);
  report["ledger"] = DescribeLedger(outcome, figures, verdict.balanced);
  report["collisions"] = run.traffic.collisions;
  report["traffic"] = {{"trips", run.traffic.trips},
                       {"emergency_brakings", run.traffic.emergency_brakings},
                       {"near_misses_following", run.traffic.near_misses_following},
                       {"near_misses_crossing", run.traffic.near_misses_crossing}};
  report["verdicts"] = DescribeVerdicts(figures);
  report["cpu_seconds"] = {{"cloud", Rounded(figures.cloud_cpu_s)},
                           {"sim", Rounded(figures.sim_cpu_s)}};
  report["cpu_seconds_run"] = {{"cloud", Rounded(figures.cloud_cpu_run_s)},
                               {"sim", Rounded(figures.sim_cpu_run_s)}};
  report["rss_peak_bytes"] = {{"cloud", CountOf(cloud, "process.rss_peak_bytes")},
                              {"sim", run.after.sim.rss_peak_bytes}};
  report["handshakes"] = {{"full", figures.handshakes_full},
                          {"resumed", figures.handshakes_resumed},
                          {"failed", figures.handshakes_failed}};
  report["connect_seconds"] = Rounded(outcome.connect_s);
  report["sampling_seconds"] = Rounded(outcome.sampling_s);
  report["drain_seconds"] = Rounded(outcome.drain_s);
  report["drained"] = outcome.drained;
  report["cloud_restarts"] = run.cloud.restarts;
  report["outages"] = DescribeOutages(outcome);
  report["clock_stepped_ms"] = Rounded(ToSeconds(outcome.clock_stepped) * 1e3);

  return PrettyJson(report);
}

Status WriteFile(const std::string& path, const std::string& contents) {
  const auto fail = [&] {
    return Status(ErrorCode::kIoError, path + ": " + std::strerror(errno));
  };
  std::error_code ignored;  // Opening the file says it better.
  if (const std::filesystem::path folder = std::filesystem::path(path).parent_path(); !folder.empty()) {
    std::filesystem::create_directories(folder, ignored);
  }
  std::FILE* const file = std::fopen(path.c_str(), "we");
  if (file == nullptr) return fail();
  const bool written = std::fwrite(contents.data(), 1, contents.size(), file) == contents.size();
  if (std::fclose(file) != 0 || !written) return fail();
  return Status();
}

}  // namespace starling::sim
