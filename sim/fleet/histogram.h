#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/time.h"

namespace starling::sim {

// Counts spans of time in buckets whose width is 1/64 of their value, so that a
// quantile is off by at most 1 % (half a bucket), whatever the range.  Holds no
// single value, and needs 20 KB however many are recorded.
//
// Source: the bucket scheme of HdrHistogram, G. Tene, with six bits of precision.
//
// Threading: thread-compatible.
class Histogram {
 public:
  // Negative spans count as 0, and are told in negatives(): they mean that two
  // clocks disagree.
  void Record(nanoseconds span);

  // The value that at least `fraction` of those recorded do not exceed; the middle
  // of its bucket, and never above max().  0 if nothing was recorded.
  // REQUIRES: 0 <= fraction <= 1
  nanoseconds Quantile(double fraction) const;

  std::uint64_t count() const { return count_; }
  std::uint64_t negatives() const { return negatives_; }
  nanoseconds max() const { return nanoseconds(static_cast<std::int64_t>(max_)); }

 private:
  static constexpr std::uint64_t kSubBits = 6;
  static constexpr std::uint64_t kSub = 1 << kSubBits;
  // Values of 2^44 ns (five hours) and more share the last bucket.
  static constexpr std::uint64_t kTopBit = 44;
  static constexpr std::size_t kBuckets = (kTopBit - kSubBits + 1) * kSub;

  static std::size_t BucketOf(std::uint64_t value);
  static std::uint64_t MiddleOf(std::size_t bucket);

  std::vector<std::uint64_t> counts_ = std::vector<std::uint64_t>(kBuckets);
  std::uint64_t count_ = 0;
  std::uint64_t negatives_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace starling::sim
