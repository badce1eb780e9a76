#include "sim/experiment/distributions.h"

#include <gtest/gtest.h>

#include <cmath>

namespace starling::sim {
namespace {

// Abramowitz and Stegun, table 26.10, gives three decimals; these are from the incomplete beta function in forty
// digits.
TEST(Distributions, StudentsQuantilesAreThoseOfTheTables) {
  EXPECT_NEAR(StudentQuantile(0.95, 1), 12.706204736174705, 1e-12);
  EXPECT_NEAR(StudentQuantile(0.95, 2), 4.302652729749464, 1e-12);
  EXPECT_NEAR(StudentQuantile(0.95, 3), 3.18244630528371, 1e-12);
  EXPECT_NEAR(StudentQuantile(0.95, 4), 2.7764451051977944, 1e-12);
  EXPECT_NEAR(StudentQuantile(0.95, 9), 2.2621571627982055, 1e-12);
  EXPECT_NEAR(StudentQuantile(0.95, 30), 2.0422724563012383, 1e-12);
  EXPECT_NEAR(StudentQuantile(0.95, 99), 1.9842169515864175, 1e-12);
  EXPECT_NEAR(StudentQuantile(0.99, 9), 3.2498355415921263, 1e-12);
  EXPECT_NEAR(StudentQuantile(0.95, 9999), 1.9602012636213577, 1e-11);
}

TEST(Distributions, WithOneDegreeOfFreedomStudentsIsCauchys) {
  for (const double t : {0.0, 0.1, 0.5, 1.0, 2.0, 7.0, 1000.0}) {
    EXPECT_NEAR(StudentWithin(t, 1), 2 / M_PI * std::atan(t), 1e-15) << t;
  }
}

TEST(Distributions, QuantileAndProbabilityAreInverse) {
  for (const std::uint32_t degrees : {1u, 2u, 3u, 8u, 9u, 50u, 333u}) {
    for (const double confidence : {0.1, 0.5, 0.9, 0.95, 0.99, 0.9999}) {
      EXPECT_NEAR(StudentWithin(StudentQuantile(confidence, degrees), degrees), confidence, 1e-14) << degrees;
    }
  }
}

TEST(Distributions, TheNormalIsTheErrorFunctions) {
  for (double x = -4; x <= 4; x += 0.125) EXPECT_NEAR(NormalBelow(x), std::erfc(-x / std::sqrt(2.0)) / 2, 1e-12) << x;
  for (double x = -7; x <= 7; x += 0.125) EXPECT_NEAR(NormalBelow(x), std::erfc(-x / std::sqrt(2.0)) / 2, 1e-8) << x;
  EXPECT_NEAR(NormalQuantile(0.975), 1.959963984540054, 1e-11);
  EXPECT_NEAR(NormalQuantile(0.025), -1.959963984540054, 1e-11);
  EXPECT_NEAR(NormalQuantile(0.5), 0, 1e-12);
}

TEST(Distributions, ManyDegreesOfFreedomAreNearlyNormal) {
  EXPECT_NEAR(StudentQuantile(0.95, 99'999), NormalQuantile(0.975), 3e-5);
}

}  // namespace
}  // namespace starling::sim
