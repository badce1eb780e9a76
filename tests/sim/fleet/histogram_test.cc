#include "sim/fleet/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "sim/city/random.h"

namespace starling::sim {
namespace {

TEST(Histogram, EmptyOneSaysZero) {
  const Histogram histogram;
  EXPECT_EQ(histogram.count(), 0u);
  EXPECT_EQ(histogram.Quantile(0.99), nanoseconds(0));
}

TEST(Histogram, SmallValuesAreExact) {
  Histogram histogram;
  for (int i = 1; i <= 100; ++i) histogram.Record(nanoseconds(i / 2));
  EXPECT_EQ(histogram.Quantile(0.5), nanoseconds(25));
  EXPECT_EQ(histogram.Quantile(1), nanoseconds(50));
}

TEST(Histogram, QuantilesAreWithinOnePercentOfTheSortedValues) {
  Random random(7);
  Histogram histogram;
  std::vector<std::int64_t> values;
  for (int i = 0; i < 100'000; ++i) {
    // Ten nanoseconds to a hundred seconds, evenly over the magnitudes.
    const auto value = static_cast<std::int64_t>(std::pow(10.0, random.Between(1, 11)));
    values.push_back(value);
    histogram.Record(nanoseconds(value));
  }
  std::sort(values.begin(), values.end());
  for (const double fraction : {0.001, 0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 0.9999}) {
    const auto index = static_cast<std::size_t>(std::ceil(fraction * 100'000)) - 1;
    const auto exact = static_cast<double>(values[index]);
    EXPECT_NEAR(static_cast<double>(histogram.Quantile(fraction).count()), exact, 0.01 * exact + 1)
        << fraction;
  }
  EXPECT_EQ(histogram.max().count(), values.back());
}

TEST(Histogram, NoQuantileIsAboveTheMaximum) {
  Histogram histogram;
  histogram.Record(nanoseconds(1'000'001));
  EXPECT_LE(histogram.Quantile(0.5), nanoseconds(1'000'001));
}

TEST(Histogram, NegativeSpansAreZeroAndCounted) {
  Histogram histogram;
  histogram.Record(nanoseconds(-5));
  EXPECT_EQ(histogram.negatives(), 1u);
  EXPECT_EQ(histogram.max(), nanoseconds(0));
}

TEST(Histogram, ValuesBeyondTheRangeStayInTheLastBucket) {
  Histogram histogram;
  histogram.Record(std::chrono::hours(100));
  EXPECT_EQ(histogram.max(), std::chrono::hours(100));
  EXPECT_LE(histogram.Quantile(1), histogram.max());
}

}  // namespace
}  // namespace starling::sim
