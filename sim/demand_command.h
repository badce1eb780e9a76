#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace starling::sim {

struct DemandCommand {
  CLI::App* command = nullptr;             // the program's
  std::function<int()> run;                // the exit code
};

// starling-sim demand: who would drive on a network, before anybody does.
DemandCommand AddDemandCommand(CLI::App* program);

}  // namespace starling::sim
