#include "sim/scenario/scenario.h"

#include <string_view>
#include <utility>

#include "common/ids.h"

namespace starling::sim {

Status Scenario::Validate() const {
  if (seconds < 1 || seconds > 86'400) return {ErrorCode::kInvalidArgument, "run: seconds must be within 1 and 86400"};
  const std::pair<std::string_view, Status> parts[] = {
      {"city", network.empty() ? city.Validate() : Status()},
      {"traffic", traffic.Validate()},
      {"fleet", fleet.Validate()},
      {"sky", sky.Validate()},
      {"coverage", coverage.Validate()},
  };
  for (const auto& [section, status] : parts) {
    if (!status.ok()) {
      return {status.code(), std::string(section) + ": " + std::string(status.message())};
    }
  }
  for (const SkyArea& each : sky_areas) {
    if (!each.area.IsProper()) return {ErrorCode::kInvalidArgument, "sky: an area has no proper size"};
  }
  for (const Area& each : holes) {
    if (!each.IsProper()) return {ErrorCode::kInvalidArgument, "coverage: a hole has no proper size"};
  }
  return {};
}

Scenario WithSeed(Scenario scenario, std::uint64_t seed) {
  std::uint64_t number = 0;
  for (std::uint64_t* each : {&scenario.city.seed, &scenario.traffic.seed, &scenario.fleet.seed,
                              &scenario.fleet.gnss.seed, &scenario.fleet.clock.seed, &scenario.fleet.restarts.seed,
                              &scenario.fleet.link.seed, &scenario.sky.seed, &scenario.coverage.seed}) {
    *each = MixHash(seed, ++number);
  }
  return scenario;
}

VirtualFleetConfig FleetIn(const Scenario& scenario, const Extent& extent) {
  VirtualFleetConfig fleet = scenario.fleet;
  fleet.sky = DrawSky(scenario.sky, extent);
  fleet.sky.insert(fleet.sky.end(), scenario.sky_areas.begin(), scenario.sky_areas.end());
  CoverageConfig coverage = scenario.coverage;
  coverage.horizon = seconds(scenario.seconds);
  fleet.coverage = DrawCoverage(coverage, extent);
  fleet.coverage.holes.insert(fleet.coverage.holes.end(), scenario.holes.begin(), scenario.holes.end());
  return fleet;
}

}  // namespace starling::sim
