#pragma once

#include <flatbuffers/flatbuffers.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/geo/grid.h"
#include "common/ids.h"
#include "common/status.h"
#include "schemas/log/command_settings_generated.h"

namespace starling::cloud {

// The stricter one is the greater one.
using log::CommandMode;

// Cells, from the south-west one on.
struct CommandArea {
  CellIndex low;
  std::uint16_t columns = 0;
  std::uint16_t rows = 0;

  bool Contains(CellIndex cell) const {
    return cell.x >= low.x && cell.y >= low.y && std::int64_t{cell.x} - low.x < columns &&
           std::int64_t{cell.y} - low.y < rows;
  }
  friend bool operator==(const CommandArea&, const CommandArea&) = default;
};

// Which commands; what is not said does not narrow it.
struct CommandScope {
  std::optional<RegionId> region;
  std::string fleet;                       // what the vehicle's name begins with
  std::optional<CommandArea> area;         // where the vehicle was at its newest fix
  // Releases belong to the avoidance that they end.
  wire::CommandKind kind = wire::CommandKind::None;

  // "every command", or what narrows it.
  std::string ToText() const;
  friend bool operator==(const CommandScope&, const CommandScope&) = default;
};

struct CommandRule {
  CommandMode mode = CommandMode::Stop;
  CommandScope scope;
  std::string by;
  std::string reason;
  std::int64_t set_ns = 0;

  friend bool operator==(const CommandRule&, const CommandRule&) = default;
};

// What is decided and recorded, but not sent: docs/formats/command_settings.md.
struct CommandSettings {
  static constexpr std::size_t kRulesMax = 32;
  static constexpr std::size_t kTextMax = 200;  // bytes, of a name or a reason

  std::uint64_t version = 0;               // 0: none were ever made
  std::vector<CommandRule> rules;
  std::string by;                          // who made this version
  std::string reason;
  std::int64_t set_ns = 0;

  // Errors: kInvalidArgument, naming what is wrong.
  Status Validate() const;

  // The strictest rule that the command is within.
  CommandMode ModeOf(RegionId region, std::string_view vehicle, CellIndex cell, wire::CommandKind kind) const;
  // The same, by those rules alone that ask neither who nor where: these hold for both
  // vehicles of a pair, and nothing has to be known of them.
  CommandMode ModeOf(RegionId region, wire::CommandKind kind) const;

  friend bool operator==(const CommandSettings&, const CommandSettings&) = default;
};

flatbuffers::Offset<log::CommandSettings> PackCommandSettings(const CommandSettings& settings,
                                                              flatbuffers::FlatBufferBuilder* builder);
// Errors: those of Validate.
// REQUIRES: the record was verified
Result<CommandSettings> UnpackCommandSettings(const log::CommandSettings& record);

// The record for the partition of `region`, Topic::kTelemetry.
std::vector<std::byte> CommandSettingsRecord(const CommandSettings& settings, RegionId region);

}  // namespace starling::cloud
