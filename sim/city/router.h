#pragma once

#include <cstdint>
#include <vector>

#include "sim/city/city.h"
#include "sim/city/random.h"

namespace starling::sim {

using PlaceIndex = std::uint32_t;

// Ways through the city to a fixed set of places: for each place the next
// connection from every lane, by travel time.  Setting out costs nothing, a step
// one table look-up, however many vehicles are under way.  Each place sees the
// lanes' times up to a fifth longer or shorter, so that not everyone takes the same street.
//
// Threading: immutable after construction.
class Router {
 public:
  // Draws `places` side-street lanes, at least 80 m long if there are any, that trips end in.
  // `vehicles` is how many will be under way at any time, between places about
  // as far apart as the nearest of four.  `city` must outlive the router.
  // REQUIRES: places > 0.
  Router(const City& city, std::uint32_t places, std::uint32_t vehicles, std::uint64_t seed);

  std::uint32_t places() const { return static_cast<std::uint32_t>(lanes_.size()); }
  LaneIndex LaneOf(PlaceIndex place) const { return lanes_[place]; }
  Vec2 PositionOf(PlaceIndex place) const { return positions_[place]; }

  // The connection to take at the end of `lane`; past the place's own lane, the
  // shortest way round to it again.
  ConnectionIndex Next(PlaceIndex place, LaneIndex lane) const {
    return city_.lane(lane).connection_first + table_[place * lane_count_ + lane];
  }

 private:
  void DrawPlaces(std::uint32_t places, Random& random);
  void FillTable(PlaceIndex place, const std::vector<double>& cost_s, std::uint64_t seed);
  // Vehicles per second on each connection if everyone follows the tables.
  std::vector<double> Volumes(const std::vector<double>& cost_s, std::uint32_t vehicles) const;

  const City& city_;
  std::size_t lane_count_;
  std::vector<LaneIndex> lanes_;
  std::vector<Vec2> positions_;
  std::vector<std::uint8_t> table_;  // Number among the lane's connections, by place and lane.
};

}  // namespace starling::sim
