#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sim/city/city.h"
#include "sim/city/random.h"

namespace starling::sim {

// When the signals of a drawn city turn green.  All have one cycle, or half of it where only a side
// street crosses.  Coordinated, the arterials that run east and west have a preferred sense, and those
// that run north and south: in it green moves along each of them at the design speed.  Who sets off
// where two arterials cross, when green begins, meets green at all signals to the arterial's end.
//
// All arterials of a direction have the same sense, because they cross those of the other one: times
// around a block of four have to add up to whole cycles.
// Source: J. D. C. Little, The Synchronization of Traffic Signals by Mixed-Integer Linear Programming,
// Operations Research 14 (1966), has these loop constraints.
class SignalPlan {
 public:
  // What leads to a junction.
  struct Approach {
    Vec2 outward;                      // Unit vector from the junction.
    double setback_m = 0;              // From the junction to the stop line.
    bool arterial = false;
  };

  struct Programme {
    std::vector<Signal> signals;
    std::vector<std::uint8_t> of;      // By approach, its place in `signals`.
  };

  // Draws the senses.
  SignalPlan(const CityConfig& config, Random& random);

  // With arterials alone each approach has green by itself, otherwise all of the arterial and all of
  // the side street.  Uncoordinated, `phase` of the cycle is past at time 0, 0 to 1.
  // REQUIRES: an approach is an arterial's.
  Programme At(Vec2 position, std::span<const Approach> approaches, double phase) const;

 private:
  bool IsPreferred(const Approach& approach) const;
  double WaveS(Vec2 position, const Approach& approach) const;
  Programme OfArterials(Vec2 position, std::span<const Approach> approaches, double phase) const;
  Programme OfSideStreet(Vec2 position, std::span<const Approach> approaches, double phase) const;

  bool coordinated_;
  double progression_mps_;
  double east_ = 1;                    // The preferred senses; -1 is west, and south.
  double north_ = 1;
};

}  // namespace starling::sim
