#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "cloud/streets/street_network.h"
#include "sim/demand/demand.h"

namespace starling::sim {

struct DemandReportConfig {
  double begin_s = 0;                      // departures from here on are counted,
  double end_s = 1e9;                      // before here
  std::uint64_t seed = 1;                  // of what is drawn
  // No more departures are looked at, so that a flow of a billion is reported in seconds.
  std::uint64_t departures_max = 20'000'000;
};

// What a demand has, in figures.
struct DemandReport {
  std::uint64_t vehicles = 0;              // that are there one by one, trips too
  std::uint64_t flows = 0;
  std::uint64_t types = 0;
  std::uint64_t type_mixes = 0;
  std::uint64_t routes = 0;
  std::uint64_t route_mixes = 0;
  std::uint64_t stops = 0;

  // Between begin and end, as they are drawn.
  double begin_s = 0;
  double end_s = 0;
  std::uint64_t departures = 0;
  bool more = false;                       // than departures_max; what follows is of those
  double first_s = 0;                      // of those departures
  double last_s = 0;
  double route_mean_m = 0;                 // of edges, without ways through junctions
  double edges_mean = 0;
  std::map<std::string, std::uint64_t> departures_by_type;

  std::vector<cloud::Unsupported> unsupported;

  std::string ToText() const;              // lines for people
  std::string ToJson() const;              // one object: docs/formats/sumo_routes.md
};

DemandReport MakeDemandReport(const Demand& demand, const cloud::StreetNetwork& network,
                              const DemandReportConfig& config = {});

}  // namespace starling::sim
