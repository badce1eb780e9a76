#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "common/frame/frame_format.h"
#include "common/frame/payload_codec.h"
#include "common/status.h"

namespace starling {

// Appends one frame to `*stream`; the payload is compressed where that makes it
// smaller.
//
// Errors: kInvalidArgument if `payload` exceeds kFramePayloadBytesMax bytes;
//         the stream is then unchanged.
Status AppendFrame(FrameType type, std::span<const std::byte> payload, PayloadCodec* codec,
                   std::vector<std::byte>* stream);

}  // namespace starling
