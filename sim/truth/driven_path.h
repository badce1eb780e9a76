// The way that a vehicle's front bumper has driven and is known to go on, and where two of them come together.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "common/geo/vec2.h"

namespace starling::sim {

// A path as a point for each metre, numbered by the metres since its beginning, which is the vehicle's back when
// it was first seen.  Beyond what is known it goes straight on.
//
// Threading: thread-compatible.
class DrivenPath {
 public:
  static constexpr std::int32_t kChunk = 8;

  struct Bounds {
    double west = 0;
    double south = 0;
    double east = 0;
    double north = 0;
  };
  // The nearest place on the path.
  struct Foot {
    double along_m = 0;
    double left_m = 0;      // How far the point is to the left of it.
    double distance_m = 0;
    bool before = false;    // The point lies before the path's first point.
  };

  DrivenPath(Vec2 front, Vec2 direction, double length_m);

  // Where along it the front is then, m.  Moves of less than a centimetre are none.
  double Extend(Vec2 front, Vec2 direction);
  // Forgets what lies farther back, but for some metres.
  void DropBefore(double along_m);

  double known_m() const { return known_m_; }
  std::int32_t first() const { return first_; }
  // The first number that is not known.
  std::int32_t end() const { return first_ + static_cast<std::int32_t>(points_.size()); }

  // REQUIRES: number >= first()
  Vec2 At(std::int32_t number) const {
    return number < end() ? points_[static_cast<std::size_t>(number - first_)]
                          : front_ + (number - known_m_) * direction_;
  }
  // REQUIRES: along_m >= first()
  Vec2 Point(double along_m) const;
  Vec2 DirectionAt(double along_m) const;
  // Around the points [kChunk * chunk, kChunk * (chunk + 1)), those after first().
  Bounds Around(std::int32_t chunk) const;
  // Searches from the point `near` downhill, up to the point `last`.
  Foot Project(Vec2 point, std::int32_t near, std::int32_t last) const;

 private:
  std::vector<Vec2> points_;
  std::vector<Bounds> bounds_;  // Of whole chunks, from first_ / kChunk on.
  std::int32_t first_ = 0;
  double known_m_ = 0;
  Vec2 front_;
  Vec2 direction_;
};

struct Meeting {
  enum class Kind : std::uint8_t {
    kCrossing,
    kSame,      // The paths are one from there on.
    kOncoming,  // One path, driven in both directions.
  };
  // The area on one of the paths: the front enters at `in_m`, the back leaves at `out_m`.
  struct Span {
    double in_m = 0;
    double out_m = 0;
  };
  Kind kind = Kind::kCrossing;
  Span a;
  Span b;
  bool guessed = false;  // Part of it lies where a path is taken to go straight on.
};

// One of two whose paths are looked at.
struct PathView {
  const DrivenPath* path = nullptr;
  double front_m = 0;
  double length_m = 0;
  double width_m = 0;     // Of the ground that it takes at a crossing.
  std::int32_t from = 0;  // The points to look at.
  std::int32_t to = 0;
  std::int32_t seen = 0;  // Chunks below have been looked at with those below of the other one.
};

// The first place, as `a` drives, that the paths have in common and that neither has left.
//
// Paths that are closer than `tolerance_m` have a place in common.  It is a crossing if they part again within
// 6 m; whose area is what both take of the ground, at crossings of less than 30 degrees as if they were 30.
std::optional<Meeting> FindMeeting(const PathView& a, const PathView& b, double tolerance_m);

// Two of whom at least one is where their paths are one.
struct Following {
  bool a_follows = false;
  double gap_m = 0;  // From the follower's front to the leader's back, along its way; negative beside it.
};
// None if none is there yet, or one of them goes another way before the follower would be at the leader's back.
//
// REQUIRES: meeting.kind == kSame
std::optional<Following> FollowingAt(const Meeting& meeting, const PathView& a, const PathView& b, double tolerance_m);

// m between two fronts on one path, driven in both directions; negative if they have passed each other.
//
// REQUIRES: meeting.kind == kOncoming
double OncomingGap(const Meeting& meeting, const PathView& a, const PathView& b);

}  // namespace starling::sim
