#include "cloud/gateway/record_builder.h"

#include <string_view>

#include "schemas/log/history_generated.h"

namespace starling::cloud {

std::span<const std::byte> RecordBuilder::Fix(const Vehicle& vehicle, const wire::Live& live,
                                              CloudTime sample_time, const Place& place, CloudTime appended) {
  builder_.Clear();
  const auto name = Name(vehicle.id);
  flatbuffers::Offset<flatbuffers::Vector<const wire::Arc*>> path;
  if (live.path() != nullptr) {
    path = builder_.CreateVectorOfStructs(reinterpret_cast<const wire::Arc*>(live.path()->Data()),
                                          live.path()->size());
  }
  // An owner's fix names no owner: where there is one region, nothing is added to it.
  const bool owns = place.region == place.owner;
  const auto body = log::CreateFix(builder_, name, ToNumber(vehicle.boot), live.fix(), path,
                                   ToNs(sample_time), vehicle.length_cm, vehicle.width_cm,
                                   owns ? log::Role::Owner : log::Role::Ghost,
                                   owns ? 0 : ToNumber(place.owner), place.leaves, ToNs(appended));
  return Telemetry(place.region, log::TelemetryBody::Fix, body.Union());
}

std::span<const std::byte> RecordBuilder::Session(const Vehicle& vehicle, bool connected,
                                                  std::uint64_t acked_through, RegionId region) {
  builder_.Clear();
  const auto body =
      log::CreateSession(builder_, Name(vehicle.id), ToNumber(vehicle.boot), connected, acked_through);
  return Telemetry(region, log::TelemetryBody::Session, body.Union());
}

std::span<const std::byte> RecordBuilder::Report(const VehicleId& vehicle, BootId boot,
                                                 std::span<const wire::CommandStatus> statuses,
                                                 RegionId region) {
  builder_.Clear();
  const auto name = Name(vehicle);
  const auto copied = builder_.CreateVectorOfStructs(statuses.data(), statuses.size());
  const auto body = log::CreateCommandReport(builder_, name, ToNumber(boot), copied);
  return Telemetry(region, log::TelemetryBody::CommandReport, body.Union());
}

std::span<const std::byte> RecordBuilder::History(const VehicleId& vehicle, const wire::History& history,
                                                  nanoseconds clock_offset, CloudTime received) {
  builder_.Clear();
  const auto name = Name(vehicle);
  const auto columns = builder_.CreateVector(history.columns()->data(), history.columns()->size());
  flatbuffers::Offset<flatbuffers::Vector<const wire::WindowValue*>> windows;
  if (history.windows() != nullptr) {
    windows = builder_.CreateVectorOfStructs(reinterpret_cast<const wire::WindowValue*>(history.windows()->Data()),
                                             history.windows()->size());
  }
  flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<wire::Capture>>> captures;
  if (history.captures() != nullptr) {
    std::vector<flatbuffers::Offset<wire::Capture>> all;
    for (const wire::Capture* each : *history.captures()) {
      const auto samples = builder_.CreateVector(each->columns()->data(), each->columns()->size());
      all.push_back(wire::CreateCapture(builder_, each->trigger(), each->fired_sequence(), each->first_sequence(),
                                        each->count(), samples, each->cut()));
    }
    captures = builder_.CreateVector(all);
  }
  log::FinishHistoryBatchBuffer(
      builder_, log::CreateHistoryBatch(builder_, name, history.boot_id(), history.first_sequence(),
                                        history.count(), columns, clock_offset.count(), ToNs(received),
                                        history.plan_hash(), windows, captures, history.results_plan_hash()));
  return Finished();
}

flatbuffers::Offset<flatbuffers::String> RecordBuilder::Name(const VehicleId& vehicle) {
  const std::string_view name = vehicle.view();
  return builder_.CreateString(name.data(), name.size());
}

std::span<const std::byte> RecordBuilder::Telemetry(RegionId region, log::TelemetryBody type,
                                                    flatbuffers::Offset<void> body) {
  log::FinishTelemetryBuffer(builder_, log::CreateTelemetry(builder_, ToNumber(region), type, body));
  return Finished();
}

std::span<const std::byte> RecordBuilder::Finished() const {
  return std::as_bytes(std::span(builder_.GetBufferPointer(), builder_.GetSize()));
}

}  // namespace starling::cloud
