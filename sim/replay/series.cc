#include "sim/replay/series.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "common/check.h"

namespace starling::sim {

Series::Series(std::vector<double> time_s, std::vector<double> value, double period)
    : time_s_(std::move(time_s)), value_(std::move(value)), period_(period) {
  STARLING_CHECK(time_s_.size() == value_.size());
}

double Series::Difference(double from, double to) const {
  const double plain = to - from;
  return period_ > 0 ? plain - period_ * std::floor(plain / period_ + 0.5) : plain;
}

std::optional<double> Series::At(double time_s) const {
  const auto above = std::lower_bound(time_s_.begin(), time_s_.end(), time_s);
  if (above == time_s_.end()) return std::nullopt;
  const auto right = static_cast<std::size_t>(above - time_s_.begin());
  if (*above == time_s) return value_[right];
  if (right == 0) return std::nullopt;
  const double span = time_s_[right] - time_s_[right - 1];
  if (span > kGapMinS) return std::nullopt;
  const double share = (time_s - time_s_[right - 1]) / span;
  return value_[right - 1] + share * Difference(value_[right - 1], value_[right]);
}

std::optional<double> Series::MeanAround(double time_s, double half_width_s) const {
  const auto first = std::lower_bound(time_s_.begin(), time_s_.end(), time_s - half_width_s);
  const auto last = std::upper_bound(first, time_s_.end(), time_s + half_width_s);
  if (last - first < 2) return At(time_s);
  double sum = 0;
  for (auto each = first; each != last; ++each) {
    sum += Difference(value_[static_cast<std::size_t>(first - time_s_.begin())],
                      value_[static_cast<std::size_t>(each - time_s_.begin())]);
  }
  return value_[static_cast<std::size_t>(first - time_s_.begin())] +
         sum / static_cast<double>(last - first);
}

std::optional<double> Series::SlopeAt(double time_s, double half_width_s) const {
  // At an end, or beside a gap, from the side that there is.
  std::optional<double> before = At(time_s - half_width_s);
  std::optional<double> after = At(time_s + half_width_s);
  double span = 2 * half_width_s;
  if (!before || !after) {
    span = half_width_s;
    (before ? after : before) = At(time_s);
  }
  if (!before || !after) return std::nullopt;
  return Difference(*before, *after) / span;
}

}  // namespace starling::sim
