#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace starling::sim {

struct MapCommand {
  CLI::App* command = nullptr;             // the program's
  std::function<int()> run;                // the exit code
};

// starling-sim map: a city's streets as GeoJSON, for who draws them.
MapCommand AddMapCommand(CLI::App* program);

}  // namespace starling::sim
