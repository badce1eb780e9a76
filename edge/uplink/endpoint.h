#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/status.h"

namespace starling::edge {

// Where a gateway listens.
struct Endpoint {
  std::string host;
  std::uint16_t port = 0;

  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

// As ParseEndpoint reads it.
std::string ToText(const Endpoint& endpoint);

// Reads "HOST:PORT", or "[ADDRESS]:PORT" for IPv6.
//
// Errors: kInvalidArgument if it is not of that form or the port is not within 1
//         and 65535.
Result<Endpoint> ParseEndpoint(std::string_view text);

}  // namespace starling::edge
