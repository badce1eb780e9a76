#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "cloud/log/append_queue.h"
#include "cloud/log/embedded_log_config.h"
#include "cloud/log/log.h"
#include "cloud/measure/latency_histogram.h"
#include "cloud/store/encryption.h"
#include "cloud/store/rocks_figures.h"

namespace starling::cloud {

class GroupStore;

// What the log did since it was opened.
struct EmbeddedLogCounters {
  std::uint64_t records = 0;   // emitted
  std::uint64_t commits = 0;   // writes to the WAL
  std::uint64_t syncs = 0;     // fdatasyncs of the WAL
  std::uint64_t refused = 0;   // appends answered with kExhausted
  nanoseconds durable_lag{0};  // age of the oldest record that is emitted and not durable
};

struct EmbeddedLogLatencies {
  HistogramCounts commit;      // writes to the WAL
  HistogramCounts sync;        // fdatasyncs of the WAL
};

// The log without a server: RocksDB, one column family for each topic, one entry
// for each partition and commit.  One thread commits and delivers, for all
// partitions; another one syncs.
//
//   Append ─► queue ─► writer: offsets, time, write(2) ─► consumers ─► emitted
//                                                 syncer: fdatasync ─► durable
//
// A consumer therefore runs between two commits: while it works nothing is
// emitted.  It may call Append; what it appends is in the next commit.  It must
// not call Close, nor wait for a ticket of its own.
//
// After a write or a sync has failed nothing more is written: what the disk then
// holds is known to nobody.  status() says why; restart the process once the
// cause is gone.
//
// Recovery: what a process emitted is there after it was killed.  After a loss of
// power the log ends after the last group that is whole, in all topics at the same
// moment; what was durable is there.
//
// Threading: thread-safe.  Close and the destructor: not from a thread of the log.
class EmbeddedLog final : public Log {
 public:
  // Opens the log, or creates it, and recovers.
  //
  // Errors: kInvalidArgument if the configuration or the stored format is wrong;
  //         kUnavailable if another process has the directory open, or `now` is
  //         more than a minute before the last record; kCorruption if
  //         more than its end is damaged; kIoError if the system refuses.
  static Result<std::unique_ptr<EmbeddedLog>> Open(const EmbeddedLogConfig& config,
                                                   std::function<CloudTime()> now = CloudNow,
                                                   const StoreEncryption& encryption = {});

  ~EmbeddedLog() override;
  EmbeddedLog(const EmbeddedLog&) = delete;
  EmbeddedLog& operator=(const EmbeddedLog&) = delete;

  // Errors: as Log, and kInvalidArgument if key or value are longer than
  //         kRecordKeyBytesMax or kRecordValueBytesMax.
  Result<Ticket> Append(Topic topic, Partition partition, std::span<const std::byte> key,
                        std::span<const std::byte> value) override;
  // All of them in one commit, or none: a crash cannot come between them.
  Result<Ticket> AppendAll(std::span<const AppendEntry> entries);
  double fill() const override { return queue_.fill(); }
  Ticket emitted() const override;
  Ticket durable() const override;
  void ObserveDurable(std::function<void(Ticket)> observer) override;

  // Returns at once; stored records are delivered in slices between two commits.  A
  // stored record that is damaged or dropped before its turn stops the log: a
  // consumer must not see a gap.
  //
  // Errors: as Log, and kUnavailable after the log failed or was closed.
  Status Subscribe(Topic topic, Partition partition, Offset from, LogConsumer* consumer) override;

  // A partition that was never written, and any after Close, is [end, end).
  Range RangeOf(Topic topic, Partition partition) const override;
  Offset OffsetAt(Topic topic, Partition partition, CloudTime time) const override;

  // Starts at the first retained record if `from` is older.  `visit` may take its
  // time: it sees the log as it was when Read was called, and keeps the files.
  //
  // Errors: as Log, and kUnavailable after Close.
  Status Read(Topic topic, Partition partition, Offset from,
              const std::function<bool(const LogRecord&)>& visit) const override;

  Status status() const override;
  Status Close() override;

  // Blocks until every record with `ticket` or an earlier one is emitted / durable.
  //
  // Errors: kUnavailable if that will not happen, because the log failed or closed.
  Status AwaitEmitted(Ticket ticket) const;
  Status AwaitDurable(Ticket ticket) const;

  EmbeddedLogCounters counters() const;
  EmbeddedLogLatencies latencies() const;
  // After Close it is all zero.
  RocksFigures rocks() const;

  // Rewrites files that are plain or under an old key, while the log works; ends early
  // when `*stop` is set, which has to be before Close.  Without encryption it does nothing.
  // Errors: kIoError, kUnavailable if the log is closed; a second call goes on.
  Status Reencrypt(const std::atomic<bool>* stop);

  // A copy of it that can be opened, in `directory`, which is absolute and not there yet: every record that was
  // emitted before the call is in it.  Commits go on meanwhile.
  // Errors: kIoError, kUnavailable if the log is closed.
  Status Checkpoint(const std::string& directory) const;

  // Those that were ever written.
  std::vector<PartitionId> partitions() const;

 private:
  struct PartitionState;
  struct Subscription {
    PartitionState* partition;
    Offset from;
    LogConsumer* consumer;
  };

  EmbeddedLog(const EmbeddedLogConfig& config, std::function<CloudTime()> now,
              std::unique_ptr<GroupStore> store);

  // The writer.
  void WriteLoop();
  Status CommitRound(const AppendRound& round);
  void DeliverRound(const AppendRound& round);
  void TakeSubscriptions();
  Status CatchUp();
  Status CatchUpSlice(PartitionState* partition);
  void AddUnsavedEnds();

  // The syncer.
  void SyncLoop();

  PartitionState* FindOrAdd(PartitionId id);
  Offset EndOf(PartitionId id) const;
  void Fail(const Status& status);
  void PublishProgress();
  Status Await(const std::atomic<std::uint64_t>& reached, Ticket ticket) const;

  // Constant after construction.
  const EmbeddedLogConfig config_;
  const std::function<CloudTime()> now_;
  const std::uint64_t ends_bytes_max_;

  AppendQueue queue_;

  // Readers share it, Close takes the store away; the log's threads, which Close
  // joins first, need no lock.
  mutable std::shared_mutex store_mutex_;
  std::unique_ptr<GroupStore> store_;

  // The writer stores them after the fact, the syncer the second one; anyone
  // loads.  Release and acquire: who sees a ticket sees what it did.
  std::atomic<std::uint64_t> emitted_{0};
  std::atomic<std::uint64_t> durable_{0};
  // Bumped after each change of the above and on failure or end, for waiters.
  std::atomic<std::uint32_t> progress_{0};
  std::atomic<bool> closing_{false};  // Close stores, writer and syncer load.
  std::atomic<bool> stopped_{false};  // Failed or closed: stored once by whoever sees it.
  // Counters: one thread adds, anyone loads, in no order.
  std::atomic<std::uint64_t> records_{0};
  std::atomic<std::uint64_t> commits_{0};
  std::atomic<std::uint64_t> syncs_{0};
  // When the oldest record was emitted that no sync has begun for, and that of which one has
  // begun; 0: there is none.  On the steady clock; the writer stores the first one where it is
  // 0, the syncer moves it to the second; for figures alone, in no order.
  std::atomic<std::int64_t> unsynced_since_ns_{0};
  std::atomic<std::int64_t> syncing_since_ns_{0};
  LatencyHistogram commit_time_;  // The writer's.
  LatencyHistogram sync_time_;    // The syncer's.

  mutable std::mutex mutex_;
  // Guarded by mutex_:
  std::unordered_map<PartitionId, std::unique_ptr<PartitionState>, PartitionIdHash>
      partitions_;  // Grows only; the states have owners of their own.
  std::vector<Subscription> subscriptions_;  // Not yet taken by the writer.
  std::vector<std::function<void(Ticket)>> observers_;
  Status failure_;
  bool closed_ = false;

  std::mutex sync_mutex_;
  std::condition_variable sync_wanted_;
  bool sync_asleep_ = false;  // Guarded by sync_mutex_.
  bool sync_stop_ = false;    // Guarded by sync_mutex_.

  // The writer's own.
  std::vector<LogRecord> views_;
  std::vector<PartitionState*> unsaved_;       // Whose end is newer than the stored one.
  std::vector<PartitionState*> catching_up_;
  std::uint64_t bytes_since_ends_ = 0;
  CloudTime ends_saved_at_;

  std::mutex close_mutex_;  // One Close at a time.
  std::thread writer_;
  std::thread syncer_;
};

}  // namespace starling::cloud
