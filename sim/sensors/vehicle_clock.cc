#include "sim/sensors/vehicle_clock.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "common/check.h"
#include "sim/sensors/limits.h"

namespace starling::sim {
namespace {

constexpr std::int64_t kBillion = 1'000'000'000;

enum Purpose : std::uint64_t { kRate = 11, kSteps, kUptime };

// The whole of span * ppb / 10^9, rounded down, without overflow for a century at 500 ppm.
std::int64_t Surplus(std::int64_t span_ns, std::int64_t ppb) {
  const std::int64_t whole_s = span_ns / kBillion;
  const std::int64_t rest = (span_ns % kBillion) * ppb;
  return whole_s * ppb + (rest >= 0 ? rest / kBillion : -((-rest + kBillion - 1) / kBillion));
}

}  // namespace

Status ClockConfig::Validate() const {
  Limits limits("clock");
  limits.Within("rate_error_max_ppm", rate_error_max_ppm, 0, 500);
  limits.Within("steps_per_hour", steps_per_hour, 0, 3600);
  limits.Within("step_min", step_min, std::chrono::microseconds(1), seconds(3600));
  limits.Within("step_max", step_max, step_min, seconds(3600));
  limits.Within("uptime_max", uptime_max, nanoseconds(0), std::chrono::hours(24 * 30));
  return limits.Verdict();
}

VehicleClock::VehicleClock(const ClockConfig& config, std::uint64_t vehicle, SimTime begin)
    : steps_per_hour_(config.steps_per_hour),
      step_min_(config.step_min),
      step_max_(config.step_max),
      random_(SequenceSeed(config.seed, vehicle, kSteps)),
      boot_(begin),
      last_now_(begin) {
  STARLING_CHECK(config.Validate().ok());
  Random rate(SequenceSeed(config.seed, vehicle, kRate));
  const double max_ppb = config.rate_error_max_ppm * 1000;
  rate_ppb_ = static_cast<std::int64_t>(std::floor(rate.Between(-max_ppb, max_ppb) + 0.5));
  Random uptime(SequenceSeed(config.seed, vehicle, kUptime));
  offset_ns_ = SpanOf(uptime.Between(0, ToSeconds(config.uptime_max))).count();
  if (steps_per_hour_ > 0) {
    next_step_ = begin;
    DrawStep();
  }
}

BootTime VehicleClock::At(SimTime now) {
  STARLING_CHECK(now >= last_now_);
  TakeSteps(now);
  std::int64_t reading_ns = Elapsed(now);
  if (last_ns_ >= 0) {
    reading_ns = now == last_now_ ? last_ns_ : std::max(reading_ns, last_ns_ + 1);
  }
  last_now_ = now;
  last_ns_ = reading_ns;
  return BootTime(nanoseconds(reading_ns));
}

SimTime VehicleClock::WhenReaches(BootTime reading) const {
  const std::int64_t wanted_ns = reading.time_since_epoch().count();
  // Steps to come are drawn ahead on a copy, exactly as they will be.
  VehicleClock ahead = *this;
  while (ahead.next_step_ != SimTime::max()) {
    if (ahead.Elapsed(ahead.next_step_ - nanoseconds(1)) >= wanted_ns) break;
    const SimTime step_at = ahead.next_step_;
    ahead.TakeSteps(step_at);
    if (ahead.Elapsed(step_at) >= wanted_ns) return std::max(step_at, last_now_);
  }
  return std::max(ahead.InverseOf(wanted_ns), last_now_);
}

void VehicleClock::Reboot(SimTime now) {
  STARLING_CHECK(now >= last_now_);
  TakeSteps(now);
  boot_ = last_now_ = now;
  offset_ns_ = 0;
  last_ns_ = -1;
}

std::int64_t VehicleClock::Elapsed(SimTime now) const {
  const std::int64_t span_ns = (now - boot_).count();
  return offset_ns_ + span_ns + Surplus(span_ns, rate_ppb_);
}

SimTime VehicleClock::InverseOf(std::int64_t reading_ns) const {
  const std::int64_t span_ns = std::max<std::int64_t>(0, reading_ns - offset_ns_);
  // The rate is far below one half, so the answer is within these two.
  std::int64_t low = span_ns - Surplus(span_ns, std::abs(rate_ppb_)) - 2;
  std::int64_t high = span_ns + 2 * Surplus(span_ns, std::abs(rate_ppb_)) + 2;
  low = std::max<std::int64_t>(low, 0);
  while (low < high) {
    const std::int64_t middle = low + (high - low) / 2;
    if (Elapsed(boot_ + nanoseconds(middle)) >= reading_ns) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return boot_ + nanoseconds(low);
}

void VehicleClock::DrawStep() {
  next_step_ += std::max(nanoseconds(1), SpanOf(DrawExponential(&random_) * 3600 / steps_per_hour_));
  step_ = SpanOf(random_.Between(ToSeconds(step_min_), ToSeconds(step_max_)));
}

void VehicleClock::TakeSteps(SimTime now) {
  while (next_step_ <= now) {
    offset_ns_ += step_.count();
    ++steps_;
    DrawStep();
  }
}

}  // namespace starling::sim
