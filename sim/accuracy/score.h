// Decisions beside what truly happened.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "common/status.h"
#include "sim/accuracy/decision.h"
#include "sim/accuracy/proportion.h"
#include "sim/accuracy/recording.h"
#include "sim/accuracy/true_encounter.h"

namespace starling::sim {

// What counts; docs/horizon.md has the same in words.
struct ScoreRules {
  double ttc_s = 1.5;    // an encounter below it is relevant, as is a touch; (0, 3]
  double alive_s = 1;    // both were there so long before its worst instant; [0, 60]
  double horizon_s = 5;  // (0, 5]
  double sudden_s = 1;   // [0, horizon_s]

  Status Validate() const;
};

enum class EncounterOutcome : std::uint8_t {
  kFound,  // a decision on the pair was open within the horizon before the worst instant, opened by then
  kLate,   // one was opened within the horizon after it
  kMissed,
};

// The least TTC of the pair's encounters that overlap a false alarm, which reaches from its opening until it is closed
// and the horizon is over.
enum class FalseAlarmBand : std::uint8_t { kTouch, kBelow, kToThree, kAboveThree, kNever };
inline constexpr std::size_t kBands = 5;
const char* NameOf(FalseAlarmBand band);

// What the two of a false alarm did: the first of these that is so.
enum class FalseAlarmCause : std::uint8_t {
  kJump,  // one was put aside by 0.8 m or more in one step, as SUMO changes lanes, from 3 s before it was opened
          // until the horizon was over
  kTurn,  // one turned by more than 8 degrees a second within 3 s after
  kStraight,
};
inline constexpr std::size_t kFalseAlarmCauses = 3;
const char* NameOf(FalseAlarmCause cause);

struct JudgedEncounter {
  TrueEncounter encounter;
  EncounterOutcome outcome = EncounterOutcome::kMissed;
  double lead_s = 0;                      // kFound: from the first warning to the worst instant
  std::optional<std::uint32_t> decision;  // the first of them; kLate, too
};

enum class DecisionVerdict : std::uint8_t {
  kTrue,  // it found a relevant encounter
  kFalse,
  kUnjudged,  // one of both left the recording before the horizon was over
};

struct JudgedDecision {
  Decision decision;
  DecisionVerdict verdict = DecisionVerdict::kUnjudged;
  FalseAlarmBand band = FalseAlarmBand::kNever;        // kFalse
  FalseAlarmCause cause = FalseAlarmCause::kStraight;  // kFalse
};

struct Score {
  std::vector<JudgedEncounter> encounters;  // the relevant ones
  std::vector<JudgedDecision> decisions;

  Proportion recall;
  std::array<Proportion, kConflictKinds> recall_by_kind{};
  std::array<Proportion, 3> recall_by_foresight{};  // by Foresight
  Proportion recall_of_touches;
  Proportion recall_of_one_sided;
  Proportion precision;
  std::uint64_t late = 0;
  std::uint64_t unjudged = 0;
  std::array<std::uint64_t, kBands> false_by_band{};
  std::array<std::uint64_t, kFalseAlarmCauses> false_by_cause{};
  std::vector<double> leads_s;  // ascending

  // 0.5: the median; by linear interpolation between the two nearest.  None without any.
  std::optional<double> LeadAt(double share) const;
};

bool IsRelevant(const TrueEncounter& encounter, const Recording& recording, const ScoreRules& rules);

// `truth` decides what is relevant; `all` what a false alarm's pair came to, and may be the same.
Score ScoreDecisions(const Recording& recording, std::span<const TrueEncounter> truth,
                     std::span<const TrueEncounter> all, std::span<const Decision> decisions, const ScoreRules& rules);

}  // namespace starling::sim
