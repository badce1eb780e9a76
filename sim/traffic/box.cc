#include "sim/traffic/box.h"

#include <cmath>
#include <initializer_list>

namespace starling::sim {
namespace {

// Half the extent of `box` along the unit vector `axis`.
double Extent(const Box& box, Vec2 axis) {
  return box.half_length_m * std::abs(Dot(box.direction, axis)) +
         box.half_width_m * std::abs(Cross(box.direction, axis));
}

}  // namespace

bool BoxesOverlap(const Box& a, const Box& b) {
  const Vec2 between = b.centre - a.centre;
  for (const Vec2 axis : {a.direction, Vec2{-a.direction.y, a.direction.x}, b.direction,
                          Vec2{-b.direction.y, b.direction.x}}) {
    if (std::abs(Dot(between, axis)) > Extent(a, axis) + Extent(b, axis)) return false;
  }
  return true;
}

}  // namespace starling::sim
