// SUMO's floating car data (FCD): where all vehicles are, step by step; docs/formats/fcd.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

#include "sim/traffic/sim_time.h"

namespace starling::sim {

// A number that the file does not give.
inline constexpr double kFcdAbsent = std::numeric_limits<double>::quiet_NaN();

struct FcdVehicle {
  std::string_view id;
  std::uint32_t number = 0;         // Of the id, in the order in which a reader met them.
  double x = 0;                     // Of the middle of the front bumper: m, or degrees of longitude.
  double y = 0;                     // m, or degrees of latitude.
  double angle_deg = 0;             // Clockwise from north.
  double speed_mps = 0;
  std::string_view type;            // Empty: not given.
  std::string_view lane;
  double pos_m = kFcdAbsent;        // Along the lane.
  double slope_deg = kFcdAbsent;
  double accel_mps2 = kFcdAbsent;
};

struct FcdStep {
  SimTime time{};
  std::vector<FcdVehicle> vehicles;
};

// What a file may have; more is refused, so that a reader's memory is bounded.
inline constexpr std::size_t kFcdTagBytesMax = 1 << 20;       // A tag, a comment, a line.
inline constexpr std::size_t kFcdWordBytesMax = 1'000;        // An id, a type, a lane.
inline constexpr std::size_t kFcdWordsMax = 10'000'000;       // Different ones.
inline constexpr std::size_t kFcdVehiclesMax = 1'000'000;     // In one step.
inline constexpr double kFcdTimeMaxS = 1e9;
inline constexpr double kFcdNumberMax = 1e8;

}  // namespace starling::sim
