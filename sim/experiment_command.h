#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace starling::sim {

struct ExperimentCommand {
  CLI::App* command = nullptr;             // the program's
  std::function<int()> run;                // the exit code
};

// starling-sim experiment: a scenario, driven without and with the orchestrator's commands.
ExperimentCommand AddExperimentCommand(CLI::App* program);

}  // namespace starling::sim
