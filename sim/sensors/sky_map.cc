#include "sim/sensors/sky_map.h"

#include "common/check.h"
#include "common/geo/trigonometry.h"
#include "sim/sensors/distributions.h"
#include "sim/sensors/limits.h"

namespace starling::sim {

Status SkyConfig::Validate() const {
  Limits limits("sky");
  limits.Within("canyon_share", canyon_share, 0, 0.9);
  limits.Within("canyon_radius_m", canyon_radius_m, 10, 10'000);
  limits.Within("tunnel_share", tunnel_share, 0, 0.9);
  limits.Within("tunnel_length_m", tunnel_length_m, 10, 10'000);
  limits.Within("tunnel_width_m", tunnel_width_m, 10, 10'000);
  return limits.Verdict();
}

std::vector<SkyArea> DrawSky(const SkyConfig& config, const Extent& extent) {
  STARLING_CHECK(config.Validate().ok());
  std::vector<SkyArea> sky;
  Random canyons(SequenceSeed(config.seed, 0, 1));
  const auto canyon = [&config](Vec2 centre, Random* random) {
    return Area::Disc(centre, config.canyon_radius_m * random->Between(0.5, 1.5));
  };
  for (const Area& area : CoverShare(extent, config.canyon_share, canyon, &canyons)) {
    sky.push_back({area, Sky::kCanyon});
  }
  Random tunnels(SequenceSeed(config.seed, 0, 2));
  const auto tunnel = [&config](Vec2 centre, Random* random) {
    const double heading_rad = random->Between(0, kPi);
    const double length_m = config.tunnel_length_m * random->Between(0.5, 1.5);
    return Area::Rectangle(centre, heading_rad, length_m, config.tunnel_width_m);
  };
  for (const Area& area : CoverShare(extent, config.tunnel_share, tunnel, &tunnels)) {
    sky.push_back({area, Sky::kTunnel});
  }
  return sky;
}

SkyMap::SkyMap(std::vector<SkyArea> areas) {
  std::vector<Area> ordered;
  ordered.reserve(areas.size());
  for (const SkyArea& area : areas) {
    if (area.sky == Sky::kTunnel) ordered.push_back(area.area);
  }
  tunnels_ = static_cast<std::uint32_t>(ordered.size());
  for (const SkyArea& area : areas) {
    if (area.sky == Sky::kCanyon) ordered.push_back(area.area);
  }
  index_ = AreaIndex(std::move(ordered));
}

}  // namespace starling::sim
