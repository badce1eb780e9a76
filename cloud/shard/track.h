#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "common/motion/predictor.h"

namespace starling::cloud {

struct VehicleState;

// A track has the predicted centres at every step from its start on.  It covers
// the five seconds of the horizon, one of silence and half of the rotation in
// which silent vehicles are given a new one.
inline constexpr double kTrackStepS = 0.5;
inline constexpr int kTrackPoints = 14;
inline constexpr double kTrackSpanS = kTrackStepS * (kTrackPoints - 1);

// By how much a chord between two points of a track may miss the true path, and
// floats its metres: an eighth of acceleration times step squared, at 8 m/s².
inline constexpr float kTrackErrorM = 0.3f;

struct Track {
  std::array<float, kTrackPoints> x;    // m, local frame
  std::array<float, kTrackPoints> y;
};

// Bounds what the vehicle's body covers while its track lasts.
struct SweepBox {
  float x_min, y_min, x_max, y_max;     // m

  bool Overlaps(const SweepBox& other) const {
    return x_min <= other.x_max && other.x_min <= x_max && y_min <= other.y_max &&
           other.y_min <= y_max;
  }
};

// Radius of the disc around a vehicle's box, m.
double BodyRadius(const VehicleState& state);

// Predicts the track from `state->track_steps` steps after the fix on, and sets
// what belongs to it: the box, `straight` and the heading's unit vector.
void BuildTrack(VehicleState* state, Track* track, SweepBox* box);

// Relative positions, b - a, at steps of kTrackStepS from `now_ns` on.
struct RelativeTrack {
  std::array<float, kTrackPoints> x;
  std::array<float, kTrackPoints> y;
  int points = 0;                       // 0: the tracks have no time in common
};
void Relate(const VehicleState& a_state, const Track& a, const VehicleState& b_state, const Track& b,
            std::int64_t now_ns, double horizon_s, RelativeTrack* relative);

// The part of a relative track in which the two may be closer than `distance_m`,
// in seconds from its start; false if there is none.
struct TimeSpan {
  double from_s = 0;
  double until_s = 0;
};
bool CloserThan(const RelativeTrack& relative, float distance_m, TimeSpan* span);

// True if the boxes of two vehicles that keep their headings stay on different
// sides of a line that stands still relative to one of them: they pass each
// other, or follow each other without catching up.
bool StaySeparate(const VehicleState& a, const VehicleState& b, const RelativeTrack& relative);

}  // namespace starling::cloud
