#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "cloud/log/log.h"
#include "cloud/shard/runner.h"
#include "common/status.h"

namespace starling::cloud {

// Reads a region's partition of topic "dispatch" for a gateway and gives it the
// commands.  Every gateway reads all of them; it drops those of vehicles that it does
// not have, and those of an epoch older than the region's newest claim.
//
// Threading: OnRecords on the log's delivery thread; counters from any thread.
class DispatchReader final : public LogConsumer {
 public:
  // `gateway` must outlive the log's Close.
  explicit DispatchReader(CommandSink* gateway) : gateway_(gateway) {}

  void OnRecords(std::span<const LogRecord> records) override;

  std::uint64_t received() const { return received_.load(std::memory_order_relaxed); }
  std::uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }  // could not be decoded

 private:
  CommandSink* const gateway_;
  std::vector<ShardOutputs::Command> commands_;  // Scratch.
  std::atomic<std::uint64_t> received_{0};       // Both count, in no order.
  std::atomic<std::uint64_t> refused_{0};
};

}  // namespace starling::cloud
