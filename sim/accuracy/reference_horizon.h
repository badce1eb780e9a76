#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "cloud/shard/shard_config.h"
#include "sim/accuracy/decision.h"
#include "sim/accuracy/recording.h"

namespace starling::sim {

struct ReferenceDecisions {
  std::vector<Decision> decisions;  // in the order of their opening
  std::uint64_t pairs = 0;          // whose boxes were moved against each other, times steps
  std::uint64_t contacts = 0;       // of these, boxes that meet
  // Of these, contacts before the horizon's end that cloud::Meet does not find: it passes over grazes of 10 ms.
  std::uint64_t contacts_not_met = 0;
};

// The horizon by brute force: at each step of the recording all pairs, from their true states, without an agent, a
// radio, a cell, a track or any other filter between.  Boxes are moved along the same motion in steps of 50 ms.
// What it warns of and the shard does not, is lost on the way: by silence within the agent's limits, by delay, by the
// order of fixes, by a filter.  What it does not warn of either, the motion or the thresholds cannot see.
//
// The measures of a contact are cloud::Meet's; which contacts count, when a warning is given and when it ends is
// cloud/shard/horizon's rule (docs/decisions/0002), said again here, at the recording's steps.
//
// `progress` is told the share that is done, and may end it (no decisions then).
ReferenceDecisions DecideByBruteForce(const Recording& recording, const cloud::HorizonConfig& config,
                                      bool planned_paths, const std::function<bool(double share)>& progress);

// How many decisions have none of `others` on the same pair that was open within `within_s` of it.
std::uint64_t CountWithout(const std::vector<Decision>& decisions, const std::vector<Decision>& others,
                           double within_s);

}  // namespace starling::sim
