#include "cloud/shard/operator_command.h"

#include <algorithm>
#include <span>
#include <string_view>

#include "schemas/log/telemetry_generated.h"

namespace starling::cloud {
namespace {

// Keep an operator's ids and episodes apart from those of conflicts and congestion.
constexpr std::uint64_t kCommandSeed = 0x6F70657261746F72;  // "operator"
constexpr std::uint64_t kEpisodeSeed = 0x657069736F646573;  // "episodes"

Status Refuse(const std::string& what) { return {ErrorCode::kInvalidArgument, what}; }

bool HasControl(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return (c >= 0 && c < ' ') || c == 0x7F; });
}

}  // namespace

Status OperatorCommand::Validate() const {
  if (vehicle.empty()) return Refuse("a command names a vehicle");
  if (request == 0) return Refuse("a request's number is not 0");
  if (by.empty() || by.size() > kByMax || HasControl(by)) {
    return Refuse("who commands is 1 to " + std::to_string(kByMax) + " bytes without control characters");
  }
  if (reason.empty() || reason.size() > kReasonMax || HasControl(reason)) {
    return Refuse("a reason is 1 to " + std::to_string(kReasonMax) + " bytes without control characters");
  }
  if (lease <= milliseconds(0) || lease > kLeaseMax) return Refuse("a command lives at most 8 s");
  if (speed_ceiling_cmps > kSpeedMaxMps * 100) return Refuse("a speed is at most 120 m/s");
  switch (kind) {
    case wire::CommandKind::SpeedAdvice:
      if (speed_ceiling_cmps == 0) return Refuse("a speed limit is above 0 m/s; to stand is a brake");
      if (decel_cmps2 == 0 || decel_cmps2 > kLimitDecelMaxMps2 * 100) {
        return Refuse("a speed limit is reached at up to 3 m/s2; more is a brake");
      }
      return {};
    case wire::CommandKind::Avoidance:
      if (speed_ceiling_cmps != 0) return Refuse("a brake ends in a stand");
      if (decel_cmps2 == 0 || decel_cmps2 > kBrakeMaxMps2 * 100) return Refuse("a brake is of up to 8 m/s2");
      return {};
    case wire::CommandKind::Release:
      if (speed_ceiling_cmps != 0 || decel_cmps2 != 0) return Refuse("a release has neither speed nor deceleration");
      return {};
    case wire::CommandKind::None: break;
  }
  return Refuse("a command is a speed limit, a brake or a release");
}

CommandId OperatorCommand::Id() const {
  const std::uint64_t id = MixHash(MixHash(kCommandSeed, vehicle.Hash()), request);
  return CommandId{id == 0 ? 1 : id};
}

EpisodeId OperatorCommand::Episode() const {
  const std::uint64_t id = MixHash(kEpisodeSeed, vehicle.Hash());
  return EpisodeId{id == 0 ? 1 : id};
}

Result<OperatorCommand> UnpackOperatorCommand(const log::OperatorCommand& record) {
  const Result<VehicleId> vehicle = VehicleId::Parse(record.vehicle()->string_view());
  if (!vehicle.ok()) return vehicle.status();
  OperatorCommand command;
  command.vehicle = vehicle.value();
  command.request = record.request();
  command.kind = record.kind();
  command.speed_ceiling_cmps = record.speed_ceiling_cmps();
  command.decel_cmps2 = record.decel_cmps2();
  command.lease = milliseconds(record.lease_ms());
  command.by = record.by()->str();
  command.reason = record.reason()->str();
  command.asked_ns = record.asked_ns();
  if (Status status = command.Validate(); !status.ok()) return status;
  return command;
}

std::vector<std::byte> OperatorCommandRecord(const OperatorCommand& command, RegionId region) {
  flatbuffers::FlatBufferBuilder builder(256);
  const auto vehicle = builder.CreateString(command.vehicle.view().data(), command.vehicle.view().size());
  const auto by = builder.CreateString(command.by);
  const auto reason = builder.CreateString(command.reason);
  const auto body = log::CreateOperatorCommand(
      builder, vehicle, command.request, command.kind, command.speed_ceiling_cmps, command.decel_cmps2,
      static_cast<std::uint32_t>(command.lease.count()), by, reason, command.asked_ns);
  builder.Finish(log::CreateTelemetry(builder, ToNumber(region), log::TelemetryBody::OperatorCommand, body.Union()));
  const auto bytes = std::as_bytes(std::span(builder.GetBufferPointer(), builder.GetSize()));
  return {bytes.begin(), bytes.end()};
}

}  // namespace starling::cloud
