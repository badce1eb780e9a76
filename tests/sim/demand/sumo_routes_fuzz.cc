// Any bytes as what drives through a small city: whatever is taken keeps what a demand
// promises, and can be driven.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "sim/demand/demand_report.h"
#include "tests/sim/demand/demand_invariants.h"
#include "tests/sim/demand/small_demand.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starling::sim;
  static const starling::cloud::StreetNetwork network = SmallCity();
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (bytes.find("repeat") != std::string_view::npos) return 0;  // Much memory from few bytes, up to its limit.
  // After a line with %: another file.
  std::vector<NamedText> files;
  const std::size_t end = bytes.find("\n%\n");
  files.push_back({"fuzz", std::string(bytes.substr(0, end))});
  if (end != std::string_view::npos) files.push_back({"fuzz", std::string(bytes.substr(end + 3))});
  for (const bool leave_out : {false, true}) {
    const auto demand = ParseSumoDemand(files, network, {leave_out});
    if (!demand.ok()) {
      STARLING_CHECK(demand.status().message().starts_with("fuzz"));
      continue;
    }
    CheckInvariants(demand.value(), network);
    STARLING_CHECK(!MakeDemandReport(demand.value(), network, {.departures_max = 1'000}).ToJson().empty());
  }
  return 0;
}
