#pragma once

#include <string>
#include <vector>

namespace starling::sim {

// A scale between two pixels, with ticks at round numbers: 1, 2 or 5 times a power of ten apart.
class Axis {
 public:
  // Reaches from `low` to `high`, or to the ticks next outside of them, with about `ticks` ticks.  What is no span
  // gets one.
  // REQUIRES: finite, low <= high, ticks >= 2.
  static Axis Round(double low, double high, int ticks);
  // The ends stay where they are, and ticks are within.
  static Axis Exact(double low, double high, int ticks);

  // Where its ends are drawn; `from` may be beyond `to`.
  void Draw(double from, double to) {
    from_ = from;
    to_ = to;
  }

  double At(double value) const { return from_ + (to_ - from_) * ((value - low_) / (high_ - low_)); }
  // Of seven digits at most; longer ones have an exponent.
  std::string Label(double tick) const;

  double low() const { return low_; }
  double high() const { return high_; }
  const std::vector<double>& ticks() const { return ticks_; }

 private:
  static Axis Make(double low, double high, int ticks, bool round);

  double low_ = 0;
  double high_ = 1;
  double from_ = 0;
  double to_ = 1;
  int decimals_ = 0;
  std::vector<double> ticks_;
};

// The largest of 1, 2 and 5 times a power of ten that is not above `value`.  REQUIRES: value > 0, finite.
double RoundedDown(double value);

}  // namespace starling::sim
