#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "cloud/streets/street_network.h"

namespace starling::sim {

// Ways from edge to edge for those who may not drive everywhere.  Within an edge one changes
// lanes at will, as in SUMO.
//
// Threading: one thread owns it.
class StreetWays {
 public:
  // `network` outlives it.
  explicit StreetWays(const cloud::StreetNetwork& network);

  // There is a lane for one of `classes` on it.
  bool Drivable(cloud::EdgeIndex edge, cloud::VehicleClasses classes) const;

  // There is a connection from a lane that they may use, over lanes that they may use.
  bool Connected(cloud::EdgeIndex from, cloud::EdgeIndex to, cloud::VehicleClasses classes) const;

  // The edges from `from` to `to`, both included, on which one needs the least time at the
  // speed limits; nullopt if there are none.  Costs time that goes with the network's size.
  //
  // Source: E. W. Dijkstra, A Note on Two Problems in Connexion with Graphs, Numerische
  //         Mathematik 1, 1959, problem 2.
  std::optional<std::vector<cloud::EdgeIndex>> Fastest(cloud::EdgeIndex from, cloud::EdgeIndex to,
                                                       cloud::VehicleClasses classes);

 private:
  template <typename Visit>
  void EachNext(cloud::EdgeIndex from, cloud::VehicleClasses classes, const Visit& visit) const;
  double SecondsOn(cloud::EdgeIndex edge, cloud::VehicleClasses classes) const;

  const cloud::StreetNetwork& network_;
  // Of the search before, for those that it has reached.
  std::vector<double> seconds_;
  std::vector<cloud::EdgeIndex> before_;
  std::vector<cloud::EdgeIndex> reached_;
};

}  // namespace starling::sim
