// How close two vehicles came to each other: what an encounter is, and its measures.
//
// Source: SUMO's SSM device, https://sumo.dlr.de/docs/Simulation/Output/SSM_Device.html, and what it
// does in src/microsim/devices/MSDevice_SSM.cpp (v1.15).  Where it and we differ: encounters.h.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>

#include "common/geo/trigonometry.h"
#include "common/geo/vec2.h"
#include "sim/traffic/sim_time.h"

namespace starling::sim {

// One vehicle at one instant, as it truly is.
struct VehicleState {
  std::uint32_t vehicle = 0;  // The caller's number for it; once in a step.
  Vec2 front;                 // Middle of the front bumper, m.
  double heading_rad = 0;     // Clockwise from north.
  double speed_mps = 0;       // Forward, not negative.
  double accel_mps2 = 0;
  float length_m = 5;
  float width_m = 1.8F;
};

// For callers that know the centre of the box.
inline Vec2 FrontOf(Vec2 centre, double heading_rad, double length_m) {
  return centre + length_m / 2 * HeadingVector(heading_rad);
}

// SUMO's codes, seen from the ego; "left" and "entered" are said of the conflict area.
enum class EncounterType : std::uint8_t {
  kNone = 0,
  kFollowingFollower = 2,  // The ego drives behind the foe.
  kFollowingLeader = 3,
  kMergingLeader = 6,      // The ego is there first.
  kMergingFollower = 7,
  kCrossingLeader = 10,
  kCrossingFollower = 11,
  kEgoEntered = 12,        // The ego is in the area, the foe comes.
  kFoeEntered = 13,
  kEgoLeft = 14,
  kFoeLeft = 15,
  kBothEntered = 16,
  kBothLeft = 17,
  kOncoming = 20,          // Head-on on one path; newer releases of SUMO have it.
  kCollision = 111,
};

// The same instant as the foe sees it.
EncounterType Mirrored(EncounterType type);

// A measure's worst value, with where and when, and what the two were to each other.
struct Extreme {
  SimTime time{};
  Vec2 position;  // Of the leader's back, or where the second one enters the conflict area.
  EncounterType type = EncounterType::kNone;
  double value = 0;
};

struct Encounter {
  std::uint32_t ego = 0;
  std::uint32_t foe = 0;
  SimTime begin{};
  SimTime end{};
  // That of the smallest TTC; without one of the PET, of the largest DRAC, of the beginning.
  // A collision if they touched.
  EncounterType type = EncounterType::kNone;
  std::optional<Extreme> min_ttc;   // s
  std::optional<Extreme> max_drac;  // m/s²
  std::optional<Extreme> pet;       // s
};

// Two vehicles that touch; once for each contact.
struct Collision {
  std::uint32_t first = 0;
  std::uint32_t second = 0;
  SimTime time{};               // Of the first touch.
  Vec2 position;                // Midway between the centres.
  double relative_speed_mps = 0;
  double angle_rad = 0;         // Between the headings: 0 the same way, pi head-on.
};

// Of a driver who reaches `gap_m` at `speed_mps` while what is there goes on at `leader_mps`.
inline std::optional<double> TimeToCollision(double gap_m, double speed_mps, double leader_mps) {
  if (speed_mps <= leader_mps) return std::nullopt;
  return std::max(gap_m, 0.0) / (speed_mps - leader_mps);
}

// The constant braking that just avoids it; 0 if none is needed, none if it is too late.
// Source: G. Guido, F. Saccomanno, A. Vitale, V. Astarita, D. Festa: Comparing Safety Performance
// Measures Obtained from Video Capture Data, J. Transp. Eng. 137(7), 2011.
inline std::optional<double> BrakingToAvoid(double gap_m, double speed_mps, double leader_mps) {
  if (gap_m <= 0) return std::nullopt;
  const double closing = std::max(speed_mps - leader_mps, 0.0);
  return closing * closing / (2 * gap_m);
}

// A driver before a conflict area, in times at the present speed and braking; infinite for never.
struct Approach {
  double speed_mps = 0;
  double entry_m = 0;  // Of its front to the area; negative within and beyond it.
  double exit_m = 0;   // Of its back to the area's end.
  double entry_s = 0;
  double exit_s = 0;
};

// When `distance_m` will be covered at `speed_mps` with `accel_mps2`; acceleration counts as none.
inline double ArrivalS(double distance_m, double speed_mps, double accel_mps2) {
  constexpr double kNever = std::numeric_limits<double>::infinity();
  constexpr double kSteady = 1e-3;
  if (distance_m <= 0) return 0;
  if (speed_mps <= 0) return kNever;
  if (accel_mps2 > -kSteady) return distance_m / speed_mps;
  const double rest = speed_mps * speed_mps + 2 * accel_mps2 * distance_m;
  return rest < 0 ? kNever : (speed_mps - std::sqrt(rest)) / -accel_mps2;
}

inline Approach MakeApproach(double entry_m, double exit_m, double speed_mps, double accel_mps2) {
  return {speed_mps, entry_m, exit_m, ArrivalS(entry_m, speed_mps, accel_mps2),
          ArrivalS(exit_m, speed_mps, accel_mps2)};
}

// For two of whom `leader` is sooner at a crossing.  None if the leader is through in time, or
// one of them does not get there.
std::optional<double> CrossingTtc(const Approach& leader, const Approach& follower);
// The least braking of one of them after which it comes when the other one is through.
std::optional<double> CrossingDrac(const Approach& a, const Approach& b);

// For two of whom `leader` is sooner where two paths become one, at constant speeds.
std::optional<double> MergingTtc(const Approach& leader, const Approach& follower);
std::optional<double> MergingDrac(const Approach& leader, const Approach& follower, double leader_length_m);

}  // namespace starling::sim
