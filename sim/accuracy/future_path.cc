#include "sim/accuracy/future_path.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "common/geo/trigonometry.h"
#include "sim/city/arc_fit.h"

namespace starling::sim {
namespace {

constexpr double kSpacingM = 0.4;
// How far the arcs may be from the way: an agent's own limit for a plan that departs.
constexpr double kToleranceM = 0.3;
// A vehicle that is beside the way, because it has just jumped or is about to, is on it after this.
constexpr double kReturnM = 15;
constexpr double kCheckEveryM = 2;
constexpr double kReachMinM = 60;  // what a planned path promises: 8 s, and 60 m at least
constexpr double kReachS = 8;
constexpr double kReplanM = 5;
constexpr double kJumpM = 0.8;  // sideways, in one step
constexpr double kAroundJumpM = 10;
constexpr double kTangentM = 1.5;  // to each side
constexpr double kTurnMaxRad = 2.5;
constexpr std::array<double, 9> kPieces = {90, 60, 45, 32, 24, 17, 12, 8, 5};

// The heading of a direction, without libm: from `near_rad` on, steps of asin's first two terms, or of a right angle
// while it lies behind.  Four of them reach it to the last digits wherever it lies.
double HeadingOf(Vec2 direction, double near_rad) {
  double heading = near_rad;
  const double length = Norm(direction);
  for (int i = 0; i < 4; ++i) {
    const Vec2 now = HeadingVector(heading);
    const double sine = -Cross(now, direction) / length;
    const double cosine = Dot(now, direction) / length;
    if (cosine <= 0) {
      heading += sine >= 0 ? kPi / 2 : -kPi / 2;
    } else {
      heading += sine * (1 + sine * sine / 6);
    }
  }
  return heading;
}

}  // namespace

FuturePath::FuturePath(const Recording* recording, std::uint32_t track) : recording_(recording), track_(track) {
  const RecordedTrack& recorded = recording->tracks[track];
  double along_m = 0;
  Vec2 before;
  double leave_out_until_m = 0;
  for (std::size_t i = 0; i < recorded.rows.size(); ++i) {
    const RecordedRow& row = recorded.rows[i];
    const Vec2 direction = HeadingVector(row.heading_rad);
    const Vec2 centre = row.front - recorded.length_m / 2.0 * direction;
    if (i > 0) {
      const Vec2 move = centre - before;
      along_m += std::max(Dot(move, direction), 0.0);
      if (std::abs(Cross(move, direction)) > kJumpM) {
        jumps_.push_back(along_m);
        while (points_.size() > 1 && points_.back().along_m > along_m - kAroundJumpM) points_.pop_back();
        leave_out_until_m = along_m + kAroundJumpM;
      }
    }
    before = centre;
    along_.push_back(along_m);
    if (points_.empty() || (along_m >= leave_out_until_m && along_m - points_.back().along_m >= kSpacingM)) {
      points_.push_back({along_m, centre});
    }
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

double FuturePath::HeadingAt(double along_m, double otherwise_rad) const {
  const Vec2 chord = PlaceAt(along_m + kTangentM) - PlaceAt(along_m - kTangentM);
  return NormSquared(chord) < 0.01 ? otherwise_rad : HeadingOf(chord, otherwise_rad);
}

bool FuturePath::Lead(Pose* pose, double from_m, double length_m, bool anyhow, PlannedPath* path) const {
  const Pose to{PlaceAt(from_m + length_m), HeadingAt(from_m + length_m, pose->heading_rad), 0};
  const Vec2 chord = to.position - pose->position;
  if (Dot(chord, HeadingVector(pose->heading_rad)) <= 0 || NormSquared(chord) <= 1.5 ||
      std::abs(WrapAngle(to.heading_rad - pose->heading_rad)) > kTurnMaxRad) {
    return false;
  }
  const ArcFit fit = FitArcs(*pose, to);
  if (path->size() + fit.count > PlannedPath::kArcsMax) return false;
  double arcs_m = 0;
  for (std::size_t i = 0; i < fit.count; ++i) arcs_m += fit.arcs[i].length_m;
  const double beside_m = Norm(PlaceAt(from_m) - pose->position);
  Pose at = *pose;
  double driven_m = 0;
  for (std::size_t i = 0; i < fit.count; ++i) {
    for (double on_arc_m = 0; !anyhow && on_arc_m < fit.arcs[i].length_m; on_arc_m += kCheckEveryM) {
      const Vec2 place = DriveArc(at, on_arc_m, fit.arcs[i].curvature_per_m).position;
      const double along = (driven_m + on_arc_m) * length_m / arcs_m;
      const double allowed = std::max(kToleranceM, beside_m * (1 - along / kReturnM) + kToleranceM);
      if (NormSquared(place - PlaceAt(from_m + along)) > allowed * allowed) return false;
    }
    at = DriveArc(at, fit.arcs[i].length_m, fit.arcs[i].curvature_per_m);
    driven_m += fit.arcs[i].length_m;
  }
  for (std::size_t i = 0; i < fit.count; ++i) path->Append(fit.arcs[i]);
  *pose = at;
  return true;
}

PlannedPath FuturePath::Fit(const VehicleTruth& truth, double along_m) const {
  PlannedPath path;
  const double end_m = std::min(along_m + std::max(kReachMinM, kReachS * truth.speed_mps), points_.back().along_m);
  Pose pose{truth.position, truth.heading_rad, 0};
  while (path.size() < PlannedPath::kArcsMax) {
    const double rest_m = end_m - along_m;
    double led_m = 0;
    for (const bool anyhow : {false, true}) {
      for (const double piece : kPieces) {
        const double length_m = std::min(piece, rest_m);
        if ((anyhow && piece > kReturnM && rest_m > kReturnM) || length_m < 2) continue;
        if (!Lead(&pose, along_m, length_m, anyhow, &path)) continue;
        led_m = length_m;
        break;
      }
      if (led_m > 0) break;
    }
    if (led_m == 0) break;
    along_m += led_m;
  }
  return path;
}

PlannedPath FuturePath::At(const VehicleTruth& truth) {
  const double along_m = AlongAt(truth.time);
  const auto jump = std::ranges::upper_bound(jumps_, planned_at_m_);
  const bool jumped = jump != jumps_.end() && *jump <= along_m;
  if (planned_at_m_ < 0 || along_m - planned_at_m_ > kReplanM || jumped) {
    plan_ = Fit(truth, along_m);
    planned_at_m_ = along_m;
  }
  return plan_.After(along_m - planned_at_m_);
}

}  // namespace starling::sim
