// Any bytes as a network, and as signal programmes for it: whatever is taken keeps what a
// network promises.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "cloud/streets/lane_map.h"
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
  const LaneMap lanes(network.value(), [](starling::Vec2 point) { return point; });
  for (LaneIndex lane = 0; lane < network.value().lanes().size() && lane < 16; ++lane) {
    const starling::Vec2 begin = network.value().shape(lane).front();
    (void)lanes.WayOf({begin, 0.1 * lane, 10, 0, 0.01}, 60);
  }
  STARLING_CHECK(!MakeStreetReport(network.value()).ToJson().empty());
  return 0;
}
