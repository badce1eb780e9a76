#include "sim/fleet/histogram.h"

#include <algorithm>
#include <cmath>

#include "common/check.h"

namespace starling::sim {

// Below kSub every value has its bucket; above, the six bits after the leading
// one choose among the 64 of each power of two.
std::size_t Histogram::BucketOf(std::uint64_t value) {
  if (value < kSub) return static_cast<std::size_t>(value);
  const auto top = static_cast<std::uint64_t>(std::bit_width(value)) - 1;
  if (top >= kTopBit) return kBuckets - 1;
  const std::uint64_t shift = top - kSubBits;
  return static_cast<std::size_t>((shift + 1) * kSub + ((value >> shift) - kSub));
}

std::uint64_t Histogram::MiddleOf(std::size_t bucket) {
  if (bucket < kSub) return bucket;
  const std::uint64_t shift = bucket / kSub - 1;
  const std::uint64_t low = (kSub + bucket % kSub) << shift;
  return low + ((std::uint64_t{1} << shift) >> 1);
}

void Histogram::Record(nanoseconds span) {
  if (span.count() < 0) ++negatives_;
  const auto value = static_cast<std::uint64_t>(std::max<std::int64_t>(span.count(), 0));
  ++counts_[BucketOf(value)];
  ++count_;
  max_ = std::max(max_, value);
}

nanoseconds Histogram::Quantile(double fraction) const {
  STARLING_CHECK(fraction >= 0 && fraction <= 1);
  if (count_ == 0) return nanoseconds(0);
  const auto wanted = std::max<std::uint64_t>(
      1, static_cast<std::uint64_t>(std::ceil(fraction * static_cast<double>(count_))));
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
    seen += counts_[bucket];
    if (seen >= wanted) {
      return nanoseconds(static_cast<std::int64_t>(std::min(MiddleOf(bucket), max_)));
    }
  }
  return max();
}

}  // namespace starling::sim
