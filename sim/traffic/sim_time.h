#pragma once

#include <chrono>

#include "common/time.h"

namespace starling::sim {

// The simulator's clock: nanoseconds since the city came to life.
struct SimClock {
  using duration = nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<SimClock>;
  static constexpr bool is_steady = true;
};
using SimTime = SimClock::time_point;

constexpr double SecondsOf(SimTime time) { return ToSeconds(time.time_since_epoch()); }

}  // namespace starling::sim
