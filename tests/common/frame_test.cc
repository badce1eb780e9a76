// Writes frames, damages their bytes in a chosen way, and reads them back.

#include <zstd.h>

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "common/crc32c.h"
#include "common/frame/frame_reader.h"
#include "common/frame/frame_writer.h"

namespace starling {
namespace {

class Frame : public testing::Test {
 protected:
  void Write(const std::string& payload, FrameType type = FrameType::kLive) {
    ASSERT_TRUE(AppendFrame(type, std::as_bytes(std::span(payload)), &codec_, &stream_).ok());
  }

  // What a reader sees, one entry per frame, ending in "END", "CORRUPT" or "OVERSIZED".
  std::vector<std::string> ReadAll() {
    std::vector<std::string> seen;
    std::span<const std::byte> rest(stream_);
    for (;;) {
      const auto frame = ParseFrame(rest);
      if (!frame.ok()) {
        seen.emplace_back(frame.status().code() == ErrorCode::kExhausted ? "OVERSIZED" : "CORRUPT");
        return seen;
      }
      if (!frame.value()) return seen.emplace_back("END"), seen;
      const auto payload = codec_.Decode(*frame.value());
      if (!payload.ok()) {
        seen.emplace_back("UNDECODABLE");
      } else {
        seen.emplace_back(reinterpret_cast<const char*>(payload.value().data()), payload.value().size());
      }
      rest = rest.subspan(frame.value()->bytes);
    }
  }

  // Makes the header's checksum right again after a test changed the header.
  void SealHeader() {
    const std::uint32_t crc = Crc32c(std::span(stream_).first(kFrameHeaderCrcOffset));
    for (std::size_t i = 0; i < 4; ++i) stream_[kFrameHeaderCrcOffset + i] = static_cast<std::byte>(crc >> (8 * i));
  }

  // A frame with these bytes as its compressed payload, checksums right.
  void WriteCompressedBytes(std::span<const std::byte> bytes) {
    stream_.assign(kFrameHeaderBytes, std::byte{0});
    std::memcpy(stream_.data(), kFrameMagic, sizeof(kFrameMagic));
    stream_[kFrameVersionOffset] = std::byte{kFrameVersion};
    stream_[kFrameTypeOffset] = static_cast<std::byte>(FrameType::kLive);
    stream_[kFrameFlagsOffset] = std::byte{kFrameFlagCompressed};
    const std::uint32_t crc = Crc32c(bytes);
    for (std::size_t i = 0; i < 3; ++i) stream_[kFrameLengthOffset + i] = static_cast<std::byte>(bytes.size() >> (8 * i));
    for (std::size_t i = 0; i < 4; ++i) stream_[kFramePayloadCrcOffset + i] = static_cast<std::byte>(crc >> (8 * i));
    SealHeader();
    stream_.insert(stream_.end(), bytes.begin(), bytes.end());
  }

  PayloadCodec codec_;
  std::vector<std::byte> stream_;
};

using Seen = std::vector<std::string>;

TEST_F(Frame, ReadsBackWhatWasWritten) {
  Write("short");
  Write("");
  Write(std::string(kFramePayloadBytesMax, 'x'));
  EXPECT_EQ(ReadAll(), Seen({"short", "", std::string(kFramePayloadBytesMax, 'x'), "END"}));
}

// The example of docs/formats/frame.md, byte for byte.
TEST_F(Frame, HasTheDocumentedBytes) {
  Write("hi", FrameType::kNotice);
  constexpr unsigned char kExpected[] = {'S',  'L',  1,    70,   0,    2,    0,    0,    0xC2,
                                         0xD9, 0x9D, 0xF5, 0x37, 0x7F, 0x0B, 0x50, 'h',  'i'};
  ASSERT_EQ(stream_.size(), sizeof(kExpected));
  for (std::size_t i = 0; i < sizeof(kExpected); ++i) {
    EXPECT_EQ(std::to_integer<int>(stream_[i]), kExpected[i]) << "offset " << i;
  }
}

TEST_F(Frame, RepetitivePayloadIsSentCompressed) {
  Write(std::string(1'000, 'a'));
  EXPECT_LT(stream_.size(), 100u);
  EXPECT_EQ(stream_[kFrameFlagsOffset], std::byte{kFrameFlagCompressed});
}

TEST_F(Frame, IncompletePrefixIsNeverAnErrorAndNeverAFrame) {
  Write("payload of some bytes that is long enough to be worth compressing, perhaps");
  const std::vector<std::byte> whole = stream_;
  for (std::size_t length = 0; length < whole.size(); ++length) {
    stream_.assign(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
    EXPECT_EQ(ReadAll(), Seen({"END"})) << "after " << length << " bytes";
  }
}

TEST_F(Frame, EveryFlippedBitIsNoticed) {
  Write("payload");
  Write("next");
  const std::size_t first_bytes = kFrameHeaderBytes + std::strlen("payload");
  for (std::size_t bit = 0; bit < first_bytes * 8; ++bit) {
    stream_[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
    EXPECT_EQ(ReadAll(), Seen({"CORRUPT"})) << "bit " << bit;
    stream_[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
  }
}

TEST_F(Frame, OversizedLengthIsRefusedBeforeItsBytesArrive) {
  Write("x");
  stream_[kFrameLengthOffset + 2] = std::byte{0xFF};
  SealHeader();
  EXPECT_EQ(ReadAll(), Seen({"OVERSIZED"}));
}

TEST_F(Frame, OtherVersionAndTypeAreReadSoThatTheyCanBeSkipped) {
  Write("later");
  stream_[kFrameVersionOffset] = std::byte{9};
  stream_[kFrameTypeOffset] = std::byte{200};
  SealHeader();
  Write("now");
  const auto first = ParseFrame(stream_);
  ASSERT_TRUE(first.ok() && first.value());
  EXPECT_EQ(first.value()->version, 9);
  EXPECT_EQ(FrameTypeName(first.value()->type), "unknown");
  const auto second = ParseFrame(std::span<const std::byte>(stream_).subspan(first.value()->bytes));
  ASSERT_TRUE(second.ok() && second.value());
  EXPECT_EQ(second.value()->version, kFrameVersion);
}

TEST_F(Frame, TooLongPayloadIsRefusedAndChangesNothing) {
  const std::vector<std::byte> payload(kFramePayloadBytesMax + 1);
  const Status status = AppendFrame(FrameType::kLive, payload, &codec_, &stream_);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.code(), ErrorCode::kInvalidArgument);
  EXPECT_TRUE(stream_.empty());
}

TEST_F(Frame, DecompressionBombIsRefusedBeforeItIsDecompressed) {
  const std::vector<std::byte> zeros(64 << 20);
  std::vector<std::byte> bomb(ZSTD_compressBound(zeros.size()));
  bomb.resize(ZSTD_compress(bomb.data(), bomb.size(), zeros.data(), zeros.size(), 1));
  ASSERT_LT(bomb.size(), kFramePayloadBytesMax);
  WriteCompressedBytes(std::span(bomb).subspan(4));  // Less the magic, as on the wire.
  const auto frame = ParseFrame(stream_);
  ASSERT_TRUE(frame.ok() && frame.value());
  const auto payload = codec_.Decode(*frame.value());
  ASSERT_FALSE(payload.ok());
  EXPECT_EQ(payload.status().code(), ErrorCode::kExhausted);
}

TEST_F(Frame, CompressedPayloadThatDoesNotStateItsSizeIsRefused) {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
  const std::string text(500, 'y');
  std::vector<std::byte> bytes(ZSTD_compressBound(text.size()));
  bytes.resize(ZSTD_compress2(context, bytes.data(), bytes.size(), text.data(), text.size()));
  ZSTD_freeCCtx(context);
  WriteCompressedBytes(std::span(bytes).subspan(4));
  EXPECT_EQ(ReadAll(), Seen({"UNDECODABLE", "END"}));
}

TEST_F(Frame, GarbageThatCallsItselfCompressedIsRefused) {
  std::mt19937 random(5);
  for (int round = 0; round < 2'000; ++round) {
    std::vector<std::byte> bytes(random() % 200);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
    WriteCompressedBytes(bytes);
    const auto frame = ParseFrame(stream_);
    ASSERT_TRUE(frame.ok() && frame.value());
    const auto payload = codec_.Decode(*frame.value());
    if (payload.ok()) { EXPECT_LE(payload.value().size(), kFramePayloadBytesMax); }
  }
}

TEST_F(Frame, PayloadIsAlignedForFlatBuffers) {
  Write("x");
  Write("y");
  std::span<const std::byte> rest(stream_);
  while (!rest.empty()) {
    const auto frame = ParseFrame(rest);
    ASSERT_TRUE(frame.ok() && frame.value());
    const auto payload = codec_.Decode(*frame.value());
    ASSERT_TRUE(payload.ok());
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(payload.value().data()) % 8, 0u);
    rest = rest.subspan(frame.value()->bytes);
  }
}

}  // namespace
}  // namespace starling
