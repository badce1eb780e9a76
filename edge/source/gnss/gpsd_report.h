// One line of gpsd's JSON protocol; docs/sources.md says what of it is used.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "common/status.h"
#include "common/time.h"

namespace starling::edge {

// gpsd's own limit was 10,240 for long; a SKY of many satellites passes it today.
inline constexpr std::size_t kGpsdLineBytesMax = 64 << 10;

enum class GpsdClass : std::uint8_t {
  kOther,                                // nothing that is used: SKY, GST, WATCH, and what is yet to come
  kVersion,
  kDevices,
  kDevice,
  kTpv,
  kError,
};

// What a line says.  Texts are views into the line, escapes as they are written.
struct GpsdReport {
  GpsdClass type = GpsdClass::kOther;
  std::string_view device;               // of TPV; of DEVICE its path
  std::string_view release;              // of VERSION
  std::optional<double> protocol;        // of VERSION, the major number
  std::optional<double> devices;         // of DEVICES, how many
  bool lost = false;                     // of DEVICE: activated is 0
  std::string_view message;              // of ERROR
  // Of TPV.
  std::optional<double> mode;            // 2 and 3 are fixes
  std::optional<double> status;          // 8: simulated
  std::optional<nanoseconds> time;       // Unix time
  std::optional<double> lat_deg;
  std::optional<double> lon_deg;
  std::optional<double> speed_mps;
  std::optional<double> track_deg;
  std::optional<double> eph_m;
  std::optional<double> epx_m;
  std::optional<double> epy_m;
};

// Reads one line.  Unknown classes and keys are passed over, null is absent, and a
// time in a form that is not known is absent, too: all of that has changed between
// releases of gpsd.
//
// Source: gpsd_json(5) of gpsd 3.20 to 3.25.
//
// Errors: kInvalidArgument, naming the column, if it is not a JSON object, nests deeper
//         than 8, or a key that is used has a value of another type; kExhausted if
//         it is longer than kGpsdLineBytesMax.
Result<GpsdReport> ParseGpsdReport(std::string_view line);

// "2026-11-22T17:29:12.000Z", with any number of decimals; nullopt: something else.
std::optional<nanoseconds> ParseIsoTime(std::string_view text);

}  // namespace starling::edge
