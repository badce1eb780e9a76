#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "cloud/streets/street_network.h"
#include "common/status.h"
#include "sim/city/street_city.h"
#include "sim/traffic/traffic.h"

namespace starling::sim {

// What passed over each street of a network, in SUMO's form:
// https://sumo.dlr.de/docs/Simulation/Output/Lane-_or_Edge-based_Traffic_Measures.html
// `entered` and `left` are over its ends; who sets off or arrives there is `departed` or `arrived`.
//
// Threading: thread-compatible.
class EdgeData {
 public:
  // What it is of must outlive it.
  EdgeData(const cloud::StreetNetwork& network, const StreetCity& streets, const Traffic& traffic);

  // All vehicles at the beginning of the present step.
  void AddStep();

  // Errors: kIoError names the file.
  Status WriteTo(const std::string& path) const;

 private:
  struct Edge {
    std::uint64_t entered = 0;
    std::uint64_t left = 0;
    std::uint64_t departed = 0;
    std::uint64_t arrived = 0;
    std::uint64_t steps = 0;    // of all vehicles on it, those that have left it and are in its junction, too
    double speed_sum_mps = 0;   // over those steps
  };
  struct Place {
    std::uint32_t trip = 0;
    cloud::EdgeIndex edge = kNowhere;
  };

  static constexpr cloud::EdgeIndex kNowhere = ~cloud::EdgeIndex{};

  // The streets between two that one came from and to within a step: too short to be seen on.
  const std::vector<cloud::EdgeIndex>& Between(cloud::EdgeIndex from, cloud::EdgeIndex to);

  const cloud::StreetNetwork& network_;
  const Traffic& traffic_;
  std::vector<cloud::EdgeIndex> edge_of_;  // by the city's lane
  std::vector<Edge> edges_;
  std::vector<Place> places_;              // by vehicle: where it was a step ago
  std::map<std::pair<cloud::EdgeIndex, cloud::EdgeIndex>, std::vector<cloud::EdgeIndex>> between_;
  SimTime until_;
};

}  // namespace starling::sim
