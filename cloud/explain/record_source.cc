#include "cloud/explain/record_source.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "cloud/log/group_store.h"

namespace starling::cloud {
namespace {

Offset EndOf(const GroupStore& store, PartitionId id) {
  const auto& ends = store.recovered();
  const auto end = std::ranges::find_if(ends, [&](const PartitionEnd& each) { return each.id == id; });
  return end == ends.end() ? Offset{} : end->end;  // Nothing was ever written there.
}

}  // namespace

Result<Log::Range> LogRecords::RangeOf(Topic topic, Partition partition) const {
  return log_->QueryRange(topic, partition);
}
Result<Offset> LogRecords::OffsetAt(Topic topic, Partition partition, CloudTime time) const {
  return log_->QueryOffsetAt(topic, partition, time);
}
Status LogRecords::Read(Topic topic, Partition partition, Offset from,
                        const std::function<bool(const LogRecord&)>& visit) const {
  if (stop_ == nullptr) return log_->Read(topic, partition, from, visit);
  return log_->Read(topic, partition, from, [&](const LogRecord& record) {
    return !stop_->load(std::memory_order_relaxed) && visit(record);
  });
}

StoredRecords::StoredRecords(std::string directory, StoreEncryption encryption)
    : directory_(std::move(directory)), encryption_(std::move(encryption)) {}
StoredRecords::~StoredRecords() = default;

Result<const GroupStore*> StoredRecords::StoreOf(Topic topic) const {
  const std::lock_guard lock(mutex_);
  if (const auto found = stores_.find(topic); found != stores_.end()) return found->second.get();
  std::error_code ignored;
  if (!std::filesystem::exists(std::filesystem::path(directory_) / "CURRENT", ignored)) {
    return Status(ErrorCode::kIoError, directory_ + " holds no log; --data names the folder that starling-cloud has");
  }
  EmbeddedLogConfig config;
  config.directory = directory_;
  Result<std::unique_ptr<GroupStore>> store = GroupStore::OpenReadOnly(config, topic, encryption_);
  if (!store.ok()) return store.status();
  return (stores_[topic] = std::move(store).value()).get();
}

Result<Log::Range> StoredRecords::RangeOf(Topic topic, Partition partition) const {
  const Result<const GroupStore*> store = StoreOf(topic);
  if (!store.ok()) return store.status();
  const PartitionId id{topic, partition};
  const Offset end = EndOf(*store.value(), id);
  const Result<Offset> first = store.value()->First(id, end);
  if (!first.ok()) return first.status();
  return Log::Range{first.value(), end};
}

Result<Offset> StoredRecords::OffsetAt(Topic topic, Partition partition, CloudTime time) const {
  const Result<const GroupStore*> store = StoreOf(topic);
  if (!store.ok()) return store.status();
  const PartitionId id{topic, partition};
  return store.value()->Find(id, EndOf(*store.value(), id), time);
}

Status StoredRecords::Read(Topic topic, Partition partition, Offset from,
                           const std::function<bool(const LogRecord&)>& visit) const {
  const Result<const GroupStore*> store = StoreOf(topic);
  if (!store.ok()) return store.status();
  const PartitionId id{topic, partition};
  bool more = true;
  return store.value()->Scan(id, from, EndOf(*store.value(), id), [&](std::span<const LogRecord> records) {
    for (const LogRecord& record : records) more = more && visit(record);
    return more;
  });
}

}  // namespace starling::cloud
