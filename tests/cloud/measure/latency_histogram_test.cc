#include "cloud/measure/latency_histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <memory>
#include <random>
#include <thread>
#include <vector>

namespace starling::cloud {
namespace {

std::size_t BucketThatGrows(nanoseconds span) {
  const auto histogram = std::make_unique<LatencyHistogram>();
  histogram->Record(span);
  const HistogramCounts counts = histogram->Read();
  for (std::size_t i = 0; i < HistogramCounts::kBuckets; ++i) {
    if (counts.buckets[i] == 1) return i;
  }
  return HistogramCounts::kBuckets;
}

// Prometheus' `le`: less than or equal.
TEST(LatencyHistogramTest, ASpanBelongsToTheFirstBucketWhoseBoundItDoesNotExceed) {
  for (std::size_t i = 0; i + 1 < HistogramCounts::kBuckets; ++i) {
    const nanoseconds bound = HistogramCounts::BucketBound(i);
    EXPECT_EQ(BucketThatGrows(bound), i) << bound.count();
    EXPECT_EQ(BucketThatGrows(bound + nanoseconds(1)), i + 1) << bound.count();
  }
}

TEST(LatencyHistogramTest, BoundsAreRoundInMillisecondsAndNoneIsAQuarterBeyondTheOneBefore) {
  std::size_t whole = 0;
  for (std::size_t i = 8; i + 1 < HistogramCounts::kBuckets; ++i) {
    const auto bound = static_cast<double>(HistogramCounts::BucketBound(i).count());
    EXPECT_LE(bound, 1.251 * static_cast<double>(HistogramCounts::BucketBound(i - 1).count()));
    for (const double ms : {0.5, 1.0, 1.5, 2.0, 3.0, 32.0, 512.0, 16'384.0}) whole += bound == ms * 1e6 ? 1 : 0;
  }
  EXPECT_EQ(whole, 8u);
}

TEST(LatencyHistogramTest, QuantilesAreNeverTooShortAndAtMostAQuarterTooLong) {
  const auto histogram = std::make_unique<LatencyHistogram>();
  std::vector<std::int64_t> spans;
  std::mt19937_64 random(3);
  std::lognormal_distribution<double> distribution(15, 1.5);
  for (int i = 0; i < 20'000; ++i) {
    spans.push_back(std::min<std::int64_t>(static_cast<std::int64_t>(distribution(random)) + 20'000, 16'000'000'000));
    histogram->Record(nanoseconds(spans.back()));
  }
  std::sort(spans.begin(), spans.end());
  const HistogramCounts counts = histogram->Read();
  EXPECT_EQ(counts.count(), spans.size());
  for (const double fraction : {0.0, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const auto rank = static_cast<std::size_t>(std::ceil(fraction * static_cast<double>(spans.size())));
    const auto exact = static_cast<double>(spans[rank == 0 ? 0 : rank - 1]);
    const auto told = static_cast<double>(counts.Quantile(fraction).count());
    EXPECT_GE(told, exact) << fraction;
    EXPECT_LE(told, exact * 1.26) << fraction;
  }
}

TEST(LatencyHistogramTest, WhatIsNegativeOrEndlessIsCountedAndNothingOverflows) {
  const auto histogram = std::make_unique<LatencyHistogram>();
  histogram->Record(nanoseconds(-5));
  histogram->Record(nanoseconds(0));
  histogram->Record(nanoseconds::max());
  histogram->Record(nanoseconds::min());
  const HistogramCounts counts = histogram->Read();
  EXPECT_EQ(counts.count(), 4u);
  EXPECT_EQ(counts.negatives, 2u);
  EXPECT_EQ(counts.buckets.front(), 3u);
  EXPECT_EQ(counts.buckets.back(), 1u);
  EXPECT_EQ(counts.Quantile(1), HistogramCounts::BucketBound(HistogramCounts::kBuckets - 2));
  EXPECT_EQ(HistogramCounts().Quantile(0.5), nanoseconds(0));
}

TEST(LatencyHistogramTest, CountThroughABoundIsThatOfTheSpansThatDoNotExceedIt) {
  const auto histogram = std::make_unique<LatencyHistogram>();
  for (const int ms : {1, 31, 32, 33, 500}) histogram->Record(milliseconds(ms));
  const HistogramCounts counts = histogram->Read();
  EXPECT_EQ(counts.CountThrough(milliseconds(32)), 3u);
  EXPECT_EQ(counts.CountThrough(milliseconds(512)), 5u);
}

TEST(LatencyHistogramTest, SumsOfTwoAreTheirCountsTogether) {
  const auto a = std::make_unique<LatencyHistogram>();
  const auto b = std::make_unique<LatencyHistogram>();
  a->Record(milliseconds(1));
  b->Record(milliseconds(1));
  b->Record(nanoseconds(-1));
  HistogramCounts sum = a->Read();
  sum.Add(b->Read());
  EXPECT_EQ(sum.count(), 3u);
  EXPECT_EQ(sum.sum_ns, 2'000'000u);
  EXPECT_EQ(sum.negatives, 1u);
}

// What a reader sees never shrinks, and in the end is all.
TEST(LatencyHistogramTest, IsReadWhileItIsWritten) {
  const auto histogram = std::make_unique<LatencyHistogram>();
  constexpr int kSpans = 200'000;
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (int i = 0; i < kSpans; ++i) histogram->Record(nanoseconds(i * 100));
    done.store(true);
  });
  std::uint64_t before = 0;
  while (!done.load()) {
    const std::uint64_t now = histogram->Read().count();
    EXPECT_GE(now, before);
    before = now;
  }
  writer.join();
  EXPECT_EQ(histogram->Read().count(), static_cast<std::uint64_t>(kSpans));
}

}  // namespace
}  // namespace starling::cloud
