#include "common/frame/payload_codec.h"

#include <zstd.h>

#include <cstring>
#include <string>

#include "common/check.h"
#include "common/frame/frame_format.h"

namespace starling {
namespace {

constexpr unsigned char kDictionary[] = {
#include "dictionary_bytes.inc"
};

// Small payloads gain nothing from higher levels.
constexpr int kCompressionLevel = 3;

// Payloads under this size cost more to compress than they give.
constexpr std::size_t kCompressBytesMin = 24;

// The window of a payload of the largest size, 64 KiB: 2^16.
constexpr int kWindowLogMax = 16;

// Every zstd frame starts with these bytes, so they are not sent.
constexpr std::byte kZstdMagic[4] = {std::byte{0x28}, std::byte{0xB5}, std::byte{0x2F}, std::byte{0xFD}};

}  // namespace

struct PayloadCodec::Contexts {
  ZSTD_CCtx* compression = ZSTD_createCCtx();
  ZSTD_DCtx* decompression = ZSTD_createDCtx();
  ZSTD_CDict* compression_dictionary = nullptr;
  ZSTD_DDict* decompression_dictionary = nullptr;
  std::vector<std::byte> with_magic;

  ~Contexts() {
    ZSTD_freeCCtx(compression);
    ZSTD_freeDCtx(decompression);
    ZSTD_freeCDict(compression_dictionary);
    ZSTD_freeDDict(decompression_dictionary);
  }
};

std::span<const std::byte> TrainedDictionary() { return std::as_bytes(std::span(kDictionary)); }

PayloadCodec::PayloadCodec(std::span<const std::byte> dictionary)
    : contexts_(std::make_unique<Contexts>()),
      scratch_(ZSTD_compressBound(kFramePayloadBytesMax) / sizeof(std::uint64_t) + 1) {
  const auto set = [](std::size_t outcome) { STARLING_CHECK(ZSTD_isError(outcome) == 0); };
  ZSTD_CCtx* compression = contexts_->compression;
  STARLING_CHECK(compression != nullptr && contexts_->decompression != nullptr);
  set(ZSTD_CCtx_setParameter(compression, ZSTD_c_compressionLevel, kCompressionLevel));
  set(ZSTD_CCtx_setParameter(compression, ZSTD_c_checksumFlag, 0));  // The frame has one.
  set(ZSTD_CCtx_setParameter(compression, ZSTD_c_dictIDFlag, 0));    // The frame's version names it.
  set(ZSTD_DCtx_setParameter(contexts_->decompression, ZSTD_d_windowLogMax, kWindowLogMax));
  if (!dictionary.empty()) {
    contexts_->compression_dictionary =
        ZSTD_createCDict(dictionary.data(), dictionary.size(), kCompressionLevel);
    contexts_->decompression_dictionary = ZSTD_createDDict(dictionary.data(), dictionary.size());
    STARLING_CHECK(contexts_->compression_dictionary != nullptr);
    STARLING_CHECK(contexts_->decompression_dictionary != nullptr);
    set(ZSTD_CCtx_refCDict(compression, contexts_->compression_dictionary));
    set(ZSTD_DCtx_refDDict(contexts_->decompression, contexts_->decompression_dictionary));
  }
}

PayloadCodec::~PayloadCodec() = default;

std::span<const std::byte> PayloadCodec::CompressIfSmaller(std::span<const std::byte> payload) {
  STARLING_CHECK(payload.size() <= kFramePayloadBytesMax);
  if (payload.size() < kCompressBytesMin) return {};
  const std::span<std::byte> target = std::as_writable_bytes(std::span(scratch_));
  const std::size_t size = ZSTD_compress2(contexts_->compression, target.data(), target.size(),
                                          payload.data(), payload.size());
  STARLING_CHECK(ZSTD_isError(size) == 0);  // The target has room for the worst case.
  if (size - sizeof(kZstdMagic) >= payload.size()) return {};
  return std::span<const std::byte>(target).subspan(sizeof(kZstdMagic), size - sizeof(kZstdMagic));
}

Result<std::span<const std::byte>> PayloadCodec::Decode(const FrameView& frame) {
  const std::span<std::byte> target =
      std::as_writable_bytes(std::span(scratch_)).first(kFramePayloadBytesMax);
  if ((frame.flags & ~kFrameFlagCompressed) != 0) {
    return Status(ErrorCode::kCorruption, "frame has unknown flags " + std::to_string(frame.flags));
  }
  if ((frame.flags & kFrameFlagCompressed) == 0) {
    STARLING_CHECK(frame.payload.size() <= target.size());
    if (!frame.payload.empty()) std::memcpy(target.data(), frame.payload.data(), frame.payload.size());
    return std::span<const std::byte>(target.first(frame.payload.size()));
  }
  std::vector<std::byte>& source = contexts_->with_magic;
  source.assign(std::begin(kZstdMagic), std::end(kZstdMagic));
  source.insert(source.end(), frame.payload.begin(), frame.payload.end());
  const unsigned long long stated = ZSTD_getFrameContentSize(source.data(), source.size());
  if (stated == ZSTD_CONTENTSIZE_ERROR || stated == ZSTD_CONTENTSIZE_UNKNOWN) {
    return Status(ErrorCode::kCorruption, "compressed payload does not state its size");
  }
  if (stated > target.size()) {
    return Status(ErrorCode::kExhausted, "payload would decompress to " + std::to_string(stated) +
                                             " bytes, more than " + std::to_string(target.size()));
  }
  const std::size_t size = ZSTD_decompressDCtx(contexts_->decompression, target.data(), target.size(),
                                               source.data(), source.size());
  if (ZSTD_isError(size) != 0) {
    return Status(ErrorCode::kCorruption,
                  std::string("payload does not decompress: ") + ZSTD_getErrorName(size));
  }
  // More than the frame states: a second zstd frame behind it, which its limit did not cover.
  if (size != stated) {
    return Status(ErrorCode::kCorruption, "payload states " + std::to_string(stated) +
                                              " bytes and decompresses to " + std::to_string(size));
  }
  return std::span<const std::byte>(target.first(size));
}

}  // namespace starling
