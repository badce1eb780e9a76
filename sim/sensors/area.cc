#include "sim/sensors/area.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "common/check.h"
#include "common/geo/trigonometry.h"

namespace starling::sim {
namespace {

constexpr double kLongestM = 1e6;
constexpr double kBucketMinM = 50;
constexpr std::uint32_t kBucketsMax = 256;  // of a side
constexpr std::uint32_t kPoints = 512;      // of a side

bool IsLength(double value) { return value >= 0 && value <= kLongestM; }

}  // namespace

bool Extent::IsProper() const {
  return std::isfinite(south_west.x) && std::isfinite(south_west.y) && width_m() >= 1 && height_m() >= 1 &&
         width_m() <= kLongestM && height_m() <= kLongestM;
}

Area Area::Disc(Vec2 centre, double radius_m) {
  return Area{.centre = centre, .half_length_m = radius_m, .half_width_m = radius_m, .round = true};
}

Area Area::Rectangle(Vec2 centre, double heading_rad, double length_m, double width_m) {
  return Area{.centre = centre, .along = HeadingVector(heading_rad), .half_length_m = length_m / 2,
              .half_width_m = width_m / 2};
}

bool Area::Contains(Vec2 point) const {
  const Vec2 offset = point - centre;
  if (round) return NormSquared(offset) <= half_length_m * half_length_m;
  return std::abs(Dot(offset, along)) <= half_length_m && std::abs(Cross(offset, along)) <= half_width_m;
}

Vec2 Area::HalfBox() const {
  if (round) return {half_length_m, half_length_m};
  return {std::abs(along.x) * half_length_m + std::abs(along.y) * half_width_m,
          std::abs(along.y) * half_length_m + std::abs(along.x) * half_width_m};
}

bool Area::IsProper() const {
  return std::abs(centre.x) <= 2 * kLongestM && std::abs(centre.y) <= 2 * kLongestM && IsLength(half_length_m) &&
         IsLength(half_width_m) && (round || std::abs(NormSquared(along) - 1) < 1e-6);
}

AreaIndex::AreaIndex(std::vector<Area> areas) : areas_(std::move(areas)) {
  if (areas_.empty()) return;
  for (std::size_t i = 0; i < areas_.size(); ++i) {
    STARLING_CHECK(areas_[i].IsProper());
    const Vec2 low = areas_[i].centre - areas_[i].HalfBox();
    const Vec2 high = areas_[i].centre + areas_[i].HalfBox();
    low_ = i == 0 ? low : Vec2{std::min(low_.x, low.x), std::min(low_.y, low.y)};
    high_ = i == 0 ? high : Vec2{std::max(high_.x, high.x), std::max(high_.y, high.y)};
  }
  // Rounding in Contains may take a point in that lies just outside of the box.
  low_ = low_ - Vec2{1e-3, 1e-3};
  high_ = high_ + Vec2{1e-3, 1e-3};
  const Vec2 size = high_ - low_;
  bucket_m_ = std::max(kBucketMinM, std::max(size.x, size.y) / kBucketsMax);
  columns_ = static_cast<std::uint32_t>(size.x / bucket_m_) + 1;
  rows_ = static_cast<std::uint32_t>(size.y / bucket_m_) + 1;

  // Counted first, then filled, so that each bucket's numbers lie together and rise.
  first_.assign(std::size_t{columns_} * rows_ + 1, 0);
  const auto for_each_bucket = [this](const Area& area, const auto& act) {
    const Vec2 half = area.HalfBox() + Vec2{1e-3, 1e-3};
    const std::uint32_t east = BucketOf(area.centre.x + half.x, low_.x, columns_);
    const std::uint32_t north = BucketOf(area.centre.y + half.y, low_.y, rows_);
    for (std::uint32_t row = BucketOf(area.centre.y - half.y, low_.y, rows_); row <= north; ++row) {
      for (std::uint32_t column = BucketOf(area.centre.x - half.x, low_.x, columns_); column <= east; ++column) {
        act(std::size_t{row} * columns_ + column);
      }
    }
  };
  for (const Area& area : areas_) {
    for_each_bucket(area, [this](std::size_t bucket) { ++first_[bucket + 1]; });
  }
  for (std::size_t bucket = 1; bucket < first_.size(); ++bucket) first_[bucket] += first_[bucket - 1];
  touching_.resize(first_.back());
  std::vector<std::uint32_t> next(first_.begin(), first_.end() - 1);
  for (std::uint32_t i = 0; i < areas_.size(); ++i) {
    for_each_bucket(areas_[i], [&](std::size_t bucket) { touching_[next[bucket]++] = i; });
  }
}

std::uint32_t AreaIndex::BucketOf(double value, double low, std::uint32_t count) const {
  const double bucket = std::floor((value - low) / bucket_m_);
  return static_cast<std::uint32_t>(std::clamp(bucket, 0.0, static_cast<double>(count - 1)));
}

std::uint32_t AreaIndex::Find(Vec2 point) const {
  // Written so that a position that is not a number is nowhere.
  if (!(point.x >= low_.x && point.x <= high_.x && point.y >= low_.y && point.y <= high_.y)) return kNone;
  if (areas_.empty()) return kNone;
  const std::size_t bucket =
      std::size_t{BucketOf(point.y, low_.y, rows_)} * columns_ + BucketOf(point.x, low_.x, columns_);
  for (std::uint32_t i = first_[bucket]; i < first_[bucket + 1]; ++i) {
    if (areas_[touching_[i]].Contains(point)) return touching_[i];
  }
  return kNone;
}

std::vector<Area> CoverShare(const Extent& extent, double share,
                             const std::function<Area(Vec2 centre, Random* random)>& draw, Random* random) {
  STARLING_CHECK(extent.IsProper() && share >= 0 && share <= 0.9);
  std::vector<Area> areas;
  std::vector<bool> covered(std::size_t{kPoints} * kPoints);
  const auto wanted = static_cast<std::size_t>(share * kPoints * kPoints);
  const Vec2 pitch{extent.width_m() / kPoints, extent.height_m() / kPoints};
  const auto index = [](double value, double unit) {
    return static_cast<std::uint32_t>(std::clamp(std::floor(value / unit), 0.0, double{kPoints - 1}));
  };
  for (std::size_t count = 0; count < wanted;) {
    const double x = random->Between(extent.south_west.x, extent.north_east.x);
    const double y = random->Between(extent.south_west.y, extent.north_east.y);
    const Area area = draw({x, y}, random);
    areas.push_back(area);
    const Vec2 half = area.HalfBox();
    const Vec2 low = area.centre - half - extent.south_west;
    const Vec2 high = area.centre + half - extent.south_west;
    for (std::uint32_t row = index(low.y, pitch.y); row <= index(high.y, pitch.y); ++row) {
      for (std::uint32_t column = index(low.x, pitch.x); column <= index(high.x, pitch.x); ++column) {
        const Vec2 point = extent.south_west + Vec2{(column + 0.5) * pitch.x, (row + 0.5) * pitch.y};
        const std::size_t at = std::size_t{row} * kPoints + column;
        if (covered[at] || !area.Contains(point)) continue;
        covered[at] = true;
        ++count;
      }
    }
  }
  return areas;
}

}  // namespace starling::sim
