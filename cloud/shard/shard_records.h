#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "cloud/shard/audit_chain.h"
#include "cloud/shard/command_settings.h"
#include "cloud/shard/horizon.h"
#include "cloud/shard/operator_command.h"
#include "cloud/shard/planner.h"
#include "cloud/shard/shard.h"
#include "common/ids.h"
#include "schemas/edge_to_cloud/uplink_generated.h"
#include "schemas/log/commands_generated.h"

namespace starling::cloud {

// Everything of a command but its kind and cause, which are in the request.
struct CommandFields {
  CommandId id{};
  RegionId region{};
  Epoch epoch{};
  std::uint64_t sequence = 0;
  std::uint64_t boot_id = 0;
  std::uint64_t expires_boot_time_ns = 0;
};

// A command as it was issued: the fields and the request of wire::Command.  The request
// has neither target nor lease, nor an operator's reason.
struct DecodedCommand {
  CommandFields fields;
  CommandRequest request;
};
DecodedCommand DecodeCommand(const wire::Command& command);

// A finished wire::Command; of a decoded one the very bytes that it was decoded from.
std::vector<std::byte> EncodeCommand(const CommandFields& fields, const CommandRequest& request);

// Into another builder, as part of what that builds.  `on_its_way`: with room for the
// times that the shells write into the finished bytes.
flatbuffers::Offset<wire::Command> BuildCommand(flatbuffers::FlatBufferBuilder* builder,
                                                const CommandFields& fields,
                                                const CommandRequest& request, bool on_its_way = false);

// The records of the audit trail, keyed by vehicle; each becomes the chain's last one.
ShardOutputs::Record IssuedRecord(const VehicleId& vehicle, const CommandFields& fields,
                                  const CommandRequest& request, AuditChain* chain);
ShardOutputs::Record ClosedRecord(RegionId region, const VehicleId& vehicle, std::uint64_t boot_id,
                                  const wire::CommandStatus& status, AuditChain* chain);

// Decided, and by `settings` not sent.
ShardOutputs::Record WithheldRecord(const VehicleId& vehicle, const CommandFields& fields,
                                    const CommandRequest& request, CommandMode mode, const CommandSettings& settings,
                                    AuditChain* chain);
// An operator's command that is not issued.
ShardOutputs::Record RefusedRecord(RegionId region, const OperatorCommand& command, log::Refusal why,
                                   AuditChain* chain);
// Keyed "*": no vehicle has that name.
ShardOutputs::Record SettingsTakenRecord(RegionId region, const CommandSettings& settings, std::int64_t taken_ns,
                                         AuditChain* chain);

// The record of one window, keyed by region.
ShardOutputs::Record WindowRecord(RegionId region, std::int64_t window_end_ns, bool full,
                                  const std::vector<HeatmapCell>& cells);

// The record of an episode's phase, keyed by the two names.
ShardOutputs::Record ConflictRecord(RegionId region, EpisodeEvent::Kind kind, const Pair& pair,
                                    const VehicleId& a, const VehicleId& b, const Cause& cause);

}  // namespace starling::cloud
