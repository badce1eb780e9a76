// The columns of a history batch, shared by writer and reader.  The full
// description, with an example, is docs/formats/history_batch.md.
#pragma once

#include <cstddef>
#include <cstdint>

namespace starling {

// Samples of one batch.
inline constexpr std::size_t kHistorySamplesMax = 1000;

inline constexpr std::uint64_t kHistoryVersion = 1;

// Unit of the time column.
inline constexpr std::uint64_t kHistoryTimeInNs = 0;
inline constexpr std::uint64_t kHistoryTimeInUs = 1;

// How a column's residuals are written.
inline constexpr std::uint64_t kHistoryPlain = 0;
inline constexpr std::uint64_t kHistoryRuns = 1;  // a 0 is followed by "how many more of them"

// A number is written in nibbles of three bits and "more follow", lowest first.
inline constexpr std::uint64_t kHistoryNibbleMore = 8;
inline constexpr int kHistoryNibbleBits = 3;

// What one sample can cost at most, all columns: 76 nibbles, and the marks.
inline constexpr std::size_t kHistorySampleBytesMax = 40;
inline constexpr std::size_t kHistoryBytesMax = kHistorySamplesMax * kHistorySampleBytesMax + 16;

// A signed residual as an unsigned number, small ones small: 0, -1, 1, -2, ...
constexpr std::uint64_t ZigZag(std::int64_t value) {
  return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}
constexpr std::int64_t UnZigZag(std::uint64_t value) {
  return static_cast<std::int64_t>((value >> 1) ^ (0 - (value & 1)));
}

}  // namespace starling
