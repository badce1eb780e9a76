#include "cloud/log/group_writer.h"

#include <cstring>

#include "common/check.h"

namespace starling::cloud {
namespace {

constexpr std::size_t kKeptBytesMax = 256 << 10;

}  // namespace

void GroupWriter::Append(std::span<const std::byte> key, std::span<const std::byte> value) {
  STARLING_CHECK(key.size() <= kRecordKeyBytesMax && value.size() <= kRecordValueBytesMax);
  const std::size_t start = bytes_.size();
  bytes_.resize(start + RecordBytes(key.size(), value.size()));
  std::byte* record = bytes_.data() + start;
  StoreLittleEndian(static_cast<std::uint32_t>(value.size()), record + kRecordValueLengthOffset);
  StoreLittleEndian(static_cast<std::uint32_t>(key.size()), record + kRecordKeyLengthOffset);
  StoreLittleEndian(count_, record + kRecordIndexOffset);
  std::byte* payload = record + kRecordHeaderBytes;
  if (!value.empty()) std::memcpy(payload, value.data(), value.size());
  if (!key.empty()) std::memcpy(payload + value.size(), key.data(), key.size());
  ++count_;
}

void GroupWriter::Seal(const GroupKey& key, CloudTime time) {
  StoreLittleEndian(count_, bytes_.data() + kGroupCountOffset);
  StoreLittleEndian(GroupHeaderCrc(key, count_), bytes_.data() + kGroupHeaderCrcOffset);
  const auto time_ns = static_cast<std::uint64_t>(ToNs(time));
  for (std::size_t at = kGroupHeaderBytes; at < bytes_.size();) {
    std::byte* record = bytes_.data() + at;
    const std::size_t record_bytes =
        RecordBytes(LoadLittleEndian<std::uint32_t>(record + kRecordKeyLengthOffset),
                    LoadLittleEndian<std::uint32_t>(record + kRecordValueLengthOffset));
    StoreLittleEndian(time_ns, record + kRecordTimeOffset);
    const std::span<const std::byte> covered(record + kRecordValueLengthOffset,
                                             record_bytes - kRecordValueLengthOffset);
    StoreLittleEndian(Crc32c(covered), record + kRecordCrcOffset);
    at += record_bytes;
  }
}

void GroupWriter::AppendViews(Offset first, std::vector<LogRecord>* records) const {
  std::uint64_t index = 0;
  for (std::size_t at = kGroupHeaderBytes; at < bytes_.size(); ++index) {
    const std::byte* record = bytes_.data() + at;
    const std::size_t value_bytes =
        LoadLittleEndian<std::uint32_t>(record + kRecordValueLengthOffset);
    const std::size_t key_bytes = LoadLittleEndian<std::uint32_t>(record + kRecordKeyLengthOffset);
    const std::byte* payload = record + kRecordHeaderBytes;
    records->push_back({
        .offset = Advance(first, index),
        .time = CloudTimeFromNs(
            static_cast<std::int64_t>(LoadLittleEndian<std::uint64_t>(record + kRecordTimeOffset))),
        .key = {payload + value_bytes, key_bytes},
        .value = {payload, value_bytes},
    });
    at += RecordBytes(key_bytes, value_bytes);
  }
}

void GroupWriter::Clear() {
  if (bytes_.capacity() > kKeptBytesMax) bytes_ = {};
  bytes_.clear();
  bytes_.resize(kGroupHeaderBytes);
  count_ = 0;
}

}  // namespace starling::cloud
