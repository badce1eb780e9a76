#include "sim/experiment/axis.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "common/check.h"
#include "sim/experiment/number_text.h"

namespace starling::sim {

double RoundedDown(double value) {
  STARLING_CHECK(value > 0 && std::isfinite(value));
  double up = 1;
  double down = 1;  // Dividing by a whole power of ten is right to the last bit, multiplying by a tenth is not.
  while (up <= value / 10) up *= 10;
  while (1 / down > value) down *= 10;
  const double power = up / down;
  for (const double times : {5.0, 2.0}) {
    if (times * power <= value) return times * power;
  }
  return power;
}

Axis Axis::Make(double low, double high, int ticks, bool round) {
  STARLING_CHECK(std::isfinite(low) && std::isfinite(high) && low <= high && ticks >= 2);
  // Finer ticks than that could not be told from each other by doubles.
  const double least = std::max({std::abs(low), std::abs(high), 1e-6}) * 1e-6;
  if (high - low < least) {
    const double size = std::max(std::abs(low), std::abs(high));
    const double room = size == 0 ? 1 : std::max(size / 10, least);
    low = size == 0 ? 0 : low - room;
    high += room;
  }
  Axis axis;
  // About so many, rather fewer: a step up is at most two and a half times as long.
  double step = RoundedDown((high - low) / ticks);
  if ((high - low) / step > 1.5 * ticks) step = RoundedDown(2.5 * step);
  for (double fraction = step; axis.decimals_ < 9 && fraction < 0.999; fraction *= 10) ++axis.decimals_;
  constexpr double kOnTick = 1e-9;
  const double first = round ? std::floor(low / step + kOnTick) : std::ceil(low / step - kOnTick);
  const double last = round ? std::ceil(high / step - kOnTick) : std::floor(high / step + kOnTick);
  for (double i = first; i <= last; ++i) axis.ticks_.push_back(i * step);
  axis.low_ = round ? first * step : low;
  axis.high_ = round ? last * step : high;
  return axis;
}

Axis Axis::Round(double low, double high, int ticks) { return Make(low, high, ticks, true); }

Axis Axis::Exact(double low, double high, int ticks) { return Make(low, high, ticks, false); }

std::string Axis::Label(double tick) const {
  constexpr double kLongest = 1e7;
  constexpr int kDecimalsMax = 5;
  if (decimals_ <= kDecimalsMax && std::max(std::abs(low_), std::abs(high_)) < kLongest) return Fixed(tick, decimals_);
  if (tick == 0) return "0";
  std::array<char, 32> text;
  const auto written = std::to_chars(text.data(), text.data() + text.size(), tick, std::chars_format::scientific, 1);
  return std::string(text.data(), written.ptr);
}

}  // namespace starling::sim
