#include "sim/city/arc_fit.h"

#include <algorithm>
#include <cmath>

#include "common/geo/trigonometry.h"

namespace starling::sim {
namespace {

constexpr double kCornerRad = 0.3;
constexpr double kInLineM = 1e-7;

void Append(ArcFit& fit, PathArc arc) {
  if (arc.length_m > kInLineM) fit.arcs[fit.count++] = arc;
}

// The arc that leaves `start` along `heading_rad` and passes through `end`.
PathArc ArcThrough(Vec2 start, double heading_rad, Vec2 end) {
  const Vec2 chord = end - start;
  const double length = Norm(chord);
  const double half_turn = WrapAngle(std::atan2(chord.x, chord.y) - heading_rad);
  if (std::abs(half_turn) < 1e-9) return {length, 0};
  const double curvature = 2 * std::sin(half_turn) / length;
  return {2 * half_turn / curvature, curvature};
}

}  // namespace

ArcFit FitArcs(const Pose& from, const Pose& to) {
  ArcFit fit;
  const Vec2 gap = to.position - from.position;
  const Vec2 t1 = HeadingVector(from.heading_rad);
  const Vec2 t2 = HeadingVector(to.heading_rad);
  const double turn = WrapAngle(to.heading_rad - from.heading_rad);
  if (std::abs(turn) < 1e-9 && std::abs(Cross(t1, gap)) < kInLineM) {
    Append(fit, {Norm(gap), 0});
    return fit;
  }
  if (std::abs(turn) > kCornerRad) {
    const double sine = Cross(t1, t2);
    const double before = Cross(gap, t2) / sine;  // To where the two lines meet.
    const double after = Cross(t1, gap) / sine;
    if (before > 0.5 && after > 0.5) {
      const double tangent = std::min(before, after);
      const double radius = tangent / std::tan(std::abs(turn) / 2);
      Append(fit, {before - tangent, 0});
      Append(fit, {radius * std::abs(turn), (turn > 0 ? 1 : -1) / radius});
      Append(fit, {after - tangent, 0});
      return fit;
    }
  }
  const Vec2 sum = t1 + t2;
  const double along = Dot(gap, sum);
  const double opening = 2 * (1 - Dot(t1, t2));
  const double d = opening < 1e-12
                       ? NormSquared(gap) / (2 * along)
                       : (std::sqrt(along * along + opening * NormSquared(gap)) - along) / opening;
  const Vec2 joint = 0.5 * (from.position + to.position + d * (t1 - t2));
  const PathArc first = ArcThrough(from.position, from.heading_rad, joint);
  Append(fit, first);
  Append(fit, ArcThrough(joint, from.heading_rad + first.length_m * first.curvature_per_m,
                         to.position));
  return fit;
}

}  // namespace starling::sim
