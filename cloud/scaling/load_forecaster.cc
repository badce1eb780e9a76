#include "cloud/scaling/load_forecaster.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "common/check.h"

namespace starling::cloud {
namespace {

constexpr std::int64_t kDayMinutes = 24 * 60;
constexpr std::int64_t kWeekMinutes = 7 * kDayMinutes;
constexpr std::int64_t kThursdayMinutes = 3 * kDayMinutes;  // 1 January 1970 was one; weeks begin on Monday.

// Of the departure: what a minute's surprise moves its level and trend by, what of the trend is
// left a minute later, and of the departure itself: half of it is gone after two hours.
constexpr double kLevelGain = 0.5;
constexpr double kTrendGain = 0.1;
constexpr double kTrendKept = 0.9;
constexpr double kDepartureKept = 0.9942;

// A new week moves five minutes by this much of the difference, and no difference counts for more than the share.
constexpr double kProfileGain = 0.25;
constexpr double kSurpriseMax = 0.5;
constexpr std::uint16_t kVisitsMax = 16;
// Other days weigh as much as half a week of the own one.
constexpr double kBorrowed = 0.5;
// Of five minutes so many must have been seen.
constexpr std::uint32_t kSlotMinutesMin = 3;

// Below this share of the day's mean an error is in shares of that.
constexpr double kScaleMin = 0.1;

constexpr std::int64_t kClockBackMax = 10;
constexpr std::int64_t kGapFollowed = 12 * 60;

std::int64_t MinuteOfWeek(Minute minute) {
  const std::int64_t of_week = (ToNumber(minute) + kThursdayMinutes) % kWeekMinutes;
  return of_week < 0 ? of_week + kWeekMinutes : of_week;
}

bool IsWorkday(std::size_t day) { return day < 5; }

}  // namespace

LoadForecaster::LoadForecaster(double coverage, Announced announced)
    : coverage_(coverage), announced_(std::move(announced)) {
  STARLING_CHECK(coverage >= 0.5 && coverage <= 0.99);
}

// Of a slot, with what it borrows.
std::optional<double> LoadForecaster::SlotLoad(std::size_t slot) const {
  const std::size_t day = slot / kSlotsPerDay;
  const std::size_t of_day = slot % kSlotsPerDay;
  double alike = 0;
  double others = 0;
  std::uint32_t alike_count = 0;
  std::uint32_t others_count = 0;
  for (std::size_t other = 0; other < 7; ++other) {
    const Slot& lender = slots_[other * kSlotsPerDay + of_day];
    if (other == day || lender.visits == 0) continue;
    const bool is_alike = IsWorkday(other) == IsWorkday(day);
    (is_alike ? alike : others) += lender.load;
    ++(is_alike ? alike_count : others_count);
  }
  const Slot& own = slots_[slot];
  if (alike_count == 0 && others_count == 0) return own.visits == 0 ? std::nullopt : std::optional<double>(own.load);
  const double lent = alike_count != 0 ? alike / alike_count : others / others_count;
  // Days of the other kind say nothing once the own one was seen.
  if (own.visits != 0 && alike_count == 0) return own.load;
  return (own.visits * static_cast<double>(own.load) + kBorrowed * lent) / (own.visits + kBorrowed);
}

// Straight lines between the middles of the slots.
std::optional<double> LoadForecaster::Profile(Minute minute) const {
  constexpr std::int64_t kHalves = 2 * kSlotMinutes;
  const std::int64_t halves = (2 * MinuteOfWeek(minute) + 1 - kSlotMinutes + 2 * kWeekMinutes) % (2 * kWeekMinutes);
  const auto first = static_cast<std::size_t>(halves / kHalves) % kSlots;
  const double share = static_cast<double>(halves % kHalves) / kHalves;
  const std::optional<double> from = SlotLoad(first);
  const std::optional<double> to = SlotLoad((first + 1) % kSlots);
  if (!from || !to) return std::nullopt;
  return *from + (*to - *from) * share;
}

void LoadForecaster::Learn(std::size_t slot, double load) {
  Slot& known = slots_[slot];
  if (known.visits == 0) {
    known = {static_cast<float>(load), 1};
    return;
  }
  const double most = kSurpriseMax * std::max<double>(known.load, base_);
  const double surprise = std::clamp(load - known.load, -most, most);
  const double gain = std::max(1.0 / (known.visits + 1), kProfileGain);
  known.load = static_cast<float>(std::max(0.0, known.load + gain * surprise));
  known.visits = std::min<std::uint16_t>(static_cast<std::uint16_t>(known.visits + 1), kVisitsMax);
}

void LoadForecaster::CloseSlot() {
  if (open_minutes_ >= kSlotMinutesMin) Learn(open_slot_, open_sum_ / open_minutes_);
  open_sum_ = 0;
  open_minutes_ = 0;
}

// `minutes` later than `last_` the load, less what was announced, is `observed`.
void LoadForecaster::Depart(std::int64_t minutes, double observed, double basis) {
  double expected = level_;
  double trend = trend_;
  for (std::int64_t i = 0; i < std::min(minutes, kGapFollowed); ++i) {
    trend *= kTrendKept;
    // Without a profile there is nothing to go back to.
    expected = (basis_ == 0 ? 1.0 : kDepartureKept) * (expected + trend);
  }
  if (minutes > kGapFollowed) {
    expected = observed - basis;
    trend = 0;
  }
  const double surprise = observed - basis - expected;
  level_ = expected + kLevelGain * surprise;
  trend_ = trend + kLevelGain * kTrendGain * surprise;
}

bool LoadForecaster::Observe(Minute minute, double load) {
  if (!(load >= 0) || load > std::numeric_limits<float>::max()) return false;
  std::int64_t passed = 1;
  if (last_) {
    passed = ToNumber(minute) - ToNumber(*last_);
    if (passed <= 0 && passed >= -kClockBackMax) return false;
    if (passed <= 0) {
      for (Pending& each : pending_) each.minute = -1;
      passed = 1;
    }
  }
  Score(minute, load);

  const auto slot = static_cast<std::size_t>(MinuteOfWeek(minute) / kSlotMinutes);
  if (slot != open_slot_ || passed >= kSlotMinutes) CloseSlot();
  const double usual = std::max(0.0, load - Extra(minute));
  const std::optional<double> profile = Profile(minute);
  const double basis = profile.value_or(0);
  if (!last_) {
    level_ = usual - basis;
    trend_ = 0;
  } else {
    // Where a profile begins or ends the load goes on, and only what it is counted from changes.
    if ((basis == 0) != (basis_ == 0)) {
      level_ += basis_ - basis;
      trend_ = 0;
    }
    Depart(passed, usual, basis);
  }
  basis_ = basis;
  open_slot_ = slot;
  open_sum_ += usual;
  ++open_minutes_;
  if (base_count_ < kDayMinutes) ++base_count_;
  base_ += (usual - base_) / base_count_;
  load_ = load;
  last_ = minute;

  if (const std::optional<LoadForecast> forecast = Forecast()) {
    const std::int64_t due = ToNumber(forecast->minute);
    pending_[static_cast<std::size_t>(due & 15)] = {due, forecast->mean, forecast->low, forecast->high};
  }
  return true;
}

std::optional<LoadForecast> LoadForecaster::Forecast() const {
  if (!last_) return std::nullopt;
  const Minute minute{ToNumber(*last_) + kHorizonMinutes};
  const std::optional<double> profile = basis_ == 0 ? std::nullopt : Profile(minute);
  double departure = level_;
  double trend = trend_;
  for (int i = 0; i < kHorizonMinutes; ++i) {
    trend *= kTrendKept;
    departure = (basis_ == 0 ? 1.0 : kDepartureKept) * (departure + trend);
  }
  LoadForecast forecast;
  forecast.minute = minute;
  // A profile that ends before then goes on as it is now.
  forecast.mean = std::max(0.0, profile.value_or(basis_) + departure) + Extra(minute);
  const double scale = Scale(forecast.mean);
  const double beside = (1 - coverage_) / 2;
  forecast.low = std::max(0.0, forecast.mean + scale * ErrorQuantile(beside));
  forecast.high = std::max(forecast.low, forecast.mean + scale * ErrorQuantile(1 - beside));
  return forecast;
}

double LoadForecaster::Scale(double mean) const { return std::max({mean, kScaleMin * base_, 1e-9}); }

// The nearest rank's.
double LoadForecaster::ErrorQuantile(double share) const {
  if (errors_.size() < kErrorsMin) return share < 0.5 ? -kIntervalUnknown : kIntervalUnknown;
  const auto rank = static_cast<std::size_t>(share * static_cast<double>(sorted_.size()));
  return sorted_[std::min(rank, sorted_.size() - 1)];
}

void LoadForecaster::Score(Minute minute, double load) {
  Pending& due = pending_[static_cast<std::size_t>(ToNumber(minute) & 15)];
  if (due.minute != ToNumber(minute)) return;
  due.minute = -1;
  const auto error = static_cast<float>((load - due.mean) / Scale(due.mean));
  const auto within = static_cast<std::uint8_t>(due.low <= load && load <= due.high ? 1 : 0);
  if (errors_.size() == kErrorsMax) {
    sorted_.erase(std::lower_bound(sorted_.begin(), sorted_.end(), errors_[errors_next_]));
  }
  sorted_.insert(std::lower_bound(sorted_.begin(), sorted_.end(), error), error);
  if (errors_.size() < kErrorsMax) {
    errors_.push_back(error);
    within_.push_back(within);
    return;
  }
  errors_[errors_next_] = error;
  within_[errors_next_] = within;
  errors_next_ = (errors_next_ + 1) % kErrorsMax;
}

double LoadForecaster::seen() const {
  const auto known = std::count_if(slots_.begin(), slots_.end(), [](const Slot& slot) { return slot.visits > 0; });
  return static_cast<double>(known) / static_cast<double>(kSlots);
}

std::optional<double> LoadForecaster::covered() const {
  if (within_.size() < kErrorsMin) return std::nullopt;
  return static_cast<double>(std::count(within_.begin(), within_.end(), std::uint8_t{1})) /
         static_cast<double>(within_.size());
}

}  // namespace starling::cloud
