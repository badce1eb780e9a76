#include "edge/uplink/endpoint.h"

#include <charconv>
#include <system_error>

namespace starling::edge {

std::string ToText(const Endpoint& endpoint) {
  const bool brackets = endpoint.host.find(':') != std::string::npos;
  return (brackets ? "[" + endpoint.host + "]" : endpoint.host) + ":" + std::to_string(endpoint.port);
}

Result<Endpoint> ParseEndpoint(std::string_view text) {
  const auto refuse = [text] {
    return Status(ErrorCode::kInvalidArgument,
                  std::string(text) + " is not HOST:PORT with a port within 1 and 65535");
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return refuse();
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find_first_of(":[]") != std::string_view::npos) {
    return refuse();
  }
  Endpoint endpoint{std::string(host), 0};
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), endpoint.port);
  if (host.empty() || error != std::errc() || end != port.data() + port.size() || endpoint.port == 0) {
    return refuse();
  }
  return endpoint;
}

}  // namespace starling::edge
