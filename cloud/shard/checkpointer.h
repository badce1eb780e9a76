#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "cloud/log/log.h"
#include "cloud/shard/saved_state.h"
#include "cloud/shard/shard.h"
#include "cloud/shard/shard_config.h"
#include "cloud/shard/state_diff.h"
#include "cloud/store/state_store.h"
#include "common/mutex.h"
#include "common/status.h"
#include "common/time.h"

namespace starling::cloud {

struct CheckpointerConfig {
  // Between two stored states.  Longer: less is written, more is read again at a start.
  // [100 ms, 1 min].
  milliseconds interval{2'000};
  // Copies of records that wait for the follower; what does not fit is read from the log
  // again.  [1 MiB, 1 GiB].
  std::size_t feed_bytes_max = 64 << 20;
  // Between two handed over to the changelog, if there is one.  [1 s, 10 min].
  seconds changelog_interval{30};

  // Errors: kInvalidArgument names the field.
  Status Validate() const;
};

struct CheckpointerCounters {
  std::uint64_t checkpoints = 0;
  std::uint64_t failures = 0;             // the store refused; the next one tries again
  std::uint64_t entries_written = 0;
  std::uint64_t entries_erased = 0;
  std::uint64_t bytes_written = 0;        // keys and values
  std::uint64_t records_skipped = 0;      // no room for their copies: read from the log again
  std::uint64_t digest_mismatches = 0;    // stretches of records decided differently twice
  std::uint64_t offset = 0;               // of the last one: the next record
  nanoseconds last_duration{0};           // saving, comparing and writing
  nanoseconds cpu{0};                     // of the thread
  double age_s = 0;                       // since the last one, or the start
  std::uint64_t feed_bytes = 0;           // waiting now
};

// Stores the state of a shard without holding it up.  A second shard, the follower, is
// given copies of the same records on a thread of low priority; it is saved between two
// records whenever a state is due, and what has changed is written.  No record waits for
// it.  And because the follower decides everything again, the digests of what the two have
// decided are compared: once they differ nothing is stored any more, and status() says so.
//
// A state is stored only after the outputs of all records before it are written, so that a
// successor who starts from it finds nothing missing.
//
// Threading: Feed from one thread; the rest from any.
class Checkpointer {
 public:
  // `log` and `store` must outlive it; `store` may be null if there is a changelog.
  // REQUIRES: both configurations are valid
  Checkpointer(const CheckpointerConfig& config, const ShardConfig& shard_config, RegionId region,
               FrameOrigin origin, Log* log, StateStore* store);
  ~Checkpointer();  // Stops without a last state.

  // `entries` is what the followed shard was restored from and what the store holds; it
  // will be fed from `next` on.  `store_holds` is false if the store has to be written anew.
  void Start(SavedState entries, bool store_holds, Offset next);

  // The followed shard was given `records`; `digest` is that of all its outputs since
  // Start, from seed 0.  Copies; never blocks.
  void Feed(std::span<const LogRecord> records, std::uint64_t digest);

  // Outputs of the records before `offset` are written.
  void SetCommitted(Offset offset) {
    committed_.store(ToNumber(offset), std::memory_order_release);
  }

  // From now on changes are kept for TakeChangelog, beginning with the whole state if
  // this is the first time or StopChangelog was called since, however shortly before:
  // another one may have written to the changelog in between.
  void StartChangelog();
  // What was not taken is dropped.
  void StopChangelog();

  // All changes of one point in time; none if nothing is due.
  struct Changelog {
    SavedState changes;
    Offset next{};
    bool whole = false;  // nothing that was handed over before counts
  };
  std::optional<Changelog> TakeChangelog();

  // Takes in what was fed and stores a last state.  SetCommitted may still be called.
  void BeginStop();
  // False until that is done, or cannot be done.
  bool stopped() const { return stopped_.load(std::memory_order_acquire); }
  // Gives the last state up if it is not done.  Idempotent.
  void Stop();

  // kCorruption once something was decided differently, or the log has lost what the
  // follower had not read: no state is stored any more.
  Status status() const;
  CheckpointerCounters counters() const;

 private:
  using Steady = std::chrono::steady_clock::time_point;

  // Copies of records, in order, of one or several calls.
  struct Block {
    struct Piece {
      Offset offset{};
      CloudTime time;
      std::size_t at = 0;         // of the value; the key follows
      std::size_t value_bytes = 0;
      std::size_t key_bytes = 0;
    };
    Offset follows{};             // all before this is in the blocks before, or was skipped
    std::uint64_t digest = 0;     // after the last one
    std::vector<std::byte> bytes;
    std::vector<Piece> pieces;
  };

  void Run();
  bool Restore(const SavedState& entries);
  bool WaitForWork();
  void TakeIn();
  void Apply(const LogRecord& record);
  void ApplyBlock(const Block& block);
  bool ReadSkipped(Offset until);
  bool Settled() const;
  void StoreIfDue(bool last);
  void Store();
  void HandOver();
  void Fail(Status status);

  // Constant after construction.
  const CheckpointerConfig config_;
  const Partition partition_;
  Log* const log_;
  StateStore* const store_;

  // The feeder's.
  Offset fed_next_{};
  bool skipping_ = false;         // the last call's records were skipped

  mutable std::mutex feed_mutex_;
  std::condition_variable fed_;
  // Guarded by feed_mutex_:
  std::deque<Block> blocks_;
  std::vector<Block> spare_;
  std::size_t feed_bytes_ = 0;
  std::uint64_t skipped_ = 0;
  bool ending_ = false;           // after the last state
  bool abandoned_ = false;        // at once

  // Written by the runner, read by the thread, which stores a state only up to it:
  // acquire, so that what was written is seen to be.
  std::atomic<std::uint64_t> committed_{0};
  std::atomic<bool> stopped_{false};       // written by the thread when it ends

  // The thread's.
  std::unique_ptr<Shard> follower_;
  ShardOutputs outputs_;
  std::uint64_t digest_ = 0;
  Offset next_{};
  StateDiff diff_;
  StateDiff changelog_diff_;
  std::uint64_t changelog_begun_ = 0;      // the generation that changelog_diff_ is of; 0: none
  SavedState changes_;
  Steady store_due_;
  Steady changelog_due_;

  mutable Mutex result_mutex_;
  Status status_ STARLING_GUARDED_BY(result_mutex_);
  CheckpointerCounters counters_ STARLING_GUARDED_BY(result_mutex_);
  Steady stored_at_ STARLING_GUARDED_BY(result_mutex_);
  bool changelog_wanted_ STARLING_GUARDED_BY(result_mutex_) = false;
  // Each StopChangelog ends one.
  std::uint64_t changelog_generation_ STARLING_GUARDED_BY(result_mutex_) = 1;
  // Of this generation.
  std::optional<Changelog> changelog_ STARLING_GUARDED_BY(result_mutex_);

  std::thread thread_;
};

}  // namespace starling::cloud
