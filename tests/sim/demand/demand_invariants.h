// What every demand promises to those who drive it: sim/demand/demand.h.
#pragma once

#include <algorithm>
#include <cmath>

#include "common/check.h"
#include "sim/demand/demand.h"

namespace starling::sim {

inline bool MayDrive(const cloud::StreetNetwork& network, cloud::EdgeIndex from, cloud::EdgeIndex to,
                     cloud::VehicleClasses classes) {
  const auto lanes = network.lanes();
  const cloud::StreetEdge& edge = network.edges()[from];
  for (cloud::LaneIndex lane = edge.lane_first; lane < edge.lane_first + edge.lane_count; ++lane) {
    for (const cloud::StreetConnection& way : network.ways_on(lane)) {
      if (lanes[way.to].edge == to && (lanes[lane].allowed & classes) != 0 && (lanes[way.to].allowed & classes) != 0) {
        return true;
      }
    }
  }
  return false;
}

inline void CheckMixes(const std::vector<Mix>& mixes, std::size_t count) {
  for (const Mix& mix : mixes) {
    STARLING_CHECK(!mix.of.empty() && mix.of.size() == mix.up_to.size());
    STARLING_CHECK(mix.up_to.back() > 0 && std::isfinite(mix.up_to.back()));
    STARLING_CHECK(std::is_sorted(mix.up_to.begin(), mix.up_to.end()));
    for (const std::uint32_t index : mix.of) STARLING_CHECK(index < count);
  }
}

inline void CheckDeparture(const Demand& demand, const cloud::StreetNetwork& network, const Departure& departure) {
  STARLING_CHECK(departure.time_s >= 0 && std::isfinite(departure.time_s) && !departure.id.empty());
  const auto all = [](const Choice& choice, const std::vector<Mix>& mixes) {
    return choice.mixed ? mixes.at(choice.index).of : std::vector<std::uint32_t>{choice.index};
  };
  for (const TypeIndex type : all(departure.type, demand.type_mixes)) {
    STARLING_CHECK(type < demand.types.size());
    for (const RouteIndex route : all(departure.route, demand.route_mixes)) {
      const auto edges = demand.edges(route);
      for (std::size_t i = 1; i < edges.size(); ++i) {
        STARLING_CHECK(MayDrive(network, edges[i - 1], edges[i], demand.types[type].classes));
      }
      const cloud::StreetEdge& first = network.edges()[edges.front()];
      STARLING_CHECK(departure.ends.lane != DepartLane::kNumber || departure.ends.lane_number < first.lane_count);
    }
  }
  STARLING_CHECK(departure.stop_first + departure.stop_count <= demand.stops.size());
}

inline void CheckInvariants(const Demand& demand, const cloud::StreetNetwork& network) {
  for (const VehicleType& type : demand.types) {
    STARLING_CHECK(type.classes != 0 && type.length_m > 0 && type.width_m > 0 && type.gap_min_m >= 0);
    STARLING_CHECK(type.accel_mps2 > 0 && type.decel_mps2 > 0 && type.emergency_decel_mps2 > 0);
    STARLING_CHECK(type.speed_factor.low <= type.speed_factor.high && type.speed_factor.low >= 0);
  }
  CheckMixes(demand.type_mixes, demand.types.size());
  CheckMixes(demand.route_mixes, demand.routes.size());
  for (const Route& route : demand.routes) {
    STARLING_CHECK(route.edge_count > 0 && route.edge_first + route.edge_count <= demand.route_edges.size());
  }
  for (const cloud::EdgeIndex edge : demand.route_edges) {
    STARLING_CHECK(network.edges()[edge].function == cloud::EdgeFunction::kNormal);
  }
  for (const Stop& stop : demand.stops) {
    STARLING_CHECK(stop.from_m >= 0 && stop.from_m <= stop.to_m && stop.to_m <= network.lanes()[stop.lane].length_m);
    const cloud::StreetLane& lane = network.lanes()[stop.lane];
    STARLING_CHECK(stop.edge == lane.edge && stop.lane_number == lane.index && stop.lane_m == lane.length_m);
  }
  for (const Departure& departure : demand.departures) CheckDeparture(demand, network, departure);
  STARLING_CHECK(std::is_sorted(demand.departures.begin(), demand.departures.end(),
                                [](const Departure& a, const Departure& b) { return a.time_s < b.time_s; }));
  for (const Flow& flow : demand.flows) {
    CheckDeparture(demand, network, flow.first);
    STARLING_CHECK(flow.end_s >= flow.first.time_s && flow.gap_s >= 0);
    STARLING_CHECK(flow.gaps != Gaps::kChance || flow.probability > 0);
  }
}

}  // namespace starling::sim
