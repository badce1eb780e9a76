#include "cloud/shard/cell_grid.h"

#include <algorithm>

namespace starling::cloud {
namespace {

bool Contains(const CellRect& rect, CellIndex cell) {
  return cell.x >= rect.x && cell.x < rect.x + rect.columns && cell.y >= rect.y &&
         cell.y < rect.y + rect.rows;
}

template <typename Visit>
void ForEach(const CellRect& rect, const Visit& visit) {
  for (std::int32_t y = rect.y; y < rect.y + rect.rows; ++y) {
    for (std::int32_t x = rect.x; x < rect.x + rect.columns; ++x) visit(CellIndex{x, y});
  }
}

}  // namespace

CellRect CellsOf(const SweepBox& box) {
  const CellIndex low = CellAt({box.x_min, box.y_min});
  const CellIndex high = CellAt({box.x_max, box.y_max});
  return {low.x, low.y, static_cast<std::uint16_t>(high.x - low.x + 1),
          static_cast<std::uint16_t>(high.y - low.y + 1)};
}

CellSlot CellGrid::FindOrAdd(CellIndex cell) {
  const CellSlot found = Find(cell);
  if (found != kNoCell) return found;
  if (size() >= cells_max_) {
    ++refused_;
    return kNoCell;
  }
  CellSlot added;
  if (!free_.empty()) {
    added = free_.back();
    free_.pop_back();
  } else {
    added = static_cast<CellSlot>(members_.size());
    members_.emplace_back();
  }
  by_cell_.Insert(PackCell(cell), added);
  return added;
}

void CellGrid::Add(CellIndex cell, Slot slot) {
  const CellSlot at = FindOrAdd(cell);
  if (at != kNoCell) members_[at].push_back(slot);
}

void CellGrid::Drop(CellIndex cell, Slot slot) {
  const CellSlot at = Find(cell);
  if (at == kNoCell) return;
  std::vector<Slot>& members = members_[at];
  const auto found = std::find(members.begin(), members.end(), slot);
  if (found == members.end()) return;  // The cell was refused when it came.
  *found = members.back();
  members.pop_back();
  if (!members.empty()) return;
  by_cell_.Erase(PackCell(cell));
  free_.push_back(at);
}

void CellGrid::Place(Slot slot, const SweepBox& box, CellRect* rect) {
  const CellRect wanted = CellsOf(box);
  if (wanted == *rect) return;
  ForEach(*rect, [&](CellIndex cell) {
    if (!Contains(wanted, cell)) Drop(cell, slot);
  });
  ForEach(wanted, [&](CellIndex cell) {
    if (!Contains(*rect, cell)) Add(cell, slot);
  });
  *rect = wanted;
}

std::vector<std::uint16_t> CellGrid::LeftOut(Slot slot, const CellRect& rect) const {
  std::vector<std::uint16_t> left_out;
  if (refused_ == 0) return left_out;
  std::uint16_t number = 0;
  ForEach(rect, [&](CellIndex cell) {
    const CellSlot at = Find(cell);
    const bool registered = at != kNoCell && std::find(members_[at].begin(), members_[at].end(), slot) !=
                                                 members_[at].end();
    if (!registered) left_out.push_back(number);
    ++number;
  });
  return left_out;
}

void CellGrid::Restore(Slot slot, const CellRect& rect, std::span<const std::uint16_t> left_out) {
  std::uint16_t number = 0;
  ForEach(rect, [&](CellIndex cell) {
    if (std::find(left_out.begin(), left_out.end(), number) == left_out.end()) Add(cell, slot);
    ++number;
  });
}

void CellGrid::Remove(Slot slot, CellRect* rect) {
  ForEach(*rect, [&](CellIndex cell) { Drop(cell, slot); });
  *rect = {};
}

}  // namespace starling::cloud
