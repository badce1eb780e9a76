#pragma once

#include <string>

#include "sim/scaling/scaling_study.h"

namespace starling::sim {

// A page with the week of the first seed, what was forecast for it and the shards of two rules, and what the rules
// cost against what they miss.  HTML with drawings in it, light and dark.
std::string ScalingPage(const ScalingStudy& study);

}  // namespace starling::sim
