// The bytes of one commit group in the embedded log, shared by the writer and the
// reader.  The full description, with an example, is docs/formats/embedded_log.md.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "cloud/log/log.h"
#include "cloud/store/byte_order.h"
#include "common/crc32c.h"

namespace starling::cloud {

// Key: partition and offset of the group's first record, both big-endian, so
// that bytewise order is the order of the records.
inline constexpr std::size_t kGroupKeyBytes = 12;

// Group header, little-endian: number of records | crc32c of the key and that
// number.  A group read under another key than its own is thus noticed.
inline constexpr std::size_t kGroupCountOffset = 0;
inline constexpr std::size_t kGroupHeaderCrcOffset = 4;
inline constexpr std::size_t kGroupHeaderBytes = 8;

// Record header, little-endian; then value, key, and zeros up to a multiple of 8.
// The value comes first because it has to be aligned, and the header is.
inline constexpr std::size_t kRecordCrcOffset = 0;  // Of all that follows, the zeros too.
inline constexpr std::size_t kRecordValueLengthOffset = 4;
inline constexpr std::size_t kRecordKeyLengthOffset = 8;
inline constexpr std::size_t kRecordIndexOffset = 12;  // In its group, from 0.
inline constexpr std::size_t kRecordTimeOffset = 16;   // Log time, ns of Unix time.
inline constexpr std::size_t kRecordHeaderBytes = 24;

inline constexpr std::size_t kRecordAlignment = 8;
inline constexpr std::size_t kRecordValueBytesMax = 4 << 20;
inline constexpr std::size_t kRecordKeyBytesMax = 1 << 10;

// A group takes no further record once it is this long: whoever looks for one
// record reads at most this much besides.
inline constexpr std::size_t kGroupBytesSoftMax = 1 << 20;

static_assert(kGroupHeaderBytes % kRecordAlignment == 0, "values are aligned");
static_assert(kRecordHeaderBytes % kRecordAlignment == 0, "values are aligned");

// Bytes that a record takes in its group.
constexpr std::size_t RecordBytes(std::size_t key_bytes, std::size_t value_bytes) {
  const std::size_t bytes = kRecordHeaderBytes + value_bytes + key_bytes;
  return (bytes + kRecordAlignment - 1) / kRecordAlignment * kRecordAlignment;
}

using GroupKey = std::array<std::byte, kGroupKeyBytes>;

inline GroupKey MakeGroupKey(Partition partition, Offset first) {
  GroupKey key;
  const auto number = static_cast<std::uint32_t>(partition);
  const auto offset = static_cast<std::uint64_t>(first);
  for (std::size_t i = 0; i < 4; ++i) key[i] = static_cast<std::byte>(number >> (24 - 8 * i));
  for (std::size_t i = 0; i < 8; ++i) key[4 + i] = static_cast<std::byte>(offset >> (56 - 8 * i));
  return key;
}

// REQUIRES: key.size() == kGroupKeyBytes
inline Partition PartitionOfKey(std::span<const std::byte> key) {
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < 4; ++i) number = number << 8 | static_cast<std::uint32_t>(key[i]);
  return Partition{number};
}

// REQUIRES: key.size() == kGroupKeyBytes
inline Offset FirstOffsetOfKey(std::span<const std::byte> key) {
  std::uint64_t offset = 0;
  for (std::size_t i = 4; i < 12; ++i) offset = offset << 8 | static_cast<std::uint64_t>(key[i]);
  return Offset{offset};
}

inline std::uint32_t GroupHeaderCrc(const GroupKey& key, std::uint32_t count) {
  std::array<std::byte, kGroupKeyBytes + 4> covered;
  std::memcpy(covered.data(), key.data(), kGroupKeyBytes);
  StoreLittleEndian(count, covered.data() + kGroupKeyBytes);
  return Crc32c(covered);
}

constexpr Offset Advance(Offset offset, std::uint64_t records) {
  return Offset{static_cast<std::uint64_t>(offset) + records};
}

}  // namespace starling::cloud
