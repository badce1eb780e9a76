#include "cloud/measure/latency_histogram.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "common/check.h"

namespace starling::cloud {
namespace {

constexpr std::size_t kSub = 4;

// First unit of a bucket; of the one behind the last finite one: its bound.
std::uint64_t FirstUnit(std::size_t bucket) {
  if (bucket < kSub) return bucket;
  return (kSub + bucket % kSub) << (bucket / kSub - 1);
}

}  // namespace

nanoseconds HistogramCounts::BucketBound(std::size_t index) {
  const std::size_t finite = std::min(index, kBuckets - 2);
  return nanoseconds(static_cast<std::int64_t>(FirstUnit(finite + 1) * 15'625 / 8));
}

std::uint64_t HistogramCounts::count() const { return std::accumulate(buckets.begin(), buckets.end(), std::uint64_t{0}); }

std::uint64_t HistogramCounts::CountThrough(nanoseconds bound) const {
  std::uint64_t through = 0;
  for (std::size_t i = 0; i + 1 < kBuckets && BucketBound(i) <= bound; ++i) through += buckets[i];
  return through;
}

nanoseconds HistogramCounts::Quantile(double fraction) const {
  STARLING_CHECK(fraction >= 0 && fraction <= 1);
  const std::uint64_t all = count();
  if (all == 0) return nanoseconds(0);
  const auto wanted = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::ceil(fraction * static_cast<double>(all))));
  std::uint64_t seen = 0;
  std::size_t i = 0;
  for (; i + 1 < kBuckets; ++i) {
    seen += buckets[i];
    if (seen >= wanted) break;
  }
  return BucketBound(i);
}

void HistogramCounts::Add(const HistogramCounts& more) {
  for (std::size_t i = 0; i < kBuckets; ++i) buckets[i] += more.buckets[i];
  sum_ns += more.sum_ns;
  negatives += more.negatives;
}

HistogramCounts LatencyHistogram::Read() const {
  HistogramCounts counts;
  for (std::size_t i = 0; i < counts.buckets.size(); ++i) counts.buckets[i] = buckets_[i].load(std::memory_order_relaxed);
  counts.sum_ns = sum_ns_.load(std::memory_order_relaxed);
  counts.negatives = negatives_.load(std::memory_order_relaxed);
  return counts;
}

}  // namespace starling::cloud
