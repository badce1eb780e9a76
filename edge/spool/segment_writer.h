#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "edge/spool/segment_format.h"

namespace starling::edge {

// Lays out what is appended to a segment at one time.
//
// Threading: thread-compatible.
class SegmentWriter {
 public:
  // What is appended begins at `offset`; at 0 that is the segment's header.
  SegmentWriter(std::uint32_t segment, std::uint32_t offset);

  // Where the next record begins.
  RecordPosition next() const;

  // REQUIRES: payload.size() <= kRecordPayloadBytesMax
  void Add(const RecordHeader& header, std::span<const std::byte> payload);
  void AddCheckpoint(BootId boot, std::uint32_t stored_s, const SpoolCheckpoint& checkpoint);

  const std::vector<std::byte>& bytes() const { return bytes_; }
  std::vector<std::byte> TakeBytes() { return std::move(bytes_); }

 private:
  const std::uint32_t segment_;
  const std::uint32_t offset_;
  std::vector<std::byte> bytes_;
};

}  // namespace starling::edge
