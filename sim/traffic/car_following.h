#pragma once

#include <algorithm>
#include <cmath>

namespace starling::sim {

// An acceleration that limits nobody.
inline constexpr double kNoLimitMps2 = 1e9;

// What it takes to have a lower speed in `ahead_m`, once it is time to slow down.
inline double SlowDown(double speed_mps, double target_mps, double ahead_m) {
  constexpr double kBeginMps2 = 1.1;
  if (speed_mps <= target_mps) return kNoLimitMps2;
  const double needed =
      (speed_mps * speed_mps - target_mps * target_mps) / (2 * std::max(ahead_m, 1.0));
  return needed > kBeginMps2 ? -std::min(needed, 4.0) : kNoLimitMps2;
}

// Deceleration that ends in `room_m`; nothing while less than `begin` would do.
inline double StopIn(double speed_mps, double room_m, double accel_mps2, double begin_mps2) {
  if (room_m <= 0.05) return speed_mps > 0 ? -4 : 0;
  // What the brake finds once the foot is on it.
  const double soon_mps = speed_mps + 0.3 * std::max(accel_mps2, 0.0);
  const double needed = soon_mps * soon_mps / (2 * room_m);
  if (needed >= begin_mps2) return -needed;
  if (room_m < 3 && speed_mps < 1) return std::min(1.0, (room_m - speed_mps) * 1.0);
  if (room_m < 12) return begin_mps2 - 1.2 * needed - (1 - room_m / 12);
  return kNoLimitMps2;
}

// The Intelligent Driver Model.
//
// Source: M. Treiber, A. Hennecke, D. Helbing, Congested traffic states in
// empirical observations and microscopic simulations, Phys. Rev. E 62 (2000),
// equations 2 and 3; parameters for city traffic from M. Treiber, A. Kesting, Traffic
// Flow Dynamics (2013), table 11.2.  We deviate in the acceleration (1.5 instead of
// 1.0) and the headway (1.2 s instead of 1.0): taxis pull away briskly and, with
// 0.1 s steps and limited jerk, need the longer headway.  Unless `summed`, the free road and the
// leader limit the acceleration each for itself instead of together, so that the headway is kept up
// to the desired speed and a queue leaves a stop line as fast as it says.
// Source: W. Schakel, B. van Arem, B. Netten, Effects of cooperative adaptive cruise control on
// traffic flow stability, IEEE ITSC (2010): the IDM+.
//
// A driver may count on a leader who pulls away: the gap is then the one that will be there in
// `pull_away_s`.
// Source: M. Treiber, A. Kesting, D. Helbing, Delays, inaccuracies and anticipation in microscopic
// traffic models, Physica A 360 (2006), section 3: temporal anticipation.  We deviate: only of gaps that open.
struct CarFollowing {
  double accel_mps2 = 1.5;          // a: on a free road from a stand.
  double decel_mps2 = 1.8;          // b: comfortable braking.
  double headway_s = 1.2;           // T
  double gap_min_m = 2.0;           // s0: bumper to bumper in a queue.
  double pull_away_s = 0;           // Counted on of a leader who is faster.
  bool summed = false;              // The IDM as it was published, not the IDM+.

  // Acceleration on a free road.  REQUIRES: desired_mps > 0.
  double Free(double speed_mps, double desired_mps) const {
    const double ratio = speed_mps / desired_mps;
    if (ratio > 1) return std::max(-decel_mps2, accel_mps2 * (1 - ratio * ratio * ratio * ratio));
    return accel_mps2 * (1 - ratio * ratio * ratio * ratio);
  }

  // Acceleration behind a leader: the lesser of that on a free road and what the leader leaves.
  double Behind(double free_mps2, double interaction_mps2) const {
    if (summed) return free_mps2 - interaction_mps2;
    return std::min(free_mps2, accel_mps2 - interaction_mps2);
  }

  // The share of the acceleration that a leader takes away.
  double Interaction(double speed_mps, double gap_m, double closing_mps) const {
    return Interaction(speed_mps, gap_m, closing_mps, headway_s, gap_min_m);
  }
  // Of a driver who has another headway and distance in mind.
  double Interaction(double speed_mps, double gap_m, double closing_mps, double t_s, double s0_m) const {
    const double wanted = s0_m + std::max(0.0, speed_mps * t_s + speed_mps * closing_mps * half_root_ab);
    const double opens_m = summed ? 0 : pull_away_s * std::max(0.0, -closing_mps);
    const double ratio = wanted / std::max(gap_m + opens_m, 0.1);
    return accel_mps2 * ratio * ratio;
  }

  // The gap at which a platoon keeps this speed.  REQUIRES: speed < desired.
  double EquilibriumGap(double speed_mps, double desired_mps) const {
    const double gap_m = gap_min_m + speed_mps * headway_s;
    if (!summed) return gap_m;
    const double ratio = speed_mps / desired_mps;
    return gap_m / std::sqrt(1 - ratio * ratio * ratio * ratio);
  }

  double half_root_ab = 0.5 / std::sqrt(1.5 * 1.8);  // 1 / (2 sqrt(a b))
};

}  // namespace starling::sim
