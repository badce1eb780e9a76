#pragma once

#include <flatbuffers/flatbuffers.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "common/ids.h"
#include "common/time.h"
#include "schemas/edge_to_cloud/uplink_generated.h"
#include "schemas/log/telemetry_generated.h"

namespace starling::cloud {

// Makes the records that go into the log.  What a method returns lives until the
// next call.
//
// Threading: thread-compatible; one for each thread.
class RecordBuilder {
 public:
  // Records are for `region` unless a call names another one.
  explicit RecordBuilder(RegionId region) : region_(region) {}

  struct Vehicle {
    VehicleId id;
    BootId boot{};
    std::uint16_t length_cm = 0;
    std::uint16_t width_cm = 0;
  };

  // What the record's region is to the vehicle.
  struct Place {
    RegionId region{};
    RegionId owner{};
    bool leaves = false;                // no longer within its reach
  };

  // Topic::kTelemetry.  `appended`: now; the epoch if nobody measures.
  std::span<const std::byte> Fix(const Vehicle& vehicle, const wire::Live& live, CloudTime sample_time) {
    return Fix(vehicle, live, sample_time, {region_, region_}, CloudTime{});
  }
  std::span<const std::byte> Fix(const Vehicle& vehicle, const wire::Live& live, CloudTime sample_time,
                                 const Place& place, CloudTime appended);
  std::span<const std::byte> Session(const Vehicle& vehicle, bool connected, std::uint64_t acked_through) {
    return Session(vehicle, connected, acked_through, region_);
  }
  std::span<const std::byte> Session(const Vehicle& vehicle, bool connected, std::uint64_t acked_through,
                                     RegionId region);
  std::span<const std::byte> Report(const VehicleId& vehicle, BootId boot,
                                    std::span<const wire::CommandStatus> statuses) {
    return Report(vehicle, boot, statuses, region_);
  }
  std::span<const std::byte> Report(const VehicleId& vehicle, BootId boot,
                                    std::span<const wire::CommandStatus> statuses, RegionId region);

  // Topic::kHistory.
  std::span<const std::byte> History(const VehicleId& vehicle, const wire::History& history,
                                     nanoseconds clock_offset, CloudTime received);

 private:
  flatbuffers::Offset<flatbuffers::String> Name(const VehicleId& vehicle);
  std::span<const std::byte> Telemetry(RegionId region, log::TelemetryBody type, flatbuffers::Offset<void> body);
  std::span<const std::byte> Finished() const;

  const RegionId region_;
  flatbuffers::FlatBufferBuilder builder_;
};

}  // namespace starling::cloud
