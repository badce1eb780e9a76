#include "cloud/shard/encounter.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "common/geo/trigonometry.h"

namespace starling::cloud {
namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();
constexpr double kStepMinS = 0.01;
constexpr double kDepthStepS = 0.1;         // steps in which the overlap is followed
constexpr int kDepthSteps = 15;
constexpr double kExitSearchS = 12;         // a vehicle that takes longer does not leave
constexpr double kSigmaFloorM = 0.1;
constexpr double kSigmaGrowthMps = 0.1;     // of the prediction with its age
// Those who pass each other on opposite lanes are so many more than those who drive at each other that the fixes'
// errors count double before it is believed.
constexpr double kOncomingDoubt = 2;
constexpr double kAxisShare = 0.70710678118654752;     // a fix's accuracy is of the distance, not of one axis
constexpr double kFollowingCos = 0.70710678118654752;  // headings within 45 degrees

struct Box {
  Vec2 centre;
  Vec2 along;
  double half_length;
  double half_width;
};

Box BoxAt(const Pose& pose, Vec2 along, const Mover& mover, double margin_m) {
  return {pose.position, along, 0.5 * (mover.length_m() + margin_m),
          0.5 * (mover.width_m() + margin_m)};
}

// The largest separation over the four axes of two boxes: their distance is at
// least this; below 0 they overlap by that much.
// Source: S. Gottschalk et al., OBBTree, SIGGRAPH 1996, section 5, in the plane.
struct Separation {
  double gap;
  double reach;                             // of both boxes together on that axis, halves
};
Separation SeparationOf(const Box& a, const Box& b) {
  const Vec2 offset = b.centre - a.centre;
  const double cosine = std::abs(Dot(a.along, b.along));
  const double sine = std::abs(Cross(a.along, b.along));
  const auto on = [](double centres, double reach) { return Separation{std::abs(centres) - reach, reach}; };
  Separation widest = on(Dot(offset, a.along), a.half_length + b.half_length * cosine + b.half_width * sine);
  for (const Separation& other :
       {on(Cross(offset, a.along), a.half_width + b.half_length * sine + b.half_width * cosine),
        on(Dot(offset, b.along), b.half_length + a.half_length * cosine + a.half_width * sine),
        on(Cross(offset, b.along), b.half_width + a.half_length * sine + a.half_width * cosine)}) {
    if (other.gap > widest.gap) widest = other;
  }
  return widest;
}

struct Moment {
  Box a;
  Box b;
  Separation separation;
};

// The normal distribution's cumulative function, off by 0.006 at most, without libm.
double NormalBelow(double x) {
  const double y = x * (0.8 + 0.15 * x * x);
  return 0.5 * (1 + y / std::sqrt(1 + y * y));
}

// Of an overlap by `depth` on an axis on which the boxes reach over `reach`, if they are off by `sigma` from each other:
// that neither passes on this side, nor on the other one.
double OverlapProbability(const Separation& deepest, double sigma) {
  const double depth = -deepest.gap;
  return NormalBelow(depth / sigma) + NormalBelow((2 * deepest.reach - depth) / sigma) - 1;
}

Moment At(const Mover& a, const Mover& b, double t_s, double margin_m) {
  const Pose pose_a = a.PoseAt(t_s);
  const Pose pose_b = b.PoseAt(t_s);
  Moment moment{BoxAt(pose_a, HeadingVector(pose_a.heading_rad), a, margin_m),
                BoxAt(pose_b, HeadingVector(pose_b.heading_rad), b, margin_m), {}};
  moment.separation = SeparationOf(moment.a, moment.b);
  return moment;
}

// What a follower needs that must not run into a leader, who is at his present
// deceleration or stops: both stand in the end, bumper to bumper.
double RequiredFollowing(double gap_m, double follower_mps, double leader_mps, double leader_stop_m) {
  const double drac = DracFollowing(gap_m, follower_mps, leader_mps);
  if (follower_mps <= 0) return drac;
  const double stop = follower_mps * follower_mps / (2 * std::max(gap_m + leader_stop_m, 0.01));
  return std::min(std::max(drac, stop), kDecelMax);
}

// Distances that the centre of `self` drives until its front enters and its back
// leaves the strip that `other` sweeps, both going straight on from the contact.
struct Passage {
  double entry_m;
  double exit_m;
};
Passage PassageOf(const Box& self, const Box& other, double driven_m, double sine, double cosine) {
  // self.centre + k self.along on the line of `other`.
  const double k = Cross(other.centre - self.centre, other.along) / Cross(self.along, other.along);
  const double half = self.half_length + (other.half_width + self.half_width * cosine) / sine;
  return {driven_m + k - half, driven_m + k + half};
}

// One sigma of their distance.  Positions that are off make gaps too short as often as too long: braking is demanded
// for what is needed all the same if the gap is longer by this.
double Doubt(const Mover& a, const Mover& b) {
  return std::sqrt(a.position_sigma_m() * a.position_sigma_m() + b.position_sigma_m() * b.position_sigma_m());
}

void DescribeFollowing(const Mover& a, const Mover& b, const Moment& moment, Encounter* met) {
  const double ahead = Dot(moment.b.centre - moment.a.centre, moment.a.along + moment.b.along);
  met->b_yields = ahead < 0;
  met->tie = ahead == 0;
  const Mover& follower = met->b_yields ? b : a;
  const Mover& leader = met->b_yields ? a : b;
  const double t = met->contact_s;
  const double gap = std::max(follower.DistanceAt(t) - leader.DistanceAt(t), 0.0);
  const double vf = follower.SpeedAt(0);
  const double vl = leader.SpeedAt(0);
  met->ttc_s = TtcFollowing(gap, vf, vl);
  met->drac_mps2 = DracFollowing(gap, vf, vl);
  const double surely_m = gap + Doubt(a, b);
  met->required_mps2 = leader.SpeedAt(kExitSearchS) == 0
                           ? RequiredFollowing(surely_m, vf, vl, leader.DistanceAt(kExitSearchS))
                           : DracFollowing(surely_m, vf, vl);
}

void DescribeOncoming(const Mover& a, const Mover& b, Encounter* met) {
  const double t = met->contact_s;
  const double gap = std::max(a.DistanceAt(t) + b.DistanceAt(t), 0.0);
  const double closing = a.SpeedAt(0) + b.SpeedAt(0);
  met->ttc_s = TtcFollowing(gap, closing, 0);
  met->drac_mps2 = DracFollowing(gap, closing, 0);
  met->required_mps2 = DracFollowing(gap + Doubt(a, b), closing, 0);
  // The slower one yields: it can stop sooner.
  met->b_yields = b.SpeedAt(0) < a.SpeedAt(0);
  met->tie = b.SpeedAt(0) == a.SpeedAt(0);
}

void DescribeCrossing(const Mover& a, const Mover& b, const Moment& moment, Encounter* met) {
  const double sine = std::abs(Cross(moment.a.along, moment.b.along));  // Over 0.7 by its type.
  const double cosine = std::abs(Dot(moment.a.along, moment.b.along));
  const double t = met->contact_s;
  const Passage of_a = PassageOf(moment.a, moment.b, a.DistanceAt(t), sine, cosine);
  const Passage of_b = PassageOf(moment.b, moment.a, b.DistanceAt(t), sine, cosine);
  const double a_entry = a.TimeOf(of_a.entry_m, kExitSearchS);
  const double b_entry = b.TimeOf(of_b.entry_m, kExitSearchS);
  met->b_yields = b_entry > a_entry;
  met->tie = b_entry == a_entry;
  const Mover& first = met->b_yields ? a : b;
  const Mover& second = met->b_yields ? b : a;
  const Passage& of_first = met->b_yields ? of_a : of_b;
  const Passage& of_second = met->b_yields ? of_b : of_a;
  const double exit_s = first.TimeOf(of_first.exit_m, kExitSearchS);
  met->first_exit_s = exit_s;
  const double to_entry = std::max(of_second.entry_m, 0.0);
  met->ttc_s = TtcCrossing(to_entry, second.SpeedAt(0), exit_s);
  met->drac_mps2 = DracCrossing(to_entry, second.SpeedAt(0), exit_s);
  met->required_mps2 = DracCrossing(to_entry + Doubt(a, b), second.SpeedAt(0), exit_s);
  const double pet = Pet(exit_s, second.TimeOf(of_second.entry_m, kExitSearchS));
  met->pet_s = std::isfinite(pet) ? std::max(pet, 0.0) : 0;
}

}  // namespace

double TtcFollowing(double gap_m, double follower_mps, double leader_mps) {
  if (follower_mps <= leader_mps) return kInfinite;
  return std::max(gap_m, 0.0) / (follower_mps - leader_mps);
}

double DracFollowing(double gap_m, double follower_mps, double leader_mps) {
  if (follower_mps <= leader_mps) return 0;
  const double closing = follower_mps - leader_mps;
  if (gap_m <= 0) return kDecelMax;
  return std::min(0.5 * closing * closing / gap_m, kDecelMax);
}

double TtcCrossing(double second_to_entry_m, double second_mps, double first_exit_s) {
  if (second_mps <= 0) return kInfinite;
  const double entry_s = std::max(second_to_entry_m, 0.0) / second_mps;
  return entry_s < first_exit_s ? entry_s : kInfinite;
}

double DracCrossing(double second_to_entry_m, double second_mps, double first_exit_s) {
  if (TtcCrossing(second_to_entry_m, second_mps, first_exit_s) == kInfinite) return 0;
  if (second_to_entry_m <= 0) return kDecelMax;
  const bool stops = first_exit_s == kInfinite || second_mps * first_exit_s >= 2 * second_to_entry_m;
  const double decel = stops ? second_mps * second_mps / (2 * second_to_entry_m)
                             : 2 * (second_mps - second_to_entry_m / first_exit_s) / first_exit_s;
  return std::min(decel, kDecelMax);
}

double Pet(double first_exit_s, double second_entry_s) { return second_entry_s - first_exit_s; }

Mover::Mover(const VehicleState& state, std::int64_t now_ns,
             const std::optional<SpeedProfile>& profile)
    : motion_(state.Motion()),
      path_(state.WayAhead()),
      profile_(profile),
      age_s_(std::max(static_cast<double>(now_ns - state.sample_time_ns) * 1e-9, 0.0)),
      length_m_(state.length_cm * 0.01),
      width_m_(state.width_cm * 0.01),
      radius_m_(BodyRadius(state)),
      position_sigma_m_(state.accuracy_dm * 0.1 * kAxisShare),
      straight_(state.straight),
      direction_(HeadingVector(state.heading_rad)) {
  const Travel travel = TravelAfter(motion_.speed_mps, motion_.accel_mps2, age_s_);
  before_m_ = travel.distance_m;
  speed_now_mps_ = travel.speed_mps;
  if (straight_) return;
  curvature_max_per_m_ = path_.empty() ? std::abs(motion_.curvature_per_m) : 0;
  for (const PathArc& arc : path_.arcs()) {
    curvature_max_per_m_ = std::max(curvature_max_per_m_, std::abs(arc.curvature_per_m));
  }
}

Travel Mover::TravelFromNow(double t_s) const {
  if (!profile_) {
    const Travel travel = TravelAfter(motion_.speed_mps, motion_.accel_mps2, age_s_ + t_s);
    return {travel.distance_m - before_m_, travel.speed_mps};
  }
  const double v = speed_now_mps_;
  if (v <= profile_->ceiling_mps || profile_->decel_mps2 <= 0) return {v * t_s, v};
  const double slow_s = std::min((v - profile_->ceiling_mps) / profile_->decel_mps2, t_s);
  const double after = v - profile_->decel_mps2 * slow_s;
  return {0.5 * (v + after) * slow_s + after * (t_s - slow_s), after};
}

double Mover::DistanceAt(double t_s) const { return TravelFromNow(t_s).distance_m; }
double Mover::SpeedAt(double t_s) const { return TravelFromNow(t_s).speed_mps; }

Pose Mover::PoseAt(double t_s) const {
  const Travel travel = TravelFromNow(t_s);
  if (straight_) {
    return {motion_.position + (before_m_ + travel.distance_m) * direction_, motion_.heading_rad,
            travel.speed_mps};
  }
  Pose pose = DriveAlong(motion_, path_, before_m_ + travel.distance_m);
  pose.speed_mps = travel.speed_mps;
  return pose;
}

double Mover::TimeOf(double distance_m, double until_s) const {
  if (distance_m <= 0) return 0;
  if (DistanceAt(until_s) < distance_m) return kInfinite;
  double low = 0;
  double high = until_s;
  for (int i = 0; i < 24; ++i) {  // To a microsecond.
    const double middle = 0.5 * (low + high);
    (DistanceAt(middle) < distance_m ? low : high) = middle;
  }
  return high;
}

double Mover::speed_max_mps(double until_s) const {
  return std::max(std::abs(speed_now_mps_), std::abs(SpeedAt(until_s)));
}

double Mover::SigmaAt(double t_s, double doubt) const {
  return kSigmaFloorM + doubt * position_sigma_m_ + kSigmaGrowthMps * (age_s_ + t_s);
}

std::optional<Encounter> Meet(const Mover& a, const Mover& b, TimeSpan span, double margin_m) {
  // A turning box's corner moves by its radius for each radian besides.
  const double fastest =
      a.speed_max_mps(span.until_s) * (1 + a.curvature_max_per_m() * a.radius_m()) +
      b.speed_max_mps(span.until_s) * (1 + b.curvature_max_per_m() * b.radius_m());
  double t = span.from_s;
  Moment moment = At(a, b, t, margin_m);
  while (moment.separation.gap > 0) {
    if (fastest <= 0) return std::nullopt;
    t += std::max(moment.separation.gap / fastest, kStepMinS);
    if (t > span.until_s) return std::nullopt;
    moment = At(a, b, t, margin_m);
  }

  Encounter met;
  met.contact_s = t;
  met.overlapping = t == 0;
  Separation deepest = moment.separation;
  double deepest_s = t;
  for (int step = 1; step <= kDepthSteps; ++step) {
    const double later = t + step * kDepthStepS;
    const Separation separation = At(a, b, later, margin_m).separation;
    if (separation.gap < deepest.gap) {
      deepest = separation;
      deepest_s = later;
    }
    if (separation.gap > 0) break;
  }
  const double cosine = Dot(moment.a.along, moment.b.along);
  const double doubt = cosine < -kFollowingCos ? kOncomingDoubt : 1;
  const double sigma_a = a.SigmaAt(deepest_s, doubt);
  const double sigma_b = b.SigmaAt(deepest_s, doubt);
  met.probability = OverlapProbability(deepest, std::sqrt(sigma_a * sigma_a + sigma_b * sigma_b));
  met.point = 0.5 * (moment.a.centre + moment.b.centre);

  if (cosine > kFollowingCos) {
    met.type = log::Encounter::Following;
    DescribeFollowing(a, b, moment, &met);
  } else if (cosine < -kFollowingCos) {
    met.type = log::Encounter::Oncoming;
    DescribeOncoming(a, b, &met);
  } else {
    met.type = log::Encounter::Crossing;
    DescribeCrossing(a, b, moment, &met);
  }
  if (!std::isfinite(met.ttc_s)) met.ttc_s = met.contact_s;
  return met;
}

}  // namespace starling::cloud
