#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "common/frame/frame_reader.h"
#include "common/status.h"

namespace starling {

// The dictionary of this frame version, trained from our own traffic by
// `starling-sim --train-dictionary`.
std::span<const std::byte> TrainedDictionary();

// Compresses and decompresses frame payloads with zstd and a dictionary.  Holds
// the contexts and scratch memory (some 300 KB), so share one per thread among all
// its connections.
//
// Threading: thread-compatible; one thread owns a codec.
class PayloadCodec {
 public:
  explicit PayloadCodec(std::span<const std::byte> dictionary = TrainedDictionary());
  ~PayloadCodec();
  PayloadCodec(const PayloadCodec&) = delete;
  PayloadCodec& operator=(const PayloadCodec&) = delete;

  // `payload` compressed, or an empty span if that would not be smaller.  The
  // result lives until the next call of either method.
  // REQUIRES: payload.size() <= kFramePayloadBytesMax
  std::span<const std::byte> CompressIfSmaller(std::span<const std::byte> payload);

  // The frame's payload, decompressed if it was compressed, at an address aligned
  // for FlatBuffers.  The result lives until the next call of either method.
  //
  // Errors: kCorruption if it is not what a codec with this dictionary wrote, has
  //         unknown flags, or does not state its size; kExhausted if it would
  //         decompress to more than kFramePayloadBytesMax bytes: then not a byte
  //         of it was decompressed.
  Result<std::span<const std::byte>> Decode(const FrameView& frame);

 private:
  struct Contexts;
  const std::unique_ptr<Contexts> contexts_;
  std::vector<std::uint64_t> scratch_;  // Aligned for FlatBuffers.
};

}  // namespace starling
