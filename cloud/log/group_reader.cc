#include "cloud/log/group_reader.h"

#include <string>

#include "common/check.h"

namespace starling::cloud {

Result<GroupReader> GroupReader::Open(std::span<const std::byte> key,
                                      std::span<const std::byte> group) {
  STARLING_CHECK(reinterpret_cast<std::uintptr_t>(group.data()) % kRecordAlignment == 0);
  if (key.size() != kGroupKeyBytes || group.size() < kGroupHeaderBytes) {
    return Status(ErrorCode::kCorruption, "log group of " + std::to_string(group.size()) +
                                              " bytes under a key of " +
                                              std::to_string(key.size()) + " is damaged");
  }
  const Offset first = FirstOffsetOfKey(key);
  const auto count = LoadLittleEndian<std::uint32_t>(group.data() + kGroupCountOffset);
  const auto crc = LoadLittleEndian<std::uint32_t>(group.data() + kGroupHeaderCrcOffset);
  if (crc != GroupHeaderCrc(MakeGroupKey(PartitionOfKey(key), first), count)) {
    return Status(ErrorCode::kCorruption,
                  "header of the log group at offset " +
                      std::to_string(static_cast<std::uint64_t>(first)) + " is damaged");
  }
  return GroupReader(first, count, group.subspan(kGroupHeaderBytes));
}

Result<std::optional<LogRecord>> GroupReader::Next() {
  using Outcome = std::optional<LogRecord>;
  if (index_ == count_) {
    if (!rest_.empty()) return Damaged();
    return Outcome();
  }
  if (rest_.size() < kRecordHeaderBytes) return Damaged();
  const std::byte* record = rest_.data();
  const std::size_t value_bytes = LoadLittleEndian<std::uint32_t>(record + kRecordValueLengthOffset);
  const std::size_t key_bytes = LoadLittleEndian<std::uint32_t>(record + kRecordKeyLengthOffset);
  // Lengths of 32 bits each: their sum cannot wrap.
  const std::size_t record_bytes = RecordBytes(key_bytes, value_bytes);
  if (record_bytes > rest_.size()) return Damaged();
  const auto covered =
      rest_.subspan(kRecordValueLengthOffset, record_bytes - kRecordValueLengthOffset);
  if (Crc32c(covered) != LoadLittleEndian<std::uint32_t>(record + kRecordCrcOffset) ||
      LoadLittleEndian<std::uint32_t>(record + kRecordIndexOffset) != index_) {
    return Damaged();
  }
  const std::byte* payload = record + kRecordHeaderBytes;
  const LogRecord view{
      .offset = Advance(first_, index_),
      .time = CloudTimeFromNs(
          static_cast<std::int64_t>(LoadLittleEndian<std::uint64_t>(record + kRecordTimeOffset))),
      .key = {payload + value_bytes, key_bytes},
      .value = {payload, value_bytes},
  };
  ++index_;
  rest_ = rest_.subspan(record_bytes);
  return Outcome(view);
}

Status GroupReader::Damaged() {
  const Offset at = Advance(first_, index_);
  index_ = count_;
  rest_ = {};
  return Status(ErrorCode::kCorruption, "log record at offset " +
                                            std::to_string(static_cast<std::uint64_t>(at)) +
                                            " is damaged");
}

}  // namespace starling::cloud
