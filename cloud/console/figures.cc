#include "cloud/console/figures.h"

#include <array>
#include <cstddef>

namespace starling::cloud {
namespace {

constexpr std::array<std::string_view, kFrameClasses> kClassNames{"session", "involved", "live", "history"};
constexpr std::array<std::string_view, kCostParts> kCostPartNames{"link", "processor", "memory", "storage"};

}  // namespace

Figure HistogramFigure(std::string_view group, std::string_view name, std::string_view help,
                       const HistogramCounts& counts, std::string_view label, std::string_view label_value) {
  return {group, name, help, FigureKind::kHistogram, 0, label, label_value,
          std::make_shared<const HistogramCounts>(counts)};
}

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
  add("revoked_refused", counters.revoked_refused, "TLS handshakes with a revoked certificate");
  add("revoked_cut", counters.revoked_cut, "Connections cut because their certificate was revoked");
  add("refused_connections", counters.refused_connections,
      "Connections refused: connections_max reached or no file left");
  add("refused_address", counters.refused_address, "Of those: over the limits of one address");
  add("half_open_cut", counters.half_open_cut, "Connections cut before their handshake: half_open_max reached");
  add("handshakes_parked", counters.handshakes_parked, "Handshakes that waited for their peer and lost their slot");
  add("refused_twins", counters.refused_twins, "Connections of a vehicle that is replaced too often");
  add("turned_away_live", counters.turned_away[static_cast<std::size_t>(FrameClass::kLive)],
      "Live fixes that were more than the cloud can take");
  add("turned_away_involved", counters.turned_away[static_cast<std::size_t>(FrameClass::kInvolved)],
      "Of vehicles under command");
  add("turned_away_history", counters.turned_away[static_cast<std::size_t>(FrameClass::kHistory)],
      "History batches that were more than the cloud can take");
  add("replaced_connections", counters.replaced_connections,
      "Connections cut because the same vehicle connected anew");
  add("frames_in", counters.frames_in, "Frames from vehicles");
  add("bytes_in", counters.bytes_in, "Bytes of frames from vehicles, before TLS");
  add("frames_out", counters.frames_out, "Frames to vehicles");
  add("bytes_out", counters.bytes_out, "Bytes of frames to vehicles, before TLS");
  add("commands_sent", counters.commands_sent, "Commands written to a connection");
  add("commands_unroutable", counters.commands_unroutable,
      "Commands for a vehicle that was not connected");
  add("commands_fenced", counters.commands_fenced, "Commands of a region's former owner, dropped");
  add("ghosts", counters.ghosts, "Copies of fixes for other regions than the vehicle's");
  add("ghosts_shed", counters.ghosts_shed, "Such copies that the log had no room for");
  add("plans_sent", counters.plans_sent, "Collection plans sent to vehicles");
  add("sessions_shed", counters.sessions_shed,
      "Connects and disconnects that the log had no room for");
  add("wire_bytes_in", counters.wire_bytes_in, "Bytes from vehicles' sockets, with TLS, without TCP/IP");
  add("wire_bytes_out", counters.wire_bytes_out, "Bytes to vehicles' sockets, with TLS, without TCP/IP");
  add("deliveries_untimed", counters.deliveries_untimed,
      "Applied commands of which this process does not know when they were sent, or what the vehicle's clock means");
  const auto add_each = [&](std::string_view group, std::string_view name, std::string_view help,
                            std::string_view label, std::string_view label_value, std::uint64_t value) {
    figures->push_back({group, name, help, FigureKind::kCounter, static_cast<double>(value), label, label_value});
  };
  for (std::size_t i = 0; i < counters.shed.size(); ++i) {
    add_each("gateway", "shed", "Frames without room here or in the log, by class", "class", kClassNames[i],
             counters.shed[i]);
  }
  for (std::size_t i = 0; i < counters.verdicts.size(); ++i) {
    add_each("gateway", "verdicts", "Messages by the one verdict that each gets", "verdict",
             log::EnumNameVerdict(static_cast<log::Verdict>(i)), counters.verdicts[i]);
  }
  for (std::size_t i = 0; i < counters.history_verdicts.size(); ++i) {
    add_each("gateway", "history_verdicts", "Of these, history batches: why the ledger took them or did not",
             "verdict", log::EnumNameVerdict(static_cast<log::Verdict>(i)), counters.history_verdicts[i]);
  }
}

void AppendFigures(const GatewayLatencies& latencies, std::vector<Figure>* figures) {
  figures->push_back(HistogramFigure("latency", "uplink_seconds",
                                     "A fix's instant, by the vehicle's clock as translated, to the log's queue",
                                     latencies.uplink));
  figures->push_back({"latency", "uplink_negative", "Of these, fixes from the future: clocks disagree",
                      FigureKind::kCounter, static_cast<double>(latencies.uplink.negatives)});
  figures->push_back(HistogramFigure("latency", "dispatch_seconds",
                                     "The shard's issuing a command to its vehicle's connection", latencies.dispatch));
  figures->push_back(HistogramFigure("latency", "delivery_seconds",
                                     "A command's connection to the vehicle's controller, by what the vehicle says",
                                     latencies.delivery));
  figures->push_back(HistogramFigure("latency", "acknowledgement_seconds",
                                     "A command's connection to the vehicle's word that it was applied, read here",
                                     latencies.acknowledgement));
}

void AppendFigures(const CertificateFigures& certificates, CloudTime now, std::vector<Figure>* figures) {
  const auto add = [&](std::string_view name, double value, std::string_view help, FigureKind kind) {
    figures->push_back({"certificates", name, help, kind, value});
  };
  const auto left = [now](CloudTime expires) { return ToSeconds(expires - now); };
  add("server_seconds_left", left(certificates.server_expires), "Until the server's certificate expires",
      FigureKind::kGauge);
  add("authority_seconds_left", left(certificates.authority_expires),
      "Until the first authority's certificate expires", FigureKind::kGauge);
  add("revoked", static_cast<double>(certificates.revoked), "Entries of the revocation list", FigureKind::kGauge);
  add("crl_number", static_cast<double>(certificates.crl_number), "Number of the revocation list, 0 if there is none",
      FigureKind::kGauge);
  if (certificates.crl_next_update) {
    add("crl_seconds_left", left(*certificates.crl_next_update),
        "Until the revocation list is overdue; it stays in force after that", FigureKind::kGauge);
  }
  add("reloads", static_cast<double>(certificates.reloads), "Changes of the folder that were taken over",
      FigureKind::kCounter);
  add("reloads_refused", static_cast<double>(certificates.reloads_refused),
      "Changes of the folder that were not, or not all: a broken file, a foreign or older revocation list",
      FigureKind::kCounter);
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
  add("closed_twice", counters.closed_twice, "Statuses for a command that already had another one");
  add("closed_again", counters.closed_again, "Statuses told again, because their acknowledgement was lost");
  add("commands_reissued", counters.commands_reissued, "Open commands issued again under a new owner's epoch");
  add("closed_unmatched", counters.closed_unmatched, "Statuses for a command that the shard does not know");
  add("commands_reemitted", counters.commands_reemitted, "Open commands sent again to a vehicle that came back");
  add("commands_withheld", counters.commands_withheld, "Commands not issued: the vehicle's outbox was full");
  add("vehicles_refused", counters.vehicles_refused, "Fixes of vehicles beyond shard.vehicles_max");
  add("pairs_refused", counters.pairs_refused, "Pairs beyond shard.horizon.pairs_max");
  add("cells_refused", counters.cells_refused, "Cells beyond shard.heatmap.cells_max");
  add("ghosts_left", counters.ghosts_left, "Other regions' vehicles that can no longer get here");
  add("pairs_handed_over", counters.pairs_handed_over, "Open episodes given to another region");
  add("pairs_taken_over", counters.pairs_taken_over, "Open episodes taken from another region");
  add("pair_news_sent", counters.pair_news_sent, "Records to other regions about pairs that they know too");
  add("pair_news_read", counters.pair_news_read, "Records from other regions about pairs");
  add("pair_news_unplaced", counters.pair_news_unplaced,
      "Of these, about vehicles not known here: should stay near 0 (docs/decisions/0010-regions.md)");
  add("vehicle_news_sent", counters.vehicle_news_sent, "Records to other regions about silent vehicles, or a new map");
  add("vehicle_news_read", counters.vehicle_news_read, "Records from other regions about vehicles");
  add("operator_issued", counters.operator_issued, "Commands issued for operators; counted by kind, too");
  add("operator_refused", counters.operator_refused, "Operators' commands not issued: no such vehicle here, or no room");
}

void AppendFigures(const ShardRunnerCounters& counters, std::vector<Figure>* figures) {
  const auto add = [&](std::string_view name, double value, std::string_view help,
                       FigureKind kind = FigureKind::kCounter) {
    figures->push_back({"runner", name, help, kind, value});
  };
  add("vehicles", static_cast<double>(counters.vehicles), "Vehicles in the shard's state",
      FigureKind::kGauge);
  add("epoch", static_cast<double>(counters.epoch), "Fencing epoch", FigureKind::kGauge);
  add("owner", counters.owner ? 1 : 0, "1 while this process owns the region", FigureKind::kGauge);
  add("records_replayed", static_cast<double>(counters.records_replayed),
      "Records read again at the start");
  add("commands_delivered", static_cast<double>(counters.commands_delivered),
      "Commands handed to the gateway");
  add("outputs_written", static_cast<double>(counters.outputs_written),
      "The shard's own records given to the log");
  add("held_bytes", static_cast<double>(counters.held_bytes), "Bytes of such records that wait",
      FigureKind::kGauge);
  add("takeovers", static_cast<double>(counters.takeovers), "Times that this process became the region's owner");
  add("demotions", static_cast<double>(counters.demotions), "Times that another process took the region over");
  add("claims_failed", static_cast<double>(counters.claims_failed), "Claims of the region that failed");
  add("ticks_shed", static_cast<double>(counters.ticks_shed), "Heartbeats that the log had no room for");
  add("queries_refused", static_cast<double>(counters.queries_refused),
      "Questions to the shard refused: too many were waiting");
  add("apply_longest_ms", ToSeconds(counters.apply_longest) * 1e3,
      "Longest time that one record took the shard", FigureKind::kGauge);
  add("lag_ms", static_cast<double>(counters.lag_ns) * 1e-6,
      "From the log's taking the last record to the shard's having applied it", FigureKind::kGauge);
}

void AppendFigures(const ShardRunnerLatencies& latencies, std::vector<Figure>* figures) {
  figures->push_back(HistogramFigure("latency", "log_seconds",
                                     "A fix's entering the log's queue to the shard's getting it; of fixes that caused a command",
                                     latencies.log));
  figures->push_back(HistogramFigure("latency", "decision_seconds",
                                     "The log's taking what caused a command to the shard's issuing it",
                                     latencies.decision_fix, "cause", "fix"));
  figures->push_back(HistogramFigure("latency", "decision_seconds",
                                     "The log's taking what caused a command to the shard's issuing it",
                                     latencies.decision_tick, "cause", "tick"));
}

void AppendRegionFigures(std::string_view region, const ShardRunnerCounters& counters, CloudTime now,
                         std::vector<Figure>* figures) {
  const auto add = [&](std::string_view name, double value, std::string_view help,
                       FigureKind kind = FigureKind::kGauge) {
    figures->push_back({"region", name, help, kind, value, "region", region});
  };
  add("owner", counters.owner ? 1 : 0, "1 while this process owns the region; 0: it stands by");
  add("vehicles", static_cast<double>(counters.vehicles), "Vehicles in the region's state");
  add("fixes", static_cast<double>(counters.shard.fixes), "Fixes applied in the region", FigureKind::kCounter);
  add("commands", static_cast<double>(counters.commands_delivered), "Commands of the region handed to a gateway",
      FigureKind::kCounter);
  add("busy_seconds", ToSeconds(counters.busy), "Time that the region's shard worked on records",
      FigureKind::kCounter);
  add("lag_ms", static_cast<double>(counters.lag_ns) * 1e-6,
      "From the log's taking the last record to the region's having applied it");
  add("behind_ms", counters.applied_through == CloudTime() ? 0 : ToSeconds(now - counters.applied_through) * 1e3,
      "Age of the last record that the region has applied: an owner writes one every 100 ms");
}

void AppendFigures(const CheckpointerCounters& counters, std::vector<Figure>* figures) {
  const auto add = [&](std::string_view name, double value, std::string_view help,
                       FigureKind kind = FigureKind::kCounter) {
    figures->push_back({"checkpoint", name, help, kind, value});
  };
  add("count", static_cast<double>(counters.checkpoints), "States stored");
  add("failures", static_cast<double>(counters.failures), "States that could not be stored");
  add("age_s", counters.age_s, "Since the last one, or the start", FigureKind::kGauge);
  add("offset", static_cast<double>(counters.offset), "First record that the last one does not know",
      FigureKind::kGauge);
  add("duration_ms", ToSeconds(counters.last_duration) * 1e3, "What the last one took", FigureKind::kGauge);
  add("entries_written", static_cast<double>(counters.entries_written), "Entries that had changed");
  add("entries_erased", static_cast<double>(counters.entries_erased), "Entries that had gone");
  add("bytes_written", static_cast<double>(counters.bytes_written), "Their keys and values");
  add("cpu_seconds", ToSeconds(counters.cpu), "Processor time of the follower and its states");
  add("feed_bytes", static_cast<double>(counters.feed_bytes), "Copies of records that wait for the follower",
      FigureKind::kGauge);
  add("records_skipped", static_cast<double>(counters.records_skipped),
      "Records without room for a copy, read from the log again");
  add("digest_mismatches", static_cast<double>(counters.digest_mismatches),
      "Times that shard and follower decided differently");
}

void AppendFigures(const EmbeddedLogCounters& counters, std::vector<Figure>* figures) {
  const auto add = [&](std::string_view name, std::uint64_t value, std::string_view help) {
    figures->push_back({"log", name, help, FigureKind::kCounter, static_cast<double>(value)});
  };
  add("records", counters.records, "Records emitted");
  add("commits", counters.commits, "Writes to the write-ahead log");
  add("syncs", counters.syncs, "Syncs of the write-ahead log");
  add("refused", counters.refused, "Appends refused: the queue was full");
  figures->push_back({"log", "durable_lag_ms", "Age of the oldest record that is emitted and not durable",
                      FigureKind::kGauge, ToSeconds(counters.durable_lag) * 1e3});
}

void AppendFigures(const EmbeddedLogLatencies& latencies, std::vector<Figure>* figures) {
  figures->push_back(HistogramFigure("log", "commit_seconds", "Writes to the write-ahead log", latencies.commit));
  figures->push_back(HistogramFigure("log", "sync_seconds", "Syncs of the write-ahead log", latencies.sync));
}

void AppendFigures(const KafkaClientFigures& client, std::vector<Figure>* figures) {
  const auto add = [&](std::string_view name, double value, std::string_view help,
                       FigureKind kind = FigureKind::kGauge) {
    figures->push_back({"kafka", name, help, kind, value});
  };
  add("statistics_age_s", ToSeconds(client.age), "Since librdkafka gave the next figures; below 0: it has not yet");
  add("brokers", static_cast<double>(client.brokers), "Brokers of the cluster that the producer knows");
  add("brokers_up", static_cast<double>(client.brokers_up), "Of these, those it is connected to");
  add("rtt_p99_ms", client.rtt_p99_ms, "Requests of the slowest broker, 99 of 100 within");
  add("requests_waiting", static_cast<double>(client.waiting_requests), "Requests to be sent, or not answered yet");
  add("requests_timed_out", static_cast<double>(client.timeouts), "Requests that no broker answered in time",
      FigureKind::kCounter);
  add("requests_retried", static_cast<double>(client.retries), "Requests sent again", FigureKind::kCounter);
}

void AppendFigures(std::string_view database, const RocksFigures& rocks, std::vector<Figure>* figures) {
  const auto add = [&](std::string_view name, double value, std::string_view help,
                       FigureKind kind = FigureKind::kGauge) {
    figures->push_back({"rocksdb", name, help, kind, value, "db", database});
  };
  add("disk_bytes", static_cast<double>(rocks.disk_bytes), "Bytes of the database's files");
  add("table_files", static_cast<double>(rocks.table_files), "Files of sorted entries");
  add("memtable_bytes", static_cast<double>(rocks.memtable_bytes), "Memory of what is not in such files yet");
  add("cache_bytes", static_cast<double>(rocks.cache_bytes), "Memory of blocks and indexes of files that are read");
  add("pending_compaction_bytes", static_cast<double>(rocks.pending_compaction_bytes), "Bytes that compactions have before them");
  add("running_compactions", static_cast<double>(rocks.running_compactions), "Compactions under way");
  add("running_flushes", static_cast<double>(rocks.running_flushes), "Flushes of memory under way");
  add("background_errors", static_cast<double>(rocks.background_errors), "Flushes and compactions that failed",
      FigureKind::kCounter);
  add("write_stopped", rocks.write_stopped ? 1 : 0, "1 while writers wait for flushes or compactions");
}

void AppendFigures(const CostFigures& cost, std::vector<Figure>* figures) {
  const auto add = [&](std::string_view name, double value, std::string_view help) {
    figures->push_back({"cost", name, help, FigureKind::kGauge, value});
  };
  add("vehicle_link_bytes_per_s", cost.link_bytes_per_s, "Bytes of a vehicle's link with TLS, over the last minute");
  add("vehicle_processor_share", cost.processor_share, "Of one core, for a vehicle, over the last minute");
  add("vehicle_memory_bytes", cost.memory_bytes, "Memory for a vehicle, over the last minute");
  add("vehicle_storage_bytes", cost.storage_bytes, "Bytes on disk for a vehicle, over the last minute");
  for (std::size_t i = 0; i < kCostParts; ++i) {
    figures->push_back({"cost", "vehicle_month", "Money for a vehicle and a month like the last minute, by configured prices",
                        FigureKind::kGauge, cost.month[i], "part", kCostPartNames[i]});
  }
  for (std::size_t i = 0; i < kCostParts; ++i) {
    figures->push_back({"cost", "spent", "Money since the process began, by configured prices", FigureKind::kCounter,
                        cost.spent[i], "part", kCostPartNames[i]});
  }
}

void AppendFigures(const StateStoreStats& stats, std::vector<Figure>* figures) {
  const auto add = [&](std::string_view name, double value, std::string_view help,
                       FigureKind kind = FigureKind::kCounter) {
    figures->push_back({"state", name, help, kind, value});
  };
  add("disk_bytes", static_cast<double>(stats.bytes_on_disk), "Bytes of the stored state on disk",
      FigureKind::kGauge);
  add("entries", static_cast<double>(stats.entries), "Entries stored; an overwritten one counts until it is compacted",
      FigureKind::kGauge);
  add("memory_bytes", static_cast<double>(stats.memory_bytes), "Memory of the state's database", FigureKind::kGauge);
  add("writes", static_cast<double>(stats.writes), "Points in time stored");
  add("write_failures", static_cast<double>(stats.write_failures), "Points in time that could not be stored");
  add("given_bytes", static_cast<double>(stats.bytes_given), "Bytes of the entries given to be stored");
  add("written_bytes", static_cast<double>(stats.bytes_written), "Bytes written for them, compactions included");
  add("compactions", static_cast<double>(stats.compactions), "Compactions of the stored state");
  add("write_amplification", stats.write_amplification(), "Bytes written for each byte given", FigureKind::kGauge);
}

void AppendFigures(const KeyRotationStats& stats, std::vector<Figure>* figures) {
  if (!stats.encrypted) return;
  const auto add = [&](std::string_view name, std::uint64_t value, std::string_view help,
                       FigureKind kind = FigureKind::kGauge) {
    figures->push_back({"keys", name, help, kind, static_cast<double>(value)});
  };
  add("files_current", stats.files_current, "Stored files under the current key");
  add("files_older", stats.files_older, "Stored files under an older key: it is needed until there are none");
  add("files_plain", stats.files_plain, "Stored files that are not encrypted");
  add("rotation_failures", stats.failures, "Times that files could not be rewritten", FigureKind::kCounter);
}

void AppendFigures(const HistoryTotals& totals, std::vector<Figure>* figures) {
  const auto add = [&](std::string_view name, std::uint64_t value, std::string_view help,
                       FigureKind kind) {
    figures->push_back({"ledger", name, help, kind, static_cast<double>(value)});
  };
  add("vehicles", totals.vehicles, "Vehicles with history in the log", FigureKind::kGauge);
  add("samples", totals.samples, "Samples held", FigureKind::kGauge);
  add("batches", totals.batches, "Batches held", FigureKind::kGauge);
  add("duplicates", totals.duplicates, "Batches that were held already", FigureKind::kCounter);
  add("gaps", totals.gaps, "Batches that began past the next sample of their boot", FigureKind::kCounter);
  add("gaps_forgotten", totals.gaps_forgotten, "Gaps taken for lost", FigureKind::kCounter);
  add("vehicles_expired", totals.vehicles_expired, "Vehicles forgotten: not heard of for history.vehicle_ttl",
      FigureKind::kCounter);
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
