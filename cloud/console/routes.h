#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "cloud/console/console_source.h"

namespace starling::cloud {

// Vehicles in one answer of /v1/vehicles.
inline constexpr std::size_t kVehiclesPerAnswerMax = 500;
// Commands in one answer of /v1/commands, and records in one of /v1/topics/NAME.
inline constexpr std::size_t kCommandsPerAnswerMax = 500;
inline constexpr std::size_t kRecordsPerAnswerMax = 1'000;

// What is sent back.
struct Answer {
  unsigned status = 200;  // of HTTP
  std::string_view content_type = "application/json";
  std::string body;
};

// The answer to GET `target`, a path with an optional query, as it came from
// outside.  Never fails: what cannot be answered is answered with a 4xx or 503
// and the reason.  docs/formats/http.md lists the paths.
Answer AnswerGet(std::string_view target, ConsoleSource* source);

}  // namespace starling::cloud
