// Whatever a vehicle with a valid certificate may send: as a stream of frames, and,
// past the checksums that a fuzzer cannot guess, as one payload of a chosen type.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "cloud/gateway/fix_gate.h"
#include "cloud/gateway/payload_check.h"
#include "common/frame/frame_reader.h"
#include "common/frame/payload_codec.h"
#include "common/telemetry/history_reader.h"

namespace starling::cloud {
namespace {

constexpr CloudTime kNow = CloudTime(seconds(1'700'000'000));

void TakePayload(FrameType type, std::span<const std::byte> payload) {
  static const GatewayConfig config;
  static const LocalFrame frame{FrameOrigin{}};
  FixGate gate;
  gate.OnHello(BootId{1});
  if (type == FrameType::kHello) {
    if (const auto* hello = ReadPayload<wire::Hello>(payload)) (void)CheckHello(*hello);
  } else if (type == FrameType::kLive) {
    flatbuffers::FlatBufferBuilder builder;
    builder.Finish(wire::CreateClockReport(builder, 0, ToNs(kNow), 0));
    (void)gate.JudgeClock(config, *flatbuffers::GetRoot<wire::ClockReport>(builder.GetBufferPointer()), kNow);
    if (const auto* live = ReadPayload<wire::Live>(payload)) {
      (void)gate.JudgeFix(config, frame, *live->fix(), live->path() == nullptr ? 0 : live->path()->size(), kNow);
    }
  } else if (type == FrameType::kHistory) {
    const auto* history = ReadPayload<wire::History>(payload);
    if (history != nullptr && CheckHistory(*history).accepted()) {
      std::vector<wire::Fix> fixes;
      (void)ReadHistoryColumns(std::as_bytes(std::span(history->columns()->data(), history->columns()->size())),
                               history->first_sequence(), history->count(), &fixes);
    }
  } else if (type == FrameType::kCommandReport) {
    if (const auto* report = ReadPayload<wire::CommandReport>(payload)) (void)CheckReport(*report);
  } else if (type == FrameType::kClockProbe) {
    if (const auto* probe = ReadPayload<wire::ClockProbe>(payload)) (void)CheckProbe(*probe);
  } else if (type == FrameType::kClockReport) {
    if (const auto* report = ReadPayload<wire::ClockReport>(payload)) (void)gate.JudgeClock(config, *report, kNow);
  }
}

}  // namespace
}  // namespace starling::cloud

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starling;
  static PayloadCodec codec;
  const auto bytes = std::as_bytes(std::span(data, size));
  for (std::span<const std::byte> stream = bytes; !stream.empty();) {
    const auto parsed = ParseFrame(stream);
    if (!parsed.ok() || !parsed.value()) break;
    if (const auto payload = codec.Decode(*parsed.value()); payload.ok()) {
      cloud::TakePayload(parsed.value()->type, payload.value());
    }
    stream = stream.subspan(parsed.value()->bytes);
  }
  if (size >= 2) {
    FrameView frame;
    frame.version = kFrameVersion;
    frame.type = static_cast<FrameType>(data[0]);
    frame.flags = data[1];
    frame.payload = bytes.subspan(2);
    if (frame.payload.size() <= kFramePayloadBytesMax) {
      if (const auto payload = codec.Decode(frame); payload.ok()) cloud::TakePayload(frame.type, payload.value());
    }
  }
  return 0;
}
