#pragma once

#include <cmath>
#include <compare>
#include <cstdint>

#include "common/geo/vec2.h"

namespace starling {

// Side of a grid cell.  A constant of the format: cells name it by their index.
inline constexpr double kCellSideM = 100;

// A cell of the city's grid: x counts cells east of the frame's origin, y north.
// Cell (0, 0) has the origin at its south-west corner.
struct CellIndex {
  std::int32_t x = 0;
  std::int32_t y = 0;

  friend constexpr auto operator<=>(CellIndex, CellIndex) = default;
};

// REQUIRES: |local.x|, |local.y| < 1e8.
inline CellIndex CellAt(Vec2 local) {
  return {static_cast<std::int32_t>(std::floor(local.x / kCellSideM)),
          static_cast<std::int32_t>(std::floor(local.y / kCellSideM))};
}

// One number for a cell, for hash tables and keys.
constexpr std::uint64_t PackCell(CellIndex cell) {
  return (static_cast<std::uint64_t>(static_cast<std::uint32_t>(cell.x)) << 32) |
         static_cast<std::uint32_t>(cell.y);
}

}  // namespace starling
