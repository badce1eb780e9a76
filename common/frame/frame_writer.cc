#include "common/frame/frame_writer.h"

#include <cstdint>
#include <cstring>
#include <string>

#include "common/crc32c.h"

namespace starling {
namespace {

void StoreLittleEndian(std::size_t value, int bytes, std::byte* target) {
  for (int i = 0; i < bytes; ++i) target[i] = static_cast<std::byte>(value >> (8 * i));
}

}  // namespace

Status AppendFrame(FrameType type, std::span<const std::byte> payload, PayloadCodec* codec,
                   std::vector<std::byte>* stream) {
  if (payload.size() > kFramePayloadBytesMax) {
    return Status(ErrorCode::kInvalidArgument,
                  "frame payload of " + std::to_string(payload.size()) + " bytes exceeds " +
                      std::to_string(kFramePayloadBytesMax));
  }
  const std::span<const std::byte> compressed = codec->CompressIfSmaller(payload);
  const std::span<const std::byte> sent = compressed.empty() ? payload : compressed;

  const std::size_t start = stream->size();
  stream->resize(start + kFrameHeaderBytes + sent.size());
  std::byte* header = stream->data() + start;
  std::memcpy(header + kFrameMagicOffset, kFrameMagic, sizeof(kFrameMagic));
  header[kFrameVersionOffset] = std::byte{kFrameVersion};
  header[kFrameTypeOffset] = static_cast<std::byte>(type);
  header[kFrameFlagsOffset] = std::byte{compressed.empty() ? std::uint8_t{0} : kFrameFlagCompressed};
  StoreLittleEndian(sent.size(), 3, header + kFrameLengthOffset);
  StoreLittleEndian(Crc32c(sent), 4, header + kFramePayloadCrcOffset);
  StoreLittleEndian(Crc32c({header, kFrameHeaderCrcOffset}), 4, header + kFrameHeaderCrcOffset);
  if (!sent.empty()) std::memcpy(header + kFrameHeaderBytes, sent.data(), sent.size());
  return Status();
}

}  // namespace starling
