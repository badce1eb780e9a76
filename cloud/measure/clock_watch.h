#pragma once

#include <cstdint>
#include <optional>

#include "common/time.h"

namespace starling::cloud {

// Sees when somebody set this machine's clock: it then moves against the one that only
// counts.  A clock that is being disciplined moves by 0.5 ms in a second at most and is
// not meant.
//
// Threading: thread-compatible; has no clock of its own.
class ClockWatch {
 public:
  // Less is no step, whatever the time between two looks.
  static constexpr milliseconds kStepMin{20};
  // And beyond that, for each second between them: twice what adjtime(3) slews by.
  static constexpr double kSlewMax = 1e-3;

  // Call often: a step is known to have been between two looks.
  void Look(CloudTime now, nanoseconds steady) {
    const nanoseconds offset = now.time_since_epoch() - steady;
    if (offset_) {
      const nanoseconds moved = offset - *offset_;
      const auto allowed = kStepMin + std::chrono::duration_cast<nanoseconds>((steady - looked_) * kSlewMax);
      if (moved > allowed || moved < -allowed) {
        ++steps_;
        last_ = moved;
      }
    }
    offset_ = offset;
    looked_ = steady;
  }

  std::uint64_t steps() const { return steps_; }
  nanoseconds last() const { return last_; }  // forwards is positive; 0 before the first

 private:
  std::optional<nanoseconds> offset_;
  nanoseconds looked_{0};
  std::uint64_t steps_ = 0;
  nanoseconds last_{0};
};

}  // namespace starling::cloud
