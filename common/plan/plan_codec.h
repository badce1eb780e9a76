#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "common/plan/plan.h"
#include "common/status.h"

namespace starling {

// A plan, and the bytes that it is known by.
struct CompiledPlan {
  Plan plan;
  PlanHash hash{};
  std::vector<std::byte> bytes;  // a wire::Plan
};

// The same plan gives the same bytes with one release of FlatBuffers.  Times are rounded
// to milliseconds, thresholds to thousandths: `plan` of the result is what a vehicle
// will go by.
//
// Errors: kInvalidArgument if FindFault finds one, or it is longer than
//         PlanLimits::kBytesMax.
Result<CompiledPlan> CompilePlan(const Plan& plan);

// The plan in `bytes`, which may come from anywhere.
//
// Errors: kCorruption if they are not one by structure; kInvalidArgument if it is too
//         long, or FindFault finds one.
Result<CompiledPlan> ReadCompiledPlan(std::span<const std::byte> bytes);

// Of a compiled plan's bytes.
PlanHash HashOf(std::span<const std::byte> bytes);

}  // namespace starling
