// What every network promises to those who walk through it: docs/formats/sumo_network.md.
#pragma once

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "cloud/streets/street_network.h"
#include "common/check.h"

namespace starling::cloud {

inline bool LeadsTo(const StreetNetwork& network, LaneIndex within, LaneIndex to) {
  for (int lanes = 0; lanes < kLanesThroughMax; ++lanes) {
    STARLING_CHECK(network.edges()[network.lanes()[within].edge].function == EdgeFunction::kInternal);
    if (network.ways_on(within).size() != 1) return false;
    const StreetConnection& way = network.ways_on(within).front();
    if (way.via == kNone) return way.to == to;
    within = way.via;
  }
  return false;
}

inline void CheckInvariants(const StreetNetwork& network) {
  const auto edges = network.edges();
  const auto lanes = network.lanes();
  const auto junctions = network.junctions();
  LaneIndex next_lane = 0;
  for (EdgeIndex i = 0; i < edges.size(); ++i) {
    const StreetEdge& edge = edges[i];
    STARLING_CHECK(network.FindEdge(edge.id) == i);
    STARLING_CHECK(edge.lane_count > 0 && edge.lane_first == next_lane);
    next_lane += edge.lane_count;
    const bool normal = edge.function == EdgeFunction::kNormal;
    STARLING_CHECK(normal ? edge.from < junctions.size() && edge.to < junctions.size()
                          : edge.from == kNone && edge.to == kNone);
    STARLING_CHECK(edge.bidi == kNone || edge.bidi < edges.size());
  }
  STARLING_CHECK(next_lane == lanes.size() && !lanes.empty());

  ConnectionIndex connections = 0;
  std::set<std::pair<JunctionIndex, std::uint32_t>> requests;
  for (LaneIndex i = 0; i < lanes.size(); ++i) {
    const StreetLane& lane = lanes[i];
    const StreetEdge& edge = edges[lane.edge];
    STARLING_CHECK(i == edge.lane_first + lane.index && lane.index < edge.lane_count);
    STARLING_CHECK(lane.speed_mps >= 0 && lane.length_m >= 0 && lane.width_m >= 0);
    STARLING_CHECK(lane.shape_count >= 2);
    for (const Vec2 point : network.shape(i)) STARLING_CHECK(std::isfinite(point.x) && std::isfinite(point.y));
    for (const StreetConnection& way : network.ways_on(i)) {
      ++connections;
      STARLING_CHECK(way.from == i && way.to < lanes.size());
      STARLING_CHECK(edges[lanes[way.to].edge].function != EdgeFunction::kInternal);
      STARLING_CHECK(way.via == kNone || LeadsTo(network, way.via, way.to));
      STARLING_CHECK(way.junction == edge.to);
      if (way.request != kNone && way.junction != kNone) {
        STARLING_CHECK(way.request < junctions[way.junction].request_count);
        STARLING_CHECK(requests.emplace(way.junction, way.request).second);
      }
      if (way.signal == kNone) continue;
      STARLING_CHECK(way.signal_link < network.signals()[way.signal].links);
    }
  }
  STARLING_CHECK(connections == network.connections().size());

  for (const StreetJunction& junction : junctions) {
    for (const StreetRequest& request : network.requests().subspan(junction.request_first, junction.request_count)) {
      STARLING_CHECK(request.response.size() == junction.request_count);
      STARLING_CHECK(request.foes.size() == junction.request_count);
    }
  }
  for (const StreetSignal& signal : network.signals()) {
    for (const SignalProgramme& programme : signal.programmes) {
      double cycle_s = 0;
      for (const SignalPhase& phase : programme.phases) {
        cycle_s += phase.duration_s;
        STARLING_CHECK(phase.state.size() >= signal.links);
        STARLING_CHECK(phase.state.find_first_not_of("rygGsuoO") == std::string::npos);
      }
      STARLING_CHECK(cycle_s > 0);
    }
  }
  for (const StreetRoundabout& roundabout : network.roundabouts()) {
    for (const EdgeIndex edge : roundabout.edges) STARLING_CHECK(edges[edge].roundabout);
  }
}

}  // namespace starling::cloud
