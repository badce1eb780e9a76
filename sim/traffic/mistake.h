#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "common/geo/vec2.h"
#include "sim/traffic/sim_time.h"
#include "sim/traffic/vehicle.h"

namespace starling::sim {

enum class MistakeKind : std::uint8_t {
  kRedRun,                 // Its front passed the line at red.
  kTailgated,              // Once for each leader: less than kTailgatedS behind him.
  kLookedAway,             // It went without looking although somebody was there to wait for.
  kBrakedLate,             // Once for each approach: by then it took more than 3 m/s².
  kIgnoredRightOfWay,      // It went first although it saw whom it had to wait for.
};
inline constexpr std::array<const char*, 5> kMistakeNames = {"red_run", "tailgated", "looked_away", "braked_late",
                                                             "ignored_right_of_way"};

// Source: the German catalogue of fines (BKatV, annex, number 12): five tenths of half the
// speedometer's figure in metres, which is 0.9 s.  Only at more than walking pace.
inline constexpr double kTailgatedS = 0.9;
inline constexpr double kTailgatedMps = 5;

// What one driver did wrong, and when: at the beginning of the step in which it counted.
struct Mistake {
  SimTime time;
  VehicleIndex vehicle = kNobody;
  MistakeKind kind = MistakeKind::kRedRun;
  Vec2 position;           // Of the vehicle's centre, m in the city's frame.
};

// Of those that nobody takes so many are kept.
inline constexpr std::size_t kMistakesMax = 65'536;

}  // namespace starling::sim
