#pragma once

#include <string>
#include <string_view>

#include "common/status.h"
#include "sim/scenario/scenario.h"

namespace starling::sim {

// Reads a scenario, which docs/formats/scenario.md describes.  Paths in it are taken from its own folder.
//
// Errors: kIoError if the file cannot be read; kExhausted if it has more than 1 MiB; kInvalidArgument as "FILE:LINE: what was found and
//         what was expected".
Result<Scenario> ReadScenario(const std::string& path);
Result<Scenario> ParseScenario(std::string_view text, const std::string& path);

}  // namespace starling::sim
