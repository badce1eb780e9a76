#include "sim/accuracy/future_path.h"

#include <algorithm>
#include <cmath>

#include "common/geo/trigonometry.h"

namespace starling::sim {
namespace {

constexpr double kSpacingM = 0.4;
// How far the arcs may be from the way: an agent's own limit for a plan that departs.
constexpr double kToleranceM = 0.3;
constexpr double kCheckEveryM = 2;
constexpr double kShortestM = 3;
constexpr double kReachMinM = 60;   // what a planned path promises: 8 s, and 60 m at least
constexpr double kReachS = 8;
constexpr double kReplanM = 5;
constexpr double kCurvatureMaxPerM = 0.3;

}  // namespace

FuturePath::FuturePath(const Recording* recording, std::uint32_t track) : recording_(recording), track_(track) {
  const RecordedTrack& recorded = recording->tracks[track];
  double along_m = 0;
  Vec2 before;
  for (std::size_t i = 0; i < recorded.rows.size(); ++i) {
    const RecordedRow& row = recorded.rows[i];
    const Vec2 centre = row.front - recorded.length_m / 2.0 * HeadingVector(row.heading_rad);
    if (i > 0) along_m += Norm(centre - before);
    before = centre;
    along_.push_back(along_m);
    if (points_.empty() || along_m - points_.back().along_m >= kSpacingM) points_.push_back({along_m, centre});
  }
}

double FuturePath::AlongAt(SimTime time) const {
  const std::vector<SimTime>& times = recording_->times;
  const auto later = static_cast<std::uint32_t>(std::ranges::lower_bound(times, time) - times.begin());
  const std::uint32_t row = later - recording_->tracks[track_].first_step;
  if (row == 0) return 0;
  const double part = ToSeconds(time - times[later - 1]) / ToSeconds(times[later] - times[later - 1]);
  return along_[row - 1] + part * (along_[row] - along_[row - 1]);
}

Vec2 FuturePath::PlaceAt(double along_m) const {
  const auto after = std::ranges::upper_bound(points_, along_m, {}, &Point::along_m);
  if (after == points_.begin()) return points_.front().place;
  if (after == points_.end()) return points_.back().place;
  const Point& from = *(after - 1);
  return from.place + ((along_m - from.along_m) / (after->along_m - from.along_m)) * (after->place - from.place);
}

// The circle that leaves in the pose's direction and leads to the way's place after `length_m`.
bool FuturePath::Follows(const Pose& pose, double from_m, double length_m, double* curvature) const {
  const Vec2 chord = PlaceAt(from_m + length_m) - pose.position;
  const double squared = NormSquared(chord);
  if (squared < 0.01) return false;
  *curvature = std::clamp(-2 * Cross(HeadingVector(pose.heading_rad), chord) / squared, -kCurvatureMaxPerM,
                          kCurvatureMaxPerM);
  for (double at_m = std::min(kCheckEveryM, length_m); at_m <= length_m; at_m += kCheckEveryM) {
    const Vec2 apart = DriveArc(pose, at_m, *curvature).position - PlaceAt(from_m + at_m);
    if (NormSquared(apart) > kToleranceM * kToleranceM) return false;
  }
  return true;
}

PlannedPath FuturePath::Fit(const VehicleTruth& truth, double along_m) const {
  PlannedPath path;
  const double end_m = std::min(along_m + std::max(kReachMinM, kReachS * truth.speed_mps), points_.back().along_m);
  Pose pose{truth.position, truth.heading_rad, 0};
  while (path.size() < PlannedPath::kArcsMax && end_m - along_m > kShortestM) {
    const double rest_m = end_m - along_m;
    double length_m = kShortestM;
    double curvature = 0;
    if (Follows(pose, along_m, length_m, &curvature)) {
      // The longest that follows, to a metre.
      double too_long = rest_m + 1;
      for (double next = 2 * length_m; length_m < rest_m && too_long - length_m > 1;) {
        next = std::min({next, rest_m, too_long - 0.5});
        if (next <= length_m) break;
        double tried = 0;
        if (Follows(pose, along_m, next, &tried)) {
          length_m = next;
          curvature = tried;
          next = too_long > rest_m ? 2 * length_m : 0.5 * (length_m + too_long);
        } else {
          too_long = next;
          next = 0.5 * (length_m + too_long);
        }
      }
    }
    path.Append({length_m, curvature});
    pose = DriveArc(pose, length_m, curvature);
    along_m += length_m;
  }
  return path;
}

PlannedPath FuturePath::At(const VehicleTruth& truth) {
  const double along_m = AlongAt(truth.time);
  if (planned_at_m_ < 0 || along_m - planned_at_m_ > kReplanM) {
    plan_ = Fit(truth, along_m);
    planned_at_m_ = along_m;
  }
  return plan_.After(along_m - planned_at_m_);
}

}  // namespace starling::sim
