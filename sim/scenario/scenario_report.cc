#include "sim/scenario/scenario_report.h"

#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cinttypes>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <numeric>

#include "sim/fleet/pretty_json.h"

namespace starling::sim {
namespace {

namespace json = boost::json;

// Three decimals are what these figures are good for.
double Rounded(double value) { return std::round(value * 1000) / 1000; }

json::object Describe(const Quantiles& q) {
  return {{"p50", Rounded(q.p50)}, {"p99", Rounded(q.p99)}, {"p999", Rounded(q.p999)}, {"max", Rounded(q.max)},
          {"count", q.count}};
}

__attribute__((format(printf, 2, 3))) void Line(std::string* out, const char* format, ...) {
  std::array<char, 256> text;
  std::va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text.data(), text.size(), format, arguments);
  va_end(arguments);
  out->append(text.data()).append("\n");
}

json::object DescribeTraffic(const ScenarioOutcome& outcome) {
  json::object mistakes;
  for (std::size_t i = 0; i < outcome.mistakes.size(); ++i) mistakes[kMistakeNames[i]] = outcome.mistakes[i];
  json::array speeds;
  for (const double speed : outcome.speeds_mps) speeds.push_back(Rounded(speed));
  return {{"trips", outcome.trips},
          {"mean_trip_s", Rounded(outcome.mean_trip_s)},
          {"mean_trip_m", Rounded(outcome.mean_trip_m)},
          {"mean_time_loss_s", Rounded(outcome.mean_loss_s)},
          {"mean_speed_mps", Rounded(outcome.mean_speed_mps)},
          {"speed_every_s", kSpeedEveryS},
          {"speeds_mps", std::move(speeds)},
          {"hard_brakings", outcome.traffic.hard_brakings},
          {"emergency_brakings", outcome.traffic.emergency_brakings},
          {"lane_changes", outcome.traffic.lane_changes},
          {"breakdowns", outcome.traffic.breakdowns},
          {"jammed", outcome.jammed},
          {"mistakes", std::move(mistakes)}};
}

json::object DescribeTruth(const ScenarioOutcome& outcome) {
  json::array collisions;
  for (const Collision& each : outcome.collisions) {
    collisions.push_back({{"time_s", Rounded(SecondsOf(each.time))},
                          {"first", each.first},
                          {"second", each.second},
                          {"x_m", Rounded(each.position.x)},
                          {"y_m", Rounded(each.position.y)},
                          {"relative_speed_mps", Rounded(each.relative_speed_mps)},
                          {"angle_rad", Rounded(each.angle_rad)}});
  }
  return {{"collisions", outcome.collisions.size()},
          {"of_rule_breakers", outcome.of_rule_breakers},
          {"scrapes", outcome.scrapes},
          {"near_misses", outcome.near_misses.size()},
          {"near_miss_ttc_s", kNearMissTtcS},
          {"encounters", outcome.encounters},
          {"collision_list", std::move(collisions)}};
}

json::object DescribeFleet(const ScenarioOutcome& outcome) {
  const VirtualFigures& fleet = outcome.fleet;
  const edge::AgentLedger& ledger = fleet.totals.ledger;
  const edge::AgentCounters& agents = fleet.totals.agents;
  const LinkCounters& links = fleet.vehicles.links;
  return {{"with_agent", fleet.with_agent},
          {"complying", fleet.complying},
          {"samples", fleet.vehicles.samples},
          {"silent", fleet.vehicles.silent},
          {"live_frames", agents.live_frames},
          {"live_conflated", agents.live_conflated},
          {"history_batches", agents.history_frames},
          {"bytes_up", fleet.vehicles.bytes_up},
          {"bytes_down", fleet.vehicles.bytes_down},
          {"restarts", fleet.vehicles.restarts},
          {"connections_lost", links.lost},
          {"connections_returned", links.returned},
          {"segments_lost", links.segments_lost},
          {"link_refusals", links.refused},
          {"position_jumps", fleet.position_jumps},
          {"fix_losses", fleet.fix_losses},
          {"clock_steps", fleet.clock_steps},
          {"refused_by_cloud", outcome.refused},
          {"ledger",
           {{"sampled", ledger.sampled},
            {"delivered", ledger.delivered},
            {"dropped", ledger.dropped_spool_full + ledger.dropped_refused + ledger.dropped_io},
            {"dropped_reboot", fleet.totals.dropped_reboot},
            {"in_flight", ledger.in_flight},
            {"cloud_held", outcome.held_samples}}},
          {"prediction_error_m",
           {{"p50", Rounded(fleet.prediction.p50)},
            {"p99", Rounded(fleet.prediction.p99)},
            {"max", Rounded(fleet.prediction.max)},
            {"count", fleet.prediction.count}}}};
}

json::object DescribeOpposed(const ScenarioOutcome& outcome) {
  json::object described;
  for (std::size_t kind = 0; kind < outcome.opposed.size(); ++kind) {
    described[kOppositionNames[kind]] = outcome.opposed[kind];
  }
  described["looks"] = outcome.opposed_looks;
  return described;
}

json::object DescribeCommands(const ScenarioOutcome& outcome) {
  const cloud::ShardCounters& shard = outcome.shard;
  return {{"issued",
           {{"speed_advice", shard.speed_advice_issued},
            {"avoidance", shard.avoidance_issued},
            {"release", shard.releases_issued}}},
          {"handed_over", outcome.acted},
          {"closed",
           {{"applied", shard.closed_applied},
            {"superseded", shard.closed_superseded},
            {"expired", shard.closed_expired},
            {"rejected", shard.closed_rejected},
            {"unknown", shard.closed_unknown},
            {"twice", shard.closed_twice}}},
          {"in_flight", shard.outbox_open},
          {"acted_late", outcome.acted_late},
          {"acted_twice", outcome.acted_twice},
          {"opposed", DescribeOpposed(outcome)},
          {"causes_unknown", outcome.causes_unknown},
          {"latency_ms", Describe(outcome.by_sample.end_to_end)},
          {"latency_by_tick_ms", Describe(outcome.by_tick.end_to_end)}};
}

std::string DigestText(std::uint64_t digest) {
  std::array<char, 20> text;
  std::snprintf(text.data(), text.size(), "%016" PRIx64, digest);
  return text.data();
}

}  // namespace

std::string ScenarioDocument(const Scenario& scenario, std::uint64_t seed, const ScenarioOutcome& outcome) {
  json::array failures;
  for (const std::string& each : outcome.failures) failures.push_back(json::string(each));
  const json::object report = {
      {"scenario", scenario.name},
      {"seed", seed},
      {"vehicles", scenario.traffic.vehicles},
      {"seconds", scenario.seconds},
      {"obey", scenario.fleet.obey},
      {"passed", outcome.failures.empty()},
      {"failures", std::move(failures)},
      {"interrupted", outcome.interrupted},
      {"driven_s", outcome.driven_s},
      {"truth", DescribeTruth(outcome)},
      {"traffic", DescribeTraffic(outcome)},
      {"fleet", DescribeFleet(outcome)},
      {"conflicts", {{"episodes", outcome.shard.episodes}}},
      {"heatmap",
       {{"windows", outcome.shard.windows},
        {"cells_max", outcome.shard.cells_max},
        {"congested_max", outcome.shard.congested_max}}},
      {"commands", DescribeCommands(outcome)},
      {"digest", DigestText(outcome.digest)},
  };
  return PrettyJson(report);
}

std::string ScenarioTable(const Scenario& scenario, std::uint64_t seed, const ScenarioOutcome& outcome) {
  const VirtualFigures& fleet = outcome.fleet;
  const edge::AgentLedger& ledger = fleet.totals.ledger;
  const cloud::ShardCounters& shard = outcome.shard;
  const double vehicle_s = outcome.driven_s * fleet.with_agent;
  std::string out;
  Line(&out, "------------------------------------------------------------------------------");
  Line(&out, "%s: %u vehicles, %.0f s, seed %" PRIu64 "%s%s", scenario.name.c_str(), scenario.traffic.vehicles,
       outcome.driven_s, seed, scenario.fleet.obey ? "" : ", not obeying", outcome.interrupted ? ", ended early" : "");
  Line(&out, "agents        %u vehicles have one, %u drivers do as it says", fleet.with_agent, fleet.complying);
  Line(&out, "traffic       %.2f m/s in the mean; %" PRIu64 " trips, %.0f s each, %.0f s of it lost", outcome.mean_speed_mps,
       outcome.trips, outcome.mean_trip_s, outcome.mean_loss_s);
  Line(&out, "              %" PRIu64 " hard brakings; %u vehicles stand for 5 minutes", outcome.traffic.hard_brakings,
       outcome.jammed);
  std::string mistakes;
  for (std::size_t i = 0; i < outcome.mistakes.size(); ++i) {
    if (outcome.mistakes[i] == 0) continue;
    mistakes += (mistakes.empty() ? "" : ", ") + std::to_string(outcome.mistakes[i]) + " " + kMistakeNames[i];
  }
  Line(&out, "mistakes      %s", mistakes.empty() ? "none" : mistakes.c_str());
  Line(&out, "truth         %zu collisions, %zu near misses (TTC below %.1f s); %" PRIu64 " deadlocks ended in a scrape",
       outcome.collisions.size(), outcome.near_misses.size(), kNearMissTtcS, outcome.scrapes);
  Line(&out, "samples       %" PRIu64 ", %" PRIu64 " not taken; live frames %" PRIu64 ", history batches %" PRIu64,
       fleet.vehicles.samples, fleet.vehicles.silent, fleet.totals.agents.live_frames,
       fleet.totals.agents.history_frames);
  Line(&out, "bytes         %.1f a vehicle and second with TLS records",
       vehicle_s > 0 ? static_cast<double>(fleet.vehicles.bytes_up + fleet.vehicles.bytes_down) / vehicle_s : 0);
  Line(&out, "links         %" PRIu64 " connections lost, %" PRIu64 " back; %" PRIu64 " segments lost; %" PRIu64
       " agents restarted", fleet.vehicles.links.lost, fleet.vehicles.links.returned, fleet.vehicles.links.segments_lost,
       fleet.vehicles.restarts);
  Line(&out, "prediction    p50 %.3f m, p99 %.3f m, max %.2f m off (%" PRIu64 " looks)", fleet.prediction.p50,
       fleet.prediction.p99, fleet.prediction.max, fleet.prediction.count);
  Line(&out, "map           %" PRIu64 " windows, %" PRIu64 " cells, %" PRIu64 " congested at most; %" PRIu64
       " conflicts", shard.windows, shard.cells_max, shard.congested_max, shard.episodes);
  Line(&out, "commands      %" PRIu64 " speed advice, %" PRIu64 " avoidance, %" PRIu64 " release",
       shard.speed_advice_issued, shard.avoidance_issued, shard.releases_issued);
  Line(&out, "  ended       applied %" PRIu64 ", superseded %" PRIu64 ", expired %" PRIu64 ", rejected %" PRIu64
       ", unknown %" PRIu64 ", open %" PRIu64, shard.closed_applied, shard.closed_superseded, shard.closed_expired,
       shard.closed_rejected, shard.closed_unknown, shard.outbox_open);
  Line(&out, "  acted on    late %" PRIu64 ", twice %" PRIu64, outcome.acted_late, outcome.acted_twice);
  Line(&out, "  opposed     %" PRIu64 " in %" PRIu64 " looks",
       std::accumulate(outcome.opposed.begin(), outcome.opposed.end(), std::uint64_t{0}), outcome.opposed_looks);
  const Quantiles& latency = outcome.by_sample.end_to_end;
  Line(&out, "  latency     p50 %.1f ms, p99 %.1f ms, max %.1f ms (%" PRIu64 " by sample)", latency.p50, latency.p99,
       latency.max, latency.count);
  Line(&out, "ledger        sampled %" PRIu64 " = delivered %" PRIu64 " + dropped %" PRIu64 " + in flight %" PRIu64,
       ledger.sampled, ledger.delivered,
       ledger.dropped_spool_full + ledger.dropped_refused + ledger.dropped_io + fleet.totals.dropped_reboot,
       ledger.in_flight);
  Line(&out, "              the cloud holds %" PRIu64, outcome.held_samples);
  Line(&out, "digest        %s", DigestText(outcome.digest).c_str());
  for (const std::string& failure : outcome.failures) Line(&out, "FAILED: %s", failure.c_str());
  if (outcome.failures.empty()) Line(&out, "passed");
  return out;
}

}  // namespace starling::sim
