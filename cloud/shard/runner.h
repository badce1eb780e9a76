#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>

#include "cloud/log/log.h"
#include "cloud/log/region_writer.h"
#include "cloud/measure/latency_histogram.h"
#include "cloud/shard/checkpointer.h"
#include "cloud/shard/held_outputs.h"
#include "cloud/shard/owner_watch.h"
#include "cloud/shard/recovery.h"
#include "cloud/shard/shard.h"
#include "cloud/shard/shard_config.h"
#include "cloud/store/state_store.h"
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
  // Log time read again at a start that finds no state, to know the vehicles and the open
  // episodes before the first command.  Longer: a slower start.  [0, 10 min].
  nanoseconds recovery_window = seconds(10);
  // The owner's heartbeat, and what drives windows and open pairs.  [10 ms, 1 s].
  milliseconds tick_interval{100};
  // A standby claims the region after so long without a heartbeat.  Shorter: a slow
  // owner is taken for a dead one.  At least 3 * tick_interval; at most 1 min.
  milliseconds takeover_after{700};
  // Begin as a standby, and claim the region only if nobody has it.  False where one
  // process alone can have the log open.
  bool prefer_standby = false;
  // Outputs that wait for the writer, or that a standby keeps in case the owner dies.
  // [1 MiB, 1 GiB].
  std::size_t held_bytes_max = 64 << 20;
  // Queries waiting for the shard; a further one is refused.  [1, 10000].
  std::size_t queries_max = 64;
  // Hand the state's changes to topic "vehicle-state" too.
  bool changelog = false;
  CheckpointerConfig checkpoint;

  Status Validate() const;
};

// What a runner works with.  All must outlive its Stop and the log's Close.
struct ShardRunnerParts {
  Log* log = nullptr;
  RegionWriter* writer = nullptr;
  CommandSink* sink = nullptr;
  StateStore* store = nullptr;   // null: no state is kept
};

struct ShardRunnerCounters {
  ShardCounters shard;
  std::uint64_t vehicles = 0;
  std::uint64_t epoch = 0;
  bool owner = false;                                    // its own Ownership was read, no newer one
  std::uint64_t records_replayed = 0;                    // before that
  std::uint64_t commands_delivered = 0;
  std::uint64_t outputs_written = 0;                     // records given to the writer or to other regions
  std::uint64_t held_bytes = 0;                          // outputs waiting
  std::uint64_t takeovers = 0;                           // times that it became owner
  std::uint64_t demotions = 0;                           // times that another did
  std::uint64_t claims_failed = 0;
  std::uint64_t ticks_shed = 0;
  std::uint64_t queries_refused = 0;
  nanoseconds apply_longest{0};                          // one record, since its ownership
  std::int64_t lag_ns = 0;                               // cloud time - log time at the last batch
  nanoseconds busy{0};                                   // working on records, by a clock that only counts
  CloudTime applied_through{};                           // log time of the last record; at the start none
  CheckpointerCounters checkpoint;
};

// How long things took, where the shard's shell can tell; of commands that it handed over.
struct ShardRunnerLatencies {
  HistogramCounts log;             // the gateway's appending the fix that caused one to the shard's getting it
  HistogramCounts decision_fix;    // the log's taking the causing fix to the hand-over
  HistogramCounts decision_tick;   // the same, where a tick, a closing window or news of a vehicle was the cause
};

// A shard in its shell: gives it the records of its partition, its commands to a
// sink and its records to the region's writer, stores its state, and asks it questions
// for others.
//
// Start restores the stored state and reads the partition from its offset on.  What
// replayed records cause was done by the former owner, but for records that it had not
// yet written (RegionWriter::Committed): they are written now.  Commands are delivered
// from the own Ownership record on; at that record the shard issues again what is open.
//
//   standby ──silence, ClaimNow──► claiming ──claimed──► claimed ──own Ownership read──► owner
//      ▲                              │ refused             │ a newer one                  │
//      └──────────────────────────────┴─────────────────────┴── a newer one, fenced, Yield ┘
//
// A standby applies everything and acts on nothing: no tick, no command, no output.
//
// Threading: OnRecords is called by the log; the rest from any thread.
class ShardRunner final : public LogConsumer {
 public:
  // REQUIRES: both configurations are valid; `parts` but for the store are not null
  ShardRunner(const ShardRunnerConfig& config, const ShardConfig& shard_config, RegionId region,
              FrameOrigin origin, const ShardRunnerParts& parts,
              std::function<CloudTime()> now = CloudNow);
  ~ShardRunner() override;

  // Recovers, subscribes to the partition and, unless it prefers to stand by, claims the
  // region under the name `owner`, which is distinct for each start of a process.
  //
  // Errors: those of RecoverShard, RegionWriter::Claim, Log::Subscribe and Log::Append.
  Status Start(std::string_view owner);

  // Gives up the region for now: stops acting, writes what is due and says so in the
  // log, so that a standby need not wait for silence.  Claims again only if nobody does.
  void Yield();

  // Claims the region although another has it.
  void ClaimNow();

  // Stops ticking and, if a store was given, stores a last state.  Records are still
  // taken until the log is closed.  Idempotent.
  void Stop();

  // Has `query` run between two records, on the delivery thread; at the next tick
  // at the latest.  Keep it short: commands wait for it.
  //
  // Errors: kExhausted if too many are waiting; the query was dropped.
  Status Post(std::function<void(const Shard&)> query);

  // Why this process must end: outputs that cannot be written; ok while it works.
  Status status() const;

  // Why operators should look at it although it works; ok if there is no reason.
  Status Doubt() const;

  // What Start began with.
  struct Recovery {
    Recovered::Source source{};
    Offset from{};
    std::size_t entries = 0;
    std::string note;
    nanoseconds took{0};
  };
  const Recovery& recovery() const { return recovery_; }

  // As of the last batch of records.
  ShardRunnerCounters counters() const;
  ShardRunnerLatencies latencies() const;

  void OnRecords(std::span<const LogRecord> records) override;

 private:
  enum class Role : std::uint8_t { kStandby, kClaiming, kClaimed, kOwner };

  // With delivery_mutex_ held:
  void ApplyOne(const LogRecord& record);
  void StampCommands(const LogRecord& cause);
  void Watch(const LogRecord& record);
  void BecomeOwnerOrNot(const LogRecord& record);
  void Demote();
  void WriteOutputs();
  void Refuse(const Status& status);
  void RunQueries();
  void Publish(const LogRecord& last);

  // The pulse's.
  void PulseUntilStopped(const std::stop_token& stop);
  void Beat();
  // The owner is silent, and what it may have said is read.
  bool OwnerIsGone();
  Status Claim();
  Status AppendOwnership();
  Status AppendTick(bool leaving);
  void YieldNow();
  void WakePulse();
  nanoseconds PulseInterval() const;
  void FinishCheckpoints();

  // Constant after construction, and owner_ and recovery_ after Start.
  const ShardRunnerConfig config_;
  const ShardConfig shard_config_;
  const RegionId region_;
  const FrameOrigin origin_;
  const Partition partition_;
  const ShardRunnerParts parts_;
  const std::function<CloudTime()> now_;
  std::string owner_;
  Recovery recovery_;
  std::unique_ptr<Checkpointer> checkpointer_;  // null: no state is kept

  // Held by the delivery thread while it works on a batch, and for a moment by whoever
  // changes the role.  Guards the next ones, and the writer but while claiming: then it
  // is the pulse's.
  std::mutex delivery_mutex_;
  std::unique_ptr<Shard> shard_;
  ShardOutputs outputs_;
  HeldOutputs held_;
  OwnerWatch watch_;
  ShardRunnerCounters own_counters_;
  std::uint64_t digest_ = 0;         // of all outputs
  Offset next_{};                    // after the last record applied
  std::int64_t read_ns_ = 0;         // when the batch at hand came from the log
  Offset claimed_from_{};            // the own Ownership record comes no earlier
  Epoch claimed_epoch_{};            // as the writer gave it; 0: that record's offset
  Epoch owned_epoch_{};              // while it is owner
  std::uint64_t committed_at_claim_ = 0;  // outputs of records before it are not written again

  // Recorded under delivery_mutex_, read by anyone.
  LatencyHistogram log_time_;
  LatencyHistogram decision_fix_time_;
  LatencyHistogram decision_tick_time_;

  // Changed under delivery_mutex_; loaded by the pulse without it, which then acts on
  // nothing but what the mutex guards.
  std::atomic<Role> role_{Role::kStandby};
  // What anyone asks of the pulse.
  std::atomic<bool> yield_wanted_{false};
  std::atomic<bool> claim_wanted_{false};
  // Written by the pulse alone.
  bool ownership_due_ = false;       // claimed, and its record is not yet appended

  // Written by posters, read and cleared by the delivery thread; the queue's own
  // lock orders the queries themselves.
  std::atomic<bool> queries_waiting_{false};
  BoundedQueue<std::function<void(const Shard&)>> queries_;
  // Written by posters and the pulse; only counts.
  std::atomic<std::uint64_t> queries_refused_{0};
  std::atomic<std::uint64_t> queries_queued_{0};
  std::atomic<std::uint64_t> ticks_shed_{0};
  std::atomic<std::uint64_t> claims_failed_{0};
  // Written by the delivery thread, read by the pulse for its records.
  std::atomic<std::uint64_t> epoch_{0};
  std::atomic<std::uint64_t> committed_{0};

  mutable Mutex published_mutex_;
  ShardRunnerCounters published_ STARLING_GUARDED_BY(published_mutex_);
  Status status_ STARLING_GUARDED_BY(published_mutex_);

  std::mutex pulse_mutex_;
  std::condition_variable_any pulse_wakeup_;
  bool pulse_now_ = false;           // Guarded by pulse_mutex_.
  std::jthread pulse_thread_;
};

}  // namespace starling::cloud
