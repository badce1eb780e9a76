#include "sim/sensors/distributions.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "tests/sim/sensors/digest.h"

namespace starling::sim {
namespace {

// The largest distance between the empirical distribution function and the given one
// (Kolmogorov); above 1.95 / sqrt(n) once in a thousand seeds.
template <typename Function>
double KolmogorovDistance(std::vector<double> drawn, const Function& distribution) {
  std::sort(drawn.begin(), drawn.end());
  const auto n = static_cast<double>(drawn.size());
  double distance = 0;
  for (std::size_t i = 0; i < drawn.size(); ++i) {
    const double at = distribution(drawn[i]);
    distance = std::max({distance, at - static_cast<double>(i) / n, static_cast<double>(i + 1) / n - at});
  }
  return distance;
}

// Off by how much of the value; the reference has eleven more bits.
double OffBy(double value, long double reference) {
  return reference == 0 ? std::abs(value) : static_cast<double>(std::abs((value - reference) / reference));
}

TEST(Logarithm, IsLibmsToItsStatedError) {
  Random random(1);
  for (int i = 0; i < 1'000'000; ++i) {
    const double x = std::exp(random.Between(-40, 40));
    ASSERT_LT(OffBy(Log(x), std::log(static_cast<long double>(x))), 5e-16) << x;
    const double near_one = 1 + random.Between(-0.3, 0.5);
    ASSERT_LT(OffBy(Log(near_one), std::log(static_cast<long double>(near_one))), 5e-16) << near_one;
    // What its users have: a uniform number.
    const double share = 1 - random.Unit();
    ASSERT_LT(OffBy(Log(share), std::log(static_cast<long double>(share))), 5e-16) << share;
  }
  EXPECT_EQ(Log(1), 0);
  for (const double end : {0x1p-53, std::numeric_limits<double>::min(), std::numeric_limits<double>::max()}) {
    EXPECT_LT(OffBy(Log(end), std::log(static_cast<long double>(end))), 5e-16) << end;
  }
}

TEST(Exponential, IsLibmsToItsStatedError) {
  Random random(2);
  for (int i = 0; i < 1'000'000; ++i) {
    const double x = random.Between(-5, 5);
    ASSERT_LT(OffBy(Exp(x), std::exp(static_cast<long double>(x))), 5e-16) << x;
    const double far = random.Between(-700, 700);
    ASSERT_LT(OffBy(Exp(far), std::exp(static_cast<long double>(far))), 5e-16) << far;
  }
  EXPECT_EQ(Exp(0), 1);
  EXPECT_EQ(Exp(1e9), Exp(700));
  EXPECT_EQ(Exp(-1e9), Exp(-700));
}

TEST(Normal, HasTheNormalDistributionAndNoCorrelationInThePair) {
  Random random(3);
  std::vector<double> first;
  std::vector<double> second;
  double product = 0;
  for (int i = 0; i < 200'000; ++i) {
    const Vec2 pair = DrawNormalPair(&random);
    first.push_back(pair.x);
    second.push_back(pair.y);
    product += pair.x * pair.y;
  }
  const auto normal = [](double x) { return 0.5 * std::erfc(-x / std::sqrt(2)); };
  EXPECT_LT(KolmogorovDistance(first, normal), 1.95 / std::sqrt(200'000));
  EXPECT_LT(KolmogorovDistance(second, normal), 1.95 / std::sqrt(200'000));
  EXPECT_LT(std::abs(product / 200'000), 3.3 / std::sqrt(200'000));
}

TEST(Normal, OneAtATimeAreTheSameAsPairs) {
  NormalSequence sequence(4);
  Random random(4);
  for (int i = 0; i < 100; ++i) {
    const Vec2 pair = DrawNormalPair(&random);
    EXPECT_EQ(sequence.Next(), pair.x);
    EXPECT_EQ(sequence.Next(), pair.y);
  }
}

TEST(Gap, HasTheExponentialDistribution) {
  Random random(5);
  std::vector<double> gaps;
  for (int i = 0; i < 200'000; ++i) gaps.push_back(DrawExponential(&random));
  EXPECT_LT(KolmogorovDistance(gaps, [](double x) { return 1 - std::exp(-x); }), 1.95 / std::sqrt(200'000));
  EXPECT_GE(*std::min_element(gaps.begin(), gaps.end()), 0);
}

TEST(DrawnSpan, StaysBetweenItsEndsWithItsMean) {
  Random random(6);
  double sum_s = 0;
  for (int i = 0; i < 100'000; ++i) {
    const nanoseconds span = DrawSpan(seconds(2), seconds(5), seconds(1000), &random);
    ASSERT_GE(span, seconds(2));
    sum_s += ToSeconds(span);
    ASSERT_LE(DrawSpan(seconds(2), seconds(5), seconds(6), &random), seconds(6));
  }
  EXPECT_NEAR(sum_s / 100'000, 5, 4 * 3 / std::sqrt(100'000));
  EXPECT_EQ(DrawSpan(seconds(3), seconds(3), seconds(3), &random), seconds(3));
}

TEST(Sequences, OfVehiclesAndPurposesDiffer) {
  std::vector<std::uint64_t> seeds;
  for (std::uint64_t vehicle = 0; vehicle < 200; ++vehicle) {
    for (std::uint64_t purpose = 0; purpose < 50; ++purpose) seeds.push_back(SequenceSeed(1, vehicle, purpose));
  }
  std::sort(seeds.begin(), seeds.end());
  EXPECT_EQ(std::adjacent_find(seeds.begin(), seeds.end()), seeds.end());
}

TEST(Distributions, GiveTheSameBitsInEveryBuild) {
  Random random(7);
  Digest digest;
  for (int i = 0; i < 10'000; ++i) {
    const Vec2 pair = DrawNormalPair(&random);
    digest.Add(pair.x);
    digest.Add(pair.y);
    digest.Add(DrawExponential(&random));
    digest.Add(Exp(10 * pair.x));
  }
  EXPECT_EQ(digest.value(), 15212825271387439944u);
}

}  // namespace
}  // namespace starling::sim
