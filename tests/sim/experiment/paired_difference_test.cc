#include "sim/experiment/paired_difference.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "sim/city/random.h"

namespace starling::sim {
namespace {

// Hours of sleep gained by ten patients with each of two drugs: Student, The Probable Error of a Mean, 1908, section
// IX; R's data set `sleep`, of which t.test(paired = TRUE) says t = 4.0621, 9 degrees of freedom, 0.7001142
// to 2.4598858.
const std::vector<double> kDrugOne = {0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0};
const std::vector<double> kDrugTwo = {1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4};

PairedDifference Compare(const std::vector<double>& without, const std::vector<double>& with,
                         const PairedConfig& config = {}) {
  Result<PairedDifference> result = ComparePaired(without, with, config);
  EXPECT_TRUE(result.ok()) << (result.ok() ? "" : result.status().message());
  return result.ok() ? result.value() : PairedDifference{};
}

std::string Refusal(const std::vector<double>& without, const std::vector<double>& with,
                    const PairedConfig& config = {}) {
  const Result<PairedDifference> result = ComparePaired(without, with, config);
  return result.ok() ? "" : std::string(result.status().message());
}

TEST(PairedDifference, GivesStudentsAnswerForHisSleepData) {
  const PairedDifference sleep = Compare(kDrugOne, kDrugTwo);
  EXPECT_EQ(sleep.pairs, 10u);
  EXPECT_NEAR(sleep.mean_without, 0.75, 1e-15);
  EXPECT_NEAR(sleep.mean_with, 2.33, 1e-15);
  EXPECT_NEAR(sleep.difference, 1.58, 1e-15);
  EXPECT_NEAR(sleep.difference / sleep.standard_error, 4.0621, 5e-5);
  EXPECT_NEAR(sleep.interval.low, 0.7001142, 5e-8);
  EXPECT_NEAR(sleep.interval.high, 2.4598858, 5e-8);
  EXPECT_EQ(sleep.finding, Finding::kHigher);
  EXPECT_FALSE(sleep.disputed);
  // Nine of one sign, and a pair without a difference.
  EXPECT_DOUBLE_EQ(sleep.sign_flips.p, 2 / 512.0);
}

// As another implementation has it: SciPy 1.17.1, stats.bootstrap with 200,000 resamples.  Means move in steps of 0.01
// here.
TEST(PairedDifference, TheBootstrapsIntervalsAreThoseOfOthers) {
  const PairedDifference sleep = Compare(kDrugOne, kDrugTwo, {.resamples = 200'000});
  EXPECT_TRUE(sleep.bootstrap.corrected);
  EXPECT_NEAR(sleep.bootstrap.low, 1.05, 0.021);
  EXPECT_NEAR(sleep.bootstrap.high, 2.64, 0.021);
  std::vector<double> maize = {49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48};
  const PairedDifference compared = Compare(std::vector<double>(maize.size(), 0), maize, {.resamples = 200'000});
  EXPECT_NEAR(compared.bootstrap.low / 8, -0.2083, 0.05);
  EXPECT_NEAR(compared.bootstrap.high / 8, 4.5417, 0.05);
}

TEST(PairedDifference, TheOtherWayRoundIsTheMirrorImage) {
  const PairedDifference sleep = Compare(kDrugOne, kDrugTwo);
  const PairedDifference mirrored = Compare(kDrugTwo, kDrugOne);
  EXPECT_EQ(mirrored.finding, Finding::kLower);
  EXPECT_EQ(mirrored.difference, -sleep.difference);
  EXPECT_EQ(mirrored.interval.low, -sleep.interval.high);
  EXPECT_EQ(mirrored.sign_flips.p, sleep.sign_flips.p);
}

// Darwin's maize (resampling_test.cc) in inches: Fisher has t = 2.148 with 14 degrees of freedom, just beyond its 5 %
// point of 2.145, and 5.267 % by the signs.
TEST(PairedDifference, SaysWhereIntervalAndSignsDisagree) {
  std::vector<double> differences = {49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48};
  for (double& difference : differences) difference /= 8;
  const PairedDifference maize = Compare(std::vector<double>(differences.size(), 0), differences);
  EXPECT_NEAR(maize.difference / maize.standard_error, 2.148, 5e-4);
  EXPECT_GT(maize.interval.low, 0);
  EXPECT_LT(maize.interval.low, 0.01);
  EXPECT_EQ(maize.finding, Finding::kHigher);
  EXPECT_GT(maize.sign_flips.p, 0.05);
  EXPECT_TRUE(maize.disputed);
}

TEST(PairedDifference, TwoPairsAreEnoughForAnIntervalAndNotForSigns) {
  // 10 -> 7 and 12 -> 8: -3.5 with a standard error of 0.5, times 12.706.
  const PairedDifference two = Compare({10, 12}, {7, 8});
  EXPECT_DOUBLE_EQ(two.difference, -3.5);
  EXPECT_DOUBLE_EQ(two.standard_error, 0.5);
  EXPECT_NEAR(two.interval.low, -3.5 - 12.706204736174705 / 2, 1e-12);
  EXPECT_NEAR(two.interval.high, -3.5 + 12.706204736174705 / 2, 1e-12);
  EXPECT_EQ(two.finding, Finding::kNoDifference);
  EXPECT_DOUBLE_EQ(two.sign_flips.p, 0.5);
  EXPECT_EQ(two.bootstrap.low, -4);
  EXPECT_EQ(two.bootstrap.high, -3);
}

TEST(PairedDifference, TwicePreciselyTheSameIsDisputedByTheSigns) {
  const PairedDifference two = Compare({10, 12}, {9, 11});
  EXPECT_EQ(two.finding, Finding::kLower);
  EXPECT_TRUE(two.disputed);
}

TEST(PairedDifference, ThatIsTheSameEachTimeHasNoWidth) {
  // The mean of ten times 0.1 is not 0.1 when it is added up.
  const PairedDifference same = Compare(std::vector<double>(10, 0.2), std::vector<double>(10, 0.3));
  EXPECT_EQ(same.standard_error, 0);
  EXPECT_EQ(same.interval.low, same.interval.high);
  EXPECT_EQ(same.finding, Finding::kHigher);
  EXPECT_NEAR(*same.percent, 50, 1e-12);
}

TEST(PairedDifference, OfNothingIsNothing) {
  const PairedDifference nothing = Compare(std::vector<double>(12, 0), std::vector<double>(12, 0));
  EXPECT_EQ(nothing.difference, 0);
  EXPECT_EQ(nothing.interval.low, 0);
  EXPECT_EQ(nothing.interval.high, 0);
  EXPECT_EQ(nothing.finding, Finding::kNoDifference);
  EXPECT_EQ(nothing.sign_flips.p, 1);
  EXPECT_FALSE(nothing.percent);
  EXPECT_FALSE(nothing.percent_interval);
  EXPECT_FALSE(nothing.disputed);
}

TEST(PairedDifference, FromZeroThereIsNoPercentage) {
  const PairedDifference from_zero = Compare({0, 0, 0}, {2, 3, 4});
  EXPECT_FALSE(from_zero.percent);
  EXPECT_FALSE(from_zero.percent_interval);
  EXPECT_EQ(from_zero.finding, Finding::kHigher);
}

TEST(PairedDifference, ABaselineThatMayBeZeroBoundsNoPercentage) {
  // 0.75 h with a standard error of 0.57: within 2.26 of them from 0.
  const PairedDifference sleep = Compare(kDrugOne, kDrugTwo);
  EXPECT_NEAR(*sleep.percent, 100 * 1.58 / 0.75, 1e-9);
  EXPECT_FALSE(sleep.percent_interval);
}

TEST(PairedDifference, ThePercentagesIntervalIsFiellers) {
  // Its ends are where the t statistic of with - (1 + r) without is Student's quantile, which is how Fieller defines
  // it.
  const std::vector<double> without = {31, 24, 40, 28, 35, 30};
  const std::vector<double> with = {20, 18, 27, 15, 26, 24};
  const PairedDifference compared = Compare(without, with);
  ASSERT_TRUE(compared.percent_interval);
  EXPECT_LT(compared.percent_interval->low, *compared.percent);
  EXPECT_GT(compared.percent_interval->high, *compared.percent);
  const double expected = 2.5705818356363155;  // qt(0.975, 5)
  for (const auto& [percent, t] :
       {std::pair(compared.percent_interval->low, expected), std::pair(compared.percent_interval->high, -expected)}) {
    double sum = 0;
    double squares = 0;
    for (std::size_t i = 0; i < with.size(); ++i) sum += with[i] - (1 + percent / 100) * without[i];
    for (std::size_t i = 0; i < with.size(); ++i) {
      const double off = with[i] - (1 + percent / 100) * without[i] - sum / 6;
      squares += off * off;
    }
    EXPECT_NEAR(sum / 6 / std::sqrt(squares / 30), t, 1e-9);
  }
}

TEST(PairedDifference, ThePercentageShowsADifferenceExactlyWhereTheDifferenceDoes) {
  Random random(41);
  int shown = 0;
  int bounded = 0;
  for (int i = 0; i < 500; ++i) {
    std::vector<double> without(6);
    std::vector<double> with(6);
    for (std::size_t k = 0; k < 6; ++k) {
      without[k] = random.Between(2, 12);
      with[k] = random.Between(1, 9);
    }
    const PairedDifference compared = Compare(without, with, {.resamples = 100});
    if (!compared.percent_interval) continue;
    ++bounded;
    const Interval percent = *compared.percent_interval;
    shown += compared.finding != Finding::kNoDifference;
    EXPECT_EQ(compared.finding, percent.high < 0  ? Finding::kLower
                                : percent.low > 0 ? Finding::kHigher
                                                  : Finding::kNoDifference);
  }
  EXPECT_GT(bounded, 400);
  EXPECT_GT(shown, 50);
  EXPECT_LT(shown, bounded - 50);
}

TEST(PairedDifference, ThePercentageOfANegativeBaselineKeepsTheDifferencesSign) {
  const PairedDifference compared = Compare({-10, -11, -12, -10}, {-8, -9, -9, -8});
  EXPECT_GT(*compared.percent, 0);
  ASSERT_TRUE(compared.percent_interval);
  EXPECT_GT(compared.percent_interval->low, 0);
  EXPECT_LT(compared.percent_interval->low, *compared.percent);
  EXPECT_GT(compared.percent_interval->high, *compared.percent);
}

TEST(PairedDifference, MoreConfidenceIsWider) {
  const PairedDifference usual = Compare(kDrugOne, kDrugTwo);
  const PairedDifference sure = Compare(kDrugOne, kDrugTwo, {.confidence = 0.999});
  EXPECT_LT(sure.interval.low, usual.interval.low);
  EXPECT_LT(sure.bootstrap.low, usual.bootstrap.low);
  EXPECT_EQ(sure.finding, Finding::kNoDifference);
}

TEST(PairedDifference, RefusesWhatIsNoNumberAndNamesThePair) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(Refusal({1, nan}, {1, 2}), "pair 2: expected a finite number, not nan");
  EXPECT_EQ(Refusal({1, 2}, {-infinity, 2}), "pair 1: expected a finite number, not -inf");
  EXPECT_THAT(Refusal({1, 2}, {1e300, 2}), testing::StartsWith("pair 1: expected a finite number"));
}

TEST(PairedDifference, RefusesWhatIsNoPair) {
  EXPECT_EQ(Refusal({1}, {2}), "1 pairs of runs: expected 2 or more");
  EXPECT_EQ(Refusal({}, {}), "0 pairs of runs: expected 2 or more");
  EXPECT_EQ(Refusal({1, 2}, {2}), "2 values without and 1 with: expected as many");
}

TEST(PairedDifference, RefusesAConfigurationOutOfRange) {
  EXPECT_EQ(Refusal({1, 2}, {2, 3}, {.confidence = 1}), "confidence: expected 0.5 to 0.9999");
  EXPECT_EQ(Refusal({1, 2}, {2, 3}, {.resamples = 99}), "resamples: expected 100 to 10000000");
  EXPECT_EQ(Refusal({1, 2}, {2, 3}, {.sign_draws = 0}), "sign_draws: expected 100 to 10000000");
}

}  // namespace
}  // namespace starling::sim
