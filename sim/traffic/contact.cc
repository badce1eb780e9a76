#include "sim/traffic/contact.h"

#include <algorithm>
#include <cmath>

#include "common/geo/trigonometry.h"
#include "sim/traffic/traffic.h"

namespace starling::sim {
namespace {

constexpr std::int64_t kHoldNs = 4'000'000'000;
constexpr double kReachM = 5.0;                // Diagonal of a vehicle, with a margin.
constexpr double kApartM = 6.0;

// Half the extent of `box` along the unit vector `axis`.
double Extent(const Box& box, Vec2 axis) {
  return box.half_length_m * std::abs(Dot(box.direction, axis)) +
         box.half_width_m * std::abs(Cross(box.direction, axis));
}

}  // namespace

bool BoxesOverlap(const Box& a, const Box& b) {
  const Vec2 between = b.centre - a.centre;
  for (const Vec2 axis : {a.direction, Vec2{-a.direction.y, a.direction.x}, b.direction,
                          Vec2{-b.direction.y, b.direction.x}}) {
    if (std::abs(Dot(between, axis)) > Extent(a, axis) + Extent(b, axis)) return false;
  }
  return true;
}

bool Traffic::Overlap(const Vehicle& me, const Vehicle& other) const {
  const double dt_s = static_cast<double>(me.time_ns - other.time_ns) * 1e-9;
  const double driven = TravelAfter(other.speed_mps, other.accel_mps2, dt_s).distance_m;
  const Vec2 direction = HeadingVector(other.heading_rad);
  const Vec2 centre = other.position + driven * direction;
  if (NormSquared(centre - me.position) > kReachM * kReachM) return false;
  return BoxesOverlap(
      {me.position, HeadingVector(me.heading_rad), kHalfLengthM, kVehicleWidthM / 2},
                      {centre, direction, kHalfLengthM, kVehicleWidthM / 2});
}

void Traffic::Touch(VehicleIndex a, VehicleIndex b) {
  Vehicle& first = vehicles_[a];
  Vehicle& second = vehicles_[b];
  if (first.Touches(b) || second.Touches(a)) return;
  const auto first_free = std::ranges::find(first.touching, kNobody);
  const auto second_free = std::ranges::find(second.touching, kNobody);
  if (first_free == first.touching.end() || second_free == second.touching.end()) return;
  ++counters_.collisions;
  *first_free = b;
  *second_free = a;
  // They leave one after the other.
  first.held_until_ns = first.time_ns + kHoldNs;
  second.held_until_ns = first.time_ns + kHoldNs * 3 / 2;
}

void Traffic::CheckContact(VehicleIndex vehicle) {
  Vehicle& me = vehicles_[vehicle];
  for (VehicleIndex& touched : me.touching) {
    if (touched == kNobody) continue;
    Vehicle& other = vehicles_[touched];
    if (NormSquared(other.position - me.position) <= kApartM * kApartM) continue;
    std::ranges::replace(other.touching, vehicle, kNobody);
    touched = kNobody;
  }
  if (me.ahead != kNobody) {
    const Vehicle& leader = vehicles_[me.ahead];
    if (leader.along_m - me.along_m < kApartM && Overlap(me, leader)) Touch(vehicle, me.ahead);
  }
  if (me.turn_number == 0) return;
  const double front_m = me.along_m + me.committed_offset_m + kHalfLengthM;
  if (front_m < -2) return;
  const Crossing& crossing = crossings_[city_.connection(me.committed).junction];
  for (std::uint32_t i = 0; i < crossing.count; ++i) {
    const VehicleIndex other = crossing.members[i];
    if (other != vehicle && Overlap(me, vehicles_[other])) Touch(vehicle, other);
  }
}

}  // namespace starling::sim
