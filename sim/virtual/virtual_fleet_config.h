#pragma once

#include <cstdint>
#include <vector>

#include "common/status.h"
#include "common/time.h"
#include "sim/links/coverage_map.h"
#include "sim/links/link_config.h"
#include "sim/sensors/gnss_receiver.h"
#include "sim/sensors/restart_plan.h"
#include "sim/sensors/sky_map.h"
#include "sim/sensors/vehicle_clock.h"

namespace starling::sim {

// By default everyone has an agent and does as it says, and sensors and links are perfect.
struct VirtualFleetConfig {
  // Of boots and of who has an agent; sensors and links have seeds of their own.
  std::uint64_t seed = 1;
  std::uint32_t threads = 1;       // 1 to 64; the same result for any number
  // Threads wait for each other twice in a window (VirtualFleet); with fewer samples in one, that takes
  // longer than the samples do, and one thread does them all.  0: never.
  double samples_shared = 50;
  bool obey = true;                // false: drivers ignore commands, for comparison
  double penetration = 1;          // share of vehicles with an agent, 0 to 1
  double compliance = 1;           // share of drivers with an agent who do as it says, 0 to 1
  bool raw = false;                // every sample on the live lane
  nanoseconds durable_after = milliseconds(8);  // from a record to its acknowledgement, 0 to 10 s

  GnssConfig gnss;
  std::vector<SkyArea> sky;        // none: open everywhere
  ClockConfig clock;
  RestartConfig restarts;
  LinkConfig link;
  CoveragePlan coverage;           // without an extent: the same everywhere

  // Errors: kInvalidArgument names the field that is out of its range.
  Status Validate() const;
};

}  // namespace starling::sim
