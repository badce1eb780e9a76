#pragma once

#include <cstdint>
#include <vector>

#include "sim/city/router.h"
#include "sim/traffic/traffic_events.h"
#include "sim/traffic/vehicle.h"

namespace starling::sim {

// How far the events have come.
struct EventsUnderWay {
  enum class Stage : std::uint8_t { kAhead, kAnnounced, kOn, kOver };
  struct Waiting {
    Breakdown breakdown;
    std::vector<LaneIndex> lanes;            // On which it may be.
  };
  struct Standing {
    VehicleIndex vehicle = kNobody;
    double stands_s = 0;
    std::int64_t until_step = 0;             // 0 while it has not come to a stand.
  };

  std::vector<Waiting> waiting;              // Breakdowns that have not found a vehicle.
  std::vector<Standing> standing;
  std::vector<Stage> stages;                 // By closure;
  std::vector<std::vector<LaneIndex>> closed;         // its lanes.
  std::vector<std::vector<PlaceIndex>> attracting;    // By attraction: its places.
  std::vector<std::uint8_t> announced;       // By lane, as the router knows it; empty if nothing is.
  std::uint32_t next_renewed = 0;            // The ways to those before it know what was announced.
  std::vector<VehicleKind> dry_kinds;        // Once it rains.
};

}  // namespace starling::sim
