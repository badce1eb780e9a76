#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "cloud/log/group_format.h"

namespace starling::cloud {

// Builds one commit group, in two steps because two threads do it: a producer
// adds bytes, the log's writer then seals offsets and time.
//
// Threading: thread-compatible.
class GroupWriter {
 public:
  GroupWriter() { Clear(); }

  // REQUIRES: key and value within kRecordKeyBytesMax and kRecordValueBytesMax.
  void Append(std::span<const std::byte> key, std::span<const std::byte> value);

  // Stamps every record with `time` and its place, and computes the checksums.
  // Afterwards bytes() is the group under `key`.
  void Seal(const GroupKey& key, CloudTime time);

  // Views of the records, valid until the next call; `first` is the offset of the
  // first.  REQUIRES: sealed
  void AppendViews(Offset first, std::vector<LogRecord>* records) const;

  // Starts over.  Keeps moderate memory for the next group.
  void Clear();

  std::uint32_t count() const { return count_; }
  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  std::vector<std::byte> bytes_;  // From operator new, so aligned to 8 bytes and more.
  std::uint32_t count_ = 0;
};

}  // namespace starling::cloud
