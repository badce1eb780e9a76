#pragma once

#include <array>
#include <chrono>
#include <cstdint>

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

// The last 3.2 s of one vehicle at 10 Hz.  Single precision: 0.3 mm in a city.
struct PoseRing {
  static constexpr std::uint32_t kCapacity = 32;

  struct Entry {
    std::int64_t time_ns = 0;
    float x = 0;
    float y = 0;
    float heading_rad = 0;
    float speed_mps = 0;
  };

  void Push(const Entry& entry) {
    entries[next % kCapacity] = entry;
    ++next;
  }

  std::array<Entry, kCapacity> entries{};
  std::uint32_t next = 0;
};

}  // namespace starling::sim
