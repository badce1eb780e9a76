#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "sim/city/city.h"

namespace starling::sim {

// A street that leads to a roundabout.
struct RoundaboutLeg {
  Vec2 outward;                        // Unit vector from the centre along the street.
  std::uint8_t lanes = 1;              // Each way.
};

// The ring of a roundabout: one lane, driven anticlockwise.  At each leg the way out leaves it, a
// little before the street's centre line, and the way in joins it as far behind.
//
// Source: Roundabouts: An Informational Guide, 2nd edition, NCHRP Report 672 (2010), exhibit 6-9:
// single-lane ones measure 27 to 55 m across; ours are up to 54 m wide, because a vehicle has to find
// room between two legs.
struct RoundaboutRing {
  // The smallest one with room for a vehicle between any two of its legs, unless even the largest
  // has none.  REQUIRES: three legs at least.
  static std::optional<RoundaboutRing> Fit(Vec2 centre, std::span<const RoundaboutLeg> legs);

  // Where the lane to a leg ends, and where the one behind it begins.
  Pose Leaves(Vec2 outward) const { return At(outward, -joint_rad); }
  Pose Joins(Vec2 outward) const { return At(outward, joint_rad); }
  // From there to there, or on to the lane's end at the next leg.
  PathArc PastLeg() const { return {2 * joint_rad * radius_m, -1 / radius_m}; }
  PathArc ToNext(std::uint8_t leg) const { return {gap_rad[leg] * radius_m, -1 / radius_m}; }

  Vec2 centre;
  double radius_m = 0;                 // Of the lane's centre line.
  double joint_rad = 0;                // At the centre, between a leg and its joints.
  double setback_m = 0;                // From the centre to where the streets' lanes end.
  std::vector<std::uint8_t> next;      // By leg, the next one anticlockwise;
  std::vector<double> gap_rad;         // and the angle of the lane to it.

 private:
  Pose At(Vec2 outward, double anticlockwise_rad) const;
};

}  // namespace starling::sim
