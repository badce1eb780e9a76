// The picture that all viewers share.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "cloud/console/live_commands.h"
#include "cloud/shard/picture.h"
#include "common/geo/local_frame.h"
#include "common/ids.h"
#include "common/time.h"

namespace starling::cloud {

// A vehicle in the units in which viewers are told.
struct LiveVehicle {
  VehicleId vehicle;                    // empty: nobody has this place
  std::int32_t x_cm = 0;
  std::int32_t y_cm = 0;
  std::uint16_t heading = 0;            // 65536 is a turn
  std::int16_t speed_cmps = 0;
  std::array<std::int16_t, 4> ahead_dm{};  // east, north after kAheadNearS and after kAheadFarS
  std::uint16_t state = 0;              // an Intent and the bits below

  bool moves() const { return ahead_dm != std::array<std::int16_t, 4>{}; }
};

inline constexpr std::uint16_t kIntentMask = 0x000F;
inline constexpr std::uint16_t kSilentBit = 0x0010;        // no fix for kSilentAfterS
inline constexpr std::uint16_t kDisconnectedBit = 0x0020;
inline constexpr std::uint16_t kPlannedBit = 0x0040;
inline constexpr std::uint16_t kConflictBit = 0x0080;      // in an open one
inline constexpr std::uint16_t kAdvisedBit = 0x0100;       // speed advice in force
inline constexpr std::uint16_t kAvoidsBit = 0x0200;        // avoidance in force
inline constexpr double kSilentAfterS = 3;                 // whoever drives or stands is heard once a second

LiveVehicle Quantised(const PictureVehicle& seen);

// Where a viewer predicts the vehicle `dt_s` after it was told, cm: on the parabola through the three places that it
// knows, and after the last one there.
struct CentimetrePoint {
  double x = 0;
  double y = 0;
};
CentimetrePoint PredictAsViewer(const LiveVehicle& told, double dt_s);

enum class CommandPhase : std::uint8_t { kSent = 0, kAnswered, kOver };

struct LiveCommand {
  IssuedCommand command;
  CommandPhase phase = CommandPhase::kSent;
  std::int64_t expires_ns = 0;          // cloud time; 0: not known
};

struct LiveBox {
  double west_m = 0;
  double south_m = 0;
  double east_m = 0;
  double north_m = 0;
};

struct LiveFigures {
  std::uint64_t number = 0;             // of the time that they were read
  std::vector<std::string> names;       // "group.name"; only ever longer
  std::vector<double> values;           // as many
  std::string ready;
  std::uint32_t decision_p50_us = 0;
  std::uint32_t decision_p99_us = 0;
  std::uint32_t decisions = 0;
};

struct LivePicture {
  CloudTime at;
  std::string status;                   // why there is no newer one; empty: it is new
  FrameOrigin origin;
  std::vector<LiveVehicle> vehicles;    // by place
  std::size_t fleet = 0;
  LiveBox box;                          // around all of them
  std::uint64_t cells_number = 0;       // another one: other cells
  std::vector<HeatmapCell> cells;
  std::vector<PictureConflict> conflicts;
  std::vector<LiveCommand> commands;    // in force or just over, oldest first
  std::vector<WatchedWay> ways;
  LiveFigures figures;
};

}  // namespace starling::cloud
