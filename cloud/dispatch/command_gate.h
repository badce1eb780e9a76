#pragma once

#include <atomic>
#include <cstdint>

#include "cloud/shard/command_settings.h"
#include "cloud/shard/runner.h"
#include "common/mutex.h"

namespace starling::cloud {

// The last thing that commands pass on their way to vehicles.  It holds back those that
// are stopped by region and kind, without waiting for the shard: that one takes the
// settings at their place in its partition, behind whatever it has still to read
// (docs/decisions/0020-shadow-and-switch.md).  A command held back here was issued for
// all that the shard knows; it stays open, and its lease ends.
//
// Threading: Deliver as CommandSink; the rest from any thread.
class CommandGate final : public CommandSink {
 public:
  // `next` must outlive the gate.
  explicit CommandGate(CommandSink* next) : next_(next) {}

  // Settings that are not newer than those it has change nothing.
  void SetSettings(const CommandSettings& settings);

  void Deliver(std::span<ShardOutputs::Command> commands) override;

  std::uint64_t held_back() const { return held_back_.load(std::memory_order_relaxed); }

 private:
  CommandSink* const next_;
  Mutex mutex_;
  CommandSettings settings_ STARLING_GUARDED_BY(mutex_);
  std::atomic<std::uint64_t> held_back_{0};  // Counts, in no order.
};

}  // namespace starling::cloud
