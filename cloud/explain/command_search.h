// Commands and how they ended, found in topic "commands": a record names a command by an id
// that says nothing of when it was, so the newest are looked at first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cloud/explain/record_source.h"
#include "cloud/shard/command_settings.h"
#include "cloud/shard/shard_records.h"
#include "common/ids.h"
#include "common/status.h"

namespace starling::cloud {

struct CommandEnd {
  CloudTime recorded;                    // log time of its record
  std::uint64_t boot_id = 0;
  std::uint64_t boot_time_ns = 0;        // of the vehicle, when it became final; 0: the cloud decided so
  wire::CommandOutcome outcome{};
  wire::RejectReason reason{};
};

struct FoundCommand {
  VehicleId vehicle;
  DecodedCommand command;                // as it was first recorded
  Offset offset{};                       // of that record
  CloudTime recorded;                    // its log time
  std::string reason;                    // an operator's, of one that has an issuer
  CommandMode mode = CommandMode::Send;  // Shadow or Stop: it was sent to nobody
  std::vector<CloudTime> again;          // times that a later owner of the region issued it
  std::optional<CommandEnd> end;         // nothing: it is open, as far as was looked

  // "open", "shadow", "stopped", or the outcome in small letters.
  std::string_view ending() const;
};

std::string_view KindName(wire::CommandKind kind);     // "avoidance", "speed_advice", "release"
std::string_view OutcomeName(wire::CommandOutcome outcome);

// The command with this id; nothing if the partition does not hold it.
//
// Errors: those of `records`.
Result<std::optional<FoundCommand>> FindCommand(const RecordSource& records, RegionId region, CommandId id);

// What a list is narrowed to; what is empty narrows nothing.
struct CommandFilter {
  std::string vehicle;
  std::string kind;                      // KindName
  std::string end;                       // FoundCommand::ending

  // Errors: kInvalidArgument, naming what there is.
  Status Validate() const;
};

struct CommandPage {
  std::vector<FoundCommand> commands;    // the newest first
  // Where the next page begins; nothing: there is none.
  std::optional<Offset> next;
};

// At most `count` commands recorded before `before`, or before the end.  Looks at a bounded number
// of records, so that a page may have fewer and there be more all the same.
//
// Errors: those of `records`.
Result<CommandPage> ListCommands(const RecordSource& records, RegionId region, const CommandFilter& filter,
                                 std::optional<Offset> before, std::size_t count);

// The settings that were in force in the region before `before`; nothing: none were ever made.
// Errors: those of `records`.
Result<std::optional<CommandSettings>> SettingsBefore(const RecordSource& records, RegionId region, Offset before);

}  // namespace starling::cloud
