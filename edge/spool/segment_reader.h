#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "edge/spool/segment_format.h"

namespace starling::edge {

// Of a record's header that begins at `position`.
// REQUIRES: header.size() == kRecordHeaderBytes
std::uint32_t RecordHeaderCrc(RecordPosition position, std::span<const std::byte> header);

struct SegmentRecord {
  RecordHeader header;
  RecordPosition position;
  std::span<const std::byte> payload;
};

// The whole record that begins at `bytes`, which lie at `position`; nothing if there is none.
std::optional<SegmentRecord> ReadRecord(RecordPosition position, std::span<const std::byte> bytes);

// Nothing if the payload is none.
std::optional<SpoolCheckpoint> ReadCheckpoint(std::span<const std::byte> payload);

// The version of a segment whose header is whole and says another one than ours.
std::optional<std::uint16_t> ForeignVersion(std::span<const std::byte> segment);

// What lay between whole records and is none.
struct SegmentDamage {
  std::uint64_t places = 0;
  std::uint64_t bytes = 0;
  std::uint64_t samples = 0;  // of batches whose header is whole; others cannot be counted
};

// Finds the whole records of a segment, whatever its bytes are: after one that is not
// whole it goes on at the next one.  What follows the last whole record is the torn
// tail that a power cut leaves, and no damage.
//
// Threading: thread-compatible.
class SegmentReader {
 public:
  // `bytes` must outlive the reader and every record it returns.
  SegmentReader(std::uint32_t segment, std::span<const std::byte> bytes);

  // The next whole record; nothing at the end.
  std::optional<SegmentRecord> Next();

  const SegmentDamage& damage() const { return damage_; }
  std::uint64_t tail_bytes() const { return skipped_.bytes; }  // REQUIRES: Next said nothing

 private:
  const std::uint32_t segment_;
  const std::span<const std::byte> bytes_;
  std::size_t at_ = 0;
  SegmentDamage damage_;
  SegmentDamage skipped_;  // since the last whole record
};

}  // namespace starling::edge
