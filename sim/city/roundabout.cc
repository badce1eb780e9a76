#include "sim/city/roundabout.h"

#include <algorithm>
#include <cmath>

#include "common/geo/trigonometry.h"

namespace starling::sim {
namespace {

constexpr double kRadiusMinM = 16;
constexpr double kRadiusMaxM = 25;
constexpr double kRadiusStepM = 0.5;
// One who has left the last leg can still stop before the next one without hard braking.
constexpr double kRingLaneMinM = 14;
constexpr double kEntryRadiusM = 14;        // Of the way in next to the centre line;
constexpr double kOuterRadiusMinM = 5.5;    // and of one further out.

double HeadingOf(Vec2 direction) { return std::atan2(direction.x, direction.y); }

}  // namespace

std::optional<RoundaboutRing> RoundaboutRing::Fit(Vec2 centre, std::span<const RoundaboutLeg> legs) {
  RoundaboutRing ring;
  ring.centre = centre;
  const auto count = static_cast<std::uint8_t>(legs.size());
  double narrowest_rad = 2 * kPi;
  for (std::uint8_t leg = 0; leg < count; ++leg) {
    std::uint8_t next = leg;
    double to_next_rad = 2 * kPi;
    for (std::uint8_t other = 0; other < count; ++other) {
      const double turn = HeadingOf(legs[leg].outward) - HeadingOf(legs[other].outward);
      const double anticlockwise = turn - 2 * kPi * std::floor(turn / (2 * kPi));
      if (other == leg || anticlockwise >= to_next_rad) continue;
      next = other;
      to_next_rad = anticlockwise;
    }
    ring.next.push_back(next);
    ring.gap_rad.push_back(to_next_rad);
    narrowest_rad = std::min(narrowest_rad, to_next_rad);
  }
  const std::uint8_t lanes = std::ranges::max(legs, {}, &RoundaboutLeg::lanes).lanes;
  const double outer_m = (lanes - 0.5) * kLaneWidthM;
  for (double radius_m = kRadiusMinM; radius_m <= kRadiusMaxM; radius_m += kRadiusStepM) {
    // The way in next to the centre line is a circle that touches both its lane and the ring.
    const double sine = (kLaneWidthM / 2 + kEntryRadiusM) / (radius_m + kEntryRadiusM);
    const double cosine = std::sqrt(1 - sine * sine);
    const double joint_rad = std::asin(sine);
    // The others end in the same place: tangents from there to the lane, and what fits between.
    const double tangent_m = (radius_m * sine - outer_m) / cosine;
    if (tangent_m < kOuterRadiusMinM * (1 - sine) / cosine) continue;
    if ((narrowest_rad - 2 * joint_rad) * radius_m < kRingLaneMinM) continue;
    ring.radius_m = radius_m;
    ring.joint_rad = joint_rad;
    ring.setback_m = (radius_m + kEntryRadiusM) * cosine;
    for (double& gap_rad : ring.gap_rad) gap_rad -= 2 * joint_rad;
    return ring;
  }
  return std::nullopt;
}

Pose RoundaboutRing::At(Vec2 outward, double anticlockwise_rad) const {
  const double heading = HeadingOf(outward) - anticlockwise_rad;
  return {centre + radius_m * HeadingVector(heading), WrapAngle(heading - kPi / 2), 0};
}

}  // namespace starling::sim
