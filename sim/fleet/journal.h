// The journal of a run: what happened on the vehicles, as the simulator saw it from
// outside of everything that is tested.  Format: docs/formats/journal.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/ids.h"
#include "common/status.h"
#include "common/time.h"
#include "schemas/edge_to_cloud/uplink_generated.h"

namespace starling::sim {

// Samples of one boot, [first, last], both included.
struct SampleRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;

  friend constexpr bool operator==(SampleRange, SampleRange) = default;
};

// A command at the moment at which it was handed to the controller.
struct HandedOver {
  CommandId command{};
  RegionId region{};
  Epoch epoch{};
  std::uint8_t kind = 0;        // wire::CommandKind
  EpisodeId episode{};
  BootTime handed_over;         // the vehicle's clock, read by the controller
  BootTime expires;
  CloudTime at;                 // the simulator's clock

  friend bool operator==(const HandedOver&, const HandedOver&) = default;
};

// A command's terminal status, when the vehicle decided it.
struct ClosedOnVehicle {
  CommandId command{};
  RegionId region{};
  Epoch epoch{};
  std::uint8_t outcome = 0;     // wire::CommandOutcome
  std::uint8_t reason = 0;      // wire::RejectReason
  BootTime at;

  friend bool operator==(const ClosedOnVehicle&, const ClosedOnVehicle&) = default;
};

// One boot of one vehicle.  sampled() = delivered + dropped, all reasons, + in_flight.
struct VehicleBoot {
  VehicleId vehicle;
  BootId boot{};
  bool rebooted = false;                  // it ended by a reboot, not with the run
  std::vector<std::uint32_t> samples;     // DigestOf each, by sequence from 1
  std::uint64_t delivered = 0;            // the cloud said "durable"
  std::uint64_t dropped_spool_full = 0;
  std::uint64_t dropped_refused = 0;
  std::uint64_t dropped_io = 0;
  std::uint64_t dropped_reboot = 0;       // in memory when the vehicle rebooted
  std::uint64_t in_flight = 0;            // at the end
  std::vector<SampleRange> acknowledged;  // rising, apart; refused batches included
  std::vector<HandedOver> handed_over;
  std::vector<ClosedOnVehicle> closed;

  std::uint64_t sampled() const { return samples.size(); }
  friend bool operator==(const VehicleBoot&, const VehicleBoot&) = default;
};

struct Journal {
  // By the simulator's clock: from here on every vehicle had delivered everything,
  // and at a look after it no command was open.  0: that never was so.
  CloudTime drained;
  std::vector<VehicleBoot> boots;         // by vehicle, then in order

  friend bool operator==(const Journal&, const Journal&) = default;
};

// Of every field of a sample as it is on the wire.
std::uint32_t DigestOf(const wire::Fix& fix);

std::string WriteJournal(const Journal& journal);

// Errors: kCorruption, naming the line.
Result<Journal> ReadJournal(std::string_view text);

// The same, from and to a file.
// Errors: also kIoError.
Status SaveJournal(const std::string& path, const Journal& journal);
Result<Journal> LoadJournal(const std::string& path);

}  // namespace starling::sim
