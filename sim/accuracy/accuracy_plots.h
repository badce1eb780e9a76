// The drawings of the accuracy page, each an <svg> element whose looks are the page's style sheet's.
#pragma once

#include <string>

#include "sim/accuracy/accuracy.h"

namespace starling::sim {

// Precision over recall, by trajectories: the thresholds that were swept as a line, else the points.
std::string CurvePlot(const Accuracy& accuracy);

// Of the base point, by trajectories, in bins of half a second.
std::string LeadPlot(const Accuracy& accuracy);

// Two tracks over the last five seconds before `at`, with their boxes there; with `warned` also then, in outline.
struct PairPicture {
  std::uint32_t a = 0;
  std::uint32_t b = 0;
  SimTime at{};
  std::optional<SimTime> warned;
  std::string label;  // for those who cannot see it
};
std::string DrawPair(const Recording& recording, const PairPicture& picture);

}  // namespace starling::sim
