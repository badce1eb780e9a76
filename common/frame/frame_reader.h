#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "common/frame/frame_format.h"
#include "common/status.h"

namespace starling {

// One frame as it lies in the stream.
struct FrameView {
  std::uint8_t version = 0;             // Not kFrameVersion: skip it, by name.
  FrameType type{};                     // Perhaps a value without a name.
  std::uint8_t flags = 0;
  std::span<const std::byte> payload;   // As sent: perhaps compressed, not aligned.
  std::size_t bytes = 0;                // Of the whole frame; the next one starts here.
};

// Parses the frame at the start of `stream`, whose checksums it verifies.
// nullopt: the frame is not complete yet, and no byte that is there is wrong.
// The view points into `stream`.
//
// A frame of another version is returned too: every version keeps this header.
//
// Errors: kCorruption if magic or a checksum is wrong; kExhausted if the payload
//         would exceed kFramePayloadBytesMax.  After either, the stream cannot be
//         followed any more.
Result<std::optional<FrameView>> ParseFrame(std::span<const std::byte> stream);

}  // namespace starling
