#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "cloud/streets/street_network.h"
#include "common/status.h"
#include "sim/city/city.h"

namespace starling::sim {

// A city made of a network of streets, and what became of the network's parts.
struct StreetCity {
  City city;
  // The network's origin in the city's frame, whose own one is the middle of the streets.
  Vec2 network_origin;
  std::vector<cloud::LaneIndex> lane_of;             // Of the network, by the city's lane.
  // Lanes for cars that are not driven on: from there one cannot come back, or not get there, or
  // they only end.
  double metres = 0;                                 // Of the lanes that are driven.
  std::uint64_t lanes_left_out = 0;
  double metres_left_out = 0;
  // Turn-arounds, left out but where a lane has no other way on.
  std::uint64_t turnarounds_left_out = 0;
};

enum class StreetPart : std::uint8_t {
  kForEver,   // The largest part of which each lane can be reached from each other one.
  kAll,       // With streets that only begin or only end, too.
};

// Takes the lanes that passenger cars may use, with their connections, rules of precedence
// and signals.  Lanes that end while others of their street go on are left out.
//
// Lanes follow their shapes within 0.5 m, with corners rounded and taken slowly; a way through a junction is the
// smoothest one from lane to lane.  Who gives way is what the network says; where two ways come
// closer than kTouchM is found from their courses.
//
// Errors: kInvalidArgument if the network has no such part, drives on the left, or has a
//         junction that is too large.
Result<StreetCity> MakeStreetCity(const cloud::StreetNetwork& network, StreetPart part = StreetPart::kForEver);

// The arcs along a line of points, without a corner: straight, and around each corner an arc
// that leaves it by at most `off_max_m`.  Starts at points[0] with the heading that is returned.
struct RoundedLine {
  double heading_rad = 0;
  std::vector<PathArc> arcs;
};
RoundedLine RoundCorners(std::span<const Vec2> points, double off_max_m);

}  // namespace starling::sim
