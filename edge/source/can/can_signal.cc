#include "edge/source/can/can_signal.h"

#include <algorithm>

#include "common/check.h"

namespace starling::edge {

unsigned BytesNeeded(const BitField& field) {
  if (field.order == BitOrder::kIntel) return (field.start + field.length + 7) / 8;
  const unsigned in_first = field.start % 8 + 1;
  const unsigned first = field.start / 8 + 1;
  return field.length <= in_first ? first : first + (field.length - in_first + 7) / 8;
}

std::uint64_t ExtractBits(std::span<const std::uint8_t> data, const BitField& field) {
  STARLING_CHECK(field.length >= 1 && field.length <= 64 && data.size() >= BytesNeeded(field));
  std::uint64_t bits = 0;
  if (field.order == BitOrder::kIntel) {
    for (unsigned done = 0; done < field.length;) {
      const unsigned at = field.start + done;
      const unsigned count = std::min(8 - at % 8, field.length - done);
      const std::uint64_t part = data[at / 8] >> at % 8 & ((1u << count) - 1);
      bits |= part << done;
      done += count;
    }
    return bits;
  }
  unsigned byte = field.start / 8;
  unsigned high = field.start % 8;       // the highest bit of the byte that is still to come
  for (unsigned left = field.length; left > 0; ++byte, high = 7) {
    const unsigned count = std::min(high + 1, left);
    bits = bits << count | (data[byte] >> (high + 1 - count) & ((1u << count) - 1));
    left -= count;
  }
  return bits;
}

}  // namespace starling::edge
