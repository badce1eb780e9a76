// What the horizon decided of a pair of vehicles.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "cloud/shard/shard.h"
#include "schemas/cloud_to_edge/downlink_generated.h"
#include "schemas/log/conflicts_generated.h"
#include "sim/traffic/sim_time.h"

namespace starling::sim {

// An episode: from the warning, at which both vehicles are told what to do, until it was clear again.
struct Decision {
  std::uint32_t a = 0;  // the recording's tracks; a < b
  std::uint32_t b = 0;
  SimTime opened{};
  SimTime closed = SimTime::max();  // max: open at the end
  log::Encounter type = log::Encounter::Unknown;
  double ttc_s = 0;  // as it was opened
};

}  // namespace starling::sim
