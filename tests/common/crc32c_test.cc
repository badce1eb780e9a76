#include "common/crc32c.h"

#include <array>
#include <span>

#include <gtest/gtest.h>

namespace starling {
namespace {

// Known answers: RFC 3720, appendix B.4.
TEST(Crc32c, MatchesRfc3720Vectors) {
  std::array<std::byte, 32> bytes{};
  EXPECT_EQ(Crc32c(bytes), 0x8A9136AAu);

  bytes.fill(std::byte{0xFF});
  EXPECT_EQ(Crc32c(bytes), 0x62A8AB43u);

  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i);
  EXPECT_EQ(Crc32c(bytes), 0x46DD794Eu);
}

// The processor's instruction and the table, over every length that ends a word
// differently.
TEST(Crc32c, InstructionAndTableAgree) {
  std::array<std::byte, 257> bytes;
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 31 + 7);
  for (std::size_t length = 0; length <= bytes.size(); ++length) {
    const std::span<const std::byte> part(bytes.data(), length);
    ASSERT_EQ(Crc32c(part), Crc32cByTable(part)) << "length " << length;
  }
}

TEST(Crc32c, OfNothingIsZero) { EXPECT_EQ(Crc32c({}), 0u); }

}  // namespace
}  // namespace starling
