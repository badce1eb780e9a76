// Any bytes as a network, and as signal programmes for it: whatever is taken keeps what a
// network promises.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "cloud/streets/street_report.h"
#include "cloud/streets/sumo_network.h"
#include "tests/cloud/streets/network_invariants.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starling::cloud;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  // After a line with %: programmes.
  const std::size_t end = bytes.find("\n%\n");
  auto network = ParseSumoNetwork(std::string(bytes.substr(0, end)), "fuzz");
  if (!network.ok()) {
    STARLING_CHECK(network.status().message().starts_with("fuzz"));
    return 0;
  }
  CheckInvariants(network.value());
  if (end != std::string_view::npos) {
    (void)ParseSumoSignals(std::string(bytes.substr(end + 3)), "fuzz", &network.value()).ok();
    CheckInvariants(network.value());
  }
  STARLING_CHECK(!MakeStreetReport(network.value()).ToJson().empty());
  return 0;
}
