#pragma once

#include <cstdint>
#include <vector>

#include "common/motion/predictor.h"
#include "sim/accuracy/recording.h"

namespace starling::sim {

// What a track's planner would have said of where it goes, known from where it went: the recorded way ahead as arcs
// (docs/decisions/0004), to the recording's end or as far as a horizon needs.  Beyond that, straight on.
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
  PlannedPath Fit(const VehicleTruth& truth, double along_m) const;
  bool Follows(const Pose& pose, double from_m, double length_m, double* curvature) const;

  const Recording* recording_;
  std::uint32_t track_;
  std::vector<double> along_;    // of each row: m driven
  std::vector<Point> points_;    // of the box's centre, some decimetres apart
  PlannedPath plan_;
  double planned_at_m_ = -1;
};

}  // namespace starling::sim
