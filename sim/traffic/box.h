#pragma once

#include "common/geo/vec2.h"

namespace starling::sim {

// A rectangle on the ground.
struct Box {
  Vec2 centre;
  Vec2 direction;        // Unit vector along its length.
  double half_length_m = 0;
  double half_width_m = 0;
};

// Whether two boxes share a point: no axis of either separates them.
bool BoxesOverlap(const Box& a, const Box& b);

}  // namespace starling::sim
