#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "cloud/shard/flat_map.h"
#include "cloud/shard/vehicle_table.h"
#include "common/geo/grid.h"

namespace starling::cloud {

// Index of a cell in the grid's arrays.  A cell that was once touched stays: what
// it has learned is worth more than its few bytes.
using CellSlot = std::uint32_t;
inline constexpr CellSlot kNoCell = FlatMap::kNone;

// Which vehicles' sweeps touch which cell.
//
// Threading: thread-compatible.
class CellGrid {
 public:
  explicit CellGrid(std::size_t cells_max) : cells_max_(cells_max) {}

  CellSlot Find(CellIndex cell) const { return by_cell_.Find(PackCell(cell)); }
  // kNoCell if there are cells_max already; that is counted.
  CellSlot FindOrAdd(CellIndex cell);

  // Registers `slot` in the cells of its box, incrementally: most fixes change
  // nothing.
  void Place(Slot slot, const SweepBox& box, CellRect* rect);
  void Remove(Slot slot, CellRect* rect);

  std::span<const Slot> members(CellSlot cell) const { return members_[cell]; }
  CellIndex index(CellSlot cell) const { return indices_[cell]; }
  std::size_t size() const { return indices_.size(); }
  std::uint64_t refused() const { return refused_; }

 private:
  void Add(CellIndex cell, Slot slot);
  void Drop(CellIndex cell, Slot slot);

  const std::size_t cells_max_;
  FlatMap by_cell_;
  std::vector<CellIndex> indices_;
  std::vector<std::vector<Slot>> members_;
  std::uint64_t refused_ = 0;
};

// The cells that a box touches.
CellRect CellsOf(const SweepBox& box);

}  // namespace starling::cloud
