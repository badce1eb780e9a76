// What truly happened between two vehicles, and whether one could see it come.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <vector>

#include "sim/accuracy/recording.h"
#include "sim/truth/encounter.h"

namespace starling::sim {

enum class ConflictKind : std::uint8_t { kFollowing, kMerging, kCrossing, kHeadOn, kStanding };
inline constexpr std::size_t kConflictKinds = 5;
const char* NameOf(ConflictKind kind);

// How it could be seen: from a vehicle's true state, with its acceleration and curvature kept
// (common/motion/predictor.h), no plan and no error, do the two boxes touch within the horizon?
enum class Foresight : std::uint8_t {
  kSeen,    // at some instant that long before
  kSudden,  // only later
  kNever,   // at no instant up to its worst one: by that prediction they were never on collision course
};

struct TrueEncounter {
  std::uint32_t a = 0;  // the recording's tracks; a < b
  std::uint32_t b = 0;
  SimTime begin{};
  SimTime end{};
  SimTime worst{};   // of the least TTC, or the touch
  double ttc_s = 0;  // the least; 0: they touch
  ConflictKind kind = ConflictKind::kFollowing;
  // SUMO says so of a crossing from one side alone: nobody need arrive there (docs/validation.md).
  bool one_sided = false;

  // Filled in by Foresee.
  Foresight foresight = Foresight::kNever;
  double seen_s = 0;  // so long before the worst instant it could be seen first
};

// All encounters with a TTC that sim/truth finds, in the order of their worst instants.
// `progress` is told the share that is done, and may end it.
std::vector<TrueEncounter> FindTrueEncounters(const Recording& recording, const std::function<bool(double)>& progress);

// Following, merging, crossing or head-on by SUMO's codes; a contact by the angle of the headings.  Whatever it
// is by those, one of whom stood for the last two seconds before the worst instant is a standing obstacle.
ConflictKind KindOf(const Recording& recording, std::uint32_t a, std::uint32_t b, SimTime worst, EncounterType type);

struct ForesightRules {
  double horizon_s = 5;
  double sudden_s = 1;  // seen less than this before the worst instant: sudden
};
// At each of the recording's steps in the horizon before the worst one.
void Foresee(const Recording& recording, const ForesightRules& rules, TrueEncounter* encounter);

}  // namespace starling::sim
