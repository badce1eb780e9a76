#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "sim/city/city.h"
#include "sim/demand/demand.h"

namespace starling::sim {

using StreetIndex = std::uint32_t;

// The way on along a demand's routes: which connection, and which lane one had better be in for
// all that comes after it.
//
// Threading: immutable after construction.
class OwnWays {
 public:
  // Both must outlive it; the city is made of the demand's network.
  OwnWays(const City& city, const Demand& demand);

  std::span<const StreetIndex> StreetsOf(RouteIndex route) const { return demand_.edges(route); }

  // Whether it leads from street to street over lanes that cars drive on, and not over more than
  // kStreetsMax.
  bool IsDriven(RouteIndex route) const;
  static constexpr std::size_t kStreetsMax = 0xffff;

  // The lanes of a street, the outermost first; none if no car drives there.
  std::span<const LaneIndex> LanesOf(StreetIndex street) const;

  // Which of them one is.
  std::size_t NumberIn(LaneIndex lane) const { return number_[lane]; }

  // The connection to take at the end of a lane of the route's `at`-th street: one to the next
  // street, from where one comes on with the least changes of lanes.  If none leads there, or
  // the route ends here, any; REQUIRES: the lane has one.
  ConnectionIndex Next(RouteIndex route, std::size_t at, LaneIndex lane) const;

  // The lane beside it that one had better be in; kNoLane if none is better.
  LaneIndex Better(RouteIndex route, std::size_t at, LaneIndex lane) const;

 private:
  static constexpr float kNever = 1e6;

  void FindEfforts(RouteIndex route);
  float EffortFrom(RouteIndex route, std::size_t at, LaneIndex lane) const;
  float EffortOn(std::uint64_t place, LaneIndex lane) const;

  const City& city_;
  const Demand& demand_;
  std::vector<std::uint32_t> first_;       // By street, into lanes_; one more than streets.
  std::vector<LaneIndex> lanes_;
  std::vector<std::uint8_t> number_;       // By lane: which of its street.
  // What changes of lanes cost, s, from a lane of a street of a route to its end; by the place of the
  // street in demand.route_edges the first of its lanes' entries.
  std::vector<std::uint64_t> effort_first_;
  std::vector<float> efforts_;
};

}  // namespace starling::sim
