#include "cloud/regions/region_map.h"

#include <algorithm>
#include <utility>

#include "common/check.h"

namespace starling::cloud {
namespace {

constexpr std::uint8_t kClearanceMax = 200;

Status Invalid(std::string what) { return Status(ErrorCode::kInvalidArgument, std::move(what)); }

std::string NameOf(std::size_t tile) { return "tile " + std::to_string(tile); }

}  // namespace

RegionMap::RegionMap(RegionId all, std::uint64_t version)
    : version_(version), default_region_(all), regions_{all} {}

Result<RegionMap> RegionMap::Make(std::uint64_t version, RegionId default_region, std::vector<RegionTile> tiles) {
  if (tiles.size() > kTilesMax) {
    return Invalid(std::to_string(tiles.size()) + " tiles, at most " + std::to_string(kTilesMax));
  }
  RegionMap map(default_region, version);
  CellIndex low{kCellMax, kCellMax};
  CellIndex high{-kCellMax, -kCellMax};
  for (std::size_t i = 0; i < tiles.size(); ++i) {
    const RegionTile& tile = tiles[i];
    if (tile.columns < 1 || tile.rows < 1) return Invalid(NameOf(i) + " is empty");
    if (tile.columns > kSpanMax || tile.rows > kSpanMax || std::abs(tile.low.x) > kCellMax ||
        std::abs(tile.low.y) > kCellMax) {
      return Invalid(NameOf(i) + " is too large or too far away");
    }
    low = {std::min(low.x, tile.low.x), std::min(low.y, tile.low.y)};
    high = {std::max(high.x, tile.low.x + tile.columns), std::max(high.y, tile.low.y + tile.rows)};
    map.regions_.push_back(tile.region);
  }
  std::sort(map.regions_.begin(), map.regions_.end());
  map.regions_.erase(std::unique(map.regions_.begin(), map.regions_.end()), map.regions_.end());
  if (map.regions_.size() > kRegionsMax) {
    return Invalid(std::to_string(map.regions_.size()) + " regions, at most " + std::to_string(kRegionsMax));
  }
  map.tiles_ = std::move(tiles);
  if (map.tiles_.empty()) return map;
  if (high.x - low.x > kSpanMax || high.y - low.y > kSpanMax) {
    return Invalid("the tiles lie more than " + std::to_string(kSpanMax) + " cells apart");
  }
  map.low_ = {low.x - 1, low.y - 1};
  map.columns_ = high.x - low.x + 2;
  map.rows_ = high.y - low.y + 2;
  std::vector<bool> taken(static_cast<std::size_t>(map.columns_) * static_cast<std::size_t>(map.rows_));
  for (std::size_t i = 0; i < map.tiles_.size(); ++i) {
    const RegionTile& tile = map.tiles_[i];
    for (std::int32_t y = tile.low.y; y < tile.low.y + tile.rows; ++y) {
      for (std::int32_t x = tile.low.x; x < tile.low.x + tile.columns; ++x) {
        const std::size_t index = map.IndexOf({x, y});
        if (taken[index]) return Invalid(NameOf(i) + " lies over another one");
        taken[index] = true;
      }
    }
  }
  map.Compile();
  return map;
}

Result<RegionMap> RegionMap::Uniform(std::uint64_t version, CellIndex low, std::int32_t columns_of_cells,
                                     std::int32_t rows_of_cells, std::int32_t columns, std::int32_t rows) {
  if (columns < 1 || rows < 1 || columns > columns_of_cells || rows > rows_of_cells) {
    return Invalid(std::to_string(columns) + " x " + std::to_string(rows) + " tiles do not fit into " +
                   std::to_string(columns_of_cells) + " x " + std::to_string(rows_of_cells) + " cells");
  }
  const auto cut = [](std::int32_t cells, std::int32_t parts, std::int32_t part) {
    return static_cast<std::int32_t>(std::int64_t{cells} * part / parts);
  };
  std::vector<RegionTile> tiles;
  for (std::int32_t row = 0; row < rows; ++row) {
    for (std::int32_t column = 0; column < columns; ++column) {
      const std::int32_t x = cut(columns_of_cells, columns, column);
      const std::int32_t y = cut(rows_of_cells, rows, row);
      tiles.push_back({{low.x + x, low.y + y},
                       cut(columns_of_cells, columns, column + 1) - x,
                       cut(rows_of_cells, rows, row + 1) - y,
                       RegionId{static_cast<std::uint32_t>(row * columns + column)}});
    }
  }
  return Make(version, RegionId{0}, std::move(tiles));
}

Result<RegionMap> RegionMap::Split(RegionId region, RegionId added) const {
  if (Has(added)) return Invalid("region " + std::to_string(ToNumber(added)) + " is there already");
  std::size_t largest = tiles_.size();
  std::int64_t cells = 1;
  for (std::size_t i = 0; i < tiles_.size(); ++i) {
    const std::int64_t size = std::int64_t{tiles_[i].columns} * tiles_[i].rows;
    if (tiles_[i].region == region && size > cells) {
      largest = i;
      cells = size;
    }
  }
  if (largest == tiles_.size()) {
    return Invalid("region " + std::to_string(ToNumber(region)) + " has no tile of two cells or more");
  }
  std::vector<RegionTile> tiles = tiles_;
  RegionTile& kept = tiles[largest];
  RegionTile cut = kept;
  cut.region = added;
  if (kept.columns >= kept.rows) {
    kept.columns /= 2;
    cut.low.x += kept.columns;
    cut.columns -= kept.columns;
  } else {
    kept.rows /= 2;
    cut.low.y += kept.rows;
    cut.rows -= kept.rows;
  }
  tiles.push_back(cut);
  return Make(version_ + 1, default_region_, std::move(tiles));
}

bool RegionMap::Has(RegionId region) const { return std::binary_search(regions_.begin(), regions_.end(), region); }

void RegionMap::Compile() {
  const auto index_of = [this](RegionId region) {
    const auto at = std::lower_bound(regions_.begin(), regions_.end(), region);
    return static_cast<std::uint16_t>(at - regions_.begin());
  };
  cells_.assign(static_cast<std::size_t>(columns_) * static_cast<std::size_t>(rows_), {index_of(default_region_), 0});
  for (const RegionTile& tile : tiles_) {
    const std::uint16_t region = index_of(tile.region);
    for (std::int32_t y = tile.low.y; y < tile.low.y + tile.rows; ++y) {
      for (std::int32_t x = tile.low.x; x < tile.low.x + tile.columns; ++x) cells_[IndexOf({x, y})].region = region;
    }
  }
  MeasureClearance();
}

// Chessboard distance to the nearest cell of another region, by two passes over the
// cells.  Source: A. Rosenfeld and J. Pfaltz, Distance functions on digital pictures,
// Pattern Recognition 1 (1968).
void RegionMap::MeasureClearance() {
  // Outside of the compiled part everything is the default region's.
  const auto region_at = [this](std::int32_t x, std::int32_t y) {
    return ToNumber(RegionAt({low_.x + x, low_.y + y}));
  };
  const auto at = [this](std::int32_t x, std::int32_t y) -> Cell& {
    return cells_[static_cast<std::size_t>(y) * static_cast<std::size_t>(columns_) + static_cast<std::size_t>(x)];
  };
  const auto inside = [this](std::int32_t x, std::int32_t y) {
    return x >= 0 && y >= 0 && x < columns_ && y < rows_;
  };
  for (std::int32_t y = 0; y < rows_; ++y) {
    for (std::int32_t x = 0; x < columns_; ++x) {
      bool border = false;
      for (std::int32_t dy = -1; dy <= 1; ++dy) {
        for (std::int32_t dx = -1; dx <= 1; ++dx) border |= region_at(x + dx, y + dy) != region_at(x, y);
      }
      at(x, y).clearance = border ? 0 : kClearanceMax;
    }
  }
  const auto lower = [&](std::int32_t x, std::int32_t y, std::int32_t from_x, std::int32_t from_y) {
    // The frame around the tiles is the default region's, at least this far out.
    if (!inside(from_x, from_y)) return;
    const int through = at(from_x, from_y).clearance + 1;
    at(x, y).clearance = static_cast<std::uint8_t>(std::min<int>(at(x, y).clearance, through));
  };
  for (std::int32_t y = 0; y < rows_; ++y) {
    for (std::int32_t x = 0; x < columns_; ++x) {
      for (const auto& [dx, dy] : {std::pair{-1, 0}, {-1, -1}, {0, -1}, {1, -1}}) lower(x, y, x + dx, y + dy);
    }
  }
  for (std::int32_t y = rows_ - 1; y >= 0; --y) {
    for (std::int32_t x = columns_ - 1; x >= 0; --x) {
      for (const auto& [dx, dy] : {std::pair{1, 0}, {1, 1}, {0, 1}, {-1, 1}}) lower(x, y, x + dx, y + dy);
    }
  }
}

double RegionMap::ClearanceAt(CellIndex cell) const {
  if (tiles_.empty()) return kClearanceMax * kCellSideM;
  const std::size_t index = IndexOf(cell);
  if (index != kOutside) return cells_[index].clearance * kCellSideM;
  // From outside the frame to the tiles.
  const std::int64_t dx = std::max({std::int64_t{low_.x} + 1 - cell.x,
                                    std::int64_t{cell.x} - (low_.x + columns_ - 2), std::int64_t{0}});
  const std::int64_t dy = std::max({std::int64_t{low_.y} + 1 - cell.y,
                                    std::int64_t{cell.y} - (low_.y + rows_ - 2), std::int64_t{0}});
  const std::int64_t away = std::max(dx, dy) - 1;
  return static_cast<double>(std::clamp<std::int64_t>(away, 0, kClearanceMax)) * kCellSideM;
}

void RegionMap::RegionsTouched(const MapBox& box, std::vector<RegionId>* regions) const {
  if (single()) {
    regions->push_back(regions_.front());
    return;
  }
  const std::size_t before = regions->size();
  const CellIndex low = CellAt({box.x_min, box.y_min});
  const CellIndex high = CellAt({box.x_max, box.y_max});
  const auto add = [&](RegionId region) {
    const auto from = regions->begin() + static_cast<std::ptrdiff_t>(before);
    const auto at = std::lower_bound(from, regions->end(), region);
    if (at == regions->end() || *at != region) regions->insert(at, region);
  };
  // What lies outside the compiled part is the default region's: one look is enough.
  const CellIndex first{std::max(low.x, low_.x), std::max(low.y, low_.y)};
  const CellIndex last{std::min(high.x, low_.x + columns_ - 1), std::min(high.y, low_.y + rows_ - 1)};
  if (first != low || last != high) add(default_region_);
  for (std::int32_t y = first.y; y <= last.y; ++y) {
    for (std::int32_t x = first.x; x <= last.x; ++x) add(RegionAt({x, y}));
  }
}

bool RegionMap::Touches(const MapBox& box, RegionId region) const {
  if (single()) return regions_.front() == region;
  std::vector<RegionId> touched;
  RegionsTouched(box, &touched);
  return std::binary_search(touched.begin(), touched.end(), region);
}

}  // namespace starling::cloud
