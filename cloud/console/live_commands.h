#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "cloud/shard/runner.h"
#include "common/ids.h"
#include "common/mutex.h"
#include "schemas/cloud_to_edge/downlink_generated.h"

namespace starling::cloud {

// A command as it was handed out, for people.
struct IssuedCommand {
  CommandId id{};
  VehicleId vehicle;
  std::uint64_t boot_id = 0;
  wire::CommandKind kind{};
  EpisodeId episode{};
  CommandId supersedes{};
  std::uint16_t ceiling_cmps = 0;
  std::uint16_t decel_cmps2 = 0;
  std::int32_t cell_x = 0;
  std::int32_t cell_y = 0;
  VehicleId cause_vehicle;              // empty: a tick
  std::uint64_t cause_sequence = 0;
  std::uint64_t expires_boot_time_ns = 0;
  std::int64_t appended_ns = 0;         // cloud time at which the causing sample went into the log; 0: a tick, or not known
  std::int64_t issued_ns = 0;           // cloud time
};

// Passes commands on, and remembers the newest ones until somebody takes them.
//
// Threading: Deliver on the log's delivery threads, Take from any.
class CommandMemory final : public CommandSink {
 public:
  // `behind` gets every command and must outlive this.  `kept_max`: of more the oldest ones are forgotten.
  CommandMemory(CommandSink* behind, std::size_t kept_max) : behind_(behind), kept_max_(kept_max) {}

  void Deliver(std::span<ShardOutputs::Command> commands) override;

  // Those since the last call, oldest first.
  std::vector<IssuedCommand> Take();

 private:
  CommandSink* const behind_;
  const std::size_t kept_max_;

  Mutex mutex_;
  std::vector<IssuedCommand> kept_ STARLING_GUARDED_BY(mutex_);  // a ring once it is full
  std::size_t oldest_ STARLING_GUARDED_BY(mutex_) = 0;
};

}  // namespace starling::cloud
