#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "cloud/streets/street_network.h"

namespace starling::cloud {

// What a network has, in figures.
struct StreetReport {
  // Of edges outside of junctions, pavements' crossings not counted.
  std::uint64_t edges = 0;
  std::uint64_t lanes = 0;
  double lane_km = 0;
  std::uint64_t passenger_lanes = 0;     // that cars may use
  double passenger_lane_km = 0;
  std::uint64_t bidi_edges = 0;          // on the same ground as another one

  std::uint64_t internal_lanes = 0;      // within junctions
  std::uint64_t connections = 0;         // from one edge to another
  std::uint64_t internal_connections = 0;  // that go on within a junction

  std::uint64_t junctions = 0;           // without those where one waits within a junction
  std::map<std::string, std::uint64_t> junctions_by_kind;  // SUMO's words
  std::uint64_t roundabouts = 0;

  std::uint64_t signals = 0;
  std::uint64_t signal_links = 0;        // connections that obey one
  std::uint64_t programmes = 0;
  std::uint64_t phases = 0;              // of the programmes in force
  std::map<std::string, std::uint64_t> programmes_in_force;  // signals by the programme's id

  bool left_hand = false;
  Projection projection;
  Vec2 south_west;                       // of all lanes, m
  Vec2 north_east;
  std::vector<Unsupported> unsupported;

  std::string ToText() const;            // lines for people
  std::string ToJson() const;            // one object: docs/formats/sumo_network.md
};

StreetReport MakeStreetReport(const StreetNetwork& network);

}  // namespace starling::cloud
