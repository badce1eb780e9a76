#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "common/ids.h"

namespace starling::cloud {

// Minutes of Unix time, moved to the place where the clocks on the wall are looked at.
enum class Minute : std::int64_t {};

struct LoadForecast {
  Minute minute{};     // that it is for
  double mean = 0;
  double low = 0;      // the interval's ends, never below 0
  double high = 0;
};

// Forecasts a load that has days and weeks in it, ten minutes ahead, with an interval.
//
//   load(t) = profile(t) + departure(t)
//
// The profile is the load of each five minutes of the week, learned by exponential smoothing
// where it is visited.  Five minutes that were seen on few weeks borrow from the same ones of
// other days, workdays from workdays first, so that the second day is forecast from the first.
// The departure, what today does otherwise, is a level with a damped trend that goes back to
// the profile slowly.  The interval is that of the forecasts' own errors over the last two
// days, in shares of what was forecast: it believes in no distribution.
//
// Before there is a profile the departure is all of the load, and the forecast is the damped
// trend's.
//
// Source: J. W. Taylor: Short-term electricity demand forecasting using double seasonal
// exponential smoothing, J. Oper. Res. Soc. 54, 2003, (9) to (13): seasons of a day and a week,
// and a term for the error of late.  E. S. Gardner, E. McKenzie: Forecasting trends in time
// series, Management Science 31(10), 1985: the damped trend.  W. H. Williams, M. L. Goodman: A
// simple method for the construction of empirical confidence limits for economic forecasts,
// J. Am. Stat. Assoc. 66, 1971: the interval.  S. Gelper, R. Fried, C. Croux: Robust forecasting
// with exponential and Holt-Winters smoothing, J. Forecasting 29, 2010: what is learned is
// bounded.  Differs from Taylor: one profile of the week that borrows from its days, in place of
// a sum of two, because days and not their differences are what a weekend changes.
//
// Plain arithmetic: the same series gives the same bits on any machine, and a forecaster that
// was stored and read back goes on as if nothing had been.
//
// Threading: thread-compatible.
class LoadForecaster {
 public:
  static constexpr int kHorizonMinutes = 10;
  static constexpr int kSlotMinutes = 5;
  static constexpr std::size_t kSlotsPerDay = 24 * 60 / kSlotMinutes;
  static constexpr std::size_t kSlots = 7 * kSlotsPerDay;
  static constexpr std::size_t kErrorsMax = 2 * 24 * 60;
  // Fewer errors than these say nothing; the interval is then kIntervalUnknown to each side.
  static constexpr std::size_t kErrorsMin = 60;
  static constexpr double kIntervalUnknown = 0.3;

  // What is known to be added to the load of a minute: announced events.
  using Announced = std::function<double(Minute)>;

  // `coverage`: the share of minutes that are to be within the interval, 0.5 to 0.99.
  explicit LoadForecaster(double coverage, Announced announced = nullptr);

  // The load during `minute`.  Minutes rise; those that are missing cost what they would have
  // taught, and a clock that was set back by more than ten minutes is followed.
  // False if it taught nothing: a minute that was there, or a load that is no number from 0 on.
  bool Observe(Minute minute, double load);

  // Of ten minutes after the last one observed; none before the first.
  std::optional<LoadForecast> Forecast() const;

  std::optional<Minute> last() const { return last_; }
  double load() const { return load_; }         // of the last minute
  // Share of the week's five minutes that were seen on their own day.
  double seen() const;
  // Share of the last two days' minutes that were within the interval that was forecast for them.
  std::optional<double> covered() const;

 private:
  friend class ScalingStateCodec;

  struct Slot {
    float load = 0;
    std::uint16_t visits = 0;    // weeks; none: unknown
  };
  struct Pending {
    std::int64_t minute = -1;
    double mean = 0;
    double low = 0;
    double high = 0;
  };

  double Extra(Minute minute) const { return announced_ ? announced_(minute) : 0; }
  std::optional<double> SlotLoad(std::size_t slot) const;
  std::optional<double> Profile(Minute minute) const;
  void Depart(std::int64_t minutes, double observed, double basis);
  void Learn(std::size_t slot, double load);
  void CloseSlot();
  double Scale(double mean) const;
  double ErrorQuantile(double share) const;
  void Score(Minute minute, double load);

  const double coverage_;
  const Announced announced_;

  std::array<Slot, kSlots> slots_{};
  std::optional<Minute> last_;
  double load_ = 0;
  double base_ = 0;                // mean of about a day
  std::uint32_t base_count_ = 0;   // minutes in it, up to a day's
  double basis_ = 0;               // of the profile, at `last_`; 0 where it is unknown
  double level_ = 0;               // the departure's, and its trend a minute
  double trend_ = 0;

  // The slot that is being seen.
  std::size_t open_slot_ = 0;
  double open_sum_ = 0;
  std::uint32_t open_minutes_ = 0;

  std::array<Pending, 16> pending_{};   // by minute; the horizon is less
  std::vector<float> errors_;           // shares, a ring once it is full
  std::vector<float> sorted_;           // the same, rising
  std::vector<std::uint8_t> within_;    // the same minutes: inside the interval
  std::size_t errors_next_ = 0;
};

}  // namespace starling::cloud
