#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "cloud/shard/flat_map.h"
#include "cloud/shard/vehicle_table.h"
#include "common/geo/grid.h"

namespace starling::cloud {

// Index of a cell in the grid's arrays; given to another one after its last
// member left.
using CellSlot = std::uint32_t;
inline constexpr CellSlot kNoCell = FlatMap::kNone;

// Which vehicles' sweeps touch which cell.  At most cells_max are touched at once.
//
// Threading: thread-compatible.
class CellGrid {
 public:
  explicit CellGrid(std::size_t cells_max) : cells_max_(cells_max) {}

  CellSlot Find(CellIndex cell) const { return by_cell_.Find(PackCell(cell)); }
  // Registers `slot` in the cells of its box, incrementally: most fixes change
  // nothing.
  void Place(Slot slot, const SweepBox& box, CellRect* rect);
  void Remove(Slot slot, CellRect* rect);

  // Cells of `rect`, counted row by row, in which `slot` is not registered because
  // there were cells_max already; none before something was refused.
  std::vector<std::uint16_t> LeftOut(Slot slot, const CellRect& rect) const;
  // Registers a vehicle that is in no cell as it was: everywhere but where it was left
  // out.
  void Restore(Slot slot, const CellRect& rect, std::span<const std::uint16_t> left_out);

  std::span<const Slot> members(CellSlot cell) const { return members_[cell]; }
  std::size_t size() const { return by_cell_.size(); }
  // Times that a vehicle was left out of a cell because there were cells_max already.
  std::uint64_t refused() const { return refused_; }
  void set_refused(std::uint64_t refused) { refused_ = refused; }

 private:
  CellSlot FindOrAdd(CellIndex cell);   // kNoCell if there are cells_max already
  void Add(CellIndex cell, Slot slot);
  void Drop(CellIndex cell, Slot slot);

  const std::size_t cells_max_;
  FlatMap by_cell_;
  std::vector<std::vector<Slot>> members_;
  std::vector<CellSlot> free_;
  std::uint64_t refused_ = 0;
};

// The cells that a box touches.
CellRect CellsOf(const SweepBox& box);

}  // namespace starling::cloud
