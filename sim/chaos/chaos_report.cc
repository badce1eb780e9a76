#include "sim/chaos/chaos_report.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cinttypes>
#include <cstdarg>
#include <cstdio>

#include "schemas/edge_to_cloud/uplink_generated.h"

namespace starling::sim {
namespace {

namespace json = boost::json;

__attribute__((format(printf, 2, 3))) void Line(std::string* out, const char* format, ...) {
  char text[256];
  std::va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  out->append(text).append("\n");
}

std::string FaultsOf(const RoundPlan& plan) {
  std::string text;
  for (const PlannedFault& fault : plan.faults) {
    text += (text.empty() ? "" : ", ") + Describe(fault);
  }
  return text;
}

json::array Texts(const std::vector<std::string>& texts) {
  json::array array;
  for (const std::string& text : texts) array.push_back(json::string(text));
  return array;
}

double Rounded(double value) { return static_cast<double>(static_cast<std::int64_t>(value * 1000 + 0.5)) / 1000; }

double Round3(nanoseconds span) { return Rounded(ToSeconds(span)); }

json::string_view Key(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

void ChaosReport::Add(const RoundOutcome& outcome) {
  ++rounds_;
  if (outcome.plan.fresh) ++rounds_fresh_;
  for (const PlannedFault& fault : outcome.plan.faults) ++faults_[static_cast<std::size_t>(fault.kind)];
  if (!outcome.ok()) {
    ++rounds_failed_;
    Failure failure{outcome.plan.round, {}, outcome.failures};
    for (const PlannedFault& fault : outcome.plan.faults) failure.faults.push_back(Describe(fault));
    failures_.push_back(std::move(failure));
  }
  const Judgement& judged = outcome.judgement;
  sum_.boots += judged.boots;
  sum_.samples += judged.samples;
  sum_.samples_in_history += judged.samples_in_history;
  sum_.samples_lost_by_reboot += judged.samples_lost_by_reboot;
  sum_.batches += judged.batches;
  sum_.batches_repeated += judged.batches_repeated;
  sum_.batches_behind += judged.batches_behind;
  sum_.commands_issued += judged.commands_issued;
  sum_.commands_issued_again += judged.commands_issued_again;
  sum_.commands_handed_over += judged.commands_handed_over;
  for (std::size_t i = 0; i < sum_.outcomes.size(); ++i) sum_.outcomes[i] += judged.outcomes[i];
  sum_.records_replayed += judged.records_replayed;
  sum_.outputs_compared += judged.outputs_compared;
  sum_.states_compared += judged.states_compared;
  sum_.state_entries += judged.state_entries;
  sum_.chain_records += judged.chain_records;
  sum_.fixes_pause = std::max(sum_.fixes_pause, judged.fixes_pause);
  sum_.commands_pause = std::max(sum_.commands_pause, judged.commands_pause);
  restarts_ += outcome.restarts;
  ended_ += outcome.ended;
  longest_down_ = std::max(longest_down_, outcome.longest_down);
  links_cut_ += outcome.relay.cut + outcome.relay.refused;
  writes_failed_ += outcome.writes_failed;
  syncs_failed_ += outcome.syncs_failed;
  seconds_ += outcome.drive_s + outcome.oracle_s;
  round_longest_s_ = std::max(round_longest_s_, outcome.drive_s);
}

std::string ChaosReport::Json() const {
  json::object report;
  report["log"] = config_.limits.kafka ? "kafka" : "embedded";
  if (config_.limits.kafka) report["brokers"] = config_.limits.brokers;
  report["seed"] = config_.seed;
  report["vehicles"] = config_.vehicles;
  report["seconds_driven_in_a_round"] = config_.drive_s;
  report["rounds"] = rounds_;
  report["rounds_failed"] = rounds_failed_;
  report["rounds_on_new_data"] = rounds_fresh_;
  json::object faults;
  for (std::size_t i = 0; i < kFaultKinds; ++i) faults[Key(FaultName(static_cast<FaultKind>(i)))] = faults_[i];
  report["faults"] = std::move(faults);
  report["process"] = {{"restarts", restarts_},
                       {"ended_by_itself", ended_},
                       {"longest_not_ready_s", Round3(longest_down_)},
                       {"writes_failed", writes_failed_},
                       {"syncs_failed", syncs_failed_},
                       {"links_cut", links_cut_}};
  report["samples"] = {{"taken", sum_.samples},
                       {"in_history", sum_.samples_in_history},
                       {"lost_by_reboot", sum_.samples_lost_by_reboot},
                       {"batches", sum_.batches},
                       {"batches_repeated", sum_.batches_repeated},
                       {"batches_behind_newer", sum_.batches_behind}};
  json::object outcomes;
  for (std::size_t i = 1; i < sum_.outcomes.size(); ++i) {
    outcomes[wire::EnumNameCommandOutcome(static_cast<wire::CommandOutcome>(i))] = sum_.outcomes[i];
  }
  report["commands"] = {{"issued", sum_.commands_issued},
                        {"issued_again", sum_.commands_issued_again},
                        {"handed_over", sum_.commands_handed_over},
                        {"ended", std::move(outcomes)}};
  report["replay"] = {{"records", sum_.records_replayed},
                      {"outputs_equal", sum_.outputs_compared},
                      {"states", sum_.states_compared},
                      {"state_entries", sum_.state_entries},
                      {"chain_records", sum_.chain_records}};
  report["pauses_s"] = {{"longest_without_a_fix_in_the_log", Round3(sum_.fixes_pause)},
                        {"longest_without_a_command", Round3(sum_.commands_pause)}};
  report["seconds"] = Rounded(seconds_);
  report["round_longest_s"] = Rounded(round_longest_s_);
  json::array failures;
  for (const Failure& failure : failures_) {
    failures.push_back(
        {{"round", failure.round}, {"faults", Texts(failure.faults)}, {"found", Texts(failure.found)}});
  }
  report["failures"] = std::move(failures);
  return json::serialize(report) + "\n";
}

std::string ChaosReport::Table() const {
  std::string out;
  Line(&out, "------------------------------------------------------------------------------");
  Line(&out, "%" PRIu64 " rounds with %zu vehicles, seed %" PRIu64 ", %.0f s; longest round %.1f s", rounds_,
       config_.vehicles, config_.seed, seconds_, round_longest_s_);
  std::string faults;
  for (std::size_t i = 0; i < kFaultKinds; ++i) {
    if (faults_[i] == 0) continue;
    faults += (faults.empty() ? "" : ", ") + std::to_string(faults_[i]) + " " +
              std::string(FaultName(static_cast<FaultKind>(i)));
  }
  Line(&out, "faults        %s", faults.c_str());
  Line(&out, "process       %" PRIu64 " restarts, %" PRIu64 " of them after it had ended by itself; at most %.2f s not ready",
       restarts_, ended_, ToSeconds(longest_down_));
  Line(&out, "samples       %" PRIu64 " taken, %" PRIu64 " in the history, %" PRIu64 " in memory at a reboot; %" PRIu64
       " batches, %" PRIu64 " repeated", sum_.samples, sum_.samples_in_history, sum_.samples_lost_by_reboot,
       sum_.batches, sum_.batches_repeated);
  Line(&out, "commands      %" PRIu64 " issued, %" PRIu64 " again by a later owner, %" PRIu64 " handed over",
       sum_.commands_issued, sum_.commands_issued_again, sum_.commands_handed_over);
  Line(&out, "  ended       applied %" PRIu64 ", superseded %" PRIu64 ", expired %" PRIu64 ", rejected %" PRIu64
       ", unknown %" PRIu64, sum_.outcomes[1], sum_.outcomes[2], sum_.outcomes[3], sum_.outcomes[4],
       sum_.outcomes[5]);
  Line(&out, "replay        %" PRIu64 " records, %" PRIu64 " outputs equal, %" PRIu64 " states with %" PRIu64
       " entries, chain of %" PRIu64, sum_.records_replayed, sum_.outputs_compared, sum_.states_compared,
       sum_.state_entries, sum_.chain_records);
  Line(&out, "pauses        %.2f s without a fix in the log, %.2f s without a command, at most",
       ToSeconds(sum_.fixes_pause), ToSeconds(sum_.commands_pause));
  for (const Failure& failure : failures_) {
    Line(&out, "FAILED        round %" PRIu32 ": %s", failure.round,
         failure.found.empty() ? "" : failure.found.front().c_str());
  }
  Line(&out, "%s", rounds_failed_ == 0 ? "passed" : "FAILED");
  return out;
}

std::string RoundLine(const RoundOutcome& outcome) {
  std::string out;
  const Judgement& judged = outcome.judgement;
  char head[96];
  std::snprintf(head, sizeof head, "round %3" PRIu32 " %-5s %4.1f s", outcome.plan.round,
                outcome.plan.fresh ? "new" : "same", outcome.drive_s + outcome.oracle_s);
  char tail[128];
  std::snprintf(tail, sizeof tail, " | %" PRIu64 " samples, %" PRIu64 " commands | %s", judged.samples,
                judged.commands_handed_over, outcome.ok() ? "ok" : "FAILED");
  out.append(head).append(" | ").append(FaultsOf(outcome.plan)).append(tail);
  return out;
}

std::string RoundDetails(const RoundOutcome& outcome) {
  std::string out;
  for (const std::string& failure : outcome.failures) out.append("    ").append(failure).append("\n");
  return out;
}

}  // namespace starling::sim
