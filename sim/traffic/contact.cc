#include <algorithm>
#include <cmath>
#include <vector>

#include "common/geo/trigonometry.h"
#include "sim/traffic/box.h"
#include "sim/traffic/traffic.h"

namespace starling::sim {
namespace {

constexpr std::int64_t kHoldSteps = 40;
constexpr double kReachM = 5.0;                // Diagonal of a vehicle, with a margin.
constexpr double kApartM = 6.0;

}  // namespace

bool Traffic::Overlap(const Vehicle& a, const Vehicle& b) const {
  const Pose first = city_.PoseAt(a.track, a.along_m);
  const Pose second = city_.PoseAt(b.track, b.along_m);
  if (NormSquared(first.position - second.position) > kReachM * kReachM) return false;
  return BoxesOverlap(
      {first.position, HeadingVector(first.heading_rad), kHalfLengthM, kVehicleWidthM / 2},
      {second.position, HeadingVector(second.heading_rad), kHalfLengthM, kVehicleWidthM / 2});
}

void Traffic::FindContactsFollowing(std::uint32_t begin, std::uint32_t end, Tally* tally) {
  for (TrackIndex track = begin; track < end; ++track) {
    const std::vector<VehicleIndex>& vehicles = queues_[track].vehicles;
    for (std::size_t i = 1; i < vehicles.size(); ++i) {
      const Vehicle& leader = vehicles_[vehicles[i - 1]];
      const Vehicle& me = vehicles_[vehicles[i]];
      if (leader.along_m - me.along_m < kReachM && Overlap(me, leader)) {
        tally->touches.emplace_back(vehicles[i], vehicles[i - 1]);
      }
    }
  }
}

void Traffic::FindContactsCrossing(const Crossing& crossing, Tally* tally) const {
  for (std::uint32_t i = 0; i < crossing.count; ++i) {
    const Vehicle& me = vehicles_[crossing.members[i]];
    if (me.along_m + me.committed_offset_m + kHalfLengthM < -2) continue;  // Far before the line.
    for (std::uint32_t k = i + 1; k < crossing.count; ++k) {
      const Vehicle& other = vehicles_[crossing.members[k]];
      if (other.along_m + other.committed_offset_m + kHalfLengthM < -2) continue;
      if (Overlap(me, other)) tally->touches.emplace_back(crossing.members[i], crossing.members[k]);
    }
  }
}

void Traffic::TakeTouches() {
  std::erase_if(in_contact_, [&](VehicleIndex vehicle) {
    PartFrom(vehicle);
    return std::ranges::all_of(drivers_[vehicle].touching, [](VehicleIndex other) { return other == kNobody; });
  });
  for (Tally& tally : tallies_) {
    for (const auto& [a, b] : tally.touches) Touch(a, b);
    tally.touches.clear();
  }
}

// From those that are no longer near.
void Traffic::PartFrom(VehicleIndex vehicle) {
  const Vehicle& me = vehicles_[vehicle];
  const Vec2 here = city_.PoseAt(me.track, me.along_m).position;
  for (VehicleIndex& touched : drivers_[vehicle].touching) {
    if (touched == kNobody) continue;
    const Vehicle& other = vehicles_[touched];
    if (NormSquared(city_.PoseAt(other.track, other.along_m).position - here) <= kApartM * kApartM) continue;
    std::ranges::replace(drivers_[touched].touching, vehicle, kNobody);
    touched = kNobody;
  }
}

void Traffic::Touch(VehicleIndex a, VehicleIndex b) {
  Driver& first = drivers_[a];
  Driver& second = drivers_[b];
  if (first.Touches(b) || second.Touches(a)) return;
  const auto first_free = std::ranges::find(first.touching, kNobody);
  const auto second_free = std::ranges::find(second.touching, kNobody);
  if (first_free == first.touching.end() || second_free == second.touching.end()) return;
  ++pending_.collisions;
  *first_free = b;
  *second_free = a;
  // They leave one after the other.
  first.held_until_step = step_ + kHoldSteps;
  second.held_until_step = step_ + kHoldSteps * 3 / 2;
  for (const VehicleIndex vehicle : {a, b}) {
    vehicles_[vehicle].held = true;
    if (std::ranges::find(in_contact_, vehicle) == in_contact_.end()) in_contact_.push_back(vehicle);
  }
}

}  // namespace starling::sim
