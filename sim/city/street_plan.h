#pragma once

#include <cstdint>
#include <vector>

#include "common/geo/vec2.h"
#include "sim/city/city.h"
#include "sim/city/random.h"

namespace starling::sim {

// Where streets meet.
struct PlanNode {
  Vec2 position;
  std::vector<std::uint32_t> streets;  // At least two.
};

// A straight street between two nodes, both directions.
struct PlanStreet {
  std::uint32_t a = 0;
  std::uint32_t b = 0;
  bool arterial = false;               // Two lanes each way, otherwise one.
  double speed_limit_mps = 0;
};

// The street network as centre lines: arterials are straight lines that tilt a
// little, four or five blocks apart, the outermost ones a ring; side streets run
// between them from jittered node to jittered node, some of them missing.
struct StreetPlan {
  std::vector<PlanNode> nodes;
  std::vector<PlanStreet> streets;

  static StreetPlan Draw(const CityConfig& config, Random& random);
};

}  // namespace starling::sim
