#include "sim/city/conflict_zones.h"

#include <algorithm>
#include <cmath>

#include "common/geo/trigonometry.h"

namespace starling::sim {
namespace {

constexpr double kStepM = 1.0;
constexpr double kZonePaddingM = 0.5 * kStepM;

// Of two cars of 1.8 m that drive straight on, with a hand's breadth between them (wider vehicles
// are as near as that); what the
// corners of one of 4.6 m reach out in a turn is added.
constexpr double kBesideM = 2.1;
constexpr double kSwingPerCurvature = 2.3 * 2.3 / 2;
constexpr double kSwingMaxM = 0.8;

}  // namespace

SampledLine SampledLine::Of(const City& city, TrackIndex track) {
  SampledLine line;
  const double length = city.track(track).length_m;
  const int steps = std::max(1, static_cast<int>(std::ceil(length / kStepM)));
  line.step_m = length / steps;
  for (int i = 0; i <= steps; ++i) {
    line.points.push_back(city.PoseAt(track, line.step_m * i).position);
    line.swings_m.push_back(static_cast<float>(
        std::min(kSwingMaxM, kSwingPerCurvature * std::abs(city.CurvatureAt(track, line.step_m * i)))));
  }
  return line;
}

std::optional<std::pair<ConflictZone, ConflictZone>> TouchingZones(const SampledLine& first,
                                                                   const SampledLine& second, bool beside) {
  std::size_t first_low = first.points.size();
  std::size_t first_high = 0;
  std::size_t second_low = second.points.size();
  std::size_t second_high = 0;
  bool touch = false;
  for (std::size_t i = 0; i < first.points.size(); ++i) {
    for (std::size_t j = 0; j < second.points.size();) {
      const double distance2 = NormSquared(first.points[i] - second.points[j]);
      const double beside_m = kBesideM + first.swings_m[i] + second.swings_m[j];
      const double touch_m = std::max(kTouchM, beside_m);
      touch = touch || distance2 < beside_m * beside_m;
      if (distance2 < touch_m * touch_m) {
        first_low = std::min(first_low, i);
        first_high = i;
        second_low = std::min(second_low, j);
        second_high = std::max(second_high, j);
      }
      // The next point that could touch: points are at most a step apart.
      const double beyond = distance2 > 16 * kTouchM * kTouchM ? std::sqrt(distance2) - 2 * kTouchM : 0;
      j += std::max<std::size_t>(1, static_cast<std::size_t>(beyond / kStepM));
    }
  }
  if (first_low == first.points.size() || (beside && !touch)) return std::nullopt;
  const auto zone = [](const SampledLine& line, std::size_t low, std::size_t high) {
    const double length = line.length_m();
    return ConflictZone{
        static_cast<float>(std::max(0.0, line.step_m * static_cast<double>(low) - kZonePaddingM)),
        static_cast<float>(std::min(
            length, line.step_m * static_cast<double>(high) + kZonePaddingM)),
        false};
  };
  return std::pair{zone(first, first_low, first_high), zone(second, second_low, second_high)};
}

void EvenOut(const SampledLine& first, const SampledLine& second, std::pair<ConflictZone, ConflictZone>* zones) {
  const double rest_m = std::max(first.length_m() - zones->first.enter_m, second.length_m() - zones->second.enter_m);
  zones->first.enter_m = static_cast<float>(std::max(0.0, first.length_m() - rest_m));
  zones->second.enter_m = static_cast<float>(std::max(0.0, second.length_m() - rest_m));
}

bool GivesWay(Control control, const Movement& mine, const Movement& theirs) {
  // Heading of the other one as seen by me: -90 degrees comes from the right.
  const double relative = WrapAngle(theirs.heading_rad - mine.heading_rad);
  const bool opposite = std::abs(relative) > kPi * 3 / 4;
  const bool left_before_oncoming =
      opposite && mine.turn == Turn::kLeft && theirs.turn != Turn::kLeft;
  switch (control) {
    case Control::kBend: return false;
    case Control::kSignal: return left_before_oncoming;
    case Control::kPriority:
      if (mine.arterial != theirs.arterial) return theirs.arterial;
      return left_before_oncoming;
    case Control::kPriorityToRight:
      if (left_before_oncoming) return true;
      return relative < -kPi / 4 && relative > -kPi * 3 / 4;
    // Beside each other into it: who comes first.
    case Control::kRoundabout: return theirs.ring && !mine.ring;
  }
  return false;
}

}  // namespace starling::sim
