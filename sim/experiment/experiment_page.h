#pragma once

#include <string>

#include "sim/experiment/experiment_result.h"

namespace starling::sim {

// What an experiment measured and says, as one page with its drawings: HTML that is XML too, without scripts and
// without anything from elsewhere, for light and dark screens and for print.
std::string ExperimentPage(const Experiment& experiment);

}  // namespace starling::sim
