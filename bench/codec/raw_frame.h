#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "common/frame/frame_format.h"

namespace starling {

// Appends a frame without a try at compression: what AppendFrame writes for a payload that does
// not get smaller.
// REQUIRES: payload.size() <= kFramePayloadBytesMax
void AppendRawFrame(FrameType type, std::span<const std::byte> payload, std::vector<std::byte>* stream);

}  // namespace starling
