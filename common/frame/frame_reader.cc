#include "common/frame/frame_reader.h"

#include <algorithm>
#include <string>

#include "common/crc32c.h"

namespace starling {
namespace {

std::uint32_t LoadLittleEndian(const std::byte* source, int bytes) {
  std::uint32_t value = 0;
  for (int i = 0; i < bytes; ++i) value |= static_cast<std::uint32_t>(source[i]) << (8 * i);
  return value;
}

}  // namespace

Result<std::optional<FrameView>> ParseFrame(std::span<const std::byte> stream) {
  using Parsed = std::optional<FrameView>;

  // Someone who speaks another protocol is told apart by the first byte.
  for (std::size_t i = 0; i < std::min(stream.size(), sizeof(kFrameMagic)); ++i) {
    if (stream[i] != std::byte{kFrameMagic[i]}) {
      return Status(ErrorCode::kCorruption, "frame does not start with its magic");
    }
  }
  if (stream.size() < kFrameHeaderBytes) return Parsed();
  const std::byte* header = stream.data();
  if (Crc32c(stream.first(kFrameHeaderCrcOffset)) != LoadLittleEndian(header + kFrameHeaderCrcOffset, 4)) {
    return Status(ErrorCode::kCorruption, "frame header is damaged");
  }
  const std::size_t length = LoadLittleEndian(header + kFrameLengthOffset, 3);
  if (length > kFramePayloadBytesMax) {
    return Status(ErrorCode::kExhausted, "frame payload of " + std::to_string(length) +
                                             " bytes exceeds " + std::to_string(kFramePayloadBytesMax));
  }
  if (stream.size() - kFrameHeaderBytes < length) return Parsed();

  FrameView view;
  view.version = std::to_integer<std::uint8_t>(header[kFrameVersionOffset]);
  view.type = static_cast<FrameType>(header[kFrameTypeOffset]);
  view.flags = std::to_integer<std::uint8_t>(header[kFrameFlagsOffset]);
  view.payload = stream.subspan(kFrameHeaderBytes, length);
  view.bytes = kFrameHeaderBytes + length;
  if (Crc32c(view.payload) != LoadLittleEndian(header + kFramePayloadCrcOffset, 4)) {
    return Status(ErrorCode::kCorruption, "frame payload is damaged");
  }
  return Parsed(view);
}

}  // namespace starling
