#include "sim/experiment/distributions.h"

#include <cmath>

#include "common/check.h"
#include "common/geo/trigonometry.h"

namespace starling::sim {
namespace {

// x >= 0.  Three times half of the angle leaves at most pi/32, where the series' 12th term is below 1e-25.
double ArcTangent(double x) {
  if (x > 1) return kPi / 2 - ArcTangent(1 / x);
  for (int halving = 0; halving < 3; ++halving) x /= 1 + std::sqrt(1 + x * x);
  const double square = x * x;
  double sum = 0;
  for (int k = 11; k >= 0; --k) sum = 1.0 / (2 * k + 1) - square * sum;
  return 8 * x * sum;
}

// Where `rising` passes `wanted` between the two, as near as doubles are to each other.
template <typename Function>
double Bisect(double low, double high, double wanted, const Function& rising) {
  while (true) {
    const double middle = low + (high - low) / 2;
    if (middle <= low || middle >= high) return high;
    (rising(middle) < wanted ? low : high) = middle;
  }
}

}  // namespace

double StudentWithin(double t, std::uint32_t degrees) {
  STARLING_CHECK(t >= 0 && degrees >= 1);
  const double n = degrees;
  const double cos_square = n / (n + t * t);
  const double sine = t / std::sqrt(n + t * t);
  const bool odd = degrees % 2 == 1;
  double term = odd ? std::sqrt(cos_square) : 1;
  double sum = 0;
  for (std::uint32_t power = odd ? 1 : 0; power + 2 <= degrees; power += 2) {
    sum += term;
    term *= cos_square * (power + 1) / (power + 2);
  }
  return odd ? 2 / kPi * (ArcTangent(t / std::sqrt(n)) + sine * sum) : sine * sum;
}

double StudentQuantile(double confidence, std::uint32_t degrees) {
  STARLING_CHECK(confidence > 0 && confidence <= 0.9999 && degrees >= 1);
  double high = 1;
  while (StudentWithin(high, degrees) < confidence) high *= 2;
  return Bisect(0, high, confidence, [&](double t) { return StudentWithin(t, degrees); });
}

double NormalBelow(double x) {
  if (x <= -6) return 0;
  if (x >= 6) return 1;
  const double minus_half_square = -x * x / 2;
  double power = x;  // x (-x²/2)^k / k!
  double sum = 0;
  for (int k = 0; k < 120; ++k) {
    sum += power / (2 * k + 1);
    power *= minus_half_square / (k + 1);
  }
  return 0.5 + sum / std::sqrt(2 * kPi);
}

double NormalQuantile(double share) {
  STARLING_CHECK(share > 0 && share < 1);
  return Bisect(-6, 6, share, NormalBelow);
}

}  // namespace starling::sim
