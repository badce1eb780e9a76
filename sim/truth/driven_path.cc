#include "sim/truth/driven_path.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "common/check.h"

namespace starling::sim {
namespace {

constexpr double kStandingM = 0.01;
constexpr double kTogetherM = 6;        // Less is a crossing.
constexpr double kWalkM = 12;
constexpr std::int32_t kBeyond = 16;    // Points after those that are looked at, to see what becomes of a run.
constexpr double kSinAngleMin = 0.5;
constexpr double kCosAlong = 0.866;     // 30 degrees.
constexpr std::int32_t kDropAtOnce = 64;
constexpr std::size_t kChunksMax = 32;  // That FindMeeting looks at.

Vec2 Unit(Vec2 vector) {
  const double norm = Norm(vector);
  return norm > 0 ? 1 / norm * vector : Vec2{0, 1};
}

bool Apart(const DrivenPath::Bounds& a, const DrivenPath::Bounds& b, double reach) {
  return a.west > b.east + reach || b.west > a.east + reach || a.south > b.north + reach || b.south > a.north + reach;
}

// What a's path has in common with b's around one point.
struct Run {
  double a_from_m = 0;
  double b_from_m = 0;
  double a_to_m = 0;
  double b_to_m = 0;
  bool open = false;      // It was not followed to its end.
  double a_closest_m = 0;
  double b_closest_m = 0;
};

class RunFinder {
 public:
  RunFinder(const PathView& a, const PathView& b, double tolerance_m) : a_(a), b_(b), tolerance_m_(tolerance_m) {}

  // The one that holds point `i` of a, which is near point `j` of b.
  std::optional<Run> Around(std::int32_t i, std::int32_t j) const {
    const DrivenPath::Foot here = Foot(i, j);
    if (!Common(here)) return std::nullopt;
    Run run;
    double closest_m = here.distance_m;
    run.a_closest_m = i;
    run.b_closest_m = here.along_m;
    Step later{i, here};
    bool crossed = false;
    while (later.number > a_.from) {
      const Step earlier{later.number - 1, Foot(later.number - 1, Near(later.foot))};
      if (!Common(earlier.foot)) {
        Edge(later, earlier, &run.a_from_m, &run.b_from_m);
        break;
      }
      NoteClosest(earlier, later, &run, &closest_m, &crossed);
      later = earlier;
    }
    if (run.a_from_m == 0) run.a_from_m = later.number, run.b_from_m = later.foot.along_m;
    Step last{i, here};
    run.open = true;
    while (last.number - run.a_from_m < kWalkM) {
      const Step next{last.number + 1, Foot(last.number + 1, Near(last.foot))};
      if (!Common(next.foot)) {
        Edge(last, next, &run.a_to_m, &run.b_to_m);
        run.open = false;
        NoteClosest(last, next, &run, &closest_m, &crossed);
        return run;
      }
      NoteClosest(last, next, &run, &closest_m, &crossed);
      last = next;
    }
    run.a_to_m = last.number;
    run.b_to_m = last.foot.along_m;
    return run;
  }

 private:
  struct Step {
    std::int32_t number;
    DrivenPath::Foot foot;
  };

  DrivenPath::Foot Foot(std::int32_t i, std::int32_t near) const {
    return b_.path->Project(a_.path->At(i), near, b_.to + kBeyond);
  }
  static std::int32_t Near(const DrivenPath::Foot& foot) { return static_cast<std::int32_t>(std::lround(foot.along_m)); }
  bool Common(const DrivenPath::Foot& foot) const { return !foot.before && foot.distance_m <= tolerance_m_; }

  // Where between a step inside and one outside it ends.
  void Edge(const Step& inside, const Step& outside, double* a_m, double* b_m) const {
    double part = 0;
    if (outside.foot.before) {  // b's path begins here.
      *a_m = inside.number - std::min(inside.foot.along_m - b_.path->first(), 1.0);
      *b_m = b_.path->first();
      return;
    }
    if (outside.foot.distance_m > inside.foot.distance_m) {
      part = (tolerance_m_ - inside.foot.distance_m) / (outside.foot.distance_m - inside.foot.distance_m);
    }
    *a_m = inside.number + part * (outside.number - inside.number);
    *b_m = inside.foot.along_m + part * (outside.foot.along_m - inside.foot.along_m);
  }

  static void NoteClosest(const Step& first, const Step& second, Run* run, double* closest_m, bool* crossed) {
    if (*crossed) return;
    if (first.foot.left_m * second.foot.left_m <= 0 && first.foot.left_m != second.foot.left_m) {
      const double part = first.foot.left_m / (first.foot.left_m - second.foot.left_m);
      run->a_closest_m = first.number + part;
      run->b_closest_m = first.foot.along_m + part * (second.foot.along_m - first.foot.along_m);
      *crossed = true;
      return;
    }
    for (const Step* step : {&first, &second}) {
      if (step->foot.distance_m >= *closest_m) continue;
      *closest_m = step->foot.distance_m;
      run->a_closest_m = step->number;
      run->b_closest_m = step->foot.along_m;
    }
  }

  const PathView& a_;
  const PathView& b_;
  const double tolerance_m_;
};

Meeting::Kind KindOf(const Run& run, const PathView& a, const PathView& b) {
  if (run.a_to_m - run.a_from_m >= kTogetherM) {
    // A crossing of a path that ends within it is long as well.
    const double b_m = run.b_to_m - run.b_from_m;
    if (std::abs(b_m) > (run.a_to_m - run.a_from_m) / 2) return b_m > 0 ? Meeting::Kind::kSame : Meeting::Kind::kOncoming;
  }
  if (run.open) {  // And is short: where b's path begins.
    const double along = Dot(a.path->DirectionAt(run.a_to_m), b.path->DirectionAt(run.b_to_m));
    if (along > kCosAlong) return Meeting::Kind::kSame;
    if (along < -kCosAlong) return Meeting::Kind::kOncoming;
  }
  return Meeting::Kind::kCrossing;
}

Meeting MeetingOf(const Run& run, const PathView& a, const PathView& b) {
  Meeting meeting;
  meeting.kind = KindOf(run, a, b);
  double a_last_m = run.a_from_m;
  double b_last_m = std::max(run.b_from_m, run.b_to_m);
  switch (meeting.kind) {
    case Meeting::Kind::kSame:
      meeting.a = {run.a_from_m, run.a_from_m};
      meeting.b = {run.b_from_m, run.b_from_m};
      b_last_m = run.b_from_m;
      break;
    case Meeting::Kind::kOncoming:
      meeting.a = {run.a_from_m, run.a_to_m};
      meeting.b = {run.b_to_m, run.b_from_m};
      break;
    case Meeting::Kind::kCrossing: {
      const Vec2 a_direction = a.path->DirectionAt(run.a_closest_m);
      const Vec2 b_direction = b.path->DirectionAt(run.b_closest_m);
      const double sine = std::max(std::abs(Cross(a_direction, b_direction)), kSinAngleMin);
      const double cosine = std::sqrt(1 - std::min(sine * sine, 1.0));
      const double a_half_m = (b.width_m + a.width_m * cosine) / (2 * sine);
      const double b_half_m = (a.width_m + b.width_m * cosine) / (2 * sine);
      meeting.a = {run.a_closest_m - a_half_m, run.a_closest_m + a_half_m};
      meeting.b = {run.b_closest_m - b_half_m, run.b_closest_m + b_half_m};
      a_last_m = run.a_closest_m;
      b_last_m = run.b_closest_m;
      break;
    }
  }
  meeting.guessed = a_last_m > a.path->known_m() || b_last_m > b.path->known_m();
  return meeting;
}

// None if the follower's front is not on the leader's path behind it, or leaves it before the leader's back.
std::optional<double> GapOnPath(const PathView& follower, const PathView& leader, double tolerance_m) {
  const Vec2 front = follower.path->Point(follower.front_m);
  const double straight_m = Norm(leader.path->Point(leader.front_m) - front);
  const auto near = static_cast<std::int32_t>(std::lround(leader.front_m - straight_m));
  const auto leader_end = static_cast<std::int32_t>(leader.front_m) + 1;
  const DrivenPath::Foot foot = leader.path->Project(front, near, leader_end);
  if (foot.before || foot.distance_m > tolerance_m || foot.along_m >= leader.front_m) return std::nullopt;
  const Vec2 heading = follower.path->DirectionAt(follower.front_m - 0.5);
  if (Dot(heading, leader.path->DirectionAt(foot.along_m)) < 0) return std::nullopt;
  const double gap_m = leader.front_m - leader.length_m - foot.along_m;
  const double shared_m = std::min(std::max(gap_m, 0.0), follower.path->known_m() - follower.front_m);
  if (shared_m > 0.5) {
    const DrivenPath::Foot later =
        leader.path->Project(follower.path->Point(follower.front_m + shared_m),
                             static_cast<std::int32_t>(std::lround(foot.along_m + shared_m)), leader_end);
    if (later.distance_m > tolerance_m) return std::nullopt;
  }
  return gap_m;
}

// The same for a follower who is not where the paths are one yet.
std::optional<double> GapBefore(const PathView& follower, double follower_in_m, const PathView& leader,
                                double leader_in_m, double tolerance_m) {
  const double since_m = leader.front_m - leader.length_m - leader_in_m;
  const double shared_m = std::max(since_m, 0.0);
  if (leader_in_m + shared_m < leader.path->first() || follower_in_m + shared_m < follower.path->first()) {
    return std::nullopt;
  }
  const DrivenPath::Foot foot = follower.path->Project(leader.path->Point(leader_in_m + shared_m),
                                                       static_cast<std::int32_t>(std::lround(follower_in_m + shared_m)),
                                                       follower.to + DrivenPath::kChunk);
  if (foot.distance_m > 1.5 * tolerance_m) return std::nullopt;
  return follower_in_m - follower.front_m + since_m;
}

// Whether it concerns them at all from now on.
bool LiesAhead(const Meeting& meeting, const PathView& a, const PathView& b, double tolerance_m) {
  switch (meeting.kind) {
    case Meeting::Kind::kCrossing:
      return a.front_m - a.length_m <= meeting.a.out_m && b.front_m - b.length_m <= meeting.b.out_m;
    case Meeting::Kind::kOncoming:
      return OncomingGap(meeting, a, b) > 0;
    case Meeting::Kind::kSame:
      break;
  }
  const bool none_in = a.front_m < meeting.a.in_m && b.front_m < meeting.b.in_m;
  return none_in || FollowingAt(meeting, a, b, tolerance_m);
}

}  // namespace

DrivenPath::DrivenPath(Vec2 front, Vec2 direction, double length_m) : front_(front), direction_(direction) {
  front_ = front - length_m * direction;
  points_.push_back(front_);
  Extend(front, direction);
}

double DrivenPath::Extend(Vec2 front, Vec2 direction) {
  direction_ = direction;
  const double moved_m = Norm(front - front_);
  if (moved_m < kStandingM) return known_m_;
  const double before_m = known_m_;
  known_m_ += moved_m;
  for (std::int32_t number = end(); number <= known_m_; ++number) {
    points_.push_back(front_ + (number - before_m) / moved_m * (front - front_));
    if ((number + 1) % kChunk != 0) continue;
    const auto chunk = static_cast<std::size_t>((number + 1) / kChunk - 1 - first_ / kChunk);
    const Bounds bounds = Around((number + 1) / kChunk - 1);
    STARLING_CHECK(bounds_.size() == chunk);
    bounds_.push_back(bounds);
  }
  front_ = front;
  return known_m_;
}

void DrivenPath::DropBefore(double along_m) {
  const std::int32_t keep = static_cast<std::int32_t>(along_m) / kChunk * kChunk;
  if (keep - first_ < kDropAtOnce) return;
  points_.erase(points_.begin(), points_.begin() + (keep - first_));
  bounds_.erase(bounds_.begin(), bounds_.begin() + (keep - first_) / kChunk);
  first_ = keep;
}

Vec2 DrivenPath::Point(double along_m) const {
  if (along_m >= known_m_) return front_ + (along_m - known_m_) * direction_;
  const auto number = static_cast<std::int32_t>(along_m);
  const Vec2 from = At(number);
  const double part = along_m - number;
  if (number + 1 < end()) return from + part * (At(number + 1) - from);
  const double rest_m = known_m_ - number;
  return rest_m > 0 ? from + part / rest_m * (front_ - from) : from;
}

Vec2 DrivenPath::DirectionAt(double along_m) const {
  const auto number = std::max(static_cast<std::int32_t>(std::floor(along_m)), first_);
  return Unit(At(number + 1) - At(number));
}

DrivenPath::Bounds DrivenPath::Around(std::int32_t chunk) const {
  const auto index = static_cast<std::size_t>(chunk - first_ / kChunk);
  if (index < bounds_.size()) return bounds_[index];
  Vec2 low = At(kChunk * chunk);
  Vec2 high = low;
  for (std::int32_t number = kChunk * chunk + 1; number < kChunk * (chunk + 1); ++number) {
    const Vec2 point = At(number);
    low = {std::min(low.x, point.x), std::min(low.y, point.y)};
    high = {std::max(high.x, point.x), std::max(high.y, point.y)};
  }
  return {low.x, low.y, high.x, high.y};
}

DrivenPath::Foot DrivenPath::Project(Vec2 point, std::int32_t near, std::int32_t last) const {
  near = std::clamp(near, first_, last);
  double best = NormSquared(point - At(near));
  for (const std::int32_t step : {1, -1}) {
    while (near + step >= first_ && near + step <= last) {
      const double next = NormSquared(point - At(near + step));
      if (next >= best) break;
      best = next;
      near += step;
    }
  }
  const Vec2 here = At(near);
  const Vec2 ahead = At(near + 1) - here;
  double part = Dot(point - here, ahead) / std::max(NormSquared(ahead), 1e-9);
  std::int32_t from = near;
  Vec2 along = ahead;
  if (part < 0 && near > first_) {
    from = near - 1;
    along = here - At(from);
    part = Dot(point - At(from), along) / std::max(NormSquared(along), 1e-9);
  }
  Foot foot;
  foot.before = part < 0 && from == first_;
  part = std::clamp(part, 0.0, 1.0);
  const Vec2 off = point - (At(from) + part * along);
  foot.along_m = from + part;
  foot.distance_m = Norm(off);
  foot.left_m = Cross(along, off) >= 0 ? foot.distance_m : -foot.distance_m;
  return foot;
}

std::optional<Meeting> FindMeeting(const PathView& a, const PathView& b, double tolerance_m) {
  constexpr std::int32_t kChunk = DrivenPath::kChunk;
  const std::int32_t a_first = a.from / kChunk;
  const std::int32_t b_first = b.from / kChunk;
  const std::int32_t b_end = std::min<std::int32_t>((b.to + kChunk - 1) / kChunk, b_first + static_cast<std::int32_t>(kChunksMax));
  const std::int32_t a_end = (a.to + kChunk - 1) / kChunk;
  std::array<DrivenPath::Bounds, kChunksMax> bounds;
  for (std::int32_t chunk = b_first; chunk < b_end; ++chunk) {
    bounds[static_cast<std::size_t>(chunk - b_first)] = b.path->Around(chunk);
  }
  // Two points that are near have places between them and their neighbours that are nearer.
  const double reach_m = tolerance_m + std::numbers::sqrt2 / 2;
  const RunFinder finder(a, b, tolerance_m);
  double done_m = -1;
  for (std::int32_t chunk = a_first; chunk < a_end; ++chunk) {
    const DrivenPath::Bounds around = a.path->Around(chunk);
    for (std::int32_t other = chunk < a.seen ? std::max(b.seen, b_first) : b_first; other < b_end; ++other) {
      if (Apart(around, bounds[static_cast<std::size_t>(other - b_first)], reach_m)) continue;
      const std::int32_t j_from = std::max(other * kChunk, b.from);
      const std::int32_t j_to = std::min((other + 1) * kChunk, b.to);
      for (std::int32_t i = std::max(chunk * kChunk, a.from); i < std::min((chunk + 1) * kChunk, a.to); ++i) {
        if (i <= done_m) continue;
        const Vec2 point = a.path->At(i);
        for (std::int32_t j = j_from; j < j_to; ++j) {
          if (NormSquared(b.path->At(j) - point) > reach_m * reach_m) continue;
          const std::optional<Run> run = finder.Around(i, j);
          if (!run) break;
          const Meeting meeting = MeetingOf(*run, a, b);
          // Nobody goes straight on into those who come towards him.
          const bool believable = !meeting.guessed || meeting.kind != Meeting::Kind::kOncoming;
          if (believable && LiesAhead(meeting, a, b, tolerance_m)) return meeting;
          done_m = run->a_to_m;
          break;
        }
      }
    }
  }
  return std::nullopt;
}

std::optional<Following> FollowingAt(const Meeting& meeting, const PathView& a, const PathView& b, double tolerance_m) {
  const bool a_in = a.front_m >= meeting.a.in_m;
  const bool b_in = b.front_m >= meeting.b.in_m;
  std::optional<double> gap_m;
  bool a_follows = b_in;
  if (a_in && b_in) {
    gap_m = GapOnPath(a, b, tolerance_m);
    if (!gap_m) {
      a_follows = false;
      gap_m = GapOnPath(b, a, tolerance_m);
    }
  } else if (b_in) {
    gap_m = GapBefore(a, meeting.a.in_m, b, meeting.b.in_m, tolerance_m);
  } else if (a_in) {
    gap_m = GapBefore(b, meeting.b.in_m, a, meeting.a.in_m, tolerance_m);
  }
  if (!gap_m) return std::nullopt;
  return Following{a_follows, *gap_m};
}

double OncomingGap(const Meeting& meeting, const PathView& a, const PathView& b) {
  return (meeting.a.out_m - a.front_m) + (meeting.b.in_m - b.front_m);
}

}  // namespace starling::sim
