#include "cloud/scaling/scaling_planner.h"

#include <algorithm>
#include <cmath>

#include "common/check.h"

namespace starling::cloud {

ScalingPlanner::ScalingPlanner(const ScalingConfig& config)
    : config_(config), forecaster_(config.coverage, [this](Minute minute) { return config_.Extra(minute); }) {
  STARLING_CHECK(config.Validate().ok());
}

std::uint32_t ScalingPlanner::ShardsFor(double load, double share) const {
  const double shards = load / (config_.capacity_fixes_per_second * share);
  const auto whole = static_cast<std::uint32_t>(std::min(std::floor(shards), 1e6));
  const std::uint32_t needed = whole + (static_cast<double>(whole) < shards ? 1 : 0);
  return std::clamp(needed, config_.shards_min, config_.shards_max);
}

bool ScalingPlanner::Observe(Minute minute, double fixes_per_second) {
  if (!forecaster_.Observe(minute, fixes_per_second)) return false;
  const LoadForecast forecast = *forecaster_.Forecast();
  ScalingOutlook outlook;
  outlook.load_now = fixes_per_second;
  outlook.load_forecast = forecast.mean;
  outlook.load_low = forecast.low;
  outlook.load_high = forecast.high;
  outlook.profile_seen = forecaster_.seen();
  outlook.covered = forecaster_.covered();
  outlook.minutes = outlook_ ? outlook_->minutes + 1 : 1;
  const double ahead = std::max(forecast.high, fixes_per_second);
  outlook.shards_needed = ShardsFor(ahead, config_.target_share);

  needs_.push_back({minute, ShardsFor(ahead, config_.target_share * (1 - config_.hysteresis))});
  const std::int64_t oldest = ToNumber(minute) - config_.cool_down.count();
  while (ToNumber(needs_.front().minute) < oldest || needs_.front().minute > minute) needs_.pop_front();
  std::uint32_t most = 0;
  for (const Need& need : needs_) most = std::max(most, need.shards);
  wanted_ = std::max(outlook.shards_needed, std::min(wanted_, most));
  outlook.shards_wanted = wanted_;
  outlook_ = outlook;
  return true;
}

}  // namespace starling::cloud
