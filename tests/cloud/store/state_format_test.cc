// The example of docs/formats/state_store.md.

#include "cloud/store/state_format.h"

#include "tests/cloud/store/store_fixture.h"

namespace starling::cloud {
namespace {

std::string Hex(std::string_view bytes) {
  std::string text;
  for (const char each : bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    text += {kDigits[static_cast<unsigned char>(each) >> 4], kDigits[static_cast<unsigned char>(each) & 15], ' '};
  }
  if (!text.empty()) text.pop_back();
  return text;
}

TEST(StateFormat, TheExampleOfTheFormatPage) {
  const std::string offset_key = StateOffsetKey(Topic::kTelemetry, Partition{7});
  EXPECT_EQ(Hex(offset_key), "00 00 00 00 07 00");
  EXPECT_EQ(Hex(StateValue(offset_key, Bytes(std::string("\x2a\0\0\0\0\0\0\0", 8)))),
            "65 23 53 d0 2a 00 00 00 00 00 00 00");
  const std::string entry_key = StateEntryKey(Topic::kTelemetry, Partition{7}, Bytes("va"));
  EXPECT_EQ(Hex(entry_key), "00 00 00 00 07 01 76 61");
  EXPECT_EQ(Hex(StateValue(entry_key, Bytes("hi"))), "ea cc bb 8b 68 69");
}

TEST(StateFormat, AValueIsBoundToItsKey) {
  const std::string key = StateEntryKey(Topic::kTelemetry, Partition{7}, Bytes("va"));
  const std::string value = StateValue(key, Bytes("hi"));
  ASSERT_TRUE(StateContent(key, value).has_value());
  EXPECT_EQ(Text(*StateContent(key, value)), "hi");
  EXPECT_FALSE(StateContent(StateEntryKey(Topic::kTelemetry, Partition{7}, Bytes("vb")), value).has_value());
  for (std::size_t bit = 0; bit < 8 * value.size(); ++bit) {
    std::string altered = value;
    altered[bit / 8] = static_cast<char>(altered[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(StateContent(key, altered).has_value()) << bit;
  }
  for (std::size_t length = 0; length < value.size(); ++length) {
    EXPECT_FALSE(StateContent(key, std::string_view(value).substr(0, length)).has_value()) << length;
  }
}

}  // namespace
}  // namespace starling::cloud
