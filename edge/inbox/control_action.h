#pragma once

#include <cstdint>
#include <optional>

#include "common/ids.h"
#include "common/time.h"
#include "schemas/cloud_to_edge/downlink_generated.h"

namespace starling::edge {

// What the controller is asked to do, with what caused it.
struct ControlAction {
  wire::CommandKind kind{};
  CommandId command{};
  EpisodeId episode{};
  RegionId region{};
  Epoch epoch{};                              // of the shard that issued it
  double speed_ceiling_mps = 0;
  double decel_mps2 = 0;                      // at which to get there
  BootTime expires;
  std::int32_t cell_x = 0;
  std::int32_t cell_y = 0;

  // Copied from the command, for whoever measures.
  VehicleId cause_vehicle;                    // empty: a tick or a window
  BootId cause_boot{};
  std::uint64_t cause_sequence = 0;
  std::int64_t cause_log_time_ns = 0;
  std::int64_t emitted_time_ns = 0;
  std::int64_t appended_time_ns = 0;
  std::int64_t read_time_ns = 0;
  std::int64_t issued_time_ns = 0;
};

// The most restrictive of the live leases.
struct DesiredState {
  std::optional<double> speed_ceiling_mps;    // nullopt: no lease is live
  double decel_mps2 = 0;                      // at most this to get under it
};

}  // namespace starling::edge
