#include "edge/agent/live_lane.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include "common/check.h"
#include "common/geo/trigonometry.h"

namespace starling::edge {
namespace {

// Slower than this the heading says little about where the vehicle will be, and
// sensors let it wander.
constexpr double kHeadingSpeedMinMps = 0.5;

// Plans are compared over this much driving: the horizon of the cloud.
constexpr double kPlanHorizonS = 5;
constexpr int kPlanChecks = 4;

// Two samples in quick succession say little about how an error grows.
constexpr double kExtrapolationMax = 2;

// Walks along a path, straight on past its end.
class Walk {
 public:
  explicit Walk(const PlannedPath& path) : arcs_(path.arcs()) { Settle(); }

  double curvature() const { return arcs_.empty() ? 0 : arcs_.front().curvature_per_m; }
  double left() const {
    return arcs_.empty() ? std::numeric_limits<double>::infinity()
                         : arcs_.front().length_m - on_arc_m_;
  }
  void Advance(double length_m) {
    on_arc_m_ += length_m;
    Settle();
  }

 private:
  void Settle() {
    while (!arcs_.empty() && on_arc_m_ >= arcs_.front().length_m) {
      on_arc_m_ = 0;
      arcs_ = arcs_.subspan(1);
    }
  }

  std::span<const PathArc> arcs_;
  double on_arc_m_ = 0;
};

// How far apart two paths can be after `reach_m`, if they start in one pose: at
// most the integral of the difference of their headings.  No trigonometry: plans
// agree nearly always, and this is how we see it.
double DepartureBound(const PlannedPath& a, const PlannedPath& b, double reach_m, double enough_m) {
  Walk walk_a(a);
  Walk walk_b(b);
  double heading_apart_rad = 0;
  double apart_m = 0;
  while (reach_m > 0 && apart_m <= enough_m) {
    const double length = std::min({walk_a.left(), walk_b.left(), reach_m});
    const double before_rad = heading_apart_rad;
    heading_apart_rad += (walk_a.curvature() - walk_b.curvature()) * length;
    apart_m += length * std::max(std::abs(before_rad), std::abs(heading_apart_rad));
    walk_a.Advance(length);
    walk_b.Advance(length);
    reach_m -= length;
  }
  return apart_m;
}

}  // namespace

void LiveLane::Start(FrameOrigin origin) {
  frame_.emplace(origin);
  sent_.reset();
  due_ = last_.has_value();
  paused_until_ = BootTime();
}

void LiveLane::Stop() {
  frame_.reset();
  sent_.reset();
  due_ = false;
}

void LiveLane::OnSample(const Sample& sample, const wire::Fix& fix) {
  last_.emplace(Taken{sample, fix});
  if (!frame_) return;
  if (due_) {
    ++conflated_;  // It takes the place of the one that waited.
    return;
  }
  due_ = !sent_ || MustSend(sample) || limits_.raw;
}

const wire::Fix& LiveLane::Send(WireArcs* path) {
  STARLING_CHECK(due_ && frame_ && last_);
  *path = ToWire(last_->sample.path);
  Sent sent{last_->sample.time, MotionFromWire(last_->fix, *frame_), {}, last_->sample.intent};
  for (const wire::Arc& arc : *path) {
    sent.path.Append({arc.length_cm() * 0.01, arc.curvature_e5() * 1e-5});
  }
  sent_ = sent;
  past_count_ = 0;
  Remember(Error(), sent.time);
  due_ = false;
  return last_->fix;
}

// True if the cloud's prediction is off by too much, or will be at the next
// sample if its error goes on growing as it did over the last ones.
bool LiveLane::MustSend(const Sample& sample) {
  const nanoseconds silence = sample.time - sent_->time;
  // Half an interval early, so that a clock's jitter does not make "after a
  // second" the eleventh sample.
  if (silence + kSampleInterval / 2 >= limits_.silence_max) return true;
  if (sample.intent != sent_->intent) return true;

  const double dt_s = ToSeconds(silence);
  const Travel travel = TravelAfter(sent_->state.speed_mps, sent_->state.accel_mps2, dt_s);
  const Pose predicted = DriveAlong(sent_->state, sent_->path, travel.distance_m);
  Error error;
  error.position = frame_->ToLocal(sample.position) - predicted.position;
  error.speed_mps = sample.speed_mps - travel.speed_mps;
  if (std::abs(sample.speed_mps) >= kHeadingSpeedMinMps) {
    error.heading_rad = WrapAngle(sample.heading_rad - frame_->Convergence(sample.position) -
                                  predicted.heading_rad);
  }
  const Error ahead = Ahead(error, sample.time);
  Remember(error, sample.time);
  return TooFarOff(error) || TooFarOff(ahead) ||
         PathDeparts(sample, predicted, error.position, travel.distance_m);
}

// The error at the next sample.  Heading and speed go on as from the sample before, so that a driver who
// brakes or turns is told of at once; the position as over the last samples, of which there may be fewer.
LiveLane::Error LiveLane::Ahead(const Error& error, BootTime time) const {
  const double interval_s = ToSeconds(kSampleInterval);
  const PastError& last = past_[past_count_ - 1];
  const double next = std::min(interval_s / ToSeconds(time - last.time), kExtrapolationMax);
  const PastError& first = past_[0];
  const double trend = interval_s / std::max(ToSeconds(time - first.time), kTrendSamples * interval_s);
  return {error.position + trend * (error.position - first.error.position),
          error.heading_rad + next * (error.heading_rad - last.error.heading_rad),
          error.speed_mps + next * (error.speed_mps - last.error.speed_mps)};
}

void LiveLane::Remember(const Error& error, BootTime time) {
  if (past_count_ == past_.size()) {
    std::move(past_.begin() + 1, past_.end(), past_.begin());
    --past_count_;
  }
  past_[past_count_++] = {error, time};
}

bool LiveLane::TooFarOff(const Error& error) const {
  return NormSquared(error.position) > limits_.position_error_m * limits_.position_error_m ||
         std::abs(error.heading_rad) > limits_.heading_error_rad ||
         std::abs(error.speed_mps) > limits_.speed_error_mps;
}

// Compares the shapes of the plan last sent and the present one, each from where
// the vehicle is on it.
bool LiveLane::PathDeparts(const Sample& sample, const Pose& predicted, Vec2 off,
                           double driven_m) const {
  if (sample.path.empty() != sent_->path.empty()) return true;
  if (sample.path.empty()) return false;
  const double reach_m =
      std::min(TravelAfter(sample.speed_mps, sample.accel_mps2, kPlanHorizonS).distance_m,
               sample.path.length_m());
  // A vehicle that is ahead of its prediction is also farther on its plan.
  const double ahead_m = Dot(off, HeadingVector(predicted.heading_rad));
  const PlannedPath rest = sent_->path.After(std::max(driven_m + ahead_m, 0.0));
  if (DepartureBound(sample.path, rest, reach_m, limits_.path_departure_m) <=
      limits_.path_departure_m) {
    return false;
  }
  const MotionState here;
  for (int check = 1; check <= kPlanChecks; ++check) {
    const double distance_m = reach_m * check / kPlanChecks;
    const Vec2 apart = DriveAlong(here, sample.path, distance_m).position -
                       DriveAlong(here, rest, distance_m).position;
    if (NormSquared(apart) > limits_.path_departure_m * limits_.path_departure_m) return true;
  }
  return false;
}

}  // namespace starling::edge
