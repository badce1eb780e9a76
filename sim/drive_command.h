#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace starling::sim {

struct DriveCommand {
  CLI::App* command = nullptr;             // the program's
  std::function<int()> run;                // the exit code
};

// starling-sim drive: a network's traffic from its route files, without agents and cloud.
DriveCommand AddDriveCommand(CLI::App* program);

}  // namespace starling::sim
