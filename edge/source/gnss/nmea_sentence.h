// One sentence of NMEA 0183, as GNSS receivers send them; docs/sources.md says which
// fields are used.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "common/geo/local_frame.h"
#include "common/status.h"
#include "common/time.h"

namespace starling::edge {

// The standard says 82; receivers with many decimals pass that.
inline constexpr std::size_t kNmeaLineBytesMax = 256;

enum class NmeaType : std::uint8_t {
  kOther,                                   // of a type that says nothing that is used
  kGga,
  kGns,
  kRmc,
  kVtg,
};

struct NmeaSentence {
  NmeaType type = NmeaType::kOther;
  // Whether the receiver stands by what it says: false without a fix, and where the
  // position was typed in or simulated.
  bool valid = false;
  std::optional<nanoseconds> time_of_day;   // UTC, under 86,401 s
  std::optional<GeoPoint> position;
  std::optional<double> speed_mps;
  std::optional<double> course_rad;
  std::optional<double> hdop;
};

// Reads one line, without its end; CR before it is dropped.  Empty fields are
// absent, any talker is taken.
//
// Source: NMEA 0183 version 4.11, as u-blox's and Quectel's interface descriptions
// print it: GGA, GNS, RMC, VTG.
//
// Errors: kCorruption if the checksum is missing or wrong; kInvalidArgument, naming
//         the field, if it is no sentence, or a field is malformed or outside its
//         range; kExhausted if it is longer than kNmeaLineBytesMax.
Result<NmeaSentence> ParseNmea(std::string_view line);

}  // namespace starling::edge
