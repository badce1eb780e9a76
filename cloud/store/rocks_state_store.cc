#include "cloud/store/rocks_state_store.h"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <limits>
#include <numeric>
#include <system_error>
#include <utility>
#include <vector>

#include <rocksdb/sst_file_writer.h>
#include <rocksdb/utilities/checkpoint.h>

#include "cloud/store/byte_order.h"
#include "cloud/store/info_log.h"
#include "cloud/store/rocks_state_store_options.h"
#include "cloud/store/state_format.h"
#include "common/check.h"

namespace starling::cloud {
namespace {

// Compaction is due when what was written since the last one is this share of what
// is there, percent.  Then the folder holds at most about the entries, this share
// again, and the compaction's output; and a byte given costs 1 + 100 / share.
constexpr std::uint64_t kCompactShare = 75;

// Or when there are so many files: Load merges them.
constexpr std::size_t kFilesMax = 16;

// Writes wait for the compaction at so many.
constexpr std::size_t kFilesHardMax = 64;

std::span<const std::byte> ToBytes(const rocksdb::Slice& slice) {
  return std::as_bytes(std::span(slice.data(), slice.size()));
}

std::string_view ToView(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

Status ToStatus(const rocksdb::Status& status, const std::string& doing) {
  if (status.ok()) return {};
  const std::string message = doing + ": " + status.ToString();
  if (status.IsCorruption()) return {ErrorCode::kCorruption, message};
  if (status.IsNoSpace()) return {ErrorCode::kIoError, message + "; free space"};
  return {ErrorCode::kIoError, message};
}

Status OpenFailure(const rocksdb::Status& status, const std::string& directory) {
  const std::string text = status.ToString();
  const std::string doing = "opening the state store in " + directory;
  if (text.find("While lock file") != std::string::npos ||
      text.find("lock hold by current process") != std::string::npos) {
    return {ErrorCode::kUnavailable, doing + ": another process has it open; stop that, or name another folder"};
  }
  if (text.find("Permission denied") != std::string::npos) {
    return {ErrorCode::kIoError, doing + ": permission denied; make it writable for user " +
                                     std::to_string(::geteuid()) + " or name another folder"};
  }
  if (status.IsCorruption()) {
    return {ErrorCode::kCorruption, doing + ": " + text +
                                        "; move the folder away, and the state is computed anew from what the "
                                        "log retains"};
  }
  return ToStatus(status, doing);
}

// Of a store or any other folder of plain files.
std::uint64_t BytesIn(const std::filesystem::path& directory) {
  std::uint64_t bytes = 0;
  std::error_code failure;
  for (auto each = std::filesystem::recursive_directory_iterator(directory, failure);
       !failure && each != std::filesystem::recursive_directory_iterator(); each.increment(failure)) {
    std::error_code gone;  // Files come and go.
    const std::uintmax_t size = each->is_regular_file(gone) ? each->file_size(gone) : 0;
    if (!gone) bytes += size;
  }
  return bytes;
}

}  // namespace

Status RocksStateStoreConfig::Validate() const {
  if (directory.empty()) return {ErrorCode::kInvalidArgument, "state.directory is empty"};
  return {};
}

RocksStateStore::RocksStateStore(const RocksStateStoreConfig& config, const StoreEncryption& encryption)
    : config_(config),
      encrypted_(encryption.keys == nullptr ? nullptr : std::make_unique<EncryptedStore>(encryption, "state")),
      env_(encrypted_ == nullptr ? nullptr : rocksdb::NewCompositeEnv(encrypted_->file_system())),
      options_(MakeStateStoreOptions(env_ == nullptr ? rocksdb::Env::Default() : env_.get(), &compacted_bytes_)) {}

Result<std::unique_ptr<RocksStateStore>> RocksStateStore::Open(const RocksStateStoreConfig& config,
                                                               const StoreEncryption& encryption) {
  STARLING_CHECK(config.Validate().ok());
  if (encryption.keys == nullptr) {
    if (Status status = CheckPlain(config.directory); !status.ok()) return status;
  }
  std::unique_ptr<RocksStateStore> store(new RocksStateStore(config, encryption));
  if (Status status = store->OpenDatabase(); !status.ok()) return status;
  if (Status status = store->CheckFormat(); !status.ok()) return status;
  store->compactor_ = std::thread([store = store.get()] { store->CompactLoop(); });
  // For people who look at the process; it works without.
  (void)pthread_setname_np(store->compactor_.native_handle(), "state-compactor");
  return store;
}

RocksStateStore::~RocksStateStore() {
  if (compactor_.joinable()) {
    {
      std::lock_guard lock(mutex_);
      stop_ = true;
    }
    changed_.notify_all();
    db_->DisableManualCompaction();  // Ends the one that runs; its inputs stay.
    compactor_.join();
  }
  // Every point in time is in a file already.
  if (db_ != nullptr) db_->Close().PermitUncheckedError();
}

Status RocksStateStore::OpenDatabase() {
  const std::filesystem::path incoming = std::filesystem::path(config_.directory) / "incoming";
  std::error_code failure;
  std::filesystem::create_directories(incoming, failure);
  const bool half_done = !failure && !std::filesystem::is_empty(incoming, failure);
  if (failure) {
    return {ErrorCode::kIoError, "creating the state store's folder " + incoming.string() + ": " + failure.message()};
  }
  if (encrypted_ != nullptr) {
    if (Status status = encrypted_->Verify(config_.directory); !status.ok()) return status;
  }
  rocksdb::DB* db = nullptr;
  rocksdb::Options options = options_;
  options.info_log = MakeInfoLog(config_.directory);
  rocksdb::Status opened = rocksdb::DB::Open(options, config_.directory, &db);
  if (opened.IsCorruption() && half_done && (encrypted_ == nullptr || encrypted_->refusal().ok())) {
    // The manifest names a file whose handing over failed at that very entry's sync: RocksDB then removes
    // the file and cannot take the entry back.  The point in time before it is whole.
    options.best_efforts_recovery = true;
    opened = rocksdb::DB::Open(options, config_.directory, &db);
  }
  db_.reset(db);
  if (!opened.ok()) {
    if (encrypted_ != nullptr && !encrypted_->refusal().ok()) return encrypted_->refusal();
    return OpenFailure(opened, config_.directory);
  }
  // What a process that was killed had not handed over yet.
  for (const auto& each : std::filesystem::directory_iterator(incoming, failure)) {
    std::filesystem::remove(each.path(), failure);
  }
  return {};
}

Status RocksStateStore::Explain(const rocksdb::Status& status, const std::string& doing) const {
  if (status.ok() || encrypted_ == nullptr || encrypted_->refusal().ok()) return ToStatus(status, doing);
  const Status refusal = encrypted_->refusal();
  return {refusal.code(), doing + ": " + std::string(refusal.message())};
}

Status RocksStateStore::Reencrypt(const std::atomic<bool>* stop) {
  return encrypted_ == nullptr ? Status() : encrypted_->Reencrypt(db_.get(), config_.directory, stop);
}

Status RocksStateStore::CheckFormat() {
  const std::string key(kStateFormatKey);
  std::string stored;
  const rocksdb::Status found = db_->Get(rocksdb::ReadOptions(), key, &stored);
  if (found.IsNotFound()) {
    const std::string value = StateValue(key, std::as_bytes(std::span(kStateFormat)));
    return Ingest([&](rocksdb::SstFileWriter* file) { return file->Put(key, value); });
  }
  if (!found.ok()) return Explain(found, "reading the state store's format");
  const auto content = StateContent(key, stored);
  if (!content) return {ErrorCode::kCorruption, "the state store's format record is damaged"};
  const std::string_view format(reinterpret_cast<const char*>(content->data()), content->size());
  if (format != kStateFormat) {
    return {ErrorCode::kInvalidArgument, "the state store is of format " + std::string(format) +
                                             ", this program reads " + std::string(kStateFormat) +
                                             "; use the program that wrote it, or move " + config_.directory +
                                             " away and the state is computed anew from what the log retains"};
  }
  return {};
}

Status RocksStateStore::Ingest(const std::function<rocksdb::Status(rocksdb::SstFileWriter*)>& fill) {
  const std::string path = config_.directory + "/incoming/" +
                           std::to_string(files_made_.fetch_add(1, std::memory_order_relaxed)) + ".sst";
  rocksdb::SstFileWriter file(rocksdb::EnvOptions(options_), options_, db_->DefaultColumnFamily(),
                              /*invalidate_page_cache=*/false);
  rocksdb::ExternalSstFileInfo info;
  const std::uint64_t failures = write_failures_.load(std::memory_order_relaxed);
  rocksdb::Status status = file.Open(path);
  if (status.ok()) status = fill(&file);
  if (status.ok()) status = file.Finish(&info);
  if (status.ok()) {
    // After a failure the database takes nothing until it is told that it was looked at.
    if (failures != 0) db_->Resume().PermitUncheckedError();
    rocksdb::IngestExternalFileOptions options;
    options.move_files = true;
    options.write_global_seqno = false;  // Files are written once, from start to end.
    status = db_->IngestExternalFile({path}, options);
  }
  if (!status.ok()) {
    LeaveTrace(path, write_failures_.fetch_add(1, std::memory_order_relaxed) + 1);
    return Explain(status, "writing to the state store in " + config_.directory);
  }
  ingested_bytes_.fetch_add(info.file_size, std::memory_order_relaxed);
  RemoveTrace(failures);
  return {};
}

// An empty file that says to the next OpenDatabase how a write ended; one is enough.
void RocksStateStore::LeaveTrace(const std::string& path, std::uint64_t failures) {
  std::lock_guard lock(mutex_);
  std::error_code failure;
  trace_failures_ = failures;
  if (trace_.empty()) {
    std::filesystem::resize_file(path, 0, failure);
    if (!failure) trace_ = path;
  } else {
    std::filesystem::remove(path, failure);
  }
}

// After a write that began when there had been so many failures: it made a manifest without theirs.
void RocksStateStore::RemoveTrace(std::uint64_t failures) {
  std::lock_guard lock(mutex_);
  if (trace_.empty() || trace_failures_ > failures) return;
  std::error_code failure;
  std::filesystem::remove(std::exchange(trace_, {}), failure);
}

Status RocksStateStore::Write(Topic topic, Partition partition, Offset next,
                              std::span<const StateChange> changes) {
  std::uint64_t given = 0;
  for (const StateChange& change : changes) {
    const std::size_t value_bytes = change.value ? change.value->size() : 0;
    if (change.key.size() > kStateKeyBytesMax || value_bytes > kStateValueBytesMax) {
      return {ErrorCode::kInvalidArgument,
              "an entry with a key of " + std::to_string(change.key.size()) + " and a value of " +
                  std::to_string(value_bytes) + " bytes is too large for the state store"};
    }
    given += change.key.size() + value_bytes;
  }
  // A file's keys rise; of equal ones the last is the one that counts.
  std::vector<std::uint32_t> order(changes.size());
  std::iota(order.begin(), order.end(), 0u);
  const auto less = [&](std::uint32_t a, std::uint32_t b) {
    return std::ranges::lexicographical_compare(changes[a].key, changes[b].key);
  };
  if (!std::is_sorted(order.begin(), order.end(), less)) std::stable_sort(order.begin(), order.end(), less);

  const std::string offset_key = StateOffsetKey(topic, partition);
  std::array<std::byte, kStateOffsetBytes> offset;
  StoreLittleEndian(static_cast<std::uint64_t>(next), offset.data());
  const Status status = Ingest([&](rocksdb::SstFileWriter* file) {
    rocksdb::Status put = file->Put(offset_key, StateValue(offset_key, offset));
    for (std::size_t i = 0; i < order.size() && put.ok(); ++i) {
      if (i + 1 < order.size() && !less(order[i], order[i + 1])) continue;
      const StateChange& change = changes[order[i]];
      const std::string key = StateEntryKey(topic, partition, change.key);
      put = change.value ? file->Put(key, StateValue(key, *change.value)) : file->Delete(key);
    }
    return put;
  });
  if (!status.ok()) return status;
  given_bytes_.fetch_add(given + offset_key.size() + offset.size(), std::memory_order_relaxed);
  writes_.fetch_add(1, std::memory_order_relaxed);
  std::unique_lock lock(mutex_);
  look_ = true;
  changed_.notify_all();
  changed_.wait(lock, [&] { return stop_ || !compacting_ || NewFiles() < kFilesHardMax; });
  return {};
}

Result<std::optional<Offset>> RocksStateStore::Load(Topic topic, Partition partition,
                                                    const Visitor& visit) const {
  const std::string prefix = StatePrefix(topic, partition);
  const std::string doing = "reading the state of " + std::string(TopicName(topic)) + " " +
                            std::to_string(static_cast<std::uint32_t>(partition));
  const auto damaged = [&] {
    return Status(ErrorCode::kCorruption, doing + " in " + config_.directory + ": an entry is not what was written");
  };
  rocksdb::ReadOptions options;
  options.fill_cache = false;
  options.readahead_size = 256 << 10;
  std::optional<Offset> next;
  // One iterator sees one point in time.
  const std::unique_ptr<rocksdb::Iterator> entry(db_->NewIterator(options));
  for (entry->Seek(prefix); entry->Valid() && entry->key().starts_with(prefix); entry->Next()) {
    const std::string_view key = ToView(entry->key());
    const auto content = StateContent(key, ToView(entry->value()));
    if (!content || key.size() < kStateEntryKeyOffset) return damaged();
    const char kind = key[kStateKindOffset];
    if (kind == kStateKindOffsetRecord) {
      if (key.size() != kStateEntryKeyOffset || content->size() != kStateOffsetBytes) return damaged();
      next = Offset{LoadLittleEndian<std::uint64_t>(content->data())};
      continue;
    }
    // Entries belong to the offset before them.
    if (kind != kStateKindEntry || !next) return damaged();
    Status visited = visit(ToBytes(entry->key()).subspan(kStateEntryKeyOffset), *content);
    if (!visited.ok()) return visited;
  }
  if (!entry->status().ok()) return Explain(entry->status(), doing + " in " + config_.directory);
  return next;
}

Status RocksStateStore::Clear(Topic topic, Partition partition) {
  std::vector<std::string> keys;
  const std::string prefix = StatePrefix(topic, partition);
  const std::unique_ptr<rocksdb::Iterator> entry(db_->NewIterator(rocksdb::ReadOptions()));
  for (entry->Seek(prefix); entry->Valid() && entry->key().starts_with(prefix); entry->Next()) {
    keys.push_back(entry->key().ToString());
  }
  if (!entry->status().ok()) return Explain(entry->status(), "clearing state in " + config_.directory);
  if (keys.empty()) return {};
  return Ingest([&](rocksdb::SstFileWriter* file) {
    rocksdb::Status erased;
    for (std::size_t i = 0; i < keys.size() && erased.ok(); ++i) erased = file->Delete(keys[i]);
    return erased;
  });
}

std::size_t RocksStateStore::NewFiles() const {
  std::string files;
  return db_->GetProperty("rocksdb.num-files-at-level0", &files) ? std::stoull(files) : 0;
}

bool RocksStateStore::CompactionDue() const {
  rocksdb::ColumnFamilyMetaData levels;
  db_->GetColumnFamilyMetaData(&levels);
  const rocksdb::LevelMetaData& fresh = levels.levels.front();
  const rocksdb::LevelMetaData& compacted = levels.levels.back();
  return fresh.files.size() >= kFilesMax ||
         (!fresh.files.empty() && fresh.size >= compacted.size * kCompactShare / 100);
}

void RocksStateStore::CompactLoop() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stop_ || look_; });
    if (stop_) return;
    look_ = false;
    compacting_ = true;
    lock.unlock();
    if (CompactionDue()) {
      rocksdb::CompactRangeOptions options;
      options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kSkip;
      // A failure leaves the files as they are; the next write looks again.
      if (db_->CompactRange(options, nullptr, nullptr).ok()) {
        compactions_.fetch_add(1, std::memory_order_relaxed);
      }
    }
    lock.lock();
    compacting_ = false;
    changed_.notify_all();
  }
}

Status RocksStateStore::Checkpoint(const std::string& directory) const {
  rocksdb::Checkpoint* made = nullptr;
  rocksdb::Status status = rocksdb::Checkpoint::Create(db_.get(), &made);
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
  // There is nothing in memory to be flushed.
  if (status.ok()) status = checkpoint->CreateCheckpoint(directory, std::numeric_limits<std::uint64_t>::max());
  return Explain(status, "copying the state store to " + directory);
}

void RocksStateStore::AwaitCompaction() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return stop_ || (!look_ && !compacting_); });
}

RocksFigures RocksStateStore::rocks() const {
  rocksdb::ColumnFamilyHandle* const family = db_->DefaultColumnFamily();
  return ReadRocksFigures(db_.get(), std::span(&family, 1), config_.directory);
}

StateStoreStats RocksStateStore::Stats() const {
  StateStoreStats stats;
  stats.bytes_on_disk = BytesIn(config_.directory);
  stats.writes = writes_.load(std::memory_order_relaxed);
  stats.write_failures = write_failures_.load(std::memory_order_relaxed);
  stats.bytes_given = given_bytes_.load(std::memory_order_relaxed);
  stats.bytes_written =
      ingested_bytes_.load(std::memory_order_relaxed) + compacted_bytes_.load(std::memory_order_relaxed);
  stats.compactions = compactions_.load(std::memory_order_relaxed);
  (void)db_->GetIntProperty("rocksdb.estimate-num-keys", &stats.entries);
  for (const char* part : {"rocksdb.cur-size-all-mem-tables", "rocksdb.block-cache-usage",
                           "rocksdb.estimate-table-readers-mem"}) {
    std::uint64_t bytes = 0;
    if (db_->GetIntProperty(part, &bytes)) stats.memory_bytes += bytes;
  }
  return stats;
}

}  // namespace starling::cloud
