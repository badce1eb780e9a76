#pragma once

#include "sim/fleet/fleet.h"

namespace starling::sim {

// starling-sim, but for its parts: a test composes it anew with parts of its own.
int SimulatorMain(int argc, char** argv, const FleetHooks& hooks = {});

}  // namespace starling::sim
