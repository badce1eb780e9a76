// Any bytes as lines of a receiver: what is taken as a fix is a place on Earth, and
// each line has one verdict.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/check.h"
#include "edge/source/gnss/nmea_epochs.h"
#include "edge/source/line_splitter.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starling;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  edge::NmeaEpochs epochs;
  BootTime now = BootTimeFromNs(1);
  std::uint64_t refused = 0;
  edge::LineSplitter splitter(edge::kNmeaLineBytesMax, [&](std::optional<std::string_view> line, std::uint64_t) {
    if (!line) return;
    // The checksum would keep all but a few inputs out.
    std::string whole(*line);
    if (!whole.empty() && whole.front() == '$' && whole.find('*') == std::string::npos) {
      unsigned sum = 0;
      for (const char character : whole.substr(1)) sum ^= static_cast<unsigned char>(character);
      whole += '*';
      whole += "0123456789ABCDEF"[sum >> 4 & 15];
      whole += "0123456789ABCDEF"[sum & 15];
    }
    if (!epochs.OnLine(whole, now).ok()) ++refused;
    now += milliseconds(whole.size() % 64);
    if (const auto fix = epochs.TakeFix()) {
      STARLING_CHECK(fix->position.lat_deg >= -90 && fix->position.lat_deg <= 90);
      STARLING_CHECK(fix->position.lon_deg >= -180 && fix->position.lon_deg <= 180);
      STARLING_CHECK(!fix->speed_mps || (*fix->speed_mps >= 0 && *fix->speed_mps <= 120));
      STARLING_CHECK(!fix->accuracy_m || *fix->accuracy_m >= 0);
    }
  });
  splitter.Take(bytes);
  splitter.End();
  const edge::NmeaCounters& counters = epochs.counters();
  STARLING_CHECK(refused == counters.refused_checksum + counters.refused_malformed);
  STARLING_CHECK(counters.fixes + counters.epochs_without_fix == counters.epochs);
  return 0;
}
