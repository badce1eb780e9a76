#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <utility>

#include "sim/accuracy/accuracy_text.h"
#include "sim/experiment/number_text.h"
#include "sim/fleet/pretty_json.h"

namespace starling::sim {
namespace {

namespace json = boost::json;

json::value OrNull(const std::optional<double>& value) {
  return value ? json::value(NineDigits(*value)) : json::value(nullptr);
}

json::object Describe(const Proportion& proportion) {
  json::object described{{"is", proportion.is}, {"of", proportion.of}, {"share", OrNull(proportion.share())}};
  if (proportion.of == 0) {
    described["interval"] = nullptr;
  } else {
    const ShareInterval interval = WilsonInterval(proportion);
    described["interval"] = json::array{NineDigits(interval.low), NineDigits(interval.high)};
  }
  return described;
}

const char* NameOfForesight(std::size_t number) {
  static constexpr const char* kNames[] = {"seen", "sudden", "never_on_course"};
  return kNames[number];
}

const char* NameOfOutcome(EncounterOutcome outcome) {
  switch (outcome) {
    case EncounterOutcome::kFound:
      return "found";
    case EncounterOutcome::kLate:
      return "late";
    case EncounterOutcome::kMissed:
      break;
  }
  return "missed";
}

const char* NameOfVerdict(DecisionVerdict verdict) {
  switch (verdict) {
    case DecisionVerdict::kTrue:
      return "true";
    case DecisionVerdict::kFalse:
      return "false";
    case DecisionVerdict::kUnjudged:
      break;
  }
  return "not_judged";
}

class Document {
 public:
  explicit Document(const Accuracy& accuracy)
      : accuracy_(accuracy), recording_(accuracy.read.recording), hours_(recording_.vehicle_hours()) {}

  std::string Make() const {
    const AccuracyOptions& options = accuracy_.options;
    json::array points;
    for (const AccuracyPoint& point : accuracy_.points) {
      json::object described = Describe(point);
      described["encounters"] = Encounters(point);
      described["warnings"] = Warnings(point);
      points.push_back(std::move(described));
    }
    json::array swept;
    for (const AccuracyPoint& point : accuracy_.swept) swept.push_back(Describe(point));
    json::array references;
    for (const AccuracyReference& reference : accuracy_.references) references.push_back(Describe(reference));
    json::array sources;
    for (const TruthSource& source : accuracy_.sources) {
      sources.push_back(json::object{{"name", source.name},
                                     {"rows", source.truth.rows},
                                     {"encounters", source.truth.encounters.size()},
                                     {"without_ttc", source.truth.without_ttc},
                                     {"not_recorded", source.truth.not_recorded}});
    }
    return PrettyJson(json::object{{"recording", Recorded()},
                                   {"network_used", !options.network.empty()},
                                   {"commands_obeyed", false},
                                   {"seed", options.seed},
                                   {"rules",
                                    {{"ttc_s", options.rules.ttc_s},
                                     {"alive_s", options.rules.alive_s},
                                     {"horizon_s", options.rules.horizon_s},
                                     {"sudden_s", options.rules.sudden_s}}},
                                   {"sources", std::move(sources)},
                                   {"points", std::move(points)},
                                   {"sweep", std::move(swept)},
                                   {"references", std::move(references)}});
  }

 private:
  double FileTime(SimTime time) const { return NineDigits(recording_.begin_s + SecondsOf(time)); }

  json::value ClosedTime(SimTime time) const {
    return time == SimTime::max() ? json::value(nullptr) : json::value(FileTime(time));
  }

  json::value AnHour(std::uint64_t count) const {
    return hours_ > 0 ? json::value(NineDigits(static_cast<double>(count) / hours_)) : json::value(nullptr);
  }

  json::object Recorded() const {
    const ReadRecording& read = accuracy_.read;
    json::object without_size;
    for (const auto& [type, rows] : read.types_without_size) without_size[CleanText(type)] = rows;
    json::object skipped;
    for (const auto& [what, count] : read.skipped) skipped[CleanText(what)] = count;
    return {{"fcd", CleanText(accuracy_.options.fcd)},
            {"begin_s", NineDigits(recording_.begin_s)},
            {"seconds", NineDigits(recording_.seconds())},
            {"steps", recording_.times.size()},
            {"vehicles", recording_.ids.size()},
            {"tracks", recording_.tracks.size()},
            {"rows", read.rows},
            {"vehicle_hours", NineDigits(hours_)},
            {"degrees", read.degrees},
            {"headings_turned_rad", NineDigits(read.turned_rad)},
            {"types_without_size", std::move(without_size)},
            {"not_read", std::move(skipped)}};
  }

  json::object Describe(const Score& score) const {
    json::object by_kind;
    for (std::size_t i = 0; i < kConflictKinds; ++i) {
      by_kind[NameOf(static_cast<ConflictKind>(i))] = sim::Describe(score.recall_by_kind[i]);
    }
    json::object by_foresight;
    for (std::size_t i = 0; i < 3; ++i) by_foresight[NameOfForesight(i)] = sim::Describe(score.recall_by_foresight[i]);
    json::object bands;
    for (std::size_t i = 0; i < kBands; ++i) {
      bands[NameOf(static_cast<FalseAlarmBand>(i))] =
          json::object{{"count", score.false_by_band[i]}, {"a_vehicle_hour", AnHour(score.false_by_band[i])}};
    }
    json::object causes;
    for (std::size_t i = 0; i < kFalseAlarmCauses; ++i) {
      causes[NameOf(static_cast<FalseAlarmCause>(i))] =
          json::object{{"count", score.false_by_cause[i]}, {"a_vehicle_hour", AnHour(score.false_by_cause[i])}};
    }
    return {
        {"recall", sim::Describe(score.recall)},
        {"recall_by_foresight", std::move(by_foresight)},
        {"recall_by_kind", std::move(by_kind)},
        {"recall_of_touches", sim::Describe(score.recall_of_touches)},
        {"recall_of_one_sided", sim::Describe(score.recall_of_one_sided)},
        {"late", score.late},
        {"lead_s",
         {{"p10", OrNull(score.LeadAt(0.1))}, {"p50", OrNull(score.LeadAt(0.5))}, {"p90", OrNull(score.LeadAt(0.9))}}},
        {"precision", sim::Describe(score.precision)},
        {"not_judged", score.unjudged},
        {"false_alarms", std::move(bands)},
        {"false_alarms_by_cause", std::move(causes)}};
  }

  json::object DescribeAll(const std::vector<Score>& scores) const {
    json::object described;
    for (std::size_t i = 0; i < scores.size(); ++i) described[accuracy_.sources[i].name] = Describe(scores[i]);
    return described;
  }

  json::object Describe(const AccuracyPoint& point) const {
    const FleetDecisions& driven = point.driven;
    const auto command = [&](wire::CommandKind kind) {
      const std::uint64_t count = driven.commands[static_cast<std::size_t>(kind)];
      return json::object{{"count", count}, {"a_vehicle_hour", AnHour(count)}};
    };
    return {{"noise_m", point.noise_m},
            {"ways_known", kWaysKnownNames[static_cast<std::size_t>(point.ways)]},
            {"planned_paths", point.ways == WaysKnown::kPlans},
            {"required_decel_min_mps2", NineDigits(point.horizon.required_decel_min_mps2)},
            {"urgent_decel_min_mps2", NineDigits(point.horizon.urgent_decel_min_mps2)},
            {"probability_min", NineDigits(point.horizon.probability_min)},
            {"episodes", {{"count", driven.decisions.size()}, {"a_vehicle_hour", AnHour(driven.decisions.size())}}},
            {"avoidance_commands", command(wire::CommandKind::Avoidance)},
            {"speed_advice_commands", command(wire::CommandKind::SpeedAdvice)},
            {"release_commands", command(wire::CommandKind::Release)},
            {"commands_applied", driven.applied},
            {"samples", driven.samples},
            {"live_frames", driven.live_frames},
            {"refused", driven.refused},
            {"streams_broken", driven.streams_broken},
            {"pairs_tested", driven.shard.pairs_tested},
            {"pairs_refined", driven.shard.pairs_refined},
            {"pairs_refused", driven.shard.pairs_refused},
            {"scores", DescribeAll(point.scores)}};
  }

  json::object Describe(const AccuracyReference& reference) const {
    return {{"planned_paths", reference.planned_paths},
            {"episodes", reference.by_force.decisions.size()},
            {"pairs", reference.by_force.pairs},
            {"contacts", reference.by_force.contacts},
            {"contacts_not_met", reference.by_force.contacts_not_met},
            {"not_in_shard", reference.not_in_shard},
            {"not_by_force", reference.not_by_force},
            {"found_by_force_alone", reference.found_by_force_alone},
            {"found_by_shard_alone", reference.found_by_shard_alone},
            {"scores", DescribeAll(reference.scores)}};
  }

  // Those that are relevant, by each source.
  json::object Encounters(const AccuracyPoint& point) const {
    json::object by_source;
    for (std::size_t i = 0; i < accuracy_.sources.size(); ++i) {
      json::array list;
      for (const JudgedEncounter& judged : point.scores[i].encounters) {
        const TrueEncounter& each = judged.encounter;
        const bool warned = judged.decision.has_value();
        list.push_back(
            json::object{{"a", CleanText(recording_.IdOf(each.a))},
                         {"b", CleanText(recording_.IdOf(each.b))},
                         {"kind", NameOf(each.kind)},
                         {"worst_s", FileTime(each.worst)},
                         {"ttc_s", NineDigits(each.ttc_s)},
                         {"one_sided", each.one_sided},
                         {"foresight", NameOfForesight(static_cast<std::size_t>(each.foresight))},
                         {"seen_s", NineDigits(each.seen_s)},
                         {"outcome", NameOfOutcome(judged.outcome)},
                         {"lead_s", judged.outcome == EncounterOutcome::kFound ? json::value(NineDigits(judged.lead_s))
                                                                               : json::value(nullptr)},
                         {"warned_s", warned ? json::value(FileTime(point.driven.decisions[*judged.decision].opened))
                                             : json::value(nullptr)}});
      }
      by_source[accuracy_.sources[i].name] = std::move(list);
    }
    return by_source;
  }

  // Judged by what trajectories say.
  json::array Warnings(const AccuracyPoint& point) const {
    json::array list;
    for (const JudgedDecision& judged : point.scores.front().decisions) {
      const Decision& each = judged.decision;
      const bool is_false = judged.verdict == DecisionVerdict::kFalse;
      list.push_back(json::object{{"a", CleanText(recording_.IdOf(each.a))},
                                  {"b", CleanText(recording_.IdOf(each.b))},
                                  {"type", log::EnumNameEncounter(each.type)},
                                  {"opened_s", FileTime(each.opened)},
                                  {"closed_s", ClosedTime(each.closed)},
                                  {"ttc_s", NineDigits(each.ttc_s)},
                                  {"verdict", NameOfVerdict(judged.verdict)},
                                  {"band", is_false ? json::value(NameOf(judged.band)) : json::value(nullptr)},
                                  {"cause", is_false ? json::value(NameOf(judged.cause)) : json::value(nullptr)}});
    }
    return list;
  }

  const Accuracy& accuracy_;
  const Recording& recording_;
  const double hours_;
};

}  // namespace

std::string AccuracyDocument(const Accuracy& accuracy) { return Document(accuracy).Make(); }

}  // namespace starling::sim
