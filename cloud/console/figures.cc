#include "cloud/console/figures.h"

#include <cstddef>

namespace starling::cloud {

void AppendFigures(const GatewayCounters& counters, std::vector<Figure>* figures) {
  const auto add = [&](std::string_view name, std::uint64_t value, std::string_view help,
                       FigureKind kind = FigureKind::kCounter) {
    figures->push_back({"gateway", name, help, kind, static_cast<double>(value)});
  };
  add("connections", counters.connections, "Open connections with a known vehicle",
      FigureKind::kGauge);
  add("accepted", counters.accepted, "Connections accepted");
  add("handshakes_full", counters.handshakes_full, "TLS handshakes with a certificate check");
  add("handshakes_resumed", counters.handshakes_resumed, "TLS handshakes resumed from a ticket");
  add("handshakes_failed", counters.handshakes_failed,
      "TLS handshakes that failed: a wrong or missing certificate, or a cut link");
  add("refused_connections", counters.refused_connections,
      "Connections refused: connections_max reached or no file left");
  add("replaced_connections", counters.replaced_connections,
      "Connections cut because the same vehicle connected anew");
  add("frames_in", counters.frames_in, "Frames from vehicles");
  add("bytes_in", counters.bytes_in, "Bytes of frames from vehicles, before TLS");
  add("frames_out", counters.frames_out, "Frames to vehicles");
  add("bytes_out", counters.bytes_out, "Bytes of frames to vehicles, before TLS");
  add("commands_sent", counters.commands_sent, "Commands written to a connection");
  add("commands_unroutable", counters.commands_unroutable,
      "Commands for a vehicle that was not connected");
  for (std::size_t i = 0; i < counters.verdicts.size(); ++i) {
    figures->push_back({"gateway", "verdicts", "Messages by the one verdict that each gets",
                        FigureKind::kCounter, static_cast<double>(counters.verdicts[i]),
                        log::EnumNameVerdict(static_cast<log::Verdict>(i))});
  }
}

void AppendFigures(const ShardCounters& counters, std::vector<Figure>* figures) {
  const auto add = [&](std::string_view name, std::uint64_t value, std::string_view help,
                       FigureKind kind = FigureKind::kCounter) {
    figures->push_back({"shard", name, help, kind, static_cast<double>(value)});
  };
  add("records", counters.records, "Records applied");
  add("records_refused", counters.records_refused, "Records that could not be decoded");
  add("fixes", counters.fixes, "Fixes applied");
  add("fixes_stale", counters.fixes_stale, "Fixes older than the one already held");
  add("vehicles_expired", counters.vehicles_expired, "Vehicles forgotten after their time to live");
  add("windows", counters.windows, "Heatmap windows closed");
  add("cells_max", counters.cells_max, "Most cells with vehicles in one window", FigureKind::kGauge);
  add("congested_max", counters.congested_max, "Most congested cells in one window",
      FigureKind::kGauge);
  add("pairs_tested", counters.pairs_tested, "Pairs of vehicles tested as discs");
  add("pairs_refined", counters.pairs_refined, "Pairs tested as boxes along their paths");
  add("episodes", counters.episodes, "Conflicts opened");
  add("speed_advice_issued", counters.speed_advice_issued, "Speed advice commands issued");
  add("avoidance_issued", counters.avoidance_issued, "Avoidance commands issued");
  add("releases_issued", counters.releases_issued, "Release commands issued");
  add("outbox_open", counters.outbox_open, "Commands issued that have no terminal status yet",
      FigureKind::kGauge);
  add("closed_applied", counters.closed_applied, "Commands handed to the vehicle's controller");
  add("closed_superseded", counters.closed_superseded, "Commands replaced by a later one");
  add("closed_expired", counters.closed_expired, "Commands that expired before they were handed over");
  add("closed_rejected", counters.closed_rejected, "Commands that the vehicle refused");
  add("closed_unknown", counters.closed_unknown, "Commands whose vehicle rebooted before it could say");
  add("closed_twice", counters.closed_twice, "Statuses for a command that already had one");
}

void AppendFigures(const ProcessUsage& usage, std::vector<Figure>* figures) {
  const auto add = [&](std::string_view name, double value, std::string_view help, FigureKind kind) {
    figures->push_back({"process", name, help, kind, value});
  };
  add("cpu_seconds", usage.cpu_s, "Processor time, user and system", FigureKind::kCounter);
  add("rss_bytes", static_cast<double>(usage.rss_bytes), "Resident memory", FigureKind::kGauge);
  add("rss_peak_bytes", static_cast<double>(usage.rss_peak_bytes), "Most resident memory ever",
      FigureKind::kGauge);
  add("rss_anonymous_bytes", static_cast<double>(usage.rss_anonymous_bytes),
      "Resident memory that maps no file", FigureKind::kGauge);
  add("threads", static_cast<double>(usage.threads), "Threads", FigureKind::kGauge);
  add("open_files", static_cast<double>(usage.open_files), "Open file descriptors",
      FigureKind::kGauge);
}

}  // namespace starling::cloud
