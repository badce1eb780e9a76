// Random numbers of other shapes than uniform, the same bits on every machine: glibc
// picks its logarithm and its exponential by CPU, and <random>'s distributions differ
// between libraries.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

#include "common/geo/trigonometry.h"
#include "common/geo/vec2.h"
#include "common/ids.h"
#include "common/time.h"
#include "sim/city/random.h"

namespace starling::sim {

// ln 2 in two parts: the first has 33 bits, so that its product with an exponent is exact.
inline constexpr double kLn2High = 6.93147180369123816490e-01;
inline constexpr double kLn2Low = 1.90821492927058770002e-10;

// The natural logarithm of a normal number above 0, relative error below 5e-16.
//
// Method: x = m 2^e with m within a square root of 2 of 1, and the series of atanh(s) for
// s = (m - 1) / (m + 1), |s| <= 0.1716; what is left out is below 1e-17 of the result.
inline double Log(double x) {
  constexpr std::uint64_t kMantissa = (std::uint64_t{1} << 52) - 1;
  const std::uint64_t bits = std::bit_cast<std::uint64_t>(x);
  auto exponent = static_cast<std::int64_t>(bits >> 52) - 1023;
  double m = std::bit_cast<double>((bits & kMantissa) | (std::uint64_t{1023} << 52));
  if (m > 1.4142135623730951) {
    m *= 0.5;
    ++exponent;
  }
  const double s = (m - 1) / (m + 1);
  const double z = s * s;
  const double series =
      z * (1.0 / 3 + z * (1.0 / 5 + z * (1.0 / 7 + z * (1.0 / 9 + z * (1.0 / 11 + z * (1.0 / 13 +
          z * (1.0 / 15 + z * (1.0 / 17 + z * (1.0 / 19)))))))));
  const auto e = static_cast<double>(exponent);
  return e * kLn2High + (2 * s + (2 * s * series + e * kLn2Low));
}

// e^x for |x| <= 700 (beyond: as at the end), relative error below 5e-16.
//
// Method: x = k ln 2 + r, |r| <= 0.3466, and the Taylor polynomial of degree 13, whose
// remainder is below 1e-17.
inline double Exp(double x) {
  x = std::clamp(x, -700.0, 700.0);
  const double k = std::floor(x * (1 / (kLn2High + kLn2Low)) + 0.5);
  const double r = (x - k * kLn2High) - k * kLn2Low;
  const double tail =
      1.0 / 2 + r * (1.0 / 6 + r * (1.0 / 24 + r * (1.0 / 120 + r * (1.0 / 720 + r * (1.0 / 5040 +
          r * (1.0 / 40320 + r * (1.0 / 362880 + r * (1.0 / 3628800 + r * (1.0 / 39916800 +
          r * (1.0 / 479001600 + r * (1.0 / 6227020800)))))))))));
  const double power = 1 + (r + r * r * tail);
  const auto exponent = static_cast<std::uint64_t>(static_cast<std::int64_t>(k) + 1023);
  return power * std::bit_cast<double>(exponent << 52);
}

// Two independent normal numbers, mean 0 and variance 1.  At most 8.6 away from 0.
//
// Source: G. E. P. Box and M. E. Muller, A note on the generation of random normal
// deviates, Annals of Mathematical Statistics 29(2), 1958.
inline Vec2 DrawNormalPair(Random* random) {
  const double radius = std::sqrt(-2 * Log(1 - random->Unit()));
  const SinCosValue turn = SinCos(2 * kPi * random->Unit());
  return {radius * turn.cos, radius * turn.sin};
}

// Exponential with mean 1: the gap between the events of a Poisson process of rate 1.  At most 36.8.
inline double DrawExponential(Random* random) { return -Log(1 - random->Unit()); }

// Normal numbers, one at a time.
class NormalSequence {
 public:
  explicit NormalSequence(std::uint64_t seed) : random_(seed) {}

  double Next() {
    has_spare_ = !has_spare_;
    if (!has_spare_) return spare_;
    const Vec2 pair = DrawNormalPair(&random_);
    spare_ = pair.y;
    return pair.x;
  }

 private:
  Random random_;
  double spare_ = 0;
  bool has_spare_ = false;
};

// The seed of one vehicle's sequence for one purpose: each effect draws from a sequence of its
// own, so turning one on leaves the others' numbers as they were.
constexpr std::uint64_t SequenceSeed(std::uint64_t seed, std::uint64_t vehicle, std::uint64_t purpose) {
  return MixHash(MixHash(MixHash(seed, 0x53454E5345u), vehicle), purpose);
}

// A span of that many seconds, cut at 31 years either way.
inline nanoseconds SpanOf(double span_s) {
  return nanoseconds(static_cast<nanoseconds::rep>(std::floor(std::clamp(span_s, -1e9, 1e9) * 1e9)));
}

// Exponential above `least`, with that mean, cut at `most`.  REQUIRES: least <= mean <= most
inline nanoseconds DrawSpan(nanoseconds least, nanoseconds mean, nanoseconds most, Random* random) {
  return std::min(most, least + SpanOf(ToSeconds(mean - least) * DrawExponential(random)));
}

}  // namespace starling::sim
