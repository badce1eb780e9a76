#pragma once

#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "sim/city/city.h"

namespace starling::sim {

// Points of a track's centre line, at most kStepM apart, with the last one at its end.
struct SampledLine {
  std::vector<Vec2> points;
  std::vector<float> swings_m;     // How far a vehicle's corner reaches out of its lane there.
  double step_m = 0;

  double length_m() const { return step_m * static_cast<double>(points.size() - 1); }

  static SampledLine Of(const City& city, TrackIndex track);
};

// Where two centre lines come closer than kTouchM, or a little more in a tight turn, on the first
// and on the second one; nothing where they do not.
// `beside`: nothing, too, where vehicles would only be near each other and never touch.
std::optional<std::pair<ConflictZone, ConflictZone>> TouchingZones(const SampledLine& first,
                                                                   const SampledLine& second, bool beside);

// Makes the zones of two that end in one lane begin at the same distance from it.  Who is in his zone
// first is then also the one in front; otherwise each could wait for the other.
void EvenOut(const SampledLine& first, const SampledLine& second, std::pair<ConflictZone, ConflictZone>* zones);

// Whether the rule of the junction makes `mine` give way to `theirs`; the
// headings are those of the lanes that they come from.
struct Movement {
  Turn turn = Turn::kStraight;
  double heading_rad = 0;
  bool arterial = false;
  bool ring = false;
};
bool GivesWay(Control control, const Movement& mine, const Movement& theirs);

}  // namespace starling::sim
