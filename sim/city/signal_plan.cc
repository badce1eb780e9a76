#include "sim/city/signal_plan.h"

#include <algorithm>
#include <cmath>

namespace starling::sim {
namespace {

constexpr double kClearanceS = Signal::kYellowS + Signal::kAllRedS;
constexpr double kCycleS = 116;
constexpr double kBlockS = kCycleS / 2;     // An arterial's share where two cross, all being well.
constexpr double kBlockMinS = 30;           // Both approaches have 10 s of green.
constexpr double kSideCycleS = kCycleS / 2;
constexpr double kThroughGreenS = 30;       // The arterial at a side street.

bool RunsEast(Vec2 outward) { return std::abs(outward.x) > std::abs(outward.y); }

double Within(double time_s, double cycle_s) { return time_s - cycle_s * std::floor(time_s / cycle_s); }

// Green from `start_s` on, red before and after.
Signal GreenAt(double start_s, double green_s, double cycle_s, double offset_s) {
  Signal signal{cycle_s, offset_s, {}};
  if (start_s > 0) signal.stages.push_back({start_s, Light::kRed});
  signal.stages.push_back({start_s + green_s, Light::kGreen});
  signal.stages.push_back({start_s + green_s + Signal::kYellowS, Light::kYellow});
  signal.stages.push_back({cycle_s, Light::kRed});
  return signal;
}

}  // namespace

SignalPlan::SignalPlan(const CityConfig& config, Random& random)
    : coordinated_(config.coordinated), progression_mps_(config.progression_mps) {
  east_ = random.Chance(0.5) ? 1 : -1;
  north_ = random.Chance(0.5) ? 1 : -1;
}

SignalPlan::Programme SignalPlan::At(Vec2 position, std::span<const Approach> approaches, double phase) const {
  return std::ranges::all_of(approaches, &Approach::arterial) ? OfArterials(position, approaches, phase)
                                                              : OfSideStreet(position, approaches, phase);
}

bool SignalPlan::IsPreferred(const Approach& approach) const {
  return (RunsEast(approach.outward) ? approach.outward.x * east_ : approach.outward.y * north_) < 0;
}

// When its arterial's wave comes to the stop line.  At the middle of an arterial that is when it would
// be in a city whose streets do not tilt, so that it is nowhere far from the crossing ones' there.
double SignalPlan::WaveS(Vec2 position, const Approach& approach) const {
  const Vec2 line = position + approach.setback_m * approach.outward;
  const Vec2 along = approach.outward;
  if (RunsEast(along)) {
    const double tilt = along.y / along.x;
    return (east_ * line.x * std::sqrt(1 + tilt * tilt) + north_ * (line.y - tilt * line.x)) / progression_mps_;
  }
  const double tilt = along.x / along.y;
  return (north_ * line.y * std::sqrt(1 + tilt * tilt) + east_ * (line.x - tilt * line.y)) / progression_mps_;
}

// Two blocks, one after the other, of which each begins with its wave; in each the approach of the
// preferred sense comes first.
SignalPlan::Programme SignalPlan::OfArterials(Vec2 position, std::span<const Approach> approaches, double phase) const {
  std::vector<std::uint8_t> blocks[2];  // Of the one that runs east, of the other one.
  for (const bool preferred : {true, false}) {
    for (std::uint8_t i = 0; i < approaches.size(); ++i) {
      if (IsPreferred(approaches[i]) == preferred) blocks[RunsEast(approaches[i].outward) ? 0 : 1].push_back(i);
    }
  }
  double first_s = kBlockS;
  double offset_s = phase * kCycleS;
  if (coordinated_) {
    const double east_s = WaveS(position, approaches[blocks[0].front()]);
    const double north_s = WaveS(position, approaches[blocks[1].front()]) + kBlockS;
    first_s = std::clamp(Within(north_s - east_s, kCycleS), kBlockMinS, kCycleS - kBlockMinS);
    offset_s = Within(-east_s, kCycleS);
  }
  Programme programme;
  programme.of.resize(approaches.size());
  double start_s = 0;
  for (const std::size_t block : {std::size_t{0}, std::size_t{1}}) {
    const double share_s = (block == 0 ? first_s : kCycleS - first_s) / static_cast<double>(blocks[block].size());
    for (const std::uint8_t approach : blocks[block]) {
      programme.of[approach] = static_cast<std::uint8_t>(programme.signals.size());
      programme.signals.push_back(GreenAt(start_s, share_s - kClearanceS, kCycleS, offset_s));
      start_s += share_s;
    }
  }
  return programme;
}

SignalPlan::Programme SignalPlan::OfSideStreet(Vec2 position, std::span<const Approach> approaches,
                                               double phase) const {
  double offset_s = phase * kSideCycleS;
  if (coordinated_) {
    auto arterial = std::ranges::find_if(approaches, [&](const Approach& a) { return a.arterial && IsPreferred(a); });
    if (arterial == approaches.end()) arterial = std::ranges::find_if(approaches, &Approach::arterial);
    // Where two arterials cross, the one that runs north comes half a cycle later: all of this one.
    offset_s = Within(-WaveS(position, *arterial), kSideCycleS);
  }
  Programme programme;
  programme.signals.push_back(GreenAt(0, kThroughGreenS, kSideCycleS, offset_s));
  programme.signals.push_back(GreenAt(kThroughGreenS + kClearanceS, kSideCycleS - kThroughGreenS - 2 * kClearanceS,
                                      kSideCycleS, offset_s));
  for (const Approach& approach : approaches) programme.of.push_back(approach.arterial ? 0 : 1);
  return programme;
}

}  // namespace starling::sim
