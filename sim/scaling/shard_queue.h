#pragma once

#include <cstdint>
#include <vector>

#include "common/status.h"
#include "sim/city/random.h"

namespace starling::sim {

struct ShardQueueConfig {
  double capacity_fixes_per_second = 20'000;  // of a shard; 1 to 1e9
  double imbalance = 1.15;       // the fullest shard's load over the mean; 1 to 3
  double base_latency_ms = 7.3;  // p99 where nothing waits; 0 to limit_ms
  double limit_ms = 30;          // at most 1,000
  double wait_max_s = 0.65;      // beyond so much nothing is taken in: it is shed; 0.1 to 10
  double start_min_s = 20;       // from the wish for a shard until it can take a region; 0 to 600
  double start_max_s = 40;
  double handover_min_s = 0.69;  // until a region that moves is served again; 0 to 60
  double handover_max_s = 1.40;

  // Errors: kInvalidArgument names the field and its range.
  Status Validate() const;
};

// What one second was like.
struct QueueSecond {
  double latency_ms = 0;
  double served = 0;             // fixes, of all shards
  double shed = 0;
  bool overload = false;         // the latency is over the limit because too much waits
  bool handover = false;         // for those vehicles whose region moves
};

// The shards of a region's cluster as a fluid queue: one is fuller than the mean, and the others, which are alike,
// share the rest.  The latency is judged by the fullest one.  A second at a time.
//
// Threading: thread-compatible.
class ShardQueue {
 public:
  // `shards` are there from the beginning.
  // REQUIRES: config.Validate().ok(), shards >= 1
  ShardQueue(const ShardQueueConfig& config, std::uint32_t shards, std::uint64_t seed);

  // So many are wanted from now on: what is missing is started, what is too many ends, those first that are still
  // starting.  At least one.
  void Want(std::uint32_t shards);

  // The next second, in which `load` fixes come.
  QueueSecond Step(double load);

  std::uint32_t ready() const { return ready_; }
  std::uint32_t all() const { return ready_ + static_cast<std::uint32_t>(starting_.size()); }
  std::uint32_t changes() const { return changes_; }

 private:
  // Of so many shards with such a queue each, to each of which `load` comes.
  struct Part {
    double served = 0;
    double shed = 0;
  };
  Part Serve(double load, double* waiting) const;
  // There were `before` shards: what waits is shared by those that there are.
  void Move(std::uint32_t before);

  const ShardQueueConfig config_;
  Random random_;
  std::uint32_t ready_;
  std::vector<double> starting_;   // s left
  double waiting_ = 0;             // fixes that wait at the fullest shard,
  double waiting_others_ = 0;      // and at each other one
  double handover_s_ = 0;          // left
  std::uint32_t changes_ = 0;
};

}  // namespace starling::sim
