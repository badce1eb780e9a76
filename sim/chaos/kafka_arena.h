#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/status.h"
#include "sim/chaos/child.h"
#include "sim/chaos/relay.h"

namespace starling::sim {

// A cluster that ./run kafka has started.
struct KafkaCluster {
  std::string bootstrap;        // empty: the log is the embedded one
  std::uint32_t nodes = 1;      // 1 or 3
  std::string script;           // cloud/deploy/kafka/broker.sh; needed to kill a node
  std::string data;             // its --data
};

// Ends a node with SIGKILL, and brings it back.
//
// Threading: thread-compatible.
class BrokerKiller {
 public:
  BrokerKiller(const KafkaCluster& cluster, std::string output) : cluster_(cluster), output_(std::move(output)) {}

  void Kill(std::uint32_t node);
  // Returns at once.
  void Bring(std::uint32_t node);
  // False if a node that was brought back is not up within `patience`.
  bool AwaitUp(nanoseconds patience);

 private:
  std::optional<Child> Start(const std::string& what, std::uint32_t node) const;

  const KafkaCluster cluster_;
  const std::string output_;
  std::vector<Child> bringing_;
};

// Leads the simulator's questions to the shard that owns the region: a standby's answers
// may be of a while ago.
//
// Threading: thread-safe; it has one thread of its own.
class OwnerWatch {
 public:
  // `consoles`: the shards' ports.  `relay` must outlive this.
  OwnerWatch(std::vector<std::uint16_t> consoles, Relay* relay);
  ~OwnerWatch();

  // Whether some shard owns the region now.
  bool owned() const { return owned_.load(std::memory_order_acquire); }
  bool AwaitOwned(nanoseconds patience) const;

 private:
  void Watch(const std::stop_token& stop);

  const std::vector<std::uint16_t> consoles_;
  Relay* const relay_;
  std::atomic<bool> owned_{false};  // Written by its thread, read by anyone.
  std::jthread thread_;
};

}  // namespace starling::sim
