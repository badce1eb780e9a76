#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

#include "cloud/log/log.h"
#include "cloud/shard/runner.h"
#include "common/ids.h"

namespace starling::cloud {

// Sends a region's commands through topic "dispatch" to whichever gateway has the
// vehicle's connection.  At once and outside of any transaction: no commit stands
// between a hazard and a brake.  What the log has no room for is dropped and counted; it
// stays open in the vehicle's outbox and is issued again.
//
// Threading: Deliver as CommandSink; counters from any thread.
class DispatchWriter final : public CommandSink {
 public:
  // `log` must outlive the writer.
  explicit DispatchWriter(Log* log) : log_(log) {}

  void Deliver(std::span<ShardOutputs::Command> commands) override;

  std::uint64_t dispatched() const { return dispatched_.load(std::memory_order_relaxed); }
  std::uint64_t shed() const { return shed_.load(std::memory_order_relaxed); }

 private:
  Log* const log_;
  std::atomic<std::uint64_t> dispatched_{0};  // Both count, in no order.
  std::atomic<std::uint64_t> shed_{0};
};

// Delivers commands of vehicles that are connected to this process at once, and the
// others through topic "dispatch".
//
// Threading: as CommandSink.
class LocalFirstSink final : public CommandSink {
 public:
  // `connected` says whether the vehicle has a connection here; called from Deliver.
  // All must outlive the sink.
  LocalFirstSink(std::function<bool(const VehicleId&)> connected, CommandSink* local, CommandSink* remote)
      : connected_(std::move(connected)), local_(local), remote_(remote) {}

  void Deliver(std::span<ShardOutputs::Command> commands) override;

 private:
  const std::function<bool(const VehicleId&)> connected_;
  CommandSink* const local_;
  CommandSink* const remote_;
};

}  // namespace starling::cloud
