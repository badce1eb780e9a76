#pragma once

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "common/bounded_queue.h"
#include "common/mutex.h"
#include "sim/fleet/cloud_client.h"
#include "sim/fleet/cloud_pages.h"
#include "sim/fleet/fleet_config.h"
#include "sim/fleet/fleet_snapshot.h"

namespace starling::sim {

// What the fleet's and the traffic's threads and the observer hand to each other.
//
// Threading: thread-safe.
class FleetExchange {
 public:
  void Publish(const FleetSnapshot& snapshot);
  FleetSnapshot Latest() const;

  // What the orchestrator answered last, and how many answers there have been.
  struct CloudLook {
    CloudFigures figures;
    std::uint64_t number = 0;
  };
  void PublishCloud(const CloudFigures& figures);
  CloudLook LatestCloud() const;
  // Its number alone, for who asks all the time.
  std::uint64_t cloud_looks() const { return cloud_looks_.load(std::memory_order_acquire); }

  // Shard's predictions, for the traffic's thread, which knows the truth.  What it does
  // not fetch in time is given up; the number of observations says how many it had.
  BoundedQueue<PredictedVehicle> predictions{4096, Overflow::kDropNewest};

 private:
  // Written by the observer after the look that it counts, read by the main thread.
  std::atomic<std::uint64_t> cloud_looks_{0};
  mutable Mutex mutex_;
  CloudLook cloud_ STARLING_GUARDED_BY(mutex_);
  FleetSnapshot snapshot_ STARLING_GUARDED_BY(mutex_);
};

// What the observer has seen of the orchestrator over a run.
struct CloudRecord {
  std::map<std::string, SeenConflict> conflicts;  // by episode, looked for each second
  std::uint64_t restarts = 0;
  CloudFigures before_restarts;  // counters of the process and the gateway that ended with them
  std::uint64_t failures = 0;    // questions without an answer
};

enum class ViewMode : std::uint8_t {
  kTerminal,  // redrawn in place, twice a second
  kLines,     // one line each five seconds
};

// A thread of its own: asks the orchestrator for its figures, shows the run to whoever
// watches, and fetches the shard's predictions, so that the main thread never waits.
//
// Threading: Start, Stop and record() from one thread.
class Observer {
 public:
  // `exchange` and `out` must outlive the observer.
  Observer(const FleetConfig& config, ViewMode mode, std::FILE* out, FleetExchange* exchange);
  ~Observer();

  void Start();
  // Shows the last state, ends the thread.  Idempotent.
  void Stop();

  // REQUIRES: stopped
  const CloudRecord& record() const { return record_; }

 private:
  void Run();
  void LookAtFigures(CloudPages* client);
  void LookAtConflicts(CloudPages* client);
  void LookAtCells(CloudPages* client);
  void FetchPredictions(CloudPages* client);

  const FleetConfig config_;
  const ViewMode mode_;
  std::FILE* const out_;
  FleetExchange* const exchange_;

  // Written by Stop, read by the thread, which needs nothing else with it: relaxed.
  std::atomic<bool> stop_{false};
  std::thread thread_;

  // The thread's, until it has ended.
  CloudFigures figures_;
  bool answers_ = false;
  std::size_t next_first_ = 0;
  CloudRecord record_;
};

}  // namespace starling::sim
