// Hostile bytes through the whole path from socket to payload.
#include <cstddef>
#include <cstdint>
#include <span>

#include "common/check.h"
#include "common/frame/frame_reader.h"
#include "common/frame/payload_codec.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static starling::PayloadCodec codec;
  const std::span<const std::byte> bytes = std::as_bytes(std::span(data, size));
  std::span<const std::byte> rest = bytes;
  for (;;) {
    const auto frame = starling::ParseFrame(rest);
    if (!frame.ok() || !frame.value()) break;
    const auto payload = codec.Decode(*frame.value());
    if (payload.ok()) STARLING_CHECK(payload.value().size() <= starling::kFramePayloadBytesMax);
    rest = rest.subspan(frame.value()->bytes);
  }
  // The checksums keep a fuzzer out, so the payload's own decoder is fed as well.
  starling::FrameView view;
  view.payload = bytes.first(size < starling::kFramePayloadBytesMax ? size : starling::kFramePayloadBytesMax);
  view.flags = starling::kFrameFlagCompressed;
  const auto payload = codec.Decode(view);
  if (payload.ok()) STARLING_CHECK(payload.value().size() <= starling::kFramePayloadBytesMax);
  return 0;
}
