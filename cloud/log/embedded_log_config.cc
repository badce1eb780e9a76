#include "cloud/log/embedded_log_config.h"

#include "cloud/log/group_format.h"

namespace starling::cloud {
namespace {

Status Invalid(const std::string& field, const std::string& range) {
  return Status(ErrorCode::kInvalidArgument, "log." + field + " must be " + range);
}

Status ValidateTopic(Topic topic, const TopicConfig& config) {
  const std::string name = "topics." + std::string(TopicName(topic));
  if (config.memtable_bytes < (64 << 10) || config.memtable_bytes > (64 << 20)) {
    return Invalid(name + ".memtable_bytes", "64 KiB to 64 MiB");
  }
  if (config.bytes_max < 4 * config.memtable_bytes) {
    return Invalid(name + ".bytes_max", "at least four times memtable_bytes");
  }
  if (config.age_max < std::chrono::seconds(1) ||
      config.age_max > std::chrono::hours(10 * 365 * 24)) {
    return Invalid(name + ".age_max", "1 s to 10 years");
  }
  return Status();
}

}  // namespace

Status EmbeddedLogConfig::Validate() const {
  if (directory.empty()) return Invalid("directory", "a path");
  std::size_t memory = block_cache_bytes;
  for (std::size_t i = 0; i < kTopicCount; ++i) {
    if (Status status = ValidateTopic(static_cast<Topic>(i), topics[i]); !status.ok()) return status;
    memory += kMemtablesMax * topics[i].memtable_bytes;
  }
  if (memory > kStoreMemoryBytesMax) {
    return Invalid("topics.*.memtable_bytes and block_cache_bytes",
                   "such that four memtables each and the cache take at most 300 MiB, not " +
                       std::to_string(memory >> 20) + " MiB");
  }
  if (queue_bytes_max < 2 * RecordBytes(kRecordKeyBytesMax, kRecordValueBytesMax)) {
    return Invalid("queue_bytes_max", "at least two of the largest records, 8.1 MiB");
  }
  if (queue_records_max < 2) return Invalid("queue_records_max", "at least 2");
  if (bulk_share_percent < 1 || bulk_share_percent > 100) {
    return Invalid("bulk_share_percent", "1 to 100");
  }
  if (commit_interval_min < std::chrono::microseconds(0) ||
      commit_interval_min > std::chrono::milliseconds(100)) {
    return Invalid("commit_interval_min", "0 to 100 ms");
  }
  if (sync_interval < std::chrono::milliseconds(0) || sync_interval > std::chrono::seconds(10)) {
    return Invalid("sync_interval", "0 to 10 s");
  }
  if (wal_bytes_max < (1 << 20)) return Invalid("wal_bytes_max", "at least 1 MiB");
  return Status();
}

}  // namespace starling::cloud
