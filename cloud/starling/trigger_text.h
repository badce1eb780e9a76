#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "common/plan/plan.h"

namespace starling::cloud {

// What a trigger's condition says:
//
//   when   := any ["for" number ("s" | "ms")]
//   any    := all ("or" all)*
//   all    := one ("and" one)*
//   one    := "not" one | "(" any ")" | signal (">" | ">=" | "<" | "<=") number
//           | ("inside" | "entered" | "left") geofence | "command" "received"
struct TriggerCondition {
  std::vector<PlanStep> steps;  // postfix
  milliseconds hold{};
};

struct TriggerMistake {
  std::size_t at = 0;           // bytes from the text's beginning
  std::string why;              // what was found and what was expected
};

// Reads `text`.  Geofences are named in the order of `geofences`.  False: `*mistake` says
// why; how long a condition may be is checked here, the other limits by FindFault.
bool ParseTrigger(std::string_view text, const std::vector<std::string>& geofences, TriggerCondition* condition,
                  TriggerMistake* mistake);

}  // namespace starling::cloud
