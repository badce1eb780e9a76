#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "cloud/gateway/history_ledger.h"
#include "cloud/log/log.h"
#include "cloud/store/state_store.h"
#include "common/status.h"
#include "common/time.h"

namespace starling::cloud {

struct HistoryKeeperConfig {
  // Between two writes of what changed.  Longer: a restart reads more of the topic,
  // and less is written.  100 ms to 1 h.
  milliseconds interval{5'000};

  // Age of a vehicle's last batch at which its entry goes: at least as long as the
  // topic is retained, or a batch could be taken twice that the log still holds.
  // 1 s to 10 years.
  seconds vehicle_ttl{std::chrono::hours(8 * 24)};

  // Errors: kInvalidArgument names the field and its range.
  Status Validate() const;
};

struct HistoryKeeperCounters {
  std::uint64_t writes = 0;
  std::uint64_t write_failures = 0;
  std::uint64_t entries = 0;          // written
};

// Keeps the ledger in the state store, so that a start reads the topic from where the
// ledger was stored and not from its beginning.
//
// What is stored rests on durable records only, and holds every record before its
// offset: those between Append and HistoryLedger::Record too, because the keeper reads
// the records itself before it says that they are in.
//
// Threading: Start and Stop from one thread; a thread of its own, of low priority.
class HistoryKeeper {
 public:
  // Stores under `home`.  Partitions in `read` are read from the log; all others that
  // the ledger knows are followed by somebody, and their records are durable when they
  // are seen.  `log`, `ledger` and `store` must outlive the keeper.
  // REQUIRES: config.Validate().ok()
  HistoryKeeper(const HistoryKeeperConfig& config, Partition home, std::vector<Partition> read,
                const Log* log, HistoryLedger* ledger, StateStore* store);
  ~HistoryKeeper();  // Stops.
  HistoryKeeper(const HistoryKeeper&) = delete;
  HistoryKeeper& operator=(const HistoryKeeper&) = delete;

  void Start();
  // Writes once more what is durable, then ends.  Idempotent.
  void Stop();

  // One round: what the thread does in each interval.  For tests, without Start.
  // Errors: those of Log::Read and StateStore::Write; nothing is lost, the next round
  //         tries again.
  Status Write();

  HistoryKeeperCounters counters() const;

 private:
  struct Seen {
    Offset end{};
    Ticket emitted{};  // read after `end`
  };

  void Loop();
  Status ReadOn();
  // False if the log stopped or the keeper is to stop.
  bool AwaitDurable(Ticket ticket);

  const HistoryKeeperConfig config_;
  const Partition home_;
  const std::vector<Partition> read_;
  const Log* const log_;
  HistoryLedger* const ledger_;
  StateStore* const store_;

  // The keeper's thread's.
  std::map<Partition, Seen> seen_;
  HistoryOffsets stored_;

  std::atomic<std::uint64_t> writes_{0};  // Counts; so do the next two.
  std::atomic<std::uint64_t> write_failures_{0};
  std::atomic<std::uint64_t> entries_{0};

  std::mutex mutex_;
  std::condition_variable wanted_;
  bool stop_ = false;  // Guarded by mutex_.
  std::thread thread_;
};

}  // namespace starling::cloud
