#include "sim/truth/encounter.h"

#include <utility>

namespace starling::sim {

EncounterType Mirrored(EncounterType type) {
  using enum EncounterType;
  switch (type) {
    case kFollowingFollower: return kFollowingLeader;
    case kFollowingLeader: return kFollowingFollower;
    case kMergingLeader: return kMergingFollower;
    case kMergingFollower: return kMergingLeader;
    case kCrossingLeader: return kCrossingFollower;
    case kCrossingFollower: return kCrossingLeader;
    case kEgoEntered: return kFoeEntered;
    case kFoeEntered: return kEgoEntered;
    case kEgoLeft: return kFoeLeft;
    case kFoeLeft: return kEgoLeft;
    default: return type;
  }
}

// SUMO compares its "never"s as numbers and finds that who never comes is there in time for who
// never leaves: a driver who stops at a line has a TTC with everyone who waits across.  Not here.
std::optional<double> CrossingTtc(const Approach& leader, const Approach& follower) {
  if (!std::isfinite(follower.entry_s) || !std::isfinite(leader.entry_s)) return std::nullopt;
  if (follower.entry_m <= 0 || follower.entry_s > leader.exit_s) return std::nullopt;
  return TimeToCollision(follower.entry_m, follower.speed_mps, 0);
}

std::optional<double> CrossingDrac(const Approach& a, const Approach& b) {
  if (a.exit_m <= 0 || b.exit_m <= 0) return 0;
  double least = std::numeric_limits<double>::infinity();
  for (const auto& [braking, other] : {std::pair(&a, &b), std::pair(&b, &a)}) {
    if (braking->entry_m <= 0) continue;
    if (std::isfinite(other->exit_s)) {
      least = std::min(least, 2 * (braking->speed_mps - braking->entry_m / other->exit_s) / other->exit_s);
    } else if (std::isfinite(other->entry_s)) {
      least = std::min(least, BrakingToAvoid(braking->entry_m, braking->speed_mps, 0).value_or(least));
    }
  }
  if (!(least > 0) || !std::isfinite(least)) return std::nullopt;
  return least;
}

std::optional<double> MergingTtc(const Approach& leader, const Approach& follower) {
  if (leader.speed_mps <= 0 || follower.speed_mps <= 0) return std::nullopt;
  const double leader_gone_s = leader.exit_m / leader.speed_mps;
  if (leader_gone_s >= follower.entry_m / follower.speed_mps) {
    return TimeToCollision(follower.entry_m, follower.speed_mps, 0);
  }
  const double gap_then_m = follower.entry_m - leader_gone_s * follower.speed_mps;
  const std::optional<double> after_s = TimeToCollision(gap_then_m, follower.speed_mps, leader.speed_mps);
  if (!after_s) return std::nullopt;
  return leader_gone_s + *after_s;
}

std::optional<double> MergingDrac(const Approach& leader, const Approach& follower, double leader_length_m) {
  if (leader.speed_mps <= 0 || follower.speed_mps <= 0) return std::nullopt;
  if (leader.exit_m / leader.speed_mps >= follower.entry_m / follower.speed_mps) {
    return BrakingToAvoid(follower.entry_m, follower.speed_mps, 0);
  }
  return BrakingToAvoid(follower.entry_m - leader.entry_m - leader_length_m, follower.speed_mps, leader.speed_mps);
}

}  // namespace starling::sim
