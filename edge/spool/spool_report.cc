#include "edge/spool/spool_report.h"

#include <initializer_list>
#include <string_view>
#include <utility>

namespace starling::edge {
namespace {

std::string Figures(std::initializer_list<std::pair<std::string_view, std::uint64_t>> figures) {
  std::string json;
  for (const auto& [name, value] : figures) {
    json.append(json.empty() ? "\"" : ",\"").append(name).append("\":").append(std::to_string(value));
  }
  return json;
}

}  // namespace

std::string SpoolReportJson(const DiskSpool& spool) {
  const DiskSpoolCounters& counted = spool.counters();
  return "\"spool\":{" +
         Figures({{"batches", spool.batches()},
                  {"samples", spool.samples()},
                  {"bytes", spool.bytes()},
                  {"segments", spool.segments()},
                  {"batches_in_memory", spool.memory_batches()},
                  {"commits", counted.commits},
                  {"bytes_written", counted.bytes_written},
                  {"syncs", counted.syncs},
                  {"failures", counted.failures},
                  {"commit_longest_us", static_cast<std::uint64_t>(counted.commit_longest.count() / 1000)},
                  {"damage_places", counted.damage_places},
                  {"damage_bytes", counted.damage_bytes},
                  {"torn_bytes", counted.torn_bytes},
                  {"lost_before", spool.ledger().lost_before}}) +
         "}";
}

std::string PreviousRunJson(const DiskSpool& spool) {
  if (!spool.previous()) return "\"previous_run\":null";
  const SpoolRun& run = *spool.previous();
  return "\"previous_run\":{\"boot\":\"" + std::to_string(ToNumber(run.boot)) +
         "\",\"ended_in_order\":" + (run.clean ? "true," : "false,") +
         Figures({{"inherited", run.ledger.inherited},
                  {"sampled_at_least", run.ledger.sampled},
                  {"removed", run.ledger.removed},
                  {"dropped_spool_full", run.ledger.dropped_full},
                  {"dropped_too_old", run.ledger.dropped_too_old},
                  {"dropped_unreadable", run.ledger.dropped_unreadable},
                  {"dropped_io", run.ledger.dropped_io},
                  {"held", run.held},
                  {"lost", run.lost},
                  {"repeated", run.repeated}}) +
         "}";
}

}  // namespace starling::edge
