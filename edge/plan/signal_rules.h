#pragma once

#include <cstdint>
#include <vector>

#include "common/plan/plan.h"
#include "schemas/edge_to_cloud/uplink_generated.h"

namespace starling::edge {

// The value of a signal in a fix, in the unit of its name.
// REQUIRES: FindPlanSignal(signal)->number
double SignalValue(wire::PlanSignal signal, const wire::Fix& fix);

// What history keeps of each sample under a plan: the values of signals that the plan does
// not want from this one are written as they were last kept.
//
// Threading: thread-compatible.
class SignalRules {
 public:
  explicit SignalRules(const std::vector<PlanSignalRule>& rules) : rules_(rules) {}

  // Returns how many values were not kept.
  std::uint32_t Thin(wire::Fix* fix);

 private:
  std::vector<PlanSignalRule> rules_;
  wire::Fix kept_;
  bool first_ = true;
};

}  // namespace starling::edge
