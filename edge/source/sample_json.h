// One sample as one line of JSON; the full description, with an example, is
// docs/formats/sample_json.md.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "common/status.h"
#include "common/telemetry/sample.h"
#include "common/time.h"

namespace starling::edge {

inline constexpr std::size_t kSampleLineBytesMax = 64 << 10;

// Reads one line, without its end.  A sample that does not say when it was taken
// was taken at `now`.
//
// Errors: kInvalidArgument, saying where and why, if it is not JSON of the format,
//         has an unknown or repeated key, lacks a required one, or a value is
//         outside its range; kExhausted if it is longer than kSampleLineBytesMax.
Result<Sample> ParseSampleLine(std::string_view line, BootTime now);

// The line that a vehicle would publish if it sent JSON: no spaces, no more digits
// than the binary format resolves.  Without line end.
// REQUIRES: ValidateSample(sample).ok()
std::string ToJsonLine(const Sample& sample);

// "unknown", "idle", "to_pickup", "with_passenger", "rerouting", "charging".
std::string_view IntentName(wire::Intent intent);

}  // namespace starling::edge
