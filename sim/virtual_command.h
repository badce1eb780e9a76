#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "sim/scenario/scenario_record.h"

namespace starling::sim {

// starling-sim --virtual.  What is not given is the scenario's.
struct VirtualOptions {
  std::string scenario;                     // file; empty: a drawn city, where nothing is wrong but drivers
  std::string network;
  std::string signals;
  std::optional<std::uint32_t> vehicles;
  std::optional<std::uint32_t> seconds;
  std::uint64_t seed = 1;
  std::uint32_t threads = 0;                // 0: as many as there are processors
  bool obey = true;
  bool raw = false;
  bool json = false;                        // the report goes to standard output instead of the table
  std::string report;
  ScenarioRecordConfig record;
};

// Its exit code: 0 all held, 1 not, 2 cannot start, 130 ended early by a signal.
int RunVirtual(const VirtualOptions& options);

}  // namespace starling::sim
