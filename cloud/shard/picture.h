// What people who watch are shown of a shard.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "cloud/shard/shard.h"
#include "cloud/shard/vehicle_table.h"
#include "common/geo/vec2.h"
#include "common/ids.h"
#include "common/time.h"

namespace starling::cloud {

// Where a vehicle is expected is told for these times ahead, so that who draws it can go on between two pictures.
inline constexpr double kAheadNearS = 1.5;
inline constexpr double kAheadFarS = 3.0;

// Predicted ways are points at this step, the first one for the moment of the picture, up to the horizon.
inline constexpr double kWayStepS = 0.5;
inline constexpr std::size_t kWayPoints = 11;
using PictureWay = std::array<Vec2, kWayPoints>;  // m

// What a vehicle seems to be about to do.
enum class Intent : std::uint8_t { kGoesOn = 0, kLeft, kRight, kBrakes, kStands, kPullsAway };

struct PictureVehicle {
  Slot slot = kNoSlot;
  VehicleId vehicle;
  Vec2 position;                        // m
  double heading_rad = 0;               // not wrapped
  double speed_mps = 0;
  Vec2 near;                            // from the position to where it is after kAheadNearS, m
  Vec2 far;                             // the same after kAheadFarS
  Intent intent = Intent::kGoesOn;
  bool planned = false;                 // it has told where it will drive
  bool connected = false;
  double fix_age_s = 0;
};

struct PictureConflict {
  OpenConflict conflict;
  std::int64_t contact_ns = 0;          // cloud time
  int yields = 0;                       // 0: a, 1: b
  bool both_brake = false;
  std::array<bool, 2> told{};           // a command of the episode is in force
  std::array<PictureWay, 2> ways{};
};

// A command that was handed out before.
struct PictureCommand {
  CommandId id{};
  VehicleId vehicle;
  std::uint64_t boot_id = 0;
  std::uint64_t expires_boot_time_ns = 0;
};
struct PictureStanding {
  CommandId id{};
  bool open = false;                    // no terminal status yet
  std::int64_t expires_ns = 0;          // cloud time; 0: the vehicle is not known, or has booted since
};

struct PictureQuery {
  CloudTime at;                         // vehicles are predicted for it
  Slot first = 0;                       // of the slots to be looked at
  Slot count = 0;
  bool rest = false;                    // also what follows
  std::uint64_t windows_known = 0;      // cells only if a window was closed since
  std::vector<PictureCommand> commands;
  std::vector<VehicleId> watched;       // whose ways are wanted
};

struct WatchedWay {
  VehicleId vehicle;
  PictureWay way{};
};

struct ShardPicture {
  CloudTime at;
  Slot first = 0;
  Slot count = 0;
  Slot slots = 0;                       // alive or not; those behind are nobody's
  std::vector<PictureVehicle> vehicles; // that the region owns, by slot

  bool rest = false;
  std::size_t vehicles_known = 0;
  std::uint64_t windows = 0;
  bool has_cells = false;
  std::vector<HeatmapCell> cells;
  std::vector<PictureConflict> conflicts;
  std::vector<PictureStanding> standing;
  std::vector<WatchedWay> ways;
};

}  // namespace starling::cloud
