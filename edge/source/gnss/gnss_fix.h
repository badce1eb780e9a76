#pragma once

#include <optional>

#include "common/geo/local_frame.h"
#include "common/time.h"

namespace starling::edge {

// What a receiver of satellite navigation says of one instant.
struct GnssFix {
  GeoPoint position;                        // WGS84, of the antenna
  std::optional<double> speed_mps;          // over ground, not negative
  std::optional<double> course_rad;         // over ground, clockwise from true north
  std::optional<double> accuracy_m;         // horizontal
  // The instant by the receiver's own clock, from any origin: only differences count.
  std::optional<nanoseconds> epoch;
  BootTime arrival;                         // of its first byte that was seen
};

}  // namespace starling::edge
