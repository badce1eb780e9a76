#include "cloud/shard/shard_records.h"

#include <algorithm>
#include <span>
#include <string>

#include "schemas/log/commands_generated.h"
#include "schemas/log/conflicts_generated.h"
#include "schemas/log/heatmap_generated.h"

namespace starling::cloud {
namespace {

std::vector<std::byte> Bytes(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

std::vector<std::byte> Finished(const flatbuffers::FlatBufferBuilder& builder) {
  const auto bytes = std::as_bytes(std::span(builder.GetBufferPointer(), builder.GetSize()));
  return {bytes.begin(), bytes.end()};
}

// `value` in units of 1 / `per_unit`, rounded, within T.
template <typename T>
T Scaled(double value, double per_unit) {
  const double most = static_cast<double>(std::numeric_limits<T>::max());
  const double least = static_cast<double>(std::numeric_limits<T>::lowest());
  const double scaled = value * per_unit;
  return static_cast<T>(std::clamp(scaled < 0 ? scaled - 0.5 : scaled + 0.5, least, most));
}

// The bytes of a finished audit record, now the chain's last one.
ShardOutputs::Record Chained(std::string_view key, const flatbuffers::FlatBufferBuilder& builder, AuditChain* chain) {
  ShardOutputs::Record record{Topic::kCommands, Bytes(key), Finished(builder)};
  chain->Add(record.key, record.value);
  return record;
}

flatbuffers::Offset<flatbuffers::Vector<std::uint8_t>> BuildHead(flatbuffers::FlatBufferBuilder* builder,
                                                                 const AuditChain& chain) {
  const std::span<const std::byte> head = chain.head();
  if (head.empty()) return {};
  return builder->CreateVector(reinterpret_cast<const std::uint8_t*>(head.data()), head.size());
}

flatbuffers::Offset<flatbuffers::String> BuildReason(flatbuffers::FlatBufferBuilder* builder,
                                                     const CommandRequest& request) {
  if (request.reason.empty()) return {};
  return builder->CreateString(request.reason);
}

}  // namespace

flatbuffers::Offset<wire::Command> BuildCommand(flatbuffers::FlatBufferBuilder* builder,
                                                const CommandFields& fields,
                                                const CommandRequest& request, bool on_its_way) {
  flatbuffers::Offset<flatbuffers::String> cause_vehicle;
  if (!request.cause.vehicle.empty()) {
    const std::string_view name = request.cause.vehicle.view();
    cause_vehicle = builder->CreateString(name.data(), name.size());
  }
  flatbuffers::Offset<flatbuffers::String> issuer;
  if (!request.issuer.empty()) issuer = builder->CreateString(request.issuer);
  wire::CommandBuilder command(*builder);
  command.add_command_id(ToNumber(fields.id));
  command.add_kind(request.kind);
  command.add_region(ToNumber(fields.region));
  command.add_epoch(ToNumber(fields.epoch));
  command.add_sequence(fields.sequence);
  command.add_episode_id(ToNumber(request.episode));
  command.add_supersedes(ToNumber(request.supersedes));
  command.add_boot_id(fields.boot_id);
  command.add_expires_boot_time_ns(fields.expires_boot_time_ns);
  command.add_speed_ceiling_cmps(Scaled<std::uint16_t>(request.profile.ceiling_mps, 100));
  command.add_decel_cmps2(Scaled<std::uint16_t>(request.profile.decel_mps2, 100));
  command.add_cell_x(request.cell.x);
  command.add_cell_y(request.cell.y);
  if (!cause_vehicle.IsNull()) command.add_cause_vehicle(cause_vehicle);
  command.add_cause_boot_id(request.cause.boot_id);
  command.add_cause_sequence(request.cause.sequence);
  command.add_cause_log_time_ns(request.cause.log_time_ns);
  if (!issuer.IsNull()) command.add_issuer(issuer);
  // Always there, so that the shells can write the times into the finished bytes.
  builder->ForceDefaults(true);
  command.add_emitted_time_ns(0);
  if (on_its_way) {
    command.add_appended_time_ns(0);
    command.add_read_time_ns(0);
    command.add_issued_time_ns(0);
  }
  builder->ForceDefaults(false);
  return command.Finish();
}

DecodedCommand DecodeCommand(const wire::Command& command) {
  DecodedCommand decoded;
  CommandFields& fields = decoded.fields;
  fields.id = CommandId{command.command_id()};
  fields.region = RegionId{command.region()};
  fields.epoch = Epoch{command.epoch()};
  fields.sequence = command.sequence();
  fields.boot_id = command.boot_id();
  fields.expires_boot_time_ns = command.expires_boot_time_ns();
  CommandRequest& request = decoded.request;
  request.kind = command.kind();
  request.episode = EpisodeId{command.episode_id()};
  request.supersedes = CommandId{command.supersedes()};
  request.profile = {command.speed_ceiling_cmps() * 0.01, command.decel_cmps2() * 0.01};
  request.cell = {command.cell_x(), command.cell_y()};
  if (const flatbuffers::String* cause = command.cause_vehicle()) {
    if (const auto name = VehicleId::Parse(cause->string_view()); name.ok()) {
      request.cause.vehicle = name.value();
    }
  }
  request.cause.boot_id = command.cause_boot_id();
  request.cause.sequence = command.cause_sequence();
  request.cause.log_time_ns = command.cause_log_time_ns();
  if (command.issuer() != nullptr) {
    request.id = decoded.fields.id;
    request.issuer = command.issuer()->str();
  }
  return decoded;
}

std::uint64_t DigestOf(const ShardOutputs& outputs, std::uint64_t seed) {
  const auto add = [&seed](std::span<const std::byte> bytes) {
    seed = MixHash(seed, bytes.size());
    for (const std::byte byte : bytes) seed = MixHash(seed, static_cast<std::uint64_t>(byte));
  };
  for (const ShardOutputs::Command& command : outputs.commands) {
    seed = MixHash(seed, command.vehicle.Hash());
    add(command.wire_command);
  }
  for (const ShardOutputs::Record& record : outputs.records) {
    seed = MixHash(seed, static_cast<std::uint64_t>(record.topic));
    if (record.region) seed = MixHash(seed, ToNumber(*record.region));
    add(record.key);
    add(record.value);
  }
  return seed;
}

std::vector<std::byte> EncodeCommand(const CommandFields& fields, const CommandRequest& request) {
  flatbuffers::FlatBufferBuilder builder(256);
  builder.Finish(BuildCommand(&builder, fields, request, /*on_its_way=*/true));
  return Finished(builder);
}

ShardOutputs::Record IssuedRecord(const VehicleId& vehicle, const CommandFields& fields,
                                  const CommandRequest& request, AuditChain* chain) {
  flatbuffers::FlatBufferBuilder builder(384);
  const auto previous = BuildHead(&builder, *chain);
  const auto command = BuildCommand(&builder, fields, request);
  const auto name = builder.CreateString(vehicle.view().data(), vehicle.view().size());
  const auto reason = BuildReason(&builder, request);
  const auto issued = log::CreateCommandIssued(builder, name, command, reason);
  builder.Finish(log::CreateAudit(builder, ToNumber(fields.region), log::AuditBody::CommandIssued,
                                  issued.Union(), chain->index() + 1, previous));
  return Chained(vehicle.view(), builder, chain);
}

ShardOutputs::Record ClosedRecord(RegionId region, const VehicleId& vehicle, std::uint64_t boot_id,
                                  const wire::CommandStatus& status, AuditChain* chain) {
  flatbuffers::FlatBufferBuilder builder(256);
  const auto previous = BuildHead(&builder, *chain);
  const auto name = builder.CreateString(vehicle.view().data(), vehicle.view().size());
  const auto closed = log::CreateCommandClosed(builder, name, boot_id, &status);
  builder.Finish(log::CreateAudit(builder, ToNumber(region), log::AuditBody::CommandClosed,
                                  closed.Union(), chain->index() + 1, previous));
  return Chained(vehicle.view(), builder, chain);
}

ShardOutputs::Record WithheldRecord(const VehicleId& vehicle, const CommandFields& fields,
                                    const CommandRequest& request, CommandMode mode, const CommandSettings& settings,
                                    AuditChain* chain) {
  flatbuffers::FlatBufferBuilder builder(384);
  const auto previous = BuildHead(&builder, *chain);
  const auto command = BuildCommand(&builder, fields, request);
  const auto name = builder.CreateString(vehicle.view().data(), vehicle.view().size());
  const auto reason = BuildReason(&builder, request);
  const auto withheld = log::CreateCommandWithheld(builder, name, command, mode, settings.version, reason);
  builder.Finish(log::CreateAudit(builder, ToNumber(fields.region), log::AuditBody::CommandWithheld,
                                  withheld.Union(), chain->index() + 1, previous));
  return Chained(vehicle.view(), builder, chain);
}

ShardOutputs::Record RefusedRecord(RegionId region, const OperatorCommand& command, log::Refusal why,
                                   AuditChain* chain) {
  flatbuffers::FlatBufferBuilder builder(256);
  const auto previous = BuildHead(&builder, *chain);
  const std::string_view vehicle = command.vehicle.view();
  const auto name = builder.CreateString(vehicle.data(), vehicle.size());
  const auto by = builder.CreateString(command.by);
  const auto reason = builder.CreateString(command.reason);
  const auto refused = log::CreateCommandRefused(builder, name, ToNumber(command.Id()), why, by, reason);
  builder.Finish(log::CreateAudit(builder, ToNumber(region), log::AuditBody::CommandRefused, refused.Union(),
                                  chain->index() + 1, previous));
  return Chained(vehicle, builder, chain);
}

ShardOutputs::Record SettingsTakenRecord(RegionId region, const CommandSettings& settings, std::int64_t taken_ns,
                                         AuditChain* chain) {
  flatbuffers::FlatBufferBuilder builder(384);
  const auto previous = BuildHead(&builder, *chain);
  const auto packed = PackCommandSettings(settings, &builder);
  const auto taken = log::CreateCommandSettingsTaken(builder, packed, taken_ns);
  builder.Finish(log::CreateAudit(builder, ToNumber(region), log::AuditBody::CommandSettingsTaken, taken.Union(),
                                  chain->index() + 1, previous));
  return Chained("*", builder, chain);
}

ShardOutputs::Record WindowRecord(RegionId region, std::int64_t window_end_ns, bool full,
                                  const std::vector<HeatmapCell>& cells) {
  std::vector<log::Cell> packed;
  packed.reserve(cells.size());
  for (const HeatmapCell& cell : cells) {
    packed.emplace_back(cell.cell.x, cell.cell.y, Scaled<std::uint16_t>(cell.vehicles, 1),
                        Scaled<std::uint16_t>(cell.mean_speed_mps, 100),
                        Scaled<std::uint8_t>(cell.congestion, 255),
                        Scaled<std::uint8_t>(cell.confidence, 255),
                        Scaled<std::uint16_t>(cell.age_s, 1000));
  }
  flatbuffers::FlatBufferBuilder builder(64 + packed.size() * sizeof(log::Cell));
  const auto vector = builder.CreateVectorOfStructs(packed);
  builder.Finish(log::CreateHeatmapWindow(builder, ToNumber(region), window_end_ns, full, vector));
  return {Topic::kHeatmap, Bytes(std::to_string(ToNumber(region))), Finished(builder)};
}

ShardOutputs::Record ConflictRecord(RegionId region, EpisodeEvent::Kind kind, const Pair& pair,
                                    const VehicleId& a, const VehicleId& b, const Cause& cause) {
  flatbuffers::FlatBufferBuilder builder(384);
  const auto name_a = builder.CreateString(a.view().data(), a.view().size());
  const auto name_b = builder.CreateString(b.view().data(), b.view().size());
  flatbuffers::Offset<flatbuffers::String> cause_vehicle;
  if (!cause.vehicle.empty()) {
    cause_vehicle = builder.CreateString(cause.vehicle.view().data(), cause.vehicle.view().size());
  }
  const log::EpisodePhase phase = kind == EpisodeEvent::Kind::kOpened    ? log::EpisodePhase::Opened
                                  : kind == EpisodeEvent::Kind::kUpdated ? log::EpisodePhase::Updated
                                                                         : log::EpisodePhase::Closed;
  const Encounter& met = pair.latest;
  builder.Finish(log::CreateConflict(
      builder, ToNumber(region), ToNumber(pair.episode), phase, met.type, name_a, name_b,
      cause.log_time_ns, Scaled<std::uint32_t>(met.ttc_s, 1000), Scaled<std::uint32_t>(met.drac_mps2, 100),
      Scaled<std::uint32_t>(met.pet_s, 1000), Scaled<std::uint8_t>(met.probability, 255),
      Scaled<std::int32_t>(met.point.x, 100), Scaled<std::int32_t>(met.point.y, 100), cause_vehicle,
      cause.sequence));
  std::string key = a.ToString();
  key += '|';
  key += b.view();
  return {Topic::kConflicts, Bytes(key), Finished(builder)};
}

}  // namespace starling::cloud
