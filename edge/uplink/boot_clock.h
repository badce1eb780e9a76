#pragma once

#include <time.h>

#include <cstdint>
#include <random>

#include "common/time.h"

namespace starling::edge {

// This machine's clock since its boot, sleep included.  Only shells call it.
inline BootTime BootNow() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return BootTime(seconds(now.tv_sec) + nanoseconds(now.tv_nsec));
}

// For boot ids and the seeds of jitter; not 0.
inline std::uint64_t Random64() {
  std::random_device device;
  return (static_cast<std::uint64_t>(device()) << 32 | device()) | 1;
}

}  // namespace starling::edge
