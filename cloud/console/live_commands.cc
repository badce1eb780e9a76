#include "cloud/console/live_commands.h"

#include <algorithm>
#include <utility>

namespace starling::cloud {
namespace {

VehicleId NameOf(const flatbuffers::String* name) {
  if (name == nullptr) return {};
  const Result<VehicleId> vehicle = VehicleId::Parse({name->data(), name->size()});
  return vehicle.ok() ? vehicle.value() : VehicleId();
}

// The bytes are the shard's own: nothing to be checked.
IssuedCommand Read(const ShardOutputs::Command& command) {
  const auto& wire_command = *flatbuffers::GetRoot<wire::Command>(command.wire_command.data());
  IssuedCommand issued;
  issued.id = CommandId{wire_command.command_id()};
  issued.vehicle = command.vehicle;
  issued.boot_id = wire_command.boot_id();
  issued.kind = wire_command.kind();
  issued.episode = EpisodeId{wire_command.episode_id()};
  issued.supersedes = CommandId{wire_command.supersedes()};
  issued.ceiling_cmps = wire_command.speed_ceiling_cmps();
  issued.decel_cmps2 = wire_command.decel_cmps2();
  issued.cell_x = wire_command.cell_x();
  issued.cell_y = wire_command.cell_y();
  issued.cause_vehicle = NameOf(wire_command.cause_vehicle());
  issued.cause_sequence = wire_command.cause_sequence();
  issued.expires_boot_time_ns = wire_command.expires_boot_time_ns();
  issued.appended_ns = wire_command.appended_time_ns();
  issued.issued_ns = wire_command.issued_time_ns();
  return issued;
}

}  // namespace

void CommandMemory::Deliver(std::span<ShardOutputs::Command> commands) {
  if (!commands.empty()) {
    const MutexLock lock(mutex_);
    for (const ShardOutputs::Command& command : commands) {
      if (kept_.size() < kept_max_) {
        kept_.push_back(Read(command));
      } else {
        kept_[oldest_] = Read(command);
        oldest_ = (oldest_ + 1) % kept_max_;
      }
    }
  }
  behind_->Deliver(commands);
}

std::vector<IssuedCommand> CommandMemory::Take() {
  const MutexLock lock(mutex_);
  std::rotate(kept_.begin(), kept_.begin() + static_cast<std::ptrdiff_t>(oldest_), kept_.end());
  oldest_ = 0;
  return std::exchange(kept_, {});
}

}  // namespace starling::cloud
