#include "bench/codec/raw_frame.h"

#include <cstdint>

#include "common/crc32c.h"

namespace starling {

void AppendRawFrame(FrameType type, std::span<const std::byte> payload, std::vector<std::byte>* stream) {
  std::uint8_t header[kFrameHeaderBytes] = {kFrameMagic[0], kFrameMagic[1], kFrameVersion,
                                            static_cast<std::uint8_t>(type), 0};
  for (std::size_t i = 0; i < 3; ++i) {
    header[kFrameLengthOffset + i] = static_cast<std::uint8_t>(payload.size() >> (8 * i));
  }
  const auto put = [&](std::size_t offset, std::uint32_t value) {
    for (std::size_t i = 0; i < 4; ++i) header[offset + i] = static_cast<std::uint8_t>(value >> (8 * i));
  };
  put(kFramePayloadCrcOffset, Crc32c(payload));
  put(kFrameHeaderCrcOffset, Crc32c(std::as_bytes(std::span(header)).first(kFrameHeaderCrcOffset)));
  const auto bytes = std::as_bytes(std::span(header));
  stream->insert(stream->end(), bytes.begin(), bytes.end());
  stream->insert(stream->end(), payload.begin(), payload.end());
}

}  // namespace starling
