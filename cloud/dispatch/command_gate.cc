#include "cloud/dispatch/command_gate.h"

#include <flatbuffers/flatbuffers.h>

#include <algorithm>

namespace starling::cloud {

void CommandGate::SetSettings(const CommandSettings& settings) {
  const MutexLock lock(mutex_);
  if (settings.version > settings_.version) settings_ = settings;
}

void CommandGate::Deliver(std::span<ShardOutputs::Command> commands) {
  std::size_t passed = commands.size();
  {
    const MutexLock lock(mutex_);
    const CommandSettings& settings = settings_;
    const auto end = std::stable_partition(commands.begin(), commands.end(), [&](const ShardOutputs::Command& each) {
      // Shard or dispatch's reader has made sure of it.
      const auto* command = flatbuffers::GetRoot<wire::Command>(each.wire_command.data());
      return settings.ModeOf(RegionId{command->region()}, command->kind()) != CommandMode::Stop;
    });
    passed = static_cast<std::size_t>(end - commands.begin());
  }
  held_back_.fetch_add(commands.size() - passed, std::memory_order_relaxed);
  if (passed > 0) next_->Deliver(commands.first(passed));
}

}  // namespace starling::cloud
