#include "sim/experiment/resampling.h"

#include <gtest/gtest.h>

#include <vector>

#include "sim/city/random.h"

namespace starling::sim {
namespace {

// C. Darwin's maize, cross-fertilised less self-fertilised plants, eighths of an inch; R. A. Fisher, The Design of
// Experiments, 1935, section 21: 863 of the 32768 ways to sign them have a sum of 314 or more, and as many -314 or
// less.
const std::vector<double> kMaize = {49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48};

TEST(FlipSigns, GivesFishersAnswerForDarwinsMaize) {
  const SignFlips flips = FlipSigns(kMaize, 1, 1000);
  EXPECT_TRUE(flips.exact);
  EXPECT_DOUBLE_EQ(flips.p, 2 * 863 / 32768.0);
}

TEST(FlipSigns, ScalesThatAreNotExactChangeNothing) {
  // Tenths: sums of the same numbers with other signs miss each other by their last bits.
  std::vector<double> scaled = kMaize;
  for (double& difference : scaled) difference *= 0.1;
  EXPECT_DOUBLE_EQ(FlipSigns(scaled, 1, 1000).p, 2 * 863 / 32768.0);
}

TEST(FlipSigns, AllOfOneSignIsTheLeastThatCanBe) {
  EXPECT_DOUBLE_EQ(FlipSigns(std::vector<double>{1, 2}, 1, 1000).p, 0.5);
  EXPECT_DOUBLE_EQ(FlipSigns(std::vector<double>(10, -3.5), 1, 1000).p, 2 / 1024.0);
}

TEST(FlipSigns, PairsWithoutADifferenceSayNothing) {
  EXPECT_DOUBLE_EQ(FlipSigns(std::vector<double>{1, 0, 2, 0}, 1, 1000).p, 0.5);
  EXPECT_DOUBLE_EQ(FlipSigns(std::vector<double>{0, 0, 0}, 1, 1000).p, 1);
  EXPECT_DOUBLE_EQ(FlipSigns({}, 1, 1000).p, 1);
}

TEST(FlipSigns, DrawnOnesAreNearTheExactOnes) {
  // Twenty pairs are all tried; with a 21st and 22nd of nearly nothing they are drawn, and the answer is the same.
  std::vector<double> twenty = kMaize;
  twenty.insert(twenty.end(), {-30, 12, -9, 20, 5});
  const SignFlips exact = FlipSigns(twenty, 1, 1000);
  ASSERT_TRUE(exact.exact);
  twenty.insert(twenty.end(), {1e-6, -1e-6});
  const SignFlips drawn = FlipSigns(twenty, 7, 400'000);
  EXPECT_FALSE(drawn.exact);
  EXPECT_NEAR(drawn.p, exact.p, 0.002);  // Five standard errors.
  EXPECT_EQ(drawn.p, FlipSigns(twenty, 7, 400'000).p);
  EXPECT_NE(drawn.p, FlipSigns(twenty, 8, 400'000).p);
}

TEST(FlipSigns, IsNeverZero) { EXPECT_DOUBLE_EQ(FlipSigns(std::vector<double>(40, 1.0), 1, 999).p, 1 / 1000.0); }

// More than 64 pairs take more than one word of signs for each draw.
TEST(FlipSigns, ManyPairsOfChanceAreNotSurprising) {
  std::vector<double> differences;
  for (int i = 0; i < 200; ++i) differences.push_back(i % 2 == 0 ? 1.5 : -1.5);
  EXPECT_EQ(FlipSigns(differences, 3, 1000).p, 1);
}

// Student's sleep data: see paired_difference_test.cc.
const std::vector<double> kSleep = {1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4};

TEST(Bootstrap, TheSeedDecides) {
  const BootstrapInterval once = Bootstrap(kSleep, 0.95, 5, 2000);
  const BootstrapInterval again = Bootstrap(kSleep, 0.95, 5, 2000);
  EXPECT_EQ(once.low, again.low);
  EXPECT_EQ(once.high, again.high);
  const BootstrapInterval other = Bootstrap(kSleep, 0.95, 6, 2000);
  EXPECT_NE(once.high, other.high);
  EXPECT_NEAR(once.high, other.high, 0.2);
}

TEST(Bootstrap, EqualValuesAreAPointWithoutCorrection) {
  const BootstrapInterval interval = Bootstrap(std::vector<double>{-0.1, -0.1, -0.1}, 0.95, 1, 1000);
  EXPECT_EQ(interval.low, -0.1);
  EXPECT_EQ(interval.high, -0.1);
  EXPECT_FALSE(interval.corrected);
}

TEST(Bootstrap, LeansTowardsTheLongTail) {
  // Skewed to the right: the corrected interval reaches farther to the right than to the left.
  const BootstrapInterval interval = Bootstrap(kSleep, 0.95, 1, 20'000);
  EXPECT_TRUE(interval.corrected);
  EXPECT_GT(interval.high - 1.58, 1.2 * (1.58 - interval.low));
}

}  // namespace
}  // namespace starling::sim
