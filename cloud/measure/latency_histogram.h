#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "common/time.h"

namespace starling::cloud {

// What a histogram had counted at one moment.
struct HistogramCounts {
  // Four buckets to the octave, from 2 us on; the last one is for what is longer than all.
  static constexpr std::size_t kBuckets = 89;

  std::array<std::uint64_t, kBuckets> buckets{};
  std::uint64_t sum_ns = 0;
  std::uint64_t negatives = 0;  // counted as 0: two clocks disagree

  std::uint64_t count() const;

  // How many took no longer than `bound`.
  // REQUIRES: `bound` is a BucketBound
  std::uint64_t CountThrough(nanoseconds bound) const;

  // No less than `fraction` of them took no longer: the bound of the bucket that holds it,
  // so up to a quarter too long.  0 if nothing was recorded; the longest bound if it is longer.
  // REQUIRES: 0 <= fraction <= 1
  nanoseconds Quantile(double fraction) const;

  void Add(const HistogramCounts& more);

  // The longest span that bucket `index` takes; of the last one the longest that the one
  // before takes.
  static nanoseconds BucketBound(std::size_t index);
};

// Counts spans of time, for others to read meanwhile.  A bucket's width is a quarter of the
// power of two below it, and bounds are whole fractions and multiples of a millisecond:
// 0.5, 0.625, 0.75, 0.875, 1, 1.25 ms, ... up to 16.384 s.  Record costs a few
// nanoseconds and neither locks nor allocates.
//
// Threading: Record from one thread at a time; Read from any.  Numbers that are read
// while one is recorded may lack that one in some places and not in others.
class LatencyHistogram {
 public:
  // A negative span counts as 0, and is told.
  void Record(nanoseconds span) {
    if (span.count() < 0) Bump(&negatives_, 1);
    const auto ns = static_cast<std::uint64_t>(span.count() < 0 ? 0 : span.count());
    Bump(&buckets_[BucketOf(ns)], 1);
    Bump(&sum_ns_, ns);
  }

  HistogramCounts Read() const;

 private:
  // A unit is 1/512 ms, so that whole milliseconds are powers of two.
  static constexpr std::uint64_t kSubBits = 2;
  static constexpr std::uint64_t kTopBit = 23;

  // Up to and with its bound a span belongs to a bucket.
  static std::size_t BucketOf(std::uint64_t ns) {
    if (ns == 0) return 0;
    if (ns > std::uint64_t{1} << 40) return HistogramCounts::kBuckets - 1;  // 18 minutes: `8 * ns` has room
    const std::uint64_t units = (8 * ns - 1) / 15'625;
    if (units < (1 << kSubBits)) return static_cast<std::size_t>(units);
    const auto top = static_cast<std::uint64_t>(std::bit_width(units)) - 1;
    if (top >= kTopBit) return HistogramCounts::kBuckets - 1;
    const std::uint64_t shift = top - kSubBits;
    return static_cast<std::size_t>(((shift + 1) << kSubBits) + (units >> shift) - (1 << kSubBits));
  }

  // One thread adds: a load and a store, and no locked instruction between.
  static void Bump(std::atomic<std::uint64_t>* number, std::uint64_t by) {
    number->store(number->load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }

  // Written by who records, loaded by anyone, in no order.
  std::array<std::atomic<std::uint64_t>, HistogramCounts::kBuckets> buckets_{};
  std::atomic<std::uint64_t> sum_ns_{0};
  std::atomic<std::uint64_t> negatives_{0};
};

}  // namespace starling::cloud
