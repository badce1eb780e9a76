// The motion predictor that agent and shard share.  The agent stays silent while
// the shard's prediction is good, so both must compute the very same bits from
// the very same (quantised) fix.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "common/check.h"
#include "common/geo/vec2.h"

namespace starling {

// How a vehicle moves at one instant, in a city's local frame.  The position is
// the centre of the vehicle's box.
struct MotionState {
  Vec2 position;                 // m
  double heading_rad = 0;        // clockwise from north
  double speed_mps = 0;          // along the heading; negative in reverse
  double accel_mps2 = 0;         // along the heading
  double curvature_per_m = 0;    // clockwise positive; heading change per metre driven
};

// A piece of path with constant curvature.
struct PathArc {
  double length_m = 0;
  double curvature_per_m = 0;    // clockwise positive
};

// A planned path: up to kArcsMax arcs, one after the other, from the position
// and heading of the state that it belongs to.  Empty: no plan.
class PlannedPath {
 public:
  static constexpr std::size_t kArcsMax = 8;

  // REQUIRES: size() < kArcsMax
  void Append(PathArc arc) {
    STARLING_CHECK(count_ < kArcsMax);
    arcs_[count_++] = arc;
  }
  void Clear() { count_ = 0; }

  std::span<const PathArc> arcs() const { return {arcs_.data(), count_}; }
  std::size_t size() const { return count_; }
  bool empty() const { return count_ == 0; }

  double length_m() const;

  // What is left of the path after `distance_m` along it; empty past its end.
  PlannedPath After(double distance_m) const;

 private:
  std::array<PathArc, kArcsMax> arcs_{};
  std::size_t count_ = 0;
};

struct Pose {
  Vec2 position;
  double heading_rad = 0;        // not wrapped
  double speed_mps = 0;
};

// A positive acceleration is believed for this long, then the speed is kept: no
// one pulls away at 2 m/s² for the whole horizon.  Braking is believed until
// the vehicle stands.
inline constexpr double kAccelerationHoldS = 2;

// Without a plan a turn is believed for this much heading change, then the
// vehicle goes straight on: corners end.
inline constexpr double kTurnMaxRad = 1.5707963267948966;

// Distance driven and speed reached after `dt_s` >= 0.  A vehicle that brakes
// to a stand stays there; it does not reverse.
struct Travel {
  double distance_m;
  double speed_mps;
};
Travel TravelAfter(double speed_mps, double accel_mps2, double dt_s);

// Pose after driving `length_m` on constant curvature from `start`: the chord of
// the arc, exact.
Pose DriveArc(const Pose& start, double length_m, double curvature_per_m);

// Pose after driving `distance_m` from `state` along `path` (straight on past its
// end), or along the state's own curvature where there is no path.
Pose DriveAlong(const MotionState& state, const PlannedPath& path, double distance_m);

// Where the vehicle is `dt_s` seconds after `state`, 0 <= dt_s.
//
// Constant acceleration and constant curvature, which is constant turn rate and
// acceleration to second order and, unlike it, stays on the same arc when the
// vehicle brakes in a turn.
// Source: R. Schubert et al., Comparison and Evaluation of Advanced Motion Models
// for Vehicle Tracking, FUSION 2008, section III (CTRA, CCA).
Pose Predict(const MotionState& state, const PlannedPath& path, double dt_s);

}  // namespace starling
