// Any bytes as lines of gpsd: each has one verdict, and a fix has a finite position.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/check.h"
#include "edge/source/gnss/gpsd_session.h"
#include "edge/source/line_splitter.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starling;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  edge::GpsdSession session;
  BootTime now = BootTimeFromNs(1);
  std::uint64_t refused = 0;
  edge::LineSplitter splitter(4096, [&](std::optional<std::string_view> line, std::uint64_t) {
    if (!line) return;
    now += milliseconds(100);
    const auto event = session.OnLine(*line, now);
    if (!event.ok()) {
      ++refused;
    } else if (event.value().fix) {
      STARLING_CHECK(std::isfinite(event.value().fix->position.lat_deg));
      STARLING_CHECK(std::isfinite(event.value().fix->position.lon_deg));
    }
  });
  splitter.Take(bytes);
  splitter.End();
  const edge::GpsdCounters& counters = session.counters();
  STARLING_CHECK(refused == counters.refused);
  STARLING_CHECK(counters.tpv == counters.fixes + counters.tpv_without_fix + counters.tpv_other_device);
  return 0;
}
