#include "sim/sensors/restart_plan.h"

#include <chrono>

#include "common/check.h"
#include "sim/sensors/limits.h"

namespace starling::sim {
namespace {

constexpr std::uint64_t kRestarts = 21;

}  // namespace

Status RestartConfig::Validate() const {
  Limits limits("restart");
  limits.Within("per_hour", per_hour, 0, 3600);
  limits.Within("away_min", away_min, milliseconds(1), seconds(3600));
  limits.Within("away_mean", away_mean, away_min, seconds(3600));
  limits.Within("away_max", away_max, away_mean, std::chrono::hours(24));
  return limits.Verdict();
}

RestartPlan::RestartPlan(const RestartConfig& config, std::uint64_t vehicle, SimTime begin)
    : config_(config), random_(SequenceSeed(config.seed, vehicle, kRestarts)) {
  STARLING_CHECK(config.Validate().ok());
  if (config.per_hour > 0) Draw(begin);
}

void RestartPlan::Pass() {
  STARLING_CHECK(next_.has_value());
  Draw(next_->end);
}

void RestartPlan::Draw(SimTime up_from) {
  const SimTime begin = up_from + SpanOf(DrawExponential(&random_) * 3600 / config_.per_hour);
  next_ = Absence{begin, begin + DrawSpan(config_.away_min, config_.away_mean, config_.away_max, &random_)};
}

}  // namespace starling::sim
