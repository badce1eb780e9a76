// Any bytes as a file of signals: whatever is taken can be mapped or is refused with a
// reason, and each signal that is mapped can be read from a frame.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/check.h"
#include "edge/source/can/can_decoder.h"
#include "edge/source/can/dbc.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starling::edge;
  const auto dbc = ParseDbc({reinterpret_cast<const char*>(data), size}, "fuzz");
  if (!dbc.ok()) return 0;
  for (const DbcMessage& message : dbc.value().messages) {
    for (const DbcSignal& signal : message.signals) {
      auto decoder = CanDecoder::Make(dbc.value(), "fuzz", {{Quantity::kSpeed, message.name, signal.name, 1.0}});
      if (!decoder.ok()) continue;
      CanFrame frame;
      frame.id = message.id;
      frame.extended = message.extended;
      for (frame.size = 0; frame.size < 64; ++frame.size) {
        frame.data[frame.size] = static_cast<std::uint8_t>(frame.size * 37);
        decoder.value().OnFrame(frame, [](Quantity, double) {});
      }
      STARLING_CHECK(decoder.value().counters().frames_used == 64);
    }
  }
  return 0;
}
