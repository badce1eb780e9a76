#include "sim/fleet/fleet_clock.h"

#include <chrono>

namespace starling::sim {
namespace {

nanoseconds SteadyNow() {
  return std::chrono::duration_cast<nanoseconds>(
      std::chrono::steady_clock::now().time_since_epoch());
}

}  // namespace

FleetClock::FleetClock() : offset_(CloudNow().time_since_epoch() - SteadyNow()) {}

CloudTime FleetClock::Now() const { return CloudTime(SteadyNow() + offset_); }

}  // namespace starling::sim
