#pragma once

#include <string>

#include "sim/accuracy/accuracy.h"

namespace starling::sim {

// For people, on a terminal.
std::string AccuracyTable(const Accuracy& accuracy);

// docs/formats/accuracy_report.md.  The same recording and options give the same bytes.
std::string AccuracyDocument(const Accuracy& accuracy);

// One page with its drawings: curves, lead times, the worst misses and false alarms.  No scripts, nothing from
// elsewhere.
std::string AccuracyPage(const Accuracy& accuracy);

}  // namespace starling::sim
