#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include "cloud/log/append_queue.h"
#include "cloud/log/embedded_log_config.h"
#include "cloud/log/group_format.h"
#include "cloud/log/group_store_options.h"
#include "cloud/store/encryption.h"
#include "cloud/store/rocks_figures.h"
#include "common/status.h"
#include "common/time.h"

namespace starling::cloud {

// Where a partition stands: what the next record must not go behind.
struct PartitionEnd {
  PartitionId id;
  Offset end{};     // Of the next record.
  CloudTime time;   // Of the last one.
};

// Commit groups in RocksDB.  The one place that calls it.
//
// Threading: Add, AddEnd and Commit belong to one thread; Sync to one, perhaps
// another; all others are thread-safe.
class GroupStore {
 public:
  // Opens or creates the store and finds the end of every partition.
  // REQUIRES: config.Validate().ok()
  //
  // Errors: kUnavailable if another process has it open; kCorruption if it is
  //         damaged beyond a torn end; kInvalidArgument if it is of another
  //         format, or `encryption` does not fit it; kIoError otherwise.  The message
  //         says what to do.
  static Result<std::unique_ptr<GroupStore>> Open(const EmbeddedLogConfig& config,
                                                  std::function<CloudTime()> now,
                                                  const StoreEncryption& encryption = {});

  // Opens a store that is there to read one topic; changes nothing, and another process
  // may have it open.  Only recovered(), First, Find and Scan, of that topic, may be
  // called.
  //
  // Errors: as Open.
  static Result<std::unique_ptr<GroupStore>> OpenReadOnly(const EmbeddedLogConfig& config, Topic topic,
                                                          const StoreEncryption& encryption);
  ~GroupStore();
  GroupStore(const GroupStore&) = delete;
  GroupStore& operator=(const GroupStore&) = delete;

  // As they were on opening.
  const std::vector<PartitionEnd>& recovered() const { return recovered_; }

  // Adds to the next commit.  An end must be added before retention can drop the
  // last group of its partition, or numbering would start anew.
  void Add(PartitionId id, const GroupKey& key, std::span<const std::byte> group);
  void AddEnd(const PartitionEnd& end);

  // Writes what was added since the last commit, all or nothing.  It then
  // survives the process.  After a failure nothing more may be written.
  Status Commit();

  // What was committed before the call survives the machine.
  Status Sync();

  // Rewrites what is plain or under an old key; ends early when `*stop` is set.
  // Without encryption it does nothing.
  // Errors: kIoError; a second call goes on.
  Status Reencrypt(const std::atomic<bool>* stop);

  RocksFigures rocks() const;
  // A copy that can be opened, of one moment not before the call, in `directory`, an absolute path that is not there: tables
  // as links where it is on the same file system.  Encrypted files stay so.
  // Errors: kIoError.
  Status Checkpoint(const std::string& directory) const;

  // Offset of the first retained record; `end` if there is none.
  Result<Offset> First(PartitionId id, Offset end) const;

  // Offset of the first retained record taken at `time` or later; `end` if none.
  Result<Offset> Find(PartitionId id, Offset end, CloudTime time) const;

  // Visits the records [from, end) in order, those of one group at a time, until
  // `visit` returns false.  Starts at the first retained record if that is later.
  //
  // Errors: kCorruption if a record is damaged or missing; those before it have
  //         been visited.
  Status Scan(PartitionId id, Offset from, Offset end,
              const std::function<bool(std::span<const LogRecord>)>& visit) const;

 private:
  class Cursor;

  GroupStore() = default;

  Status MakeEnv(const EmbeddedLogConfig& config, std::function<CloudTime()> now, const StoreEncryption& encryption);
  Status OpenDatabase(const EmbeddedLogConfig& config);
  Status OpenTopic(const EmbeddedLogConfig& config, Topic topic);
  // False if `current` was itself flushed and deleted meanwhile.
  Result<bool> FollowWal(std::uint64_t current);
  Status CheckFormat();
  Status Recover();
  Status RecoverEnds();
  Status RecoverTopic(Topic topic);
  rocksdb::ColumnFamilyHandle* Family(Topic topic) const {
    return families_[static_cast<std::size_t>(topic)];
  }

  // In words that say what to do, if it was a file that was refused.
  Status Explain(Status status) const;

  std::unique_ptr<EncryptedStore> encrypted_;  // nullptr: plain
  std::unique_ptr<StoreEnv> env_;
  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> families_;  // By Topic; then the default one.
  std::vector<PartitionEnd> recovered_;
  rocksdb::WriteBatch batch_;

  // The syncing thread's: the write-ahead log that it syncs, and its number.
  std::uint64_t wal_number_ = 0;
  int wal_fd_ = -1;
};

}  // namespace starling::cloud
