#include "sim/accuracy/score.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

#include "common/geo/trigonometry.h"

namespace starling::sim {
namespace {

constexpr double kJumpM = 0.8;
constexpr nanoseconds kJumpBefore = seconds(3);
constexpr double kTurnRadps = 8 * kDegree;
constexpr nanoseconds kTurnAfter = seconds(3);

using PairKey = std::pair<std::uint32_t, std::uint32_t>;

nanoseconds Span(double duration_s) { return nanoseconds(static_cast<std::int64_t>(duration_s * 1e9)); }

FalseAlarmBand BandOf(double ttc_s, double relevant_s) {
  if (ttc_s <= 0) return FalseAlarmBand::kTouch;
  if (ttc_s < relevant_s) return FalseAlarmBand::kBelow;
  return ttc_s <= 3 ? FalseAlarmBand::kToThree : FalseAlarmBand::kAboveThree;
}

// Calls visit(row before, row, seconds between them) for the steps that end in [from, until].
template <typename Visit>
void ForSteps(const Recording& recording, std::uint32_t number, SimTime from, SimTime until, Visit visit) {
  const RecordedTrack& track = recording.tracks[number];
  const auto begin = std::ranges::lower_bound(recording.times, from) - recording.times.begin();
  for (auto step = std::max(static_cast<std::uint32_t>(begin), track.first_step + 1);
       step < track.end_step() && recording.times[step] <= until; ++step) {
    visit(track.Row(step - 1), track.Row(step), ToSeconds(recording.times[step] - recording.times[step - 1]));
  }
}

FalseAlarmCause CauseOf(const Recording& recording, const Decision& decision, nanoseconds horizon) {
  bool jumps = false;
  bool turns = false;
  for (const std::uint32_t track : {decision.a, decision.b}) {
    const auto aside_m = [](const RecordedRow& from, const RecordedRow& to) {
      return std::abs(Cross(HeadingVector(to.heading_rad), to.front - from.front));
    };
    ForSteps(recording, track, decision.opened - kJumpBefore, decision.opened + horizon,
             [&](const RecordedRow& from, const RecordedRow& to, double) { jumps |= aside_m(from, to) >= kJumpM; });
    ForSteps(recording, track, decision.opened, decision.opened + kTurnAfter,
             [&](const RecordedRow& from, const RecordedRow& to, double step_s) {
               turns |=
                   std::abs(WrapAngle(static_cast<double>(to.heading_rad) - from.heading_rad)) > kTurnRadps * step_s;
             });
  }
  if (jumps) return FalseAlarmCause::kJump;
  return turns ? FalseAlarmCause::kTurn : FalseAlarmCause::kStraight;
}

}  // namespace

const char* NameOf(FalseAlarmCause cause) {
  switch (cause) {
    case FalseAlarmCause::kJump:
      return "lane_change_in_one_step";
    case FalseAlarmCause::kTurn:
      return "turning";
    case FalseAlarmCause::kStraight:
      return "straight";
  }
  return "";
}

const char* NameOf(FalseAlarmBand band) {
  switch (band) {
    case FalseAlarmBand::kTouch:
      return "touch";
    case FalseAlarmBand::kBelow:
      return "below_threshold";
    case FalseAlarmBand::kToThree:
      return "threshold_to_3_s";
    case FalseAlarmBand::kAboveThree:
      return "above_3_s";
    case FalseAlarmBand::kNever:
      return "never_near";
  }
  return "";
}

Status ScoreRules::Validate() const {
  const auto refuse = [](const char* message) { return Status(ErrorCode::kInvalidArgument, message); };
  if (!(ttc_s > 0 && ttc_s <= 3)) return refuse("the TTC that is relevant must be above 0 and up to 3 s");
  if (!(alive_s >= 0 && alive_s <= 60)) return refuse("the time that both are there must be within 0 and 60 s");
  if (!(horizon_s > 0 && horizon_s <= 5)) return refuse("the horizon must be above 0 and up to 5 s");
  if (!(sudden_s >= 0 && sudden_s <= horizon_s)) return refuse("what is sudden must be within 0 s and the horizon");
  return {};
}

std::optional<double> Score::LeadAt(double share) const {
  if (leads_s.empty()) return std::nullopt;
  const double place = share * static_cast<double>(leads_s.size() - 1);
  const auto low = static_cast<std::size_t>(place);
  const std::size_t high = std::min(low + 1, leads_s.size() - 1);
  return leads_s[low] + (place - std::floor(place)) * (leads_s[high] - leads_s[low]);
}

bool IsRelevant(const TrueEncounter& encounter, const Recording& recording, const ScoreRules& rules) {
  if (encounter.ttc_s >= rules.ttc_s) return false;
  const SimTime since = encounter.worst - Span(rules.alive_s);
  return recording.Begin(encounter.a) <= since && recording.Begin(encounter.b) <= since;
}

Score ScoreDecisions(const Recording& recording, std::span<const TrueEncounter> truth,
                     std::span<const TrueEncounter> all, std::span<const Decision> decisions, const ScoreRules& rules) {
  const nanoseconds horizon = Span(rules.horizon_s);
  Score score;
  std::map<PairKey, std::vector<std::uint32_t>> by_pair;
  for (std::uint32_t i = 0; i < decisions.size(); ++i) {
    score.decisions.push_back(
        {decisions[i], DecisionVerdict::kUnjudged, FalseAlarmBand::kNever, FalseAlarmCause::kStraight});
    by_pair[{decisions[i].a, decisions[i].b}].push_back(i);
  }
  const auto count = [](Proportion* proportion, bool is) {
    ++proportion->of;
    proportion->is += is ? 1 : 0;
  };
  for (const TrueEncounter& encounter : truth) {
    if (!IsRelevant(encounter, recording, rules)) continue;
    JudgedEncounter judged{encounter, EncounterOutcome::kMissed, 0, std::nullopt};
    const auto found = by_pair.find({encounter.a, encounter.b});
    if (found != by_pair.end()) {
      for (const std::uint32_t i : found->second) {  // in the order of their opening
        const Decision& decision = decisions[i];
        if (decision.opened <= encounter.worst && decision.closed > encounter.worst - horizon) {
          score.decisions[i].verdict = DecisionVerdict::kTrue;
          if (judged.outcome == EncounterOutcome::kFound) continue;
          judged.outcome = EncounterOutcome::kFound;
          judged.decision = i;
          judged.lead_s = ToSeconds(encounter.worst - decision.opened);
        } else if (judged.outcome == EncounterOutcome::kMissed && decision.opened > encounter.worst &&
                   decision.opened <= encounter.worst + horizon) {
          judged.outcome = EncounterOutcome::kLate;
          judged.decision = i;
        }
      }
    }
    const bool is = judged.outcome == EncounterOutcome::kFound;
    count(&score.recall, is);
    count(&score.recall_by_kind[static_cast<std::size_t>(encounter.kind)], is);
    count(&score.recall_by_foresight[static_cast<std::size_t>(encounter.foresight)], is);
    if (encounter.ttc_s <= 0) count(&score.recall_of_touches, is);
    if (encounter.one_sided) count(&score.recall_of_one_sided, is);
    if (judged.outcome == EncounterOutcome::kLate) ++score.late;
    if (is) score.leads_s.push_back(judged.lead_s);
    score.encounters.push_back(judged);
  }
  std::ranges::sort(score.leads_s);

  std::map<PairKey, std::vector<const TrueEncounter*>> encounters;
  for (const TrueEncounter& each : all) encounters[{each.a, each.b}].push_back(&each);
  for (JudgedDecision& judged : score.decisions) {
    const Decision& decision = judged.decision;
    const SimTime until = decision.opened + horizon;
    if (judged.verdict != DecisionVerdict::kTrue) {
      if (std::min(recording.End(decision.a), recording.End(decision.b)) < until) {
        ++score.unjudged;
        continue;
      }
      judged.verdict = DecisionVerdict::kFalse;
      const SimTime over = std::max(until, std::min(decision.closed, recording.times.back()));
      double least_s = std::numeric_limits<double>::infinity();
      for (const TrueEncounter* each : encounters[{decision.a, decision.b}]) {
        if (each->begin <= over && each->end >= decision.opened) least_s = std::min(least_s, each->ttc_s);
      }
      judged.band = std::isfinite(least_s) ? BandOf(least_s, rules.ttc_s) : FalseAlarmBand::kNever;
      judged.cause = CauseOf(recording, decision, horizon);
      ++score.false_by_cause[static_cast<std::size_t>(judged.cause)];
      ++score.false_by_band[static_cast<std::size_t>(judged.band)];
    }
    count(&score.precision, judged.verdict == DecisionVerdict::kTrue);
  }
  return score;
}

}  // namespace starling::sim
