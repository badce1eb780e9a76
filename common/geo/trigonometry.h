// Sine and cosine that give the same bits on every processor.  glibc picks its
// implementation by CPU and the last bit differs, so a decision that used it
// would not replay.
#pragma once

#include <cmath>

#include "common/geo/vec2.h"

namespace starling {

inline constexpr double kPi = 3.14159265358979323846;
inline constexpr double kDegree = kPi / 180;

struct SinCosValue {
  double sin;
  double cos;
};

// Sine and cosine of `angle_rad`, |angle_rad| <= 1e5.  Absolute error below
// 1e-13 for |angle_rad| <= 1e3.
//
// Method: reduction to [-pi/4, pi/4] by a two-part pi/2 (Cody and Waite 1980),
// then the Taylor polynomials, whose remainder there is below 1e-16.
inline SinCosValue SinCos(double angle_rad) {
  constexpr double kHalfPiHigh = 1.57079632673412561417e+00;  // 33 bits of pi/2.
  constexpr double kHalfPiLow = 6.07710050650619224932e-11;   // What they leave out.
  const double quadrant = std::floor(angle_rad * (2 / kPi) + 0.5);
  const double x = (angle_rad - quadrant * kHalfPiHigh) - quadrant * kHalfPiLow;
  const double z = x * x;
  const double sin_x =
      x * (1 + z * (-1.0 / 6 + z * (1.0 / 120 + z * (-1.0 / 5040 + z * (1.0 / 362880 +
          z * (-1.0 / 39916800 + z * (1.0 / 6227020800 + z * (-1.0 / 1307674368000))))))));
  const double cos_x =
      1 + z * (-1.0 / 2 + z * (1.0 / 24 + z * (-1.0 / 720 + z * (1.0 / 40320 +
          z * (-1.0 / 3628800 + z * (1.0 / 479001600 + z * (-1.0 / 87178291200)))))));
  switch (static_cast<long long>(quadrant) & 3) {
    case 0: return {sin_x, cos_x};
    case 1: return {cos_x, -sin_x};
    case 2: return {-sin_x, -cos_x};
    default: return {-cos_x, sin_x};
  }
}

// The unit vector of a heading, radians clockwise from north.
inline Vec2 HeadingVector(double heading_rad) {
  const SinCosValue value = SinCos(heading_rad);
  return {value.sin, value.cos};
}

// The same angle in [-pi, pi).
inline double WrapAngle(double angle_rad) {
  return angle_rad - 2 * kPi * std::floor((angle_rad + kPi) / (2 * kPi));
}

}  // namespace starling
