#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <thread>

#include "cloud/log/log.h"
#include "cloud/shard/shard.h"
#include "cloud/shard/shard_config.h"
#include "common/bounded_queue.h"
#include "common/status.h"
#include "common/time.h"

namespace starling::cloud {

// Takes commands to the connections of their vehicles.
class CommandSink {
 public:
  virtual ~CommandSink() = default;

  // Called on the log's delivery thread, at once after the record that caused the
  // commands; must not block.  The commands may be moved from.  Writes the moment
  // of the hand-over into emitted_time_ns: the field is there to be mutated.
  virtual void Deliver(std::span<ShardOutputs::Command> commands) = 0;
};

struct ShardRunnerConfig {
  // Log time read again at a start, to know the vehicles and the open episodes
  // before the first command.  Longer: a slower start.  [0, 10 min].
  nanoseconds recovery_window = seconds(10);
  // The owner's heartbeat, and what drives windows and open pairs.  [10 ms, 1 s].
  milliseconds tick_interval{100};
  // Queries waiting for the shard; a further one is refused.  [1, 10000].
  std::size_t queries_max = 64;

  Status Validate() const;
};

struct ShardRunnerCounters {
  ShardCounters shard;
  std::uint64_t vehicles = 0;
  std::uint64_t epoch = 0;
  bool owner = false;                                    // its own Ownership was read
  std::uint64_t records_replayed = 0;                    // before that
  std::uint64_t commands_delivered = 0;
  std::array<std::uint64_t, kTopicCount> records_shed{};  // the log's queue was full
  std::uint64_t ticks_shed = 0;
  std::uint64_t queries_refused = 0;
  nanoseconds apply_longest{0};                          // one record, since its ownership
  std::int64_t lag_ns = 0;                               // cloud time - log time at the last batch
};

// A shard in its shell: gives it the records of its partition, its commands to a
// sink and its records back to the log, and asks it questions for others.
//
// A start reads the last `recovery_window` of the partition again, then appends
// an Ownership record.  Until it reads that record it acts on nothing: outputs of
// replayed records left with the former owner.  That record also drops the former
// owner's open commands, because vehicles refuse a former epoch's: none is emitted
// again, and the status of one, when it comes, is written to the audit trail and
// counted as unmatched.  Episodes stay open under the same ids; those that still
// demand action are planned anew, under the new epoch, when they are next evaluated
// (within about one tick).
//
// Threading: OnRecords is called by the log; the rest from any thread.
class ShardRunner final : public LogConsumer {
 public:
  // `log` and `sink` must outlive the runner's Stop and the log's Close.
  // REQUIRES: both configurations are valid
  ShardRunner(const ShardRunnerConfig& config, const ShardConfig& shard_config, RegionId region,
              FrameOrigin origin, Log* log, CommandSink* sink,
              std::function<CloudTime()> now = CloudNow);
  ~ShardRunner() override;

  // Subscribes to the partition, claims it under the name `owner`, and ticks.
  //
  // Errors: those of Log::Subscribe and Log::Append.
  Status Start(std::string_view owner);

  // Stops ticking.  Records are still taken until the log is closed.  Idempotent.
  void Stop();

  // Has `query` run between two records, on the delivery thread; at the next tick
  // at the latest.  Keep it short: commands wait for it.
  //
  // Errors: kExhausted if too many are waiting; the query was dropped.
  Status Post(std::function<void(const Shard&)> query);

  // As of the last batch of records.
  ShardRunnerCounters counters() const;

  void OnRecords(std::span<const LogRecord> records) override;

 private:
  void ApplyOne(const LogRecord& record);
  bool IsOwnOwnership(const LogRecord& record) const;
  void RunQueries();
  void Publish(const LogRecord& last);
  void TickUntilStopped(const std::stop_token& stop);
  Status AppendTick();

  // Constant after construction, and owner_ after Start.
  const ShardRunnerConfig config_;
  const Partition partition_;
  Log* const log_;
  CommandSink* const sink_;
  const std::function<CloudTime()> now_;
  std::string owner_;
  Offset claimed_from_{};

  // The delivery thread's.
  Shard shard_;
  ShardOutputs outputs_;
  ShardRunnerCounters own_counters_;

  // Written by posters, read and cleared by the delivery thread; the queue's own
  // lock orders the queries themselves.
  std::atomic<bool> queries_waiting_{false};
  BoundedQueue<std::function<void(const Shard&)>> queries_;
  // Written by posters and the tick thread; only counts.
  std::atomic<std::uint64_t> queries_refused_{0};
  std::atomic<std::uint64_t> queries_queued_{0};
  std::atomic<std::uint64_t> ticks_shed_{0};
  // Written by the delivery thread, read by the tick thread for its records.
  std::atomic<std::uint64_t> epoch_{0};

  mutable Mutex published_mutex_;
  ShardRunnerCounters published_ STARLING_GUARDED_BY(published_mutex_);

  std::mutex tick_mutex_;
  std::condition_variable_any tick_wakeup_;
  std::jthread tick_thread_;
};

}  // namespace starling::cloud
