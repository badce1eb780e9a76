#pragma once

#include <cstdint>
#include <optional>

#include "cloud/shard/track.h"
#include "cloud/shard/vehicle_table.h"
#include "common/motion/predictor.h"
#include "schemas/log/conflicts_generated.h"

namespace starling::cloud {

// Surrogate safety measures in the definitions of SUMO's SSM device (Lopez et
// al., Microscopic Traffic Simulation using SUMO, ITSC 2018; its documentation,
// "SSM Device").  Distances in m, speeds in m/s, times in s.  Times that are not
// defined are infinite, decelerations that are not needed 0; both measures of
// deceleration end at kDecelMax.
inline constexpr double kDecelMax = 20;

// gap / (v_follower - v_leader), if the follower is faster.
double TtcFollowing(double gap_m, double follower_mps, double leader_mps);
// Half the squared difference of speeds / gap, if the follower is faster.
double DracFollowing(double gap_m, double follower_mps, double leader_mps);
// The second vehicle's time to the conflict's entry, if the first leaves only after it.
double TtcCrossing(double second_to_entry_m, double second_mps, double first_exit_s);
// 2 (v - d / t) / t: the second vehicle is at the entry when the first has left it.
// We deviate where that would make it go backwards: then it is the deceleration
// to a stand at the entry, v² / 2d.
double DracCrossing(double second_to_entry_m, double second_mps, double first_exit_s);
// Time between the first one's leaving and the second one's entering; below 0:
// both are inside.
double Pet(double first_exit_s, double second_entry_s);

// Slow down to `ceiling_mps` at `decel_mps2`, and never go faster than at first.
struct SpeedProfile {
  double ceiling_mps = 0;
  double decel_mps2 = 0;
};

// A vehicle from now on.
class Mover {
 public:
  Mover(const VehicleState& state, std::int64_t now_ns, const std::optional<SpeedProfile>& profile);

  double DistanceAt(double t_s) const;      // m driven from now on; t_s >= 0
  double SpeedAt(double t_s) const;
  Pose PoseAt(double t_s) const;
  // First time at which it has driven `distance_m`; infinite if never within `until_s`.
  double TimeOf(double distance_m, double until_s) const;

  double speed_max_mps(double until_s) const;
  double curvature_max_per_m() const { return curvature_max_per_m_; }
  double length_m() const { return length_m_; }
  double width_m() const { return width_m_; }
  double radius_m() const { return radius_m_; }
  // One sigma of the fix on each axis, m.
  double position_sigma_m() const { return position_sigma_m_; }
  // One sigma of its predicted position on each axis, m, with the fix's own taken `doubt` times.
  double SigmaAt(double t_s, double doubt) const;

 private:
  Travel TravelFromNow(double t_s) const;

  MotionState motion_;
  PlannedPath path_;
  std::optional<SpeedProfile> profile_;
  double age_s_;
  double before_m_;                         // driven between the fix and now
  double speed_now_mps_;
  double length_m_;
  double width_m_;
  double radius_m_;
  double position_sigma_m_;                 // on each axis
  double curvature_max_per_m_ = 0;
  bool straight_;
  Vec2 direction_;
};

// A predicted contact of two vehicles' boxes.
struct Encounter {
  log::Encounter type = log::Encounter::Unknown;
  double contact_s = 0;                     // from now
  double ttc_s = 0;                         // SUMO's, as above; contact_s where that is undefined
  double drac_mps2 = 0;
  double required_mps2 = 0;                 // drac of the gap and one sigma of it; also stops behind a leader that brakes
  double pet_s = 0;
  double first_exit_s = 0;                  // crossing: the first one has left; may be infinite
  double probability = 0;                   // of the overlap
  Vec2 point;                               // where the boxes meet
  bool b_yields = false;                    // the follower, or the one that arrives later
  bool tie = false;                         // both arrive at once: the ids decide
  bool overlapping = false;                 // they touch already
};

// The first contact of the two boxes, each `margin_m` / 2 larger on every side,
// in [from_s, until_s] from now, found by conservative advancement: the distance
// of the boxes divided by the fastest that they can approach is a step that
// misses no contact.  Symmetric: with the arguments swapped the same encounter
// with the other one yielding.
// Source: B. Mirtich, Impulse-based Dynamic Simulation of Rigid Body Systems
// (1996), section 2.3.  We deviate in steps of at least 10 ms: a graze that is
// shorter does not count.
std::optional<Encounter> Meet(const Mover& a, const Mover& b, TimeSpan span, double margin_m);

}  // namespace starling::cloud
