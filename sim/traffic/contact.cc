#include <algorithm>
#include <cmath>
#include <vector>

#include "common/geo/trigonometry.h"
#include "sim/traffic/box.h"
#include "sim/traffic/traffic.h"

namespace starling::sim {
namespace {

constexpr std::int64_t kHoldSteps = 40;
constexpr double kReachM = 0.6;                // By which half diagonals are longer than half lengths.
constexpr double kApartM = 1.4;                // Beyond their lengths.
constexpr std::size_t kScrapesKept = 1024;
constexpr nanoseconds kScrapeLasts = seconds(30);

}  // namespace

bool Traffic::Overlap(VehicleIndex a, VehicleIndex b) const {
  const Vehicle& me = vehicles_[a];
  const Vehicle& other = vehicles_[b];
  const Pose first = PoseOf(a, me.track, me.along_m, me.changing);
  const Pose second = PoseOf(b, other.track, other.along_m, other.changing);
  const double reach_m = LengthsM(me, other) + kReachM;
  if (NormSquared(first.position - second.position) > reach_m * reach_m) return false;
  return BoxesOverlap(
      {first.position, HeadingVector(first.heading_rad), me.half_length_m, KindOf(me).width_m / 2},
      {second.position, HeadingVector(second.heading_rad), other.half_length_m, KindOf(other).width_m / 2});
}

void Traffic::FindContactsFollowing(std::uint32_t begin, std::uint32_t end, Tally* tally) {
  occupied_.ForEach(begin, end, [&](TrackIndex track) {
    const QueueRow& vehicles = queues_[track].vehicles;
    for (std::size_t i = 1; i < vehicles.size(); ++i) {
      const double apart_m = AlongOn(vehicles[i - 1], track) - AlongOn(vehicles[i], track);
      if (apart_m < LengthsM(vehicles_[vehicles[i]], vehicles_[vehicles[i - 1]]) + kReachM &&
          Overlap(vehicles[i], vehicles[i - 1])) {
        tally->touches.emplace_back(vehicles[i], vehicles[i - 1]);
      }
    }
  });
}

void Traffic::FindContactsCrossing(JunctionIndex junction, Tally* tally) const {
  const Crossing& crossing = crossings_[junction];
  const auto far_before = [&](VehicleIndex vehicle) {
    const Vehicle& me = vehicles_[vehicle];
    return me.along_m + CommitmentOf(vehicle, junction).offset_m + me.half_length_m < -2;
  };
  for (std::uint32_t i = 0; i < crossing.count; ++i) {
    if (far_before(crossing.members[i])) continue;
    for (std::uint32_t k = i + 1; k < crossing.count; ++k) {
      if (far_before(crossing.members[k])) continue;
      if (Overlap(crossing.members[i], crossing.members[k])) tally->touches.emplace_back(crossing.members[i], crossing.members[k]);
    }
  }
}

void Traffic::TakeTouches() {
  std::erase_if(in_contact_, [&](VehicleIndex vehicle) {
    PartFrom(vehicle);
    return std::ranges::all_of(drivers_[vehicle].touching, [](VehicleIndex other) { return other == kNobody; });
  });
  for (Tally& tally : tallies_) {
    for (const auto& [a, b] : tally.touches) pending_.collisions += Touch(a, b) ? 1 : 0;
    for (const auto& [a, b] : tally.scrapes) {
      if (!Touch(a, b)) continue;
      ++pending_.collisions;
      NoteScrape(a, b);
    }
    tally.touches.clear();
    tally.scrapes.clear();
  }
}

// From those that are no longer near.
void Traffic::PartFrom(VehicleIndex vehicle) {
  const Vehicle& me = vehicles_[vehicle];
  const Vec2 here = city_.PoseAt(me.track, me.along_m).position;
  for (VehicleIndex& touched : drivers_[vehicle].touching) {
    if (touched == kNobody) continue;
    const Vehicle& other = vehicles_[touched];
    const double apart_m = LengthsM(me, other) + kApartM;
    if (NormSquared(city_.PoseAt(other.track, other.along_m).position - here) <= apart_m * apart_m) continue;
    std::ranges::replace(drivers_[touched].touching, vehicle, kNobody);
    touched = kNobody;
  }
}

void Traffic::NoteScrape(VehicleIndex a, VehicleIndex b) {
  ++pending_.scrapes;
  if (scrapes_.size() == kScrapesKept) scrapes_.pop_front();
  scrapes_.push_back({std::min(a, b), std::max(a, b), time()});
}

bool Traffic::Scraped(VehicleIndex a, VehicleIndex b, SimTime when) const {
  return std::ranges::any_of(scrapes_, [&](const Scrape& scrape) {
    return scrape.first == std::min(a, b) && scrape.second == std::max(a, b) && scrape.begins <= when &&
           when - scrape.begins <= kScrapeLasts;
  });
}

bool Traffic::Touch(VehicleIndex a, VehicleIndex b) {
  Driver& first = drivers_[a];
  Driver& second = drivers_[b];
  if (first.Touches(b) || second.Touches(a)) return false;
  const auto first_free = std::ranges::find(first.touching, kNobody);
  const auto second_free = std::ranges::find(second.touching, kNobody);
  if (first_free == first.touching.end() || second_free == second.touching.end()) return false;
  *first_free = b;
  *second_free = a;
  // They leave one after the other.
  first.held_until_step = step_ + kHoldSteps;
  second.held_until_step = step_ + kHoldSteps * 3 / 2;
  for (const VehicleIndex vehicle : {a, b}) {
    vehicles_[vehicle].held = true;
    if (std::ranges::find(in_contact_, vehicle) == in_contact_.end()) in_contact_.push_back(vehicle);
  }
  return true;
}

}  // namespace starling::sim
