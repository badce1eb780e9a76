#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdarg>
#include <cstdio>

#include "sim/fleet/report_figures.h"

namespace starling::sim {
namespace {

__attribute__((format(printf, 2, 3))) void Line(std::string* out, const char* format, ...) {
  std::array<char, 256> text;
  std::va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text.data(), text.size(), format, arguments);
  va_end(arguments);
  out->append(text.data());
  out->append("\n");
}

void LatencyLine(std::string* out, const std::string& name, const Quantiles& q) {
  if (q.count == 0) return;
  Line(out, "  %-24s %8.2f %8.2f %8.2f %9.2f   %9" PRIu64, name.c_str(), q.p50, q.p99, q.p999, q.max,
       q.count);
}

void OutageLines(std::string* out, const std::vector<Outage>& outages) {
  const auto span = [](const std::optional<nanoseconds>& measured) {
    std::array<char, 32> text;
    if (!measured) return std::string("never");
    std::snprintf(text.data(), text.size(), "%.3f s", ToSeconds(*measured));
    return std::string(text.data());
  };
  Line(out, "%-18s %16s %16s %16s", "killed, then", "first command", "half live", "99 % live");
  for (std::size_t i = 0; i < outages.size(); ++i) {
    Line(out, "  kill %-11zu %16s %16s %16s", i + 1, span(outages[i].first_command).c_str(),
         span(outages[i].live_50).c_str(), span(outages[i].live_99).c_str());
  }
}

double Mebibytes(double bytes) { return bytes / (1 << 20); }

double PerSecond(double amount, double seconds) { return seconds > 0 ? amount / seconds : 0; }

}  // namespace

Verdict Judge(const RunRecord& run, const FleetOutcome& outcome, const CommandBook& book) {
  Verdict verdict;
  const edge::AgentLedger& ledger = outcome.total.ledger;
  const std::uint64_t dropped =
      ledger.dropped_spool_full + ledger.dropped_refused + ledger.dropped_io;
  // Lost from memory when vehicles rebooted; of these the cloud may hold some that it
  // had not acknowledged yet.
  const std::uint64_t rebooted = outcome.total.dropped_reboot;
  const std::uint64_t held =
      HeldSamples(run.after.cloud) - std::min(HeldSamples(run.before.cloud), HeldSamples(run.after.cloud));
  const bool told = !run.after.cloud.empty();
  verdict.balanced = ledger.sampled == outcome.samples &&
                     ledger.sampled == ledger.delivered + dropped + rebooted + ledger.in_flight && told &&
                     held >= ledger.delivered && held <= ledger.delivered + rebooted;
  const auto expect = [&](bool met, const std::string& failure) {
    if (!met) verdict.failures.push_back(failure);
  };
  const auto number = [](std::uint64_t value) { return std::to_string(value); };
  expect(told, "the orchestrator did not answer at the end, so the ledger has one side only");
  expect(outcome.connected.welcomed == run.config.vehicles,
         number(run.config.vehicles - outcome.connected.welcomed) + " vehicles did not connect in time");
  expect(verdict.balanced,
         "the ledger does not balance: sampled " + number(ledger.sampled) + " = delivered " +
             number(ledger.delivered) + " + dropped " + number(dropped + rebooted) + " + in flight " +
             number(ledger.in_flight) + "; the cloud holds " + number(held));
  expect(dropped == 0, number(dropped) + " samples were dropped");
  expect(outcome.total.agents.samples_refused == 0,
         number(outcome.total.agents.samples_refused) + " samples were refused by their agents");
  expect(ledger.in_flight == 0, number(ledger.in_flight) + " samples were still in flight at the end");
  expect(outcome.drained || outcome.interrupted, "not everything had ended when the drain's time was up");
  expect(!told || run.after.cloud.contains("shard.outbox_open"),
         "the orchestrator does not say which commands are open");
  expect(book.negative_legs() == 0 && std::abs(ToSeconds(outcome.clock_stepped)) < 1e-3,
         "the system's clock was stepped: " + number(book.negative_legs()) +
             " spans are negative, and the legs of latency cannot be believed");
  expect(CountOf(run.after.cloud, "shard.closed_twice") == 0,
         number(CountOf(run.after.cloud, "shard.closed_twice")) + " commands ended twice");
  expect(book.causes_unknown() == 0, number(book.causes_unknown()) + " commands name a cause that was never sampled");
  expect(CountOf(run.after.cloud, "shard.outbox_open") == 0,
         number(CountOf(run.after.cloud, "shard.outbox_open")) + " commands have no terminal status");
  expect(outcome.kill_failure.empty(), "the orchestrator could not be killed: " + outcome.kill_failure);
  const auto away = std::ranges::count_if(outcome.outages, [](const Outage& outage) { return !outage.live_99; });
  expect(away == 0, number(static_cast<std::uint64_t>(away)) + " kills after which the fleet was not back before the next");
  expect(book.acted_late() == 0, number(book.acted_late()) + " commands were acted on too late");
  expect(book.acted_twice() == 0, number(book.acted_twice()) + " commands were acted on twice");
  return verdict;
}

std::string SummaryTable(const RunRecord& run, const FleetOutcome& outcome,
                         const CommandBook& book, const ByteBaseline& baseline) {
  const ReportFigures figures = ComputeFigures(run, outcome, baseline);
  const Verdict verdict = Judge(run, outcome, book);
  const CloudFigures& cloud = run.after.cloud;
  const edge::AgentLedger& ledger = outcome.total.ledger;
  const edge::AgentCounters& agents = outcome.total.agents;
  const auto count = [&](const char* name) { return CountOf(cloud, name); };
  std::string out;
  Line(&out, "------------------------------------------------------------------------------");
  Line(&out, "%zu vehicles, %.1f s of driving, seed %" PRIu64 "%s%s%s", run.config.vehicles,
       outcome.sampling_s, run.config.seed, run.config.raw ? ", raw" : "",
       run.config.obey ? "" : ", not obeying", outcome.interrupted ? ", ended early" : "");
  Line(&out, "connections   %" PRIu64 " in %.1f s; handshakes %" PRIu64 " full, %" PRIu64
       " resumed, %" PRIu64 " failed", outcome.connected.welcomed, outcome.connect_s,
       figures.handshakes_full, figures.handshakes_resumed, figures.handshakes_failed);
  Line(&out, "samples       %" PRIu64 "; live frames %" PRIu64 ", history batches %" PRIu64,
       outcome.samples, agents.live_frames, agents.history_frames);
  if (agents.live_conflated > outcome.samples / 1000) {
    Line(&out, "overload      %" PRIu64 " live fixes gave way to newer ones; commands and history did not",
         agents.live_conflated);
  }
  Line(&out, "bytes         %.1f a vehicle and second with TLS, 1/%.1f of JSON over MQTT/TLS",
       figures.bytes_per_vehicle_second, figures.byte_ratio);
  Line(&out, "prediction    p50 %.3f m, p99 %.3f m, max %.2f m off (%" PRIu64 " looks)",
       outcome.prediction.p50, outcome.prediction.p99, outcome.prediction.max,
       outcome.prediction.count);
  Line(&out, "map           %" PRIu64 " windows, %" PRIu64 " cells, %" PRIu64 " congested at most",
       count("shard.windows"), count("shard.cells_max"), count("shard.congested_max"));
  Line(&out, "conflicts     %" PRIu64 " episodes; %" PRIu64 " collisions, %" PRIu64
       " near misses happened", CountOf(run.run_end.cloud, "shard.episodes"), run.traffic.collisions,
       run.traffic.near_misses_following + run.traffic.near_misses_crossing);
  Line(&out, "commands      %" PRIu64 " speed advice, %" PRIu64 " avoidance, %" PRIu64 " release",
       count("shard.speed_advice_issued"), count("shard.avoidance_issued"),
       count("shard.releases_issued"));
  Line(&out, "  ended       applied %" PRIu64 ", superseded %" PRIu64 ", expired %" PRIu64
       ", rejected %" PRIu64 ", open %" PRIu64, agents.applied, agents.superseded, agents.expired,
       agents.rejected, count("shard.outbox_open"));
  Line(&out, "  acted on    late %" PRIu64 ", twice %" PRIu64, book.acted_late(), book.acted_twice());
  Line(&out, "ledger        sampled %" PRIu64 " = delivered %" PRIu64 " + dropped %" PRIu64
       " + in flight %" PRIu64, ledger.sampled, ledger.delivered,
       ledger.dropped_spool_full + ledger.dropped_refused + ledger.dropped_io + outcome.total.dropped_reboot,
       ledger.in_flight);
  Line(&out, "              the cloud holds %" PRIu64 ": %s", figures.cloud_held,
       verdict.balanced ? "balanced" : "NOT BALANCED");
  Line(&out, "latency, ms                   p50      p99    p99.9       max    commands");
  const LegQuantiles all = LegQuantiles::Of(book.figures(wire::CommandKind::None).by_sample);
  LatencyLine(&out, "end to end", all.end_to_end);
  LatencyLine(&out, "  uplink", all.uplink);
  LatencyLine(&out, "  log, to the shard", all.log_in);
  LatencyLine(&out, "  decision", all.decision);
  LatencyLine(&out, "  log, to the gateway", all.log_out);
  LatencyLine(&out, "  delivery", all.delivery);
  for (const auto& [kind, name] : kReportedKinds) {
    const KindFigures& kind_figures = book.figures(kind);
    LatencyLine(&out, std::string(name), LegQuantiles::Of(kind_figures.by_sample).end_to_end);
    LatencyLine(&out, std::string(name) + " by tick", LegQuantiles::Of(kind_figures.by_tick).end_to_end);
  }
  const Quantiles lateness = Quantiles::Of(outcome.lateness);
  Line(&out, "  samples behind schedule: p50 %.2f, p99 %.2f, max %.2f", lateness.p50, lateness.p99,
       lateness.max);
  Line(&out, "processor     simulator %.2f cores, cloud %.2f cores while driving",
       PerSecond(figures.sim_cpu_run_s, outcome.sampling_s),
       PerSecond(figures.cloud_cpu_run_s, outcome.sampling_s));
  Line(&out, "memory        simulator %.0f MB, cloud %.0f MB at most",
       Mebibytes(static_cast<double>(run.after.sim.rss_peak_bytes)),
       Mebibytes(FigureOf(cloud, "process.rss_peak_bytes")));
  if (!outcome.outages.empty()) OutageLines(&out, outcome.outages);
  for (const std::string& failure : verdict.failures) Line(&out, "FAILED: %s", failure.c_str());
  if (verdict.failures.empty()) Line(&out, "passed");
  return out;
}

}  // namespace starling::sim
