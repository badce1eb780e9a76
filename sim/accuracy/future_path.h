#pragma once

#include <cstdint>
#include <vector>

#include "common/motion/predictor.h"
#include "sim/accuracy/recording.h"

namespace starling::sim {

// What a track's planner would have said of where it goes, known from where it went: the recorded way ahead as arcs
// (docs/decisions/0004), to the recording's end or as far as a horizon needs.  Beyond that, straight on.
//
// SUMO changes lanes within one step.  No planner plans that: the ten metres before and after are left to the arcs
// that lead across.
//
// Threading: thread-compatible; the recording must outlive it.
class FuturePath {
 public:
  FuturePath(const Recording* recording, std::uint32_t track);

  // From the track's place at truth.time on.  Plans are kept for some metres and cut, as a planner's are, and made anew
  // then.
  // REQUIRES: times do not go back
  PlannedPath At(const VehicleTruth& truth);

 private:
  struct Point {
    double along_m = 0;
    Vec2 place;
  };
  double AlongAt(SimTime time) const;
  Vec2 PlaceAt(double along_m) const;
  // Of the way; the pose's own heading where it has no direction.
  double HeadingAt(double along_m, double otherwise_rad) const;
  PlannedPath Fit(const VehicleTruth& truth, double along_m) const;
  // Appends what leads from the pose to the way's place after `length_m`; false, and nothing, if it leaves the way.
  bool Lead(Pose* pose, double from_m, double length_m, bool anyhow, PlannedPath* path) const;

  const Recording* recording_;
  std::uint32_t track_;
  std::vector<double> along_;  // of each row: m driven
  std::vector<Point> points_;  // of the box's centre, some decimetres apart
  std::vector<double> jumps_;  // to another lane: m driven
  PlannedPath plan_;
  double planned_at_m_ = -1;
};

}  // namespace starling::sim
