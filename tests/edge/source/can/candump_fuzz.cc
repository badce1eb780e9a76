// Any bytes as a log, read against a small file of signals: what comes out is finite and
// of a frame that a bus can have.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/check.h"
#include "edge/source/can/can_decoder.h"
#include "edge/source/can/candump_line.h"
#include "edge/source/line_splitter.h"

namespace {

starling::edge::CanDecoder MakeDecoder() {
  using namespace starling::edge;
  const auto dbc = ParseDbc(
      "BO_ 291 A: 8 X\n SG_ S M : 0|4@1+ (1,0) [0|0] \"\" X\n SG_ V m1 : 11|13@0- (0.1,0) [0|0] \"m/s\" X\n"
      "BO_ 2566844672 B: 64 X\n SG_ Y : 500|12@1- (1,0) [0|0] \"deg/s\" X\n SG_ F : 0|32@1- (1,0) [0|0] \"g\" X\n"
      "SIG_VALTYPE_ 2566844672 F : 1;\n", "fuzz");
  STARLING_CHECK(dbc.ok());
  auto decoder = CanDecoder::Make(dbc.value(), "fuzz",
                                  {{Quantity::kSpeed, "A", "V", {}}, {Quantity::kYawRate, "B", "Y", {}},
                                   {Quantity::kAccel, "B", "F", {}}});
  STARLING_CHECK(decoder.ok());
  return decoder.value();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starling;
  static const edge::CanDecoder kDecoder = MakeDecoder();
  edge::CanDecoder decoder = kDecoder;
  edge::LineSplitter splitter(edge::kCandumpLineBytesMax, [&](std::optional<std::string_view> line, std::uint64_t) {
    if (!line) return;
    const auto parsed = edge::ParseCandumpLine(*line);
    if (!parsed.ok() || !parsed.value().has_data) return;
    const edge::CanFrame& frame = parsed.value().frame;
    STARLING_CHECK(frame.id <= (frame.extended ? edge::kCanExtendedIdMax : edge::kCanStandardIdMax));
    STARLING_CHECK(frame.size <= 64 && parsed.value().time.count() >= 0);
    decoder.OnFrame(frame, [](edge::Quantity, double value) { STARLING_CHECK(std::isfinite(value)); });
  });
  splitter.Take({reinterpret_cast<const char*>(data), size});
  splitter.End();
  return 0;
}
