#pragma once

#include <cstdint>
#include <optional>

#include "cloud/scaling/load_forecaster.h"
#include "common/time.h"

namespace starling::cloud {

struct MinuteLoad {
  Minute minute{};
  double per_second = 0;
};

// Makes loads of whole minutes out of a count that grows, looked at every second or so.
//
// Threading: thread-compatible.
class LoadMeter {
 public:
  explicit LoadMeter(std::int64_t utc_offset_minutes) : offset_(utc_offset_minutes) {}

  // The minute that has ended with this look, if most of it was seen.  A count that goes back
  // belongs to somebody new, and begins the minute anew; so does a clock that steps.
  std::optional<MinuteLoad> Look(CloudTime now, std::uint64_t count) {
    std::optional<MinuteLoad> ended;
    const Minute minute = MinuteOf(now);
    const bool stepped = begun_ && (now < looked_ || now - looked_ > kLookMax);
    if (begun_ && !stepped && count >= count_ && minute != MinuteOf(from_)) {
      const double seconds = ToSeconds(now - from_);
      if (seconds >= kSecondsMin) {
        ended = MinuteLoad{MinuteOf(from_), static_cast<double>(count - count_) / seconds};
      }
    }
    if (!begun_ || stepped || count < count_ || minute != MinuteOf(from_)) {
      from_ = now;
      count_ = count;
    }
    begun_ = true;
    looked_ = now;
    return ended;
  }

 private:
  static constexpr double kSecondsMin = 30;
  static constexpr seconds kLookMax{30};

  Minute MinuteOf(CloudTime time) const {
    return Minute{std::chrono::floor<std::chrono::minutes>(time).time_since_epoch().count() + offset_};
  }

  const std::int64_t offset_;
  bool begun_ = false;
  CloudTime from_;
  CloudTime looked_;
  std::uint64_t count_ = 0;
};

}  // namespace starling::cloud
