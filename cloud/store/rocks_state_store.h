#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/options.h>
#include <rocksdb/sst_file_writer.h>

#include "cloud/store/encryption.h"
#include "cloud/store/rocks_figures.h"
#include "cloud/store/rocks_state_store_config.h"
#include "cloud/store/state_store.h"
#include "cloud/store/state_store_stats.h"

namespace starling::cloud {

// The state store on a RocksDB database of its own.  Format: docs/formats/state_store.md.
//
// A point in time is one sorted file that the database takes in with one edit of its
// manifest: it is there whole or not at all, it does not pass through memory, and a
// write that fails leaves the database as it was (docs/decisions/0007-state-store.md).
// The file is synced before, so a point in time survives the machine on return.  Where the
// manifest's own sync fails and nothing is written after it, RocksDB leaves an entry without
// its file: such a folder is opened with the point in time before it.
//
// Threading: as StateStore; a thread of its own compacts.
class RocksStateStore final : public StateStore {
 public:
  // Opens or creates the store.
  // REQUIRES: config.Validate().ok()
  //
  // Errors: kUnavailable if another process has it open; kCorruption if it is
  //         damaged or was altered; kInvalidArgument if it is of another format, or
  //         `encryption` does not fit it; kIoError otherwise.  The message says what
  //         to do.
  static Result<std::unique_ptr<RocksStateStore>> Open(const RocksStateStoreConfig& config,
                                                       const StoreEncryption& encryption = {});
  ~RocksStateStore() override;
  RocksStateStore(const RocksStateStore&) = delete;
  RocksStateStore& operator=(const RocksStateStore&) = delete;

  Status Write(Topic topic, Partition partition, Offset next,
               std::span<const StateChange> changes) override;
  Result<std::optional<Offset>> Load(Topic topic, Partition partition,
                                     const Visitor& visit) const override;
  Status Clear(Topic topic, Partition partition) override;

  StateStoreStats Stats() const;
  RocksFigures rocks() const;

  // Rewrites what is plain or under an old key; ends early when `*stop` is set.
  // Without encryption it does nothing.
  // Errors: kIoError; a second call goes on.
  Status Reencrypt(const std::atomic<bool>* stop);

  // A copy that can be opened, in `directory`, which is absolute and not there yet; points in time are stored meanwhile.
  // Errors: kIoError.
  Status Checkpoint(const std::string& directory) const;

  // Waits until everything is compacted that is due.  For tests and measurements.
  void AwaitCompaction();

 private:
  RocksStateStore(const RocksStateStoreConfig& config, const StoreEncryption& encryption);

  Status OpenDatabase();
  Status CheckFormat();
  // Takes in a file that `fill` has filled, in rising order of the keys.
  Status Ingest(const std::function<rocksdb::Status(rocksdb::SstFileWriter*)>& fill);
  void LeaveTrace(const std::string& path, std::uint64_t failures);
  void RemoveTrace(std::uint64_t failures);
  void CompactLoop();
  // In words that say what to do, if it was a file that was refused.
  Status Explain(const rocksdb::Status& status, const std::string& doing) const;
  bool CompactionDue() const;
  std::size_t NewFiles() const;  // Written since the last compaction.

  const RocksStateStoreConfig config_;
  std::atomic<std::uint64_t> compacted_bytes_{0};  // Counts; so do the next ones.
  std::atomic<std::uint64_t> ingested_bytes_{0};
  std::atomic<std::uint64_t> given_bytes_{0};
  std::atomic<std::uint64_t> writes_{0};
  std::atomic<std::uint64_t> write_failures_{0};
  std::atomic<std::uint64_t> compactions_{0};
  std::atomic<std::uint64_t> files_made_{0};       // Names them.

  const std::unique_ptr<EncryptedStore> encrypted_;  // nullptr: plain
  const std::unique_ptr<rocksdb::Env> env_;          // as above
  rocksdb::Options options_;
  std::unique_ptr<rocksdb::DB> db_;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool look_ = false;        // Guarded by mutex_, as those up to trace_failures_: something was written.
  bool compacting_ = false;
  bool stop_ = false;
  std::string trace_;        // Of a write that failed, in incoming/; empty: none.
  std::uint64_t trace_failures_ = 0;
  std::thread compactor_;
};

}  // namespace starling::cloud
