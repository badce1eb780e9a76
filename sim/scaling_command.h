#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace starling::sim {

struct ScalingCommand {
  CLI::App* command = nullptr;             // the program's
  std::function<int()> run;                // the exit code
};

// starling-sim scaling: a week of a city's load under rules that scale.
ScalingCommand AddScalingCommand(CLI::App* program);

}  // namespace starling::sim
