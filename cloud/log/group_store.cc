#include "cloud/log/group_store.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include <rocksdb/cache.h>
#include <rocksdb/utilities/checkpoint.h>

#include "cloud/log/group_reader.h"
#include "cloud/log/group_store_options.h"
#include "cloud/store/info_log.h"

namespace starling::cloud {
namespace {

// In the default column family.
constexpr char kFormatKey[] = "format";
constexpr char kFormat[] = "1";
constexpr char kEndPrefix = 'e';  // Then the topic, 1 byte, and the partition, big-endian.
constexpr std::size_t kEndKeyBytes = 6;
constexpr std::size_t kEndValueBytes = 16;  // Offset, ns of Unix time; little-endian.

// A WAL that is deleted between reading its number and opening it is rare; this
// many in a row are no accident.
constexpr int kFollowsMax = 16;

rocksdb::Slice ToSlice(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::span<const std::byte> ToBytes(const rocksdb::Slice& slice) {
  return std::as_bytes(std::span(slice.data(), slice.size()));
}

Status ToStatus(const rocksdb::Status& status, const std::string& doing) {
  if (status.ok()) return Status();
  const std::string message = doing + ": " + status.ToString();
  if (status.IsCorruption()) return Status(ErrorCode::kCorruption, message);
  if (status.IsInvalidArgument()) return Status(ErrorCode::kInvalidArgument, message);
  if (status.IsNoSpace()) {
    return Status(ErrorCode::kIoError, message + "; free space or lower the log's bytes_max");
  }
  return Status(ErrorCode::kIoError, message);
}

// By errno.
Status SystemFailure(const std::string& doing) {
  const std::string cause = std::generic_category().message(errno);
  return Status(ErrorCode::kIoError, doing + ": " + cause);
}

// "process 123", as the kernel knows it.
std::string HolderOf(const std::string& lock_path) {
  const int fd = ::open(lock_path.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return "another process";
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  const bool known = ::fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK && lock.l_pid > 0;
  ::close(fd);
  return known ? "process " + std::to_string(lock.l_pid) : "another process";
}

Status OpenFailure(const rocksdb::Status& status, const std::string& directory) {
  const std::string text = status.ToString();
  const std::string doing = "opening the log in " + directory;
  if (text.find("lock hold by current process") != std::string::npos) {
    return Status(ErrorCode::kUnavailable,
                  doing + ": this process has it open already; close that log first");
  }
  if (text.find("While lock file") != std::string::npos) {
    return Status(ErrorCode::kUnavailable, doing + ": " + HolderOf(directory + "/LOCK") +
                                               " has it open; stop that, or name another directory");
  }
  if (text.find("Permission denied") != std::string::npos) {
    return Status(ErrorCode::kIoError, doing + ": permission denied; make it writable for user " +
                                           std::to_string(::geteuid()) + " or name another directory");
  }
  return ToStatus(status, doing);
}

// The type that `get` hands out has another name in each major release.
template <typename WalFile>
rocksdb::Status CurrentWal(rocksdb::DB& db,
                           rocksdb::Status (rocksdb::DB::*get)(std::unique_ptr<WalFile>*),
                           std::uint64_t* number) {
  std::unique_ptr<WalFile> wal;
  const rocksdb::Status status = (db.*get)(&wal);
  if (status.ok()) *number = wal->LogNumber();
  return status;
}

std::string EndKey(PartitionId id) {
  std::string key(kEndKeyBytes, '\0');
  key[0] = kEndPrefix;
  key[1] = static_cast<char>(id.topic);
  const GroupKey group_key = MakeGroupKey(id.partition, Offset{});
  std::copy_n(reinterpret_cast<const char*>(group_key.data()), 4, key.begin() + 2);
  return key;
}

}  // namespace

// Walks the groups of one topic.
class GroupStore::Cursor {
 public:
  // Stays before `bound`, which the cursor keeps.
  Cursor(const GroupStore& store, Topic topic, std::optional<GroupKey> bound = std::nullopt)
      : bound_(bound) {
    rocksdb::ReadOptions options;
    options.fill_cache = false;
    if (bound_) {
      bound_slice_ = ToSlice(*bound_);
      options.iterate_upper_bound = &bound_slice_;
    }
    iterator_.reset(store.db_->NewIterator(options, store.Family(topic)));
  }
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;

  void SeekToFirst() { iterator_->SeekToFirst(); }
  void Seek(const GroupKey& key) { iterator_->Seek(ToSlice(key)); }
  void SeekForPrev(const GroupKey& key) { iterator_->SeekForPrev(ToSlice(key)); }
  void Next() { iterator_->Next(); }

  // False at the end, and on damage; status() tells the two apart.
  bool Valid() const { return iterator_->Valid() && iterator_->key().size() == kGroupKeyBytes; }
  Status status() const {
    if (iterator_->Valid() && !Valid()) {
      return Status(ErrorCode::kCorruption, "log holds a key that no log has written");
    }
    return ToStatus(iterator_->status(), "reading the log");
  }

  // REQUIRES: Valid()
  Partition partition() const { return PartitionOfKey(ToBytes(iterator_->key())); }
  Offset first() const { return FirstOffsetOfKey(ToBytes(iterator_->key())); }

  // The group here, which lives until the next call.  REQUIRES: Valid()
  Result<GroupReader> Group() {
    const std::span<const std::byte> stored = ToBytes(iterator_->value());
    aligned_.assign(stored.begin(), stored.end());
    return GroupReader::Open(ToBytes(iterator_->key()), aligned_);
  }

 private:
  const std::optional<GroupKey> bound_;
  rocksdb::Slice bound_slice_;
  std::unique_ptr<rocksdb::Iterator> iterator_;
  std::vector<std::byte> aligned_;
};

Result<std::unique_ptr<GroupStore>> GroupStore::Open(const EmbeddedLogConfig& config,
                                                     std::function<CloudTime()> now,
                                                     const StoreEncryption& encryption) {
  std::unique_ptr<GroupStore> store(new GroupStore);
  if (Status status = store->MakeEnv(config, std::move(now), encryption); !status.ok()) return status;
  if (store->encrypted_ != nullptr) {
    if (Status status = store->encrypted_->Verify(config.directory); !status.ok()) return status;
  }
  if (Status status = store->OpenDatabase(config); !status.ok()) return store->Explain(status);
  if (Status status = store->CheckFormat(); !status.ok()) return store->Explain(status);
  if (Status status = store->Recover(); !status.ok()) return store->Explain(status);
  // Only now may retention drop files: of a partition all of whose records are too
  // old, the end that was just written is all that is left.
  store->env_->ReleaseCompactions();
  return store;
}

Result<std::unique_ptr<GroupStore>> GroupStore::OpenReadOnly(const EmbeddedLogConfig& config, Topic topic,
                                                             const StoreEncryption& encryption) {
  std::unique_ptr<GroupStore> store(new GroupStore);
  if (Status status = store->MakeEnv(config, CloudNow, encryption); !status.ok()) return status;
  if (Status status = store->OpenTopic(config, topic); !status.ok()) return store->Explain(status);
  return store;
}

RocksFigures GroupStore::rocks() const { return ReadRocksFigures(db_.get(), families_, db_->GetName()); }

Status GroupStore::MakeEnv(const EmbeddedLogConfig& config, std::function<CloudTime()> now,
                           const StoreEncryption& encryption) {
  if (encryption.keys == nullptr) {
    if (Status status = CheckPlain(config.directory); !status.ok()) return status;
    env_ = std::make_unique<StoreEnv>(std::move(now), nullptr);
  } else {
    encrypted_ = std::make_unique<EncryptedStore>(encryption, "log");
    env_ = std::make_unique<StoreEnv>(std::move(now), encrypted_->file_system());
  }
  return Status();
}

Status GroupStore::OpenTopic(const EmbeddedLogConfig& config, Topic topic) {
  rocksdb::DBOptions options = MakeStoreOptions(config, env_.get());
  options.create_if_missing = false;
  options.create_missing_column_families = false;
  const std::shared_ptr<rocksdb::Cache> cache = rocksdb::NewLRUCache(config.block_cache_bytes);
  const std::vector<rocksdb::ColumnFamilyDescriptor> descriptors{
      {std::string(TopicName(topic)), MakeTopicOptions(config.topics[static_cast<std::size_t>(topic)], cache)},
      {rocksdb::kDefaultColumnFamilyName, MakeEndsOptions(cache)}};
  std::vector<rocksdb::ColumnFamilyHandle*> opened;
  rocksdb::DB* db = nullptr;
  const rocksdb::Status outcome =
      rocksdb::DB::OpenForReadOnly(options, config.directory, descriptors, &opened, &db);
  db_.reset(db);
  if (!outcome.ok()) return OpenFailure(outcome, config.directory);
  families_.assign(kTopicCount + 1, nullptr);
  families_[static_cast<std::size_t>(topic)] = opened[0];
  families_.back() = opened[1];
  std::string format;
  const rocksdb::Status found = db->Get(rocksdb::ReadOptions(), opened[1], kFormatKey, &format);
  if (!found.ok()) return ToStatus(found, "reading the log's format");
  if (format != kFormat) {
    return Status(ErrorCode::kInvalidArgument, "log is of format " + format + ", this program reads " + kFormat);
  }
  if (Status status = RecoverEnds(); !status.ok()) return status;
  return RecoverTopic(topic);
}

Status GroupStore::OpenDatabase(const EmbeddedLogConfig& config) {
  std::error_code error;
  std::filesystem::create_directories(config.directory, error);
  if (error) {
    return Status(ErrorCode::kIoError,
                  "creating the log's directory " + config.directory + ": " + error.message());
  }
  const std::shared_ptr<rocksdb::Cache> cache = rocksdb::NewLRUCache(config.block_cache_bytes);
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  for (std::size_t i = 0; i < kTopicCount; ++i) {
    descriptors.emplace_back(std::string(TopicName(static_cast<Topic>(i))),
                             MakeTopicOptions(config.topics[i], cache));
  }
  descriptors.emplace_back(rocksdb::kDefaultColumnFamilyName, MakeEndsOptions(cache));
  rocksdb::DB* db = nullptr;
  rocksdb::DBOptions options = MakeStoreOptions(config, env_.get());
  options.info_log = MakeInfoLog(config.directory);
  const rocksdb::Status opened = rocksdb::DB::Open(options, config.directory, descriptors, &families_, &db);
  db_.reset(db);
  return opened.ok() ? Status() : OpenFailure(opened, config.directory);
}

Status GroupStore::Explain(Status status) const {
  return encrypted_ == nullptr || encrypted_->refusal().ok() ? status : encrypted_->refusal();
}

Status GroupStore::Reencrypt(const std::atomic<bool>* stop) {
  if (encrypted_ == nullptr) return Status();
  // The write-ahead log that is begun with it takes the current key.
  const rocksdb::Status flushed = db_->Flush(rocksdb::FlushOptions(), families_);
  if (!flushed.ok()) return ToStatus(flushed, "flushing the log");
  return encrypted_->Reencrypt(db_.get(), db_->GetName(), stop);
}

Status GroupStore::Checkpoint(const std::string& directory) const {
  rocksdb::Checkpoint* made = nullptr;
  rocksdb::Status status = rocksdb::Checkpoint::Create(db_.get(), &made);
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
  // The write-ahead log is copied: flushing it instead would make the writer wait.
  if (status.ok()) status = checkpoint->CreateCheckpoint(directory, std::numeric_limits<std::uint64_t>::max());
  return Explain(ToStatus(status, "copying the log to " + directory));
}

GroupStore::~GroupStore() {
  if (wal_fd_ >= 0) ::close(wal_fd_);
  if (db_ == nullptr) return;
  // Every commit is in the WAL already, and the log has synced it if it could.
  for (rocksdb::ColumnFamilyHandle* family : families_) {
    if (family != nullptr) db_->DestroyColumnFamilyHandle(family).PermitUncheckedError();
  }
  db_->Close().PermitUncheckedError();
}

Status GroupStore::CheckFormat() {
  std::string format;
  const rocksdb::Status found =
      db_->Get(rocksdb::ReadOptions(), families_.back(), kFormatKey, &format);
  if (found.IsNotFound()) {
    rocksdb::WriteOptions options;
    options.sync = true;
    return ToStatus(db_->Put(options, families_.back(), kFormatKey, kFormat),
                    "writing the log's format");
  }
  if (!found.ok()) return ToStatus(found, "reading the log's format");
  if (format != kFormat) {
    return Status(ErrorCode::kInvalidArgument, "log is of format " + format + ", this program reads " +
                                                   kFormat + "; use the program that wrote it");
  }
  return Status();
}

Status GroupStore::RecoverEnds() {
  std::unique_ptr<rocksdb::Iterator> ends(
      db_->NewIterator(rocksdb::ReadOptions(), families_.back()));
  for (ends->Seek(rocksdb::Slice(&kEndPrefix, 1)); ends->Valid(); ends->Next()) {
    const std::span<const std::byte> key = ToBytes(ends->key());
    const std::span<const std::byte> value = ToBytes(ends->value());
    if (ends->key()[0] != kEndPrefix) break;
    if (key.size() != kEndKeyBytes || value.size() != kEndValueBytes ||
        static_cast<std::size_t>(key[1]) >= kTopicCount) {
      return Status(ErrorCode::kCorruption, "log holds a partition end that no log has written");
    }
    recovered_.push_back(
        {.id = {static_cast<Topic>(key[1]), PartitionOfKey(key.subspan(2))},
         .end = Offset{LoadLittleEndian<std::uint64_t>(value.data())},
         .time = CloudTimeFromNs(
             static_cast<std::int64_t>(LoadLittleEndian<std::uint64_t>(value.data() + 8)))});
  }
  return ToStatus(ends->status(), "reading the ends of the partitions");
}

Status GroupStore::Recover() {
  if (Status status = RecoverEnds(); !status.ok()) return status;
  for (std::size_t i = 0; i < kTopicCount; ++i) {
    if (Status status = RecoverTopic(static_cast<Topic>(i)); !status.ok()) return status;
  }
  for (const PartitionEnd& end : recovered_) AddEnd(end);
  if (Status status = Commit(); !status.ok()) return status;
  return Sync();
}

Status GroupStore::RecoverTopic(Topic topic) {
  Cursor cursor(*this, topic);
  cursor.SeekToFirst();
  while (cursor.Valid()) {
    const PartitionId id{topic, cursor.partition()};
    cursor.SeekForPrev(MakeGroupKey(id.partition, Offset{UINT64_MAX}));
    if (!cursor.Valid()) break;
    Result<GroupReader> group = cursor.Group();
    if (!group.ok()) return group.status();
    PartitionEnd end{.id = id, .end = group.value().end(), .time = {}};
    // A damaged record is for Read to report; the group's end is known without it.
    for (;;) {
      const auto record = group.value().Next();
      if (!record.ok() || !record.value()) break;
      end.time = record.value()->time;
    }
    const auto saved = std::find_if(recovered_.begin(), recovered_.end(),
                                    [&](const PartitionEnd& each) { return each.id == id; });
    if (saved == recovered_.end()) {
      recovered_.push_back(end);
    } else {
      saved->end = std::max(saved->end, end.end);
      saved->time = std::max(saved->time, end.time);
    }
    if (static_cast<std::uint32_t>(id.partition) == UINT32_MAX) break;
    cursor.Seek(MakeGroupKey(Partition{static_cast<std::uint32_t>(id.partition) + 1}, Offset{}));
  }
  return cursor.status();
}

void GroupStore::Add(PartitionId id, const GroupKey& key, std::span<const std::byte> group) {
  // Into memory: cannot fail.
  batch_.Put(Family(id.topic), ToSlice(key), ToSlice(group)).PermitUncheckedError();
}

void GroupStore::AddEnd(const PartitionEnd& end) {
  std::array<std::byte, kEndValueBytes> value;
  StoreLittleEndian(static_cast<std::uint64_t>(end.end), value.data());
  StoreLittleEndian(static_cast<std::uint64_t>(ToNs(end.time)), value.data() + 8);
  batch_.Put(families_.back(), EndKey(end.id), ToSlice(value)).PermitUncheckedError();
}

Status GroupStore::Commit() {
  rocksdb::WriteOptions options;
  options.sync = false;
  const rocksdb::Status written = db_->Write(options, &batch_);
  batch_.Clear();
  return ToStatus(written, "writing to the log");
}

// Not DB::SyncWAL: where that meets a WAL whose last write has just failed, a
// library built with assertions (Debian's is) aborts the process.
Status GroupStore::Sync() {
  for (int i = 0; i < kFollowsMax; ++i) {
    std::uint64_t current = 0;
    const rocksdb::Status found = CurrentWal(*db_, &rocksdb::DB::GetCurrentWalFile, &current);
    if (!found.ok()) return ToStatus(found, "looking for the write-ahead log");
    if (current != wal_number_) {
      const Result<bool> followed = FollowWal(current);
      if (!followed.ok()) return followed.status();
      if (!followed.value()) continue;
    }
    if (::fdatasync(wal_fd_) != 0) return SystemFailure("syncing the write-ahead log");
    return Status();
  }
  return Status(ErrorCode::kIoError, "the write-ahead log was replaced faster than it can be opened, " +
                                         std::to_string(kFollowsMax) + " times in a row");
}

// Syncs the WALs that were begun since the last call, but for the current one, and
// turns to that.  One that is gone is in files, which RocksDB has synced.
Result<bool> GroupStore::FollowWal(std::uint64_t current) {
  const std::filesystem::path directory = db_->GetName();
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    if (entry.path().extension() != ".log") continue;
    const std::uint64_t number = std::strtoull(entry.path().filename().c_str(), nullptr, 10);
    if (number < wal_number_ || number >= current) continue;
    const int fd = ::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) continue;
    const bool synced = fd >= 0 && ::fdatasync(fd) == 0;
    const int cause = errno;
    if (fd >= 0) ::close(fd);
    errno = cause;
    if (!synced) return SystemFailure("syncing " + entry.path().string());
  }
  if (error) return Status(ErrorCode::kIoError, "listing the log: " + error.message());

  char name[32];
  std::snprintf(name, sizeof(name), "%06llu.log", static_cast<unsigned long long>(current));
  if (wal_fd_ >= 0) ::close(wal_fd_);
  wal_fd_ = ::open((directory / name).c_str(), O_RDONLY | O_CLOEXEC);
  if (wal_fd_ < 0 && errno == ENOENT) return false;
  if (wal_fd_ < 0) return SystemFailure("opening " + (directory / name).string());
  const int directory_fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory_fd < 0) return SystemFailure("opening " + directory.string());
  const bool synced = ::fsync(directory_fd) == 0;  // Else the new file has no name after a cut.
  const int cause = errno;
  ::close(directory_fd);
  errno = cause;
  if (!synced) return SystemFailure("syncing " + directory.string());
  wal_number_ = current;
  return true;
}

Result<Offset> GroupStore::First(PartitionId id, Offset end) const {
  Cursor cursor(*this, id.topic, MakeGroupKey(id.partition, end));
  cursor.Seek(MakeGroupKey(id.partition, Offset{}));
  if (cursor.Valid()) return cursor.first();
  if (Status status = cursor.status(); !status.ok()) return status;
  return end;
}

Result<Offset> GroupStore::Find(PartitionId id, Offset end, CloudTime time) const {
  Cursor cursor(*this, id.topic, MakeGroupKey(id.partition, end));
  cursor.Seek(MakeGroupKey(id.partition, Offset{}));
  auto low = static_cast<std::uint64_t>(end);
  auto high = low;
  if (cursor.Valid()) low = static_cast<std::uint64_t>(cursor.first());
  while (low < high) {
    cursor.SeekForPrev(MakeGroupKey(id.partition, Offset{low + (high - low) / 2}));
    if (!cursor.Valid()) break;
    Result<GroupReader> group = cursor.Group();
    if (!group.ok()) return group.status();
    std::optional<Offset> found;
    for (;;) {
      const auto record = group.value().Next();
      if (!record.ok()) return record.status();
      if (!record.value()) break;
      if (record.value()->time < time) continue;
      found = record.value()->offset;
      break;
    }
    if (!found) {
      low = static_cast<std::uint64_t>(group.value().end());
    } else if (*found != group.value().first()) {
      return *found;
    } else {
      high = static_cast<std::uint64_t>(*found);
    }
  }
  if (Status status = cursor.status(); !status.ok()) return status;
  return Offset{low};
}

Status GroupStore::Scan(PartitionId id, Offset from, Offset end,
                        const std::function<bool(std::span<const LogRecord>)>& visit) const {
  if (from >= end) return Status();
  Cursor cursor(*this, id.topic, MakeGroupKey(id.partition, end));
  cursor.SeekForPrev(MakeGroupKey(id.partition, from));
  if (!cursor.Valid() || cursor.partition() != id.partition) {
    if (Status status = cursor.status(); !status.ok()) return status;
    cursor.Seek(MakeGroupKey(id.partition, from));
  }
  std::vector<LogRecord> records;
  std::optional<Offset> expected;
  for (; cursor.Valid(); cursor.Next()) {
    Result<GroupReader> group = cursor.Group();
    if (!group.ok()) return group.status();
    if (expected && group.value().first() != *expected) {
      return Status(ErrorCode::kCorruption,
                    "log records from offset " +
                        std::to_string(static_cast<std::uint64_t>(*expected)) + " on are missing");
    }
    expected = group.value().end();
    records.clear();
    Status damage;
    for (;;) {
      const auto record = group.value().Next();
      if (!record.ok()) damage = record.status();
      if (!record.ok() || !record.value()) break;
      if (record.value()->offset >= from) records.push_back(*record.value());
    }
    if (!records.empty() && !visit(records)) return Status();
    if (!damage.ok()) return damage;
  }
  if (Status status = cursor.status(); !status.ok()) return status;
  if (expected && *expected < end) {
    return Status(ErrorCode::kCorruption,
                  "log records from offset " +
                      std::to_string(static_cast<std::uint64_t>(*expected)) + " on are missing");
  }
  return Status();
}

}  // namespace starling::cloud
