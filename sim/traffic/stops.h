// Where vehicles of a demand stand for a while: what Demand::stops has, on the city's lanes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "sim/city/city.h"

namespace starling::sim {

// What became of a stop.
enum class StopOutcome : std::uint8_t {
  kMade,
  kNoSuchLane,  // Its lane is none that is driven on.
  kOffWay,      // The vehicle does not come by, or not any more.
  kPassed,      // It could not come to rest there any more.
  kWrongLane,   // It came by on another lane.
};
inline constexpr std::array<const char*, 5> kStopOutcomeNames{"made", "no_such_lane", "off_way", "passed",
                                                              "wrong_lane"};

struct StopRecord {
  std::string vehicle;         // Its id in the demand.
  std::uint32_t stop = 0;      // In Demand::stops.
  StopOutcome outcome = StopOutcome::kMade;
  double from_s = 0;           // It stood from then; if it did not, when that was known,
  double until_s = 0;          // until then.
};

// The next stop of one vehicle.  Written between a step's phases, read within them.
struct Halt {
  std::uint32_t next = 0;                    // In Demand::stops,
  std::uint32_t end = 0;                     // before the first one of somebody else.
  std::size_t at = 0;                        // The street of its way that it came to last,
  std::size_t stop_at = 0;                   // and the stop's.
  LaneIndex lane = kNoLane;
  double from_m = 0;                         // Of its front, along the lane; and
  double to_m = 0;
  double rest_m = 0;                         // where it means to stand.
  bool stands = false;
  std::int64_t from_step = 0;                // If it stands;
  std::int64_t until_step = 0;               // goes on in this one.
  // What changes of lanes cost, s, to come to the stop's lane: of each lane of the streets of its way from
  // `planned_from` to `stop_at`; by street the first one's.
  std::size_t planned_from = 0;
  std::vector<std::uint32_t> effort_first;
  std::vector<float> efforts;
};

}  // namespace starling::sim
