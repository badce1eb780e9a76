#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "cloud/scaling/load_forecaster.h"
#include "cloud/scaling/scaling_config.h"

namespace starling::cloud {

// What is published.
struct ScalingOutlook {
  double load_now = 0;               // of the last minute, fixes/s
  double load_forecast = 0;          // ten minutes ahead
  double load_low = 0;               // the interval's ends
  double load_high = 0;
  double profile_seen = 0;           // share of the week that is known, 0 to 1
  std::optional<double> covered;     // share of late minutes that were within their interval
  std::uint32_t shards_needed = 0;   // by the forecast alone
  std::uint32_t shards_wanted = 0;   // after cool-down and bounds: what to scale to
  std::uint64_t minutes = 0;         // observed since the start
};

// The number of shards for a load that is forecast.  Room is made at once: for the interval's
// upper end ten minutes ahead, and for the last minute if that is more.  A shard is given up
// after the cool-down, and only if the others would then have room to spare.
//
// Threading: thread-compatible.
class ScalingPlanner {
 public:
  // REQUIRES: config.Validate().ok()
  explicit ScalingPlanner(const ScalingConfig& config);
  ScalingPlanner(const ScalingPlanner&) = delete;
  ScalingPlanner& operator=(const ScalingPlanner&) = delete;

  // As LoadForecaster::Observe.
  bool Observe(Minute minute, double fixes_per_second);

  // None before the first minute.
  const std::optional<ScalingOutlook>& outlook() const { return outlook_; }
  const LoadForecaster& forecaster() const { return forecaster_; }

 private:
  friend class ScalingStateCodec;

  std::uint32_t ShardsFor(double load, double share) const;

  const ScalingConfig config_;
  LoadForecaster forecaster_;
  struct Need {
    Minute minute{};
    std::uint32_t shards = 0;
  };
  std::deque<Need> needs_;           // of the cool-down, with the hysteresis' room
  std::uint32_t wanted_ = 0;
  std::optional<ScalingOutlook> outlook_;
};

}  // namespace starling::cloud
