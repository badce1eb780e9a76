// Any bytes as a line: whatever is taken is a valid sample, and the line written
// for it reads back.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/check.h"
#include "common/telemetry/fix_codec.h"
#include "edge/source/line_splitter.h"
#include "edge/source/sample_json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starling;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const BootTime now = BootTimeFromNs(1);
  edge::LineSplitter splitter(1024, [now](std::optional<std::string_view> line, std::uint64_t) {
    if (!line) return;
    const auto sample = edge::ParseSampleLine(*line, now);
    if (!sample.ok()) return;
    STARLING_CHECK(ValidateSample(sample.value()).ok());
    STARLING_CHECK(edge::ParseSampleLine(edge::ToJsonLine(sample.value()), now).ok());
  });
  splitter.Take(bytes.substr(0, size / 2));
  splitter.Take(bytes.substr(size / 2));
  splitter.End();
  return 0;
}
