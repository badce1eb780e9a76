#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/geo/grid.h"
#include "common/ids.h"
#include "common/status.h"

namespace starling::cloud {

// A rectangle of cells that belongs to one region.
struct RegionTile {
  CellIndex low;                        // south-west cell
  std::int32_t columns = 0;             // >= 1, eastwards
  std::int32_t rows = 0;                // >= 1, northwards
  RegionId region{};

  friend constexpr bool operator==(const RegionTile&, const RegionTile&) = default;
};

// A box in the local frame, m.
struct MapBox {
  double x_min = 0, y_min = 0, x_max = 0, y_max = 0;

  MapBox Grown(double by_m) const { return {x_min - by_m, y_min - by_m, x_max + by_m, y_max + by_m}; }
};

// Which region each cell of the city belongs to.  Tiles over a default: a cell in no
// tile is the default region's.  Borders lie on borders of cells.  Format:
// docs/formats/region_map.md.
//
// Threading: immutable.
class RegionMap {
 public:
  static constexpr std::size_t kTilesMax = 4'096;
  static constexpr std::size_t kRegionsMax = 1'024;
  static constexpr std::int32_t kSpanMax = 2'048;  // cells of all tiles' bounding box, each way
  static constexpr std::int32_t kCellMax = 1'000'000;  // |x|, |y| of a tile's cells

  // All of the world is one region.
  RegionMap() : RegionMap(RegionId{}) {}
  explicit RegionMap(RegionId all, std::uint64_t version = 0);

  // Errors: kInvalidArgument, naming the tile, if one is empty or outside the limits
  //         above, or two overlap.
  static Result<RegionMap> Make(std::uint64_t version, RegionId default_region, std::vector<RegionTile> tiles);

  // `columns` x `rows` tiles over the rectangle from `low` on, as equal as cells allow;
  // regions 0, 1, ... row by row from the south-west.  Outside: region 0.
  //
  // Errors: kInvalidArgument if there are more tiles than cells, either way.
  static Result<RegionMap> Uniform(std::uint64_t version, CellIndex low, std::int32_t columns_of_cells,
                                   std::int32_t rows_of_cells, std::int32_t columns, std::int32_t rows);

  // Cuts the largest tile of `region` in two across its longer side; the northern or
  // eastern half becomes `added`.  The new map has the next version.
  //
  // Errors: kInvalidArgument if no tile of the region has two cells, or `added` is
  //         there already.
  Result<RegionMap> Split(RegionId region, RegionId added) const;

  // The text form that people write.  Errors: kInvalidArgument, naming what is wrong.
  static Result<RegionMap> FromJson(std::string_view text);
  std::string ToJson() const;

  bool single() const { return regions_.size() == 1; }
  const std::vector<RegionId>& regions() const { return regions_; }  // rising
  bool Has(RegionId region) const;
  std::uint64_t version() const { return version_; }
  RegionId default_region() const { return default_region_; }
  const std::vector<RegionTile>& tiles() const { return tiles_; }

  RegionId RegionAt(CellIndex cell) const {
    const std::size_t index = IndexOf(cell);
    return index == kOutside ? default_region_ : regions_[cells_[index].region];
  }

  // Every place within so many metres of the cell, east, north, west and south of it, is
  // the same region's.  A lower bound, rounded down to cells, at most 200 cells.
  double ClearanceAt(CellIndex cell) const;

  // The regions that the box touches, rising, appended to `*regions`.
  void RegionsTouched(const MapBox& box, std::vector<RegionId>* regions) const;
  bool Touches(const MapBox& box, RegionId region) const;

  friend bool operator==(const RegionMap& a, const RegionMap& b) {
    return a.version_ == b.version_ && a.default_region_ == b.default_region_ && a.tiles_ == b.tiles_;
  }

 private:
  // One byte of distance and two of region keep a city of 100 km in 4 MB.
  struct Cell {
    std::uint16_t region = 0;           // index into regions_
    std::uint8_t clearance = 0;         // cells around it that are the same region's
  };
  static constexpr std::size_t kOutside = static_cast<std::size_t>(-1);

  std::size_t IndexOf(CellIndex cell) const {
    const std::int64_t x = std::int64_t{cell.x} - low_.x;
    const std::int64_t y = std::int64_t{cell.y} - low_.y;
    if (x < 0 || y < 0 || x >= columns_ || y >= rows_) return kOutside;
    return static_cast<std::size_t>(y * columns_ + x);
  }
  void Compile();
  void MeasureClearance();

  std::uint64_t version_ = 0;
  RegionId default_region_{};
  std::vector<RegionTile> tiles_;
  std::vector<RegionId> regions_;
  // The bounding box of the tiles and one cell more on each side.
  CellIndex low_;
  std::int32_t columns_ = 0;
  std::int32_t rows_ = 0;
  std::vector<Cell> cells_;
};

}  // namespace starling::cloud
