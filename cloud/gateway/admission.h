#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "cloud/gateway/dead_letters.h"
#include "common/mutex.h"
#include "common/time.h"

namespace starling::cloud {

// What a frame is worth when there is not room for all: what is named first is let in
// last to be turned away.
enum class FrameClass : std::uint8_t {
  kSession,   // Hello, statuses of commands, clock: never turned away here
  kInvolved,  // fixes of a vehicle that was sent a command within kInvolvedFor
  kLive,      // other fixes: the next one replaces it
  kHistory,   // kept by the vehicle, sent again later
};
inline constexpr std::size_t kFrameClasses = 4;

// A conflict or a jam concerns a vehicle for so long after its last command.
inline constexpr seconds kInvolvedFor{5};

struct AdmissionConfig {
  // Of all vehicles of a gateway together.  Half a second's worth may come at once.
  double frames_per_second = 400'000;   // [100, 1e9]
  double bytes_per_second = 256e6;      // [1e5, 1e12]
};

// Admits frames before anything is done for them, by class and by two measures.
//
//   rate   history is turned away while less than half of what may come at once is left,
//          fixes while less than a tenth is, those of vehicles under command while less
//          than a twentieth is.  What is never turned away is taken from the same
//          measure, so the others make room for it.
//   delay  the log's queue is what waits for the shard: history is turned away while
//          more than a twentieth of its bound is taken, fixes from a tenth, those of
//          vehicles under command from a fifth.  So a shard that has more to do than it
//          can works on fixes that are some tens of milliseconds old, not on a queue
//          of old positions, and commands and statuses find room.
//
// The one place where a gateway decides which class gives way.
//
// Threading: thread-safe.
class Admission {
 public:
  // Of the burst: what has to be left for a class to be let in.
  static constexpr std::array<double, kFrameClasses> kReserve{0, 0.05, 0.1, 0.5};
  // Of the log's queue: what may be taken.  Sessions end at the queue's own bound.
  static constexpr std::array<double, kFrameClasses> kFillMax{1, 0.2, 0.1, 0.05};

  explicit Admission(const AdmissionConfig& config)
      : frames_burst_(config.frames_per_second / 2), bytes_burst_(config.bytes_per_second / 2),
        frames_(config.frames_per_second, frames_burst_), bytes_(config.bytes_per_second, bytes_burst_) {}

  // `log_fill`: Log::fill().  False: turned away, nothing was taken.
  bool Admit(FrameClass of, std::size_t bytes, double log_fill, CloudTime now);

 private:
  const double frames_burst_;
  const double bytes_burst_;

  Mutex mutex_;
  RateLimit frames_ STARLING_GUARDED_BY(mutex_);
  RateLimit bytes_ STARLING_GUARDED_BY(mutex_);
};

}  // namespace starling::cloud
