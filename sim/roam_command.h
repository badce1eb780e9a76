#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace starling::sim {

struct RoamCommand {
  CLI::App* command = nullptr;             // the program's
  std::function<int()> run;                // the exit code
};

// starling-sim roam: a city's own traffic, from one random place to the next, without agents and cloud.
RoamCommand AddRoamCommand(CLI::App* program);

}  // namespace starling::sim
