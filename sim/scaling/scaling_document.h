// What a study says: docs/formats/scaling_report.md, and a table for people.
#pragma once

#include <string>

#include "sim/scaling/scaling_study.h"

namespace starling::sim {

// Where the fixes of a vehicle come from.
struct LoadAnchor {
  bool measured = false;              // else it was given
  struct Run {
    std::uint32_t vehicles = 0;
    double seconds = 0;
    double fixes = 0;
  };
  std::vector<Run> runs;
};

std::string ScalingDocument(const ScalingStudy& study, const LoadAnchor& anchor);
std::string ScalingTable(const ScalingStudy& study, const LoadAnchor& anchor);

}  // namespace starling::sim
