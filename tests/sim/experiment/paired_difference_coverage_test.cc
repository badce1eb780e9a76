// How often the intervals hold the truth, over many experiments whose truth is known.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "sim/city/random.h"
#include "sim/experiment/paired_difference.h"

namespace starling::sim {
namespace {

constexpr int kExperiments = 4000;
// A share of kExperiments near 0.95 is off by more than this once in 10,000 times.
constexpr double kOff = 0.0135;

double Normal(Random* random) {
  return std::sqrt(-2 * std::log(1 - random->Unit())) * std::cos(2 * M_PI * random->Unit());
}

double Poisson(Random* random, double mean) {
  const double bar = std::exp(-mean);
  double product = random->Unit();
  int count = 0;
  for (; product > bar; product *= random->Unit()) ++count;
  return count;
}

struct Coverage {
  double student = 0;  // The share of experiments whose interval holds the true difference,
  double bootstrap = 0;
  double percent = 0;  // of those that have one, the true percentage,
  double found = 0;    // in which a difference was found, by the interval
  double flips = 0;    // and by the signs.
};

// `draw` fills one pair.
template <typename Draw>
Coverage Measure(std::size_t pairs, double difference, double percent, std::uint64_t seed, const Draw& draw) {
  Random random(seed);
  Coverage coverage;
  double percents = 0;
  std::vector<double> without(pairs);
  std::vector<double> with(pairs);
  for (int experiment = 0; experiment < kExperiments; ++experiment) {
    for (std::size_t i = 0; i < pairs; ++i) draw(&random, &without[i], &with[i]);
    const Result<PairedDifference> result = ComparePaired(without, with, {.resamples = 400, .sign_draws = 400});
    EXPECT_TRUE(result.ok());
    const PairedDifference& compared = result.value();
    const auto holds = [](const auto& interval, double truth) {
      return interval.low <= truth && truth <= interval.high;
    };
    coverage.student += holds(compared.interval, difference);
    coverage.bootstrap += holds(compared.bootstrap, difference);
    percents += compared.percent_interval.has_value();
    coverage.percent += compared.percent_interval && holds(*compared.percent_interval, percent);
    coverage.found += compared.finding != Finding::kNoDifference;
    coverage.flips += compared.sign_flips.p <= 0.05;
  }
  for (double* share : {&coverage.student, &coverage.bootstrap, &coverage.found, &coverage.flips})
    *share /= kExperiments;
  coverage.percent /= std::max(percents, 1.0);
  return coverage;
}

TEST(PairedDifferenceCoverage, OfNormalDifferencesStudentsIntervalHoldsTheTruthAsOftenAsItSays) {
  for (const std::size_t pairs : {2u, 3u, 10u, 25u}) {
    const Coverage coverage = Measure(pairs, -2, -10, 17 + pairs, [](Random* random, double* without, double* with) {
      // Seeds differ more than commands do, which is why there are pairs.
      *without = 20 + 3 * Normal(random);
      *with = *without - 2 + 1.5 * Normal(random);
    });
    EXPECT_NEAR(coverage.student, 0.95, kOff) << pairs;
    if (pairs < 10) continue;
    EXPECT_NEAR(coverage.percent, 0.95, kOff) << pairs;
    // Known to be too narrow for few pairs; Efron and Tibshirani, section 14.3.
    EXPECT_GT(coverage.bootstrap, 0.88) << pairs;
  }
}

// A row of docs/formats/experiment.md.
std::string Row(double mean, std::size_t pairs) {
  const auto counts = [&](double effect) {
    return [=](Random* random, double* without, double* with) {
      *without = Poisson(random, mean);
      *with = Poisson(random, effect * mean);
    };
  };
  const Coverage effect = Measure(pairs, -0.4 * mean, -40, 23, counts(0.6));
  const Coverage none = Measure(pairs, 0, 0, 29, counts(1));
  // Down to one collision in a run.
  if (mean >= 1) {
    EXPECT_NEAR(effect.student, 0.95, kOff) << mean;
  }
  std::array<char, 128> row;
  std::snprintf(row.data(), row.size(), "| %g; %zu | %.1f %% | %.1f %% | %.0f %% | %.1f %% | %.1f %% |\n", mean, pairs,
                100 * effect.student, 100 * effect.bootstrap, 100 * effect.found, 100 * none.found, 100 * none.flips);
  return row.data();
}

TEST(PairedDifferenceCoverage, OfCountsIsAsTheFormatPageSays) {
  std::ifstream page(STARLING_SOURCE_DIR "/docs/formats/experiment.md");
  const std::string text((std::istreambuf_iterator<char>(page)), std::istreambuf_iterator<char>());
  EXPECT_THAT(text, testing::HasSubstr(Row(10, 10) + Row(3, 10) + Row(3, 20) + Row(1, 10) + Row(0.3, 10)));
}

TEST(PairedDifferenceCoverage, WithoutAnEffectOneOfTwentyFindsOne) {
  const auto same = [](Random* random, double* without, double* with) {
    *without = Poisson(random, 4);
    *with = Poisson(random, 4);
  };
  const Coverage coverage = Measure(12, 0, 0, 29, same);
  EXPECT_NEAR(coverage.found, 0.05, kOff);
  // The flips' promise needs no distribution: at most one of twenty, whatever is counted.
  EXPECT_LT(coverage.flips, 0.05 + kOff);
  EXPECT_GT(coverage.flips, 0.02);
}

TEST(PairedDifferenceCoverage, AnEffectIsFound) {
  const Coverage coverage = Measure(10, -5, -50, 31, [](Random* random, double* without, double* with) {
    *without = Poisson(random, 10);
    *with = Poisson(random, 5);
  });
  EXPECT_GT(coverage.found, 0.9);
  EXPECT_GT(coverage.flips, 0.9);
}

}  // namespace
}  // namespace starling::sim
