#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace starling::sim {

struct AccuracyCommand {
  CLI::App* command = nullptr;  // the program's
  std::function<int()> run;     // the exit code
};

// starling-sim accuracy: the collision horizon on recorded trajectories, beside what truly happened.
AccuracyCommand AddAccuracyCommand(CLI::App* program);

}  // namespace starling::sim
