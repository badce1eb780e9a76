// Where in the city satellites are seen badly, or not at all.
#pragma once

#include <cstdint>
#include <vector>

#include "common/status.h"
#include "sim/sensors/area.h"

namespace starling::sim {

enum class Sky : std::uint8_t {
  kOpen,
  kCanyon,  // between high buildings: reflections, and at times too few satellites
  kTunnel,  // none
};

struct SkyArea {
  Area area;
  Sky sky = Sky::kTunnel;
};

struct SkyConfig {
  std::uint64_t seed = 1;
  // Share of the city's area that is quarters of high buildings, discs; more of it: more jumps
  // and losses of the fix.  0 to 0.9.
  double canyon_share = 0;
  // Radius of such a quarter, m; drawn between half of it and one and a half times.  10 to 10000.
  double canyon_radius_m = 200;
  // Share that is covered: tunnels, stations, garages; rectangles that lie anywhere, not along
  // streets.  0 to 0.9.
  double tunnel_share = 0;
  // Sides of such a rectangle, m; the length is drawn between half of it and one and a half
  // times.  A vehicle that crosses it is without sky for this far.  10 to 10000.
  double tunnel_length_m = 300;
  double tunnel_width_m = 60;

  // Errors: kInvalidArgument names the field that is out of its range.
  Status Validate() const;
};

// The areas of a city of that extent.  REQUIRES: config.Validate().ok(), extent.IsProper()
std::vector<SkyArea> DrawSky(const SkyConfig& config, const Extent& extent);

// The sky over each point.  Where areas overlap, a tunnel counts before a canyon.
//
// Threading: immutable.
class SkyMap {
 public:
  SkyMap() = default;  // open everywhere
  // REQUIRES: each area IsProper()
  explicit SkyMap(std::vector<SkyArea> areas);

  Sky At(Vec2 point) const {
    const std::uint32_t found = index_.Find(point);
    if (found == AreaIndex::kNone) return Sky::kOpen;
    return found < tunnels_ ? Sky::kTunnel : Sky::kCanyon;
  }

 private:
  std::uint32_t tunnels_ = 0;  // They come first in the index.
  AreaIndex index_;
};

}  // namespace starling::sim
