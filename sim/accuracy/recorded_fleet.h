#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <vector>

#include "cloud/shard/shard_config.h"
#include "sim/accuracy/decision.h"
#include "sim/accuracy/recording.h"
#include "sim/sensors/gnss_receiver.h"

namespace starling::sim {

struct RecordedFleetConfig {
  std::uint64_t seed = 1;
  GnssConfig gnss;
  bool planned_paths = false;  // samples say where the vehicle is going to drive
};

struct FleetDecisions {
  std::vector<Decision> decisions;  // in the order of their opening
  // Issued, by wire::CommandKind.
  std::array<std::uint64_t, 4> commands{};
  std::uint64_t applied = 0;  // reached a vehicle in time; nobody acts on it
  std::uint64_t samples = 0;
  std::uint64_t live_frames = 0;
  std::uint64_t refused = 0;         // fixes and clock reports, by the gate
  std::uint64_t streams_broken = 0;  // ours is wrong
  cloud::ShardCounters shard;
};

// Drives real agents along recorded trajectories, with the real gate and the real shard behind them, in virtual time
// and in one thread.  Commands are decided, sent and applied, and change nothing: everyone drives as recorded.
//
// Each vehicle is up two to three seconds before its track begins, as one that comes from elsewhere is, and gone
// at its end: the shard hears nothing more.  Samples are taken every 100 ms, spread evenly.
//
// The same recording and configuration give the same decisions.
// REQUIRES: gnss and shard are valid; there are tracks.
// `progress` is told the share that is done, and may end it (empty decisions then).
FleetDecisions DriveRecording(const Recording& recording, const RecordedFleetConfig& config,
                              const cloud::ShardConfig& shard, const std::function<bool(double share)>& progress);

}  // namespace starling::sim
