#pragma once

#include <algorithm>
#include <cstdint>
#include <random>

#include "common/time.h"

namespace starling::edge {

// How long to wait before a device or peer that went away is tried again: doubles from
// `min` to `max`, each jittered down to its half, so that many do not come at once.
//
// Threading: thread-compatible.
class Backoff {
 public:
  // REQUIRES: 0 < min <= max
  Backoff(milliseconds min, milliseconds max, std::uint64_t seed)
      : min_(min), max_(max), random_(static_cast<std::minstd_rand::result_type>(seed)) {}

  nanoseconds Next() {
    const nanoseconds whole = next_.count() == 0 ? nanoseconds(min_) : next_;
    next_ = std::min<nanoseconds>(2 * whole, max_);
    const nanoseconds::rep half = whole.count() / 2;
    return nanoseconds(half + half * static_cast<nanoseconds::rep>(random_() % 1024) / 1024);
  }

  // It works: the next failure begins anew.
  void Reset() { next_ = nanoseconds(0); }

 private:
  const milliseconds min_;
  const milliseconds max_;
  nanoseconds next_{};
  std::minstd_rand random_;
};

}  // namespace starling::edge
