// Student's and the normal distribution, computed without libm but sqrt and floor, so that a report has
// the same digits on every machine.
#pragma once

#include <cstdint>

namespace starling::sim {

// The probability that |T| < t for Student's T with `degrees` of freedom.
// REQUIRES: t >= 0, degrees >= 1.  Absolute error below 1e-13; the time grows with `degrees`.
//
// Source: M. Abramowitz, I. Stegun: Handbook of Mathematical Functions, 26.7.3 and 26.7.4, the finite sums.
double StudentWithin(double t, std::uint32_t degrees);

// The t with StudentWithin(t, degrees) = confidence, to the last bit of a bisection.
// REQUIRES: 0 < confidence <= 0.9999, degrees >= 1.
double StudentQuantile(double confidence, std::uint32_t degrees);

// The standard normal distribution.  Absolute error below 1e-12 for |x| <= 4, 1e-8 for |x| <= 6; 0 and 1 beyond.
//
// Source: Abramowitz and Stegun, 26.2.10.
double NormalBelow(double x);

// The x with NormalBelow(x) = share, within [-6, 6].  REQUIRES: 0 < share < 1.
double NormalQuantile(double share);

}  // namespace starling::sim
