#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "common/ids.h"
#include "common/status.h"
#include "common/time.h"
#include "schemas/cloud_to_edge/downlink_generated.h"

namespace starling::log {
struct OperatorCommand;
}

namespace starling::cloud {

// What an operator asks of one vehicle: docs/formats/operator_command.md.
struct OperatorCommand {
  static constexpr nanoseconds kLeaseMax = seconds(8);      // vehicles refuse more than 10 s
  // From when it was asked for until the log took it, by clocks of two machines: brokers that were away may take it at any time.
  static constexpr nanoseconds kLateMax = seconds(10);
  static constexpr double kSpeedMaxMps = 120;               // of the vehicles' envelope, and the next one
  static constexpr double kBrakeMaxMps2 = 8;
  static constexpr double kLimitDecelMaxMps2 = 3;
  static constexpr std::size_t kByMax = 64;                 // bytes
  static constexpr std::size_t kReasonMax = 200;

  VehicleId vehicle;
  std::uint64_t request = 0;               // the same for each time that it is asked again
  // SpeedAdvice: to hold no more than a speed; Avoidance: to brake to a stand; Release: the
  // end of what operators asked for before.
  wire::CommandKind kind = wire::CommandKind::None;
  std::uint16_t speed_ceiling_cmps = 0;
  std::uint16_t decel_cmps2 = 0;
  milliseconds lease{0};                   // from when the log took it
  std::string by;
  std::string reason;
  std::int64_t asked_ns = 0;               // Unix time

  // Errors: kInvalidArgument, naming what is wrong.
  Status Validate() const;

  // The same from any process, and from each that owns the region.
  CommandId Id() const;
  // All of a vehicle's are of one: the newest takes the place of those before it.
  EpisodeId Episode() const;
};

// Errors: those of Validate.
// REQUIRES: the record was verified
Result<OperatorCommand> UnpackOperatorCommand(const log::OperatorCommand& record);

// The record for the partition of `region`, Topic::kTelemetry.
std::vector<std::byte> OperatorCommandRecord(const OperatorCommand& command, RegionId region);

}  // namespace starling::cloud
