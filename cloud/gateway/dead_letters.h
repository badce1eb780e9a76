#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <flatbuffers/flatbuffers.h>

#include "cloud/gateway/judgement.h"
#include "cloud/log/log.h"
#include "common/ids.h"
#include "common/mutex.h"
#include "common/time.h"

namespace starling::cloud {

// At most `rate` per second, `burst` at once.
//
// Threading: thread-compatible.
class RateLimit {
 public:
  explicit RateLimit(double rate) : RateLimit(rate, rate) {}
  RateLimit(double rate, double burst) : rate_(rate), burst_(burst), tokens_(burst) {}

  // Takes nothing if there is not enough.
  bool Take(CloudTime now, double amount = 1);
  // What could be taken now; negative while something is owed.
  double Level(CloudTime now);
  // Takes what has been used already; what is missing has to come in first.
  void Owe(double amount) { tokens_ -= amount; }

 private:
  double rate_;
  double burst_;
  double tokens_;
  CloudTime refilled_;
};

inline constexpr double kDeadLettersPerVehicleAndSecond = 10;

// Writes refused messages to Topic::kDeadLetter: a sample of them, for people.  The
// counters count all.
//
// Threading: thread-safe.
class DeadLetters {
 public:
  static constexpr double kPerSecondMax = 1'000;
  static constexpr std::size_t kPayloadBytesMax = 256;

  DeadLetters(Log* log, Partition partition) : log_(log), partition_(partition), limit_(kPerSecondMax) {}

  // Appends a record unless the limit is reached; a full log drops it.
  void Write(const VehicleId& vehicle, const Judgement& judgement, std::uint8_t frame_type,
             std::span<const std::byte> payload, CloudTime now);

 private:
  Log* const log_;
  const Partition partition_;

  Mutex mutex_;
  RateLimit limit_ STARLING_GUARDED_BY(mutex_);
  flatbuffers::FlatBufferBuilder builder_ STARLING_GUARDED_BY(mutex_);
};

}  // namespace starling::cloud
