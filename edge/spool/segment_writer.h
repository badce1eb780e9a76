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
  // What is appended begins at `offset`; at 0 that is the segment's header.  `memory` is what it is
  // laid out in, whatever it holds.
  SegmentWriter(std::uint32_t segment, std::uint32_t offset, std::vector<std::byte> memory = {});

  // Where the next record begins.
  RecordPosition next() const;

  // REQUIRES: payload.size() <= kRecordPayloadBytesMax
  void Add(const RecordHeader& header, std::span<const std::byte> payload);
  void AddCheckpoint(BootId boot, std::uint32_t stored_s, const SpoolCheckpoint& checkpoint);

  const std::vector<std::byte>& bytes() const { return bytes_; }
  std::vector<std::byte> TakeBytes() { return std::move(bytes_); }

 private:
  // A record's header, to be filled in once its payload of so many bytes stands behind it.
  RecordPosition Begin();
  void Finish(RecordPosition position, const RecordHeader& header, std::size_t payload_bytes);

  const std::uint32_t segment_;
  const std::uint32_t offset_;
  std::vector<std::byte> bytes_;
};

}  // namespace starling::edge
