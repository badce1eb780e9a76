#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/plan/plan_codec.h"
#include "common/status.h"

namespace starling::cloud {

inline constexpr std::size_t kPlanTextBytesMax = 64 << 10;

// Where a plan's text is wrong, and why.
struct PlanMistake {
  std::uint32_t line = 1;
  std::uint32_t column = 1;
  std::string why;          // what was found and what was expected

  // "FILE:LINE:COLUMN: why"
  std::string ToText(std::string_view file) const;
};

// Reads a plan's text, TOML: docs/formats/plan.md.  Nothing: `*mistake` says why; it is the
// first one found, of what is written first its form, then what it means.
std::optional<CompiledPlan> ParsePlan(std::string_view text, PlanMistake* mistake);

// For people: its name and version, and how much it has of each.
std::string PlanSummary(const Plan& plan);

}  // namespace starling::cloud
