#pragma once

#include <string>

#include "sim/experiment/experiment_result.h"

namespace starling::sim {

// What an experiment says, for people: one line for each figure; 100 columns.
std::string ExperimentTable(const Experiment& experiment);

}  // namespace starling::sim
