#pragma once

#include <vector>

#include "common/geo/vec2.h"
#include "common/status.h"
#include "sim/city/city.h"

namespace starling::sim {

// Times are seconds of the city's clock, 0 to 86400; points are in the city's frame, m; radii are
// 1 to 20000 m.

// From `from_s` on the first vehicle that comes by, on a lane and with room to stop well before
// its end, brakes comfortably, stands, and drives on.  Others change lanes around it where there
// is one, or wait.  Nothing happens if nobody comes.
struct Breakdown {
  double from_s = 0;
  Vec2 at{};
  double radius_m = 100;
  // Only on this lane; kNoLane for any.
  LaneIndex lane = kNoLane;
  // Only where there is a lane beside it; on a single lane all behind it wait.
  bool several_lanes = false;
  // From when it has come to a stand.  1 to 3600; the longer, the longer the queue.
  double stands_s = 120;
};

// All lanes of streets whose middle lies in the circle are closed to entry, and lanes that lead
// nowhere else.  Ways avoid them from a minute before; those inside leave; whose goal is inside
// gets another one.  Who is in the junction before one, or on a lane that leads nowhere else,
// when it begins still passes.  One that begins less than 30 s after the
// warm-up does makes one step long, which finds the ways anew.
struct Closure {
  double from_s = 0;
  double until_s = 600;
  Vec2 at{};
  double radius_m = 100;
};

// Of the trips that begin meanwhile, a share has its destination within the radius; with
// `starts_there` its pick-up: a crowd that comes, or one that leaves.  Where there is no place
// in the circle it is the one nearest to the point.  More of either means longer queues there.
struct Attraction {
  double from_s = 0;
  double until_s = 600;
  Vec2 at{};
  double radius_m = 300;
  double share = 0.3;            // 0 to 1.
  bool starts_there = false;
};

// Rain over the whole city.  Of several at a time the worst of each figure counts.  The defaults
// are steady rain on drained asphalt.
//
// Source: friction: Bosch, Automotive Handbook, coefficients of static friction at 50 km/h with
// new tyres: dry 0.85, wet 0.65, heavy rain 0.55; so 0.76, and 0.65 in heavy rain.  Speed: FHWA,
// Road Weather Management, How Do Weather Events Impact Roads: 10 to 25 % less on wet signalled
// arterials.  Headway: the same, 2 to 21 % less saturation flow; P. Prevedouros, P. Kongsil,
// Synthesis of the Effects of Wet Conditions on Highway Speed and Capacity (2003): 8.4 % less
// capacity in light rain, 20 % in heavy rain.  A tenth more headway costs 8 %.
struct Rain {
  double from_s = 0;
  double until_s = 600;
  // On what brakes can do, and, by its root, on the speed in turns and within junctions.  0.5 to
  // 1; less means longer stopping distances, by its inverse.  Near 0.5 lawful drivers who are not
  // slower for it collide now and then.
  double friction_factor = 0.76;
  // On the time headway that drivers keep.  1 to 3; more means less throughput.
  double headway_factor = 1.1;
  // On the speed that drivers want, everywhere.  0.3 to 1.
  double speed_factor = 0.9;
};

// What happens on the streets, and when.  All of it is optional; what is not there costs nothing.
struct TrafficEvents {
  std::vector<Breakdown> breakdowns;
  // With a demand, closures and attractions are not used: its vehicles have ways of their own.
  std::vector<Closure> closures;
  std::vector<Attraction> attractions;
  std::vector<Rain> rains;

  bool empty() const {
    return breakdowns.empty() && closures.empty() && attractions.empty() && rains.empty();
  }

  // Errors: kInvalidArgument names the event and the field that is out of its range.
  Status Validate() const;
};

}  // namespace starling::sim
