#include "cloud/shard/track.h"

#include <cmath>

#include "cloud/shard/vehicle_table.h"
#include "common/geo/trigonometry.h"

namespace starling::cloud {
namespace {

// Below this curvature the closed form of the arc's end loses digits.
constexpr double kClosedFormCurvatureMin = 1e-3;

// Walks along a path by growing distances, with one sine for each point.
class PathWalker {
 public:
  PathWalker(Vec2 position, double heading_rad, Vec2 direction)
      : position_(position), heading_rad_(heading_rad), direction_(direction) {}

  void NextArc(double length_m, double curvature_per_m) {
    if (end_m_ > start_m_ || curvature_ != 0) {
      const double length = end_m_ - start_m_;
      position_ = Point(length);
      heading_rad_ += curvature_ * length;
      if (curvature_ != 0) direction_ = HeadingVector(heading_rad_);
    }
    start_m_ = end_m_;
    end_m_ += length_m;
    curvature_ = curvature_per_m;
  }

  double end_m() const { return end_m_; }
  // Centre after `distance_m` from where the walk began, in the present arc.
  Vec2 At(double distance_m) const { return Point(distance_m - start_m_); }

 private:
  Vec2 Point(double length_m) const {
    if (curvature_ == 0) return position_ + length_m * direction_;
    if (std::abs(curvature_) < kClosedFormCurvatureMin) {
      return DriveArc({position_, heading_rad_, 0}, length_m, curvature_).position;
    }
    const Vec2 end = HeadingVector(heading_rad_ + curvature_ * length_m);
    const double radius = 1 / curvature_;
    return position_ + Vec2{radius * (direction_.y - end.y), radius * (end.x - direction_.x)};
  }

  Vec2 position_;
  double heading_rad_;
  Vec2 direction_;
  double start_m_ = 0;
  double end_m_ = 0;
  double curvature_ = 0;
};

}  // namespace

double BodyRadius(const VehicleState& state) {
  const double length = state.length_cm * 0.01;
  const double width = state.width_cm * 0.01;
  return 0.5 * std::sqrt(length * length + width * width);
}

void BuildTrack(VehicleState* state, Track* track, SweepBox* box) {
  const double start_s = state->track_steps * kTrackStepS;
  const double speed = state->speed_mps();
  const double accel = state->accel_mps2();
  const Vec2 direction = HeadingVector(state->heading_rad);
  state->east = static_cast<float>(direction.x);
  state->north = static_cast<float>(direction.y);

  std::array<double, kTrackPoints> distance;
  for (int i = 0; i < kTrackPoints; ++i) {
    const double dt_s = start_s + i * kTrackStepS;
    distance[static_cast<std::size_t>(i)] =
        accel == 0 ? speed * dt_s : TravelAfter(speed, accel, dt_s).distance_m;
  }
  const double reach = distance.back();

  bool straight = reach >= 0 || state->curvature_per_m == 0;
  if (reach > 0) {
    if (state->way_size() == 0) straight = state->curvature_per_m == 0;
    double covered = 0;
    for (std::size_t i = 0; i < state->way_size() && covered < reach; ++i) {
      straight = straight && state->path[i].curvature_e5 == 0;
      covered += state->path[i].length_cm * 0.01;
    }
  }
  state->straight = straight;

  const auto set = [&](std::size_t i, Vec2 point) {
    track->x[i] = static_cast<float>(point.x);
    track->y[i] = static_cast<float>(point.y);
  };
  if (straight) {
    for (std::size_t i = 0; i < kTrackPoints; ++i) set(i, state->position + distance[i] * direction);
  } else if (reach < 0) {  // In reverse: rare.
    const PlannedPath path = state->WayAhead();
    for (std::size_t i = 0; i < kTrackPoints; ++i) {
      set(i, DriveAlong(state->Motion(), path, distance[i]).position);
    }
  } else {
    constexpr double kFar = 1e9;
    PathWalker walker(state->position, state->heading_rad, direction);
    std::size_t arc = 0;
    const auto next = [&] {
      if (state->way_size() == 0) {
        if (arc == 0) walker.NextArc(kTurnMaxRad / std::abs(state->curvature_per_m), state->curvature_per_m);
        if (arc == 1) walker.NextArc(kFar, 0);
      } else if (arc < state->way_size()) {
        walker.NextArc(state->path[arc].length_cm * 0.01, state->path[arc].curvature_e5 * 1e-5);
      } else {
        walker.NextArc(kFar, 0);
      }
      ++arc;
    };
    next();
    for (std::size_t i = 0; i < kTrackPoints; ++i) {
      while (distance[i] > walker.end_m()) next();
      set(i, walker.At(distance[i]));
    }
  }

  SweepBox bounds;
  if (straight) {
    bounds = {std::min(track->x.front(), track->x.back()), std::min(track->y.front(), track->y.back()),
              std::max(track->x.front(), track->x.back()), std::max(track->y.front(), track->y.back())};
  } else {
    bounds = {track->x[0], track->y[0], track->x[0], track->y[0]};
    for (std::size_t i = 1; i < kTrackPoints; ++i) {
      bounds.x_min = std::min(bounds.x_min, track->x[i]);
      bounds.x_max = std::max(bounds.x_max, track->x[i]);
      bounds.y_min = std::min(bounds.y_min, track->y[i]);
      bounds.y_max = std::max(bounds.y_max, track->y[i]);
    }
  }
  const float margin = static_cast<float>(BodyRadius(*state)) + kTrackErrorM + 0.05f;
  *box = {bounds.x_min - margin, bounds.y_min - margin, bounds.x_max + margin, bounds.y_max + margin};
}

void Relate(const VehicleState& a_state, const Track& a, const VehicleState& b_state, const Track& b,
            std::int64_t now_ns, double horizon_s, RelativeTrack* relative) {
  struct Place {
    int index;
    float fraction;
  };
  const auto place = [now_ns](const VehicleState& state) {
    const double steps =
        std::max(static_cast<double>(now_ns - state.track_start_ns()) * (1e-9 / kTrackStepS), 0.0);
    const int index = static_cast<int>(std::min(steps, 1e6));
    return Place{index, static_cast<float>(steps - index)};
  };
  const Place at_a = place(a_state);
  const Place at_b = place(b_state);
  const int wanted = static_cast<int>(horizon_s / kTrackStepS + 0.999) + 1;
  const int points = std::min(wanted, kTrackPoints - 1 - std::max(at_a.index, at_b.index));
  relative->points = std::max(points, 0);
  for (int k = 0; k < relative->points; ++k) {
    const auto i = static_cast<std::size_t>(at_a.index + k);
    const auto j = static_cast<std::size_t>(at_b.index + k);
    const float ax = a.x[i] + at_a.fraction * (a.x[i + 1] - a.x[i]);
    const float ay = a.y[i] + at_a.fraction * (a.y[i + 1] - a.y[i]);
    const float bx = b.x[j] + at_b.fraction * (b.x[j + 1] - b.x[j]);
    const float by = b.y[j] + at_b.fraction * (b.y[j + 1] - b.y[j]);
    relative->x[static_cast<std::size_t>(k)] = bx - ax;
    relative->y[static_cast<std::size_t>(k)] = by - ay;
  }
}

bool CloserThan(const RelativeTrack& relative, float distance_m, TimeSpan* span) {
  const float limit = distance_m * distance_m;
  int first = -1;
  int last = -1;
  for (int k = 0; k + 1 < relative.points; ++k) {
    const auto i = static_cast<std::size_t>(k);
    const float x = relative.x[i];
    const float y = relative.y[i];
    const float dx = relative.x[i + 1] - x;
    const float dy = relative.y[i + 1] - y;
    const float length2 = dx * dx + dy * dy;
    const float along = length2 > 0 ? std::clamp(-(x * dx + y * dy) / length2, 0.0f, 1.0f) : 0.0f;
    const float px = x + along * dx;
    const float py = y + along * dy;
    if (px * px + py * py <= limit) {
      if (first < 0) first = k;
      last = k;
    }
  }
  if (first < 0) return false;
  *span = {first * kTrackStepS, (last + 1) * kTrackStepS};
  return true;
}

bool StaySeparate(const VehicleState& a, const VehicleState& b, const RelativeTrack& relative) {
  const float cosine = std::abs(a.east * b.east + a.north * b.north);
  const float sine = std::abs(a.east * b.north - a.north * b.east);
  const float a_length = a.length_cm * 0.005f, a_width = a.width_cm * 0.005f;  // Halves.
  const float b_length = b.length_cm * 0.005f, b_width = b.width_cm * 0.005f;
  const struct {
    float east, north, extent;
  } axes[] = {
      {a.east, a.north, a_length + b_length * cosine + b_width * sine},
      {-a.north, a.east, a_width + b_length * sine + b_width * cosine},
      {b.east, b.north, b_length + a_length * cosine + a_width * sine},
      {-b.north, b.east, b_width + a_length * sine + a_width * cosine},
  };
  for (const auto& axis : axes) {
    float low = 1e30f;
    float high = -1e30f;
    for (int k = 0; k < relative.points; ++k) {
      const auto i = static_cast<std::size_t>(k);
      const float along = relative.x[i] * axis.east + relative.y[i] * axis.north;
      low = std::min(low, along);
      high = std::max(high, along);
    }
    const float needed = axis.extent + 0.5f * kTrackErrorM;
    if (low > needed || high < -needed) return true;
  }
  return false;
}

}  // namespace starling::cloud
