#pragma once

#include <string>

#include "sim/experiment/experiment_result.h"

namespace starling::sim {

// What an experiment measured and says, as JSON, the same to the last digit wherever it is computed:
// docs/formats/experiment.md.
std::string ExperimentDocument(const Experiment& experiment);

}  // namespace starling::sim
