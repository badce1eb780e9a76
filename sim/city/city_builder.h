#pragma once

#include <optional>
#include <span>
#include <vector>

#include "sim/city/city.h"
#include "sim/city/street_plan.h"

namespace starling::sim {

// Turns a street plan into lanes, connections, signals and conflict zones.
class CityBuilder {
 public:
  // `plan` and `random` must outlive the builder.
  CityBuilder(const CityConfig& config, const StreetPlan& plan, Random& random)
      : config_(config), plan_(plan), random_(random) {}

  // The city, unless some lane cannot be reached from another one.  Call once.
  std::optional<City> Build();

 private:
  // A street as seen from one of its ends.
  struct Approach {
    std::uint32_t street = 0;
    Vec2 outward;                       // From the node along the street.
    double setback_m = 0;               // From the node to where lanes end.
    std::vector<LaneIndex> inbound;     // From the centre line outwards.
    std::vector<LaneIndex> outbound;
  };

  void DrawApproaches();
  void DrawLanes();
  void DrawJunctions();
  void ConnectLane(const std::vector<Approach>& approaches, std::uint8_t from, LaneIndex lane);
  void Connect(LaneIndex from, LaneIndex to, Turn turn);
  void SetSignals(Junction& junction, const std::vector<Approach>& approaches);
  bool StronglyConnected() const;

  const CityConfig& config_;
  const StreetPlan& plan_;
  Random& random_;
  City city_;
  std::vector<std::vector<Approach>> approaches_;  // By node.
};

}  // namespace starling::sim
