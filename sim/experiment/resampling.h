// What can be said of paired differences without believing that they are normal: counts of collisions are not.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace starling::sim {

// Up to so many differences other than 0 all signs are tried, beyond so many draws are.
inline constexpr std::uint32_t kSignsExactMax = 20;

struct SignFlips {
  double p = 1;
  bool exact = true;  // False: estimated from draws.
};

// The two-sided probability of a mean as far from 0 as that of `differences`, if each might as well have had the
// other sign.  With n pairs it cannot be less than 2 / 2^n: no five pairs give less than 0.06.
// REQUIRES: draws >= 1.
//
// Source: R. A. Fisher: The Design of Experiments, 1935, section 21.  Drawn: B. Phipson, G. Smyth: Permutation P-values
// Should Never Be Zero, Stat. Appl. Genet. Mol. Biol. 9(1), 2010, (draws at least as far + 1) / (draws + 1).
SignFlips FlipSigns(std::span<const double> differences, std::uint64_t seed, std::uint32_t draws);

struct BootstrapInterval {
  double low = 0;
  double high = 0;
  // Bias corrected and accelerated; false where that is not defined, and it is the percentiles' interval: all
  // differences are the same, or the correction leaves the normal's range.
  bool corrected = false;
};

// An interval for the mean from `draws` resamples.  REQUIRES: values are not empty, draws >= 100, 0 < confidence < 1.
//
// Source: B. Efron, R. Tibshirani: An Introduction to the Bootstrap, 1993, sections 13.3 and 14.3.  Differs: resamples
// whose mean is the observed one count half as below it, because means of counts are often the same.
BootstrapInterval Bootstrap(std::span<const double> values, double confidence, std::uint64_t seed, std::uint32_t draws);

}  // namespace starling::sim
