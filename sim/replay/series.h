#pragma once

#include <cstddef>
#include <optional>
#include <vector>

namespace starling::sim {

// Neighbours farther apart than this have a gap between them.
inline constexpr double kGapMinS = 0.5;

// One quantity over time, as it was recorded.
//
// Threading: thread-compatible.
class Series {
 public:
  Series() = default;
  // REQUIRES: `time_s` rises strictly; both have the same length.  `period` is 0, or
  // that of an angle: 180 and -179 are then one apart.
  Series(std::vector<double> time_s, std::vector<double> value, double period = 0);

  bool empty() const { return time_s_.empty(); }
  std::size_t size() const { return time_s_.size(); }
  double time_s(std::size_t index) const { return time_s_[index]; }
  double value(std::size_t index) const { return value_[index]; }

  // On the line between the neighbours; nullopt in a gap and outside.
  std::optional<double> At(double time_s) const;

  // The mean of what lies within `half_width_s`, where that is more than one value,
  // else At: what was recorded faster than it is wanted must not alias.
  std::optional<double> MeanAround(double time_s, double half_width_s) const;

  // Change for each second over `half_width_s` to both sides.
  std::optional<double> SlopeAt(double time_s, double half_width_s) const;

 private:
  double Difference(double from, double to) const;

  std::vector<double> time_s_;
  std::vector<double> value_;
  double period_ = 0;
};

}  // namespace starling::sim
