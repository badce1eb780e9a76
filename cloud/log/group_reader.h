#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "cloud/log/group_format.h"
#include "common/status.h"

namespace starling::cloud {

// Reads back one group that GroupWriter sealed.
//
// Threading: thread-compatible; one thread owns a reader.
class GroupReader {
 public:
  // Checks the group's header.  `group` is what was stored under `key`; it must be
  // aligned to kRecordAlignment and outlive the reader and every record it returns.
  //
  // Errors: kCorruption if key or header are not what was written.
  static Result<GroupReader> Open(std::span<const std::byte> key, std::span<const std::byte> group);

  // The next record, checked; nullopt after the last one.
  //
  // Errors: kCorruption if the record is not what was written; the reader is then
  //         at its end.
  Result<std::optional<LogRecord>> Next();

  Offset first() const { return first_; }
  // Offset after the group's last record.
  Offset end() const { return Advance(first_, count_); }

 private:
  GroupReader(Offset first, std::uint32_t count, std::span<const std::byte> rest)
      : first_(first), count_(count), rest_(rest) {}

  Status Damaged();

  Offset first_;
  std::uint32_t count_;
  std::uint32_t index_ = 0;
  std::span<const std::byte> rest_;
};

}  // namespace starling::cloud
