#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/status.h"
#include "sim/city/city.h"
#include "sim/links/coverage_map.h"
#include "sim/sensors/sky_map.h"
#include "sim/traffic/traffic_config.h"
#include "sim/virtual/virtual_fleet_config.h"

namespace starling::sim {

// One run in virtual time: a city, its traffic, what goes wrong there and on the vehicles.  Everything
// random in it comes from its seeds, which WithSeed derives from one.
struct Scenario {
  std::string name;
  std::string description;          // in one line

  // SUMO files, instead of a drawn city; empty: none.
  std::string network;
  std::string signals;
  CityConfig city;

  TrafficConfig traffic;
  std::uint32_t seconds = 60;       // of driving; 1 to 86400

  VirtualFleetConfig fleet;         // its sky and coverage are drawn when the city's extent is known
  SkyConfig sky;
  std::vector<SkyArea> sky_areas;   // besides those drawn
  CoverageConfig coverage;          // its horizon is the end of the driving
  std::vector<Area> holes;          // without coverage, besides those drawn

  // Errors: kInvalidArgument names the section and the field that is out of its range.
  Status Validate() const;
};

// The same with every seed drawn from this one; `obey` of both arms of an experiment is all in
// which they differ.
Scenario WithSeed(Scenario scenario, std::uint64_t seed);

// The fleet's config with sky and coverage for a city of that extent.
VirtualFleetConfig FleetIn(const Scenario& scenario, const Extent& extent);

}  // namespace starling::sim
