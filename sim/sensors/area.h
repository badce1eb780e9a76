// Parts of the city's plane where something is different, and which of them a point is in.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "common/geo/vec2.h"
#include "sim/city/random.h"

namespace starling::sim {

// The city's bounds, m in its frame.
struct Extent {
  Vec2 south_west;
  Vec2 north_east;

  double width_m() const { return north_east.x - south_west.x; }
  double height_m() const { return north_east.y - south_west.y; }
  bool IsProper() const;  // finite, and wider and higher than 1 m, up to 1000 km
};

// A disc or a rectangle.
struct Area {
  Vec2 centre;
  Vec2 along{0, 1};            // unit vector of the rectangle's length
  double half_length_m = 0;    // of a disc: its radius
  double half_width_m = 0;
  bool round = false;

  static Area Disc(Vec2 centre, double radius_m);
  static Area Rectangle(Vec2 centre, double heading_rad, double length_m, double width_m);

  // The border belongs to it.
  bool Contains(Vec2 point) const;
  // Half the sides of the smallest upright box around it.
  Vec2 HalfBox() const;
  bool IsProper() const;       // finite, neither side negative nor above 1000 km
};

// Finds the area of a point in a time that does not grow with their number.
//
// Threading: immutable.
class AreaIndex {
 public:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  AreaIndex() = default;
  // REQUIRES: each area IsProper()
  explicit AreaIndex(std::vector<Area> areas);

  // The first one, in the order given, that contains the point; or kNone.
  std::uint32_t Find(Vec2 point) const;

  const std::vector<Area>& areas() const { return areas_; }

 private:
  std::uint32_t BucketOf(double value, double low, std::uint32_t count) const;

  std::vector<Area> areas_;
  Vec2 low_;
  Vec2 high_;
  double bucket_m_ = 1;
  std::uint32_t columns_ = 0;
  std::uint32_t rows_ = 0;
  std::vector<std::uint32_t> first_;     // by bucket, into touching_; one more than buckets
  std::vector<std::uint32_t> touching_;  // numbers of areas, rising in each bucket
};

// Areas drawn at random, their centres uniform in the extent, until they cover that share of it
// (as seen at 512 × 512 points): the last one goes beyond by what it adds at most.
// REQUIRES: extent.IsProper(); 0 <= share <= 0.9
std::vector<Area> CoverShare(const Extent& extent, double share,
                             const std::function<Area(Vec2 centre, Random* random)>& draw, Random* random);

}  // namespace starling::sim
