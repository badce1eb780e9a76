#include "edge/source/can/can_signal.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <vector>

namespace starling::edge {
namespace {

using Bytes = std::vector<std::uint8_t>;

// Bit by bit, as the format is drawn on paper: slow, and written without a look at the
// other one.  Gives the places of the bits, the lowest first.
std::vector<unsigned> Places(const BitField& field) {
  std::vector<unsigned> places;
  if (field.order == BitOrder::kIntel) {
    for (unsigned i = 0; i < field.length; ++i) places.push_back(field.start + i);
    return places;
  }
  unsigned place = field.start;
  for (unsigned i = 0; i < field.length; ++i) {
    places.insert(places.begin(), place);
    place = place % 8 == 0 ? place + 15 : place - 1;
  }
  return places;
}

std::uint64_t SlowExtract(const Bytes& data, const BitField& field) {
  std::uint64_t value = 0;
  const auto places = Places(field);
  for (std::size_t i = 0; i < places.size(); ++i) {
    if ((data[places[i] / 8] >> places[i] % 8 & 1) != 0) value |= std::uint64_t{1} << i;
  }
  return value;
}

// By hand: 0x12 0x34 0x56 0x78 is 00010010 00110100 01010110 01111000.
TEST(CanSignal, KnownAnswersOfIntelSignals) {
  const Bytes data = {0x12, 0x34, 0x56, 0x78, 0x9A, 0xBC, 0xDE, 0xF0};
  EXPECT_EQ(ExtractBits(data, {0, 8, BitOrder::kIntel}), 0x12u);
  EXPECT_EQ(ExtractBits(data, {0, 16, BitOrder::kIntel}), 0x3412u);
  EXPECT_EQ(ExtractBits(data, {4, 8, BitOrder::kIntel}), 0x41u);   // 0100 of 0x34, 0001 of 0x12
  EXPECT_EQ(ExtractBits(data, {1, 1, BitOrder::kIntel}), 1u);
  EXPECT_EQ(ExtractBits(data, {12, 12, BitOrder::kIntel}), 0x563u);
  EXPECT_EQ(ExtractBits(data, {0, 64, BitOrder::kIntel}), 0xF0DEBC9A78563412u);
}

TEST(CanSignal, KnownAnswersOfMotorolaSignals) {
  const Bytes data = {0x12, 0x34, 0x56, 0x78, 0x9A, 0xBC, 0xDE, 0xF0};
  EXPECT_EQ(ExtractBits(data, {7, 8, BitOrder::kMotorola}), 0x12u);
  EXPECT_EQ(ExtractBits(data, {7, 16, BitOrder::kMotorola}), 0x1234u);
  EXPECT_EQ(ExtractBits(data, {3, 8, BitOrder::kMotorola}), 0x23u);
  EXPECT_EQ(ExtractBits(data, {3, 12, BitOrder::kMotorola}), 0x234u);
  EXPECT_EQ(ExtractBits(data, {0, 2, BitOrder::kMotorola}), 0u);   // 0 of 0x12, 0 of 0x34
  EXPECT_EQ(ExtractBits(data, {1, 3, BitOrder::kMotorola}), 4u);   // 10 of 0x12, 0 of 0x34
  EXPECT_EQ(ExtractBits(data, {7, 64, BitOrder::kMotorola}), 0x123456789ABCDEF0u);
}

TEST(CanSignal, KnownAnswersOfSigns) {
  EXPECT_EQ(SignExtended(0xFF, 8), -1);
  EXPECT_EQ(SignExtended(0x7F, 8), 127);
  EXPECT_EQ(SignExtended(0x800, 12), -2048);
  EXPECT_EQ(SignExtended(1, 1), -1);
  EXPECT_EQ(SignExtended(~std::uint64_t{0}, 64), -1);
  EXPECT_EQ(SignExtended(std::uint64_t{1} << 63, 64), INT64_MIN);
}

// Each start and length of a classic frame, both orders: each single bit of the signal is
// found at its value, and no bit outside of it is seen.
TEST(CanSignal, EveryBitOfEverySignalIsFoundAndNoOther) {
  std::size_t fields = 0;
  for (const BitOrder order : {BitOrder::kIntel, BitOrder::kMotorola}) {
    for (unsigned start = 0; start < 64; ++start) {
      for (unsigned length = 1; length <= 64; ++length) {
        const BitField field{start, length, order};
        const auto places = Places(field);
        unsigned last = 0;
        for (const unsigned place : places) last = std::max(last, place / 8);
        ASSERT_EQ(BytesNeeded(field), last + 1) << start << "|" << length;
        if (last >= 8) continue;
        ++fields;
        Bytes outside(8, 0xFF);
        for (std::size_t i = 0; i < places.size(); ++i) {
          Bytes data(8, 0);
          data[places[i] / 8] = static_cast<std::uint8_t>(1 << places[i] % 8);
          ASSERT_EQ(ExtractBits(data, field), std::uint64_t{1} << i) << start << "|" << length;
          outside[places[i] / 8] &= static_cast<std::uint8_t>(~(1 << places[i] % 8));
        }
        ASSERT_EQ(ExtractBits(outside, field), 0u) << start << "|" << length;
      }
    }
  }
  EXPECT_EQ(fields, 2u * 64 * 65 / 2);
}

TEST(CanSignal, AgreesWithTheSlowWayOnFramesOfAnyLength) {
  std::uint64_t random = 0x9E3779B97F4A7C15;
  const auto next = [&random] {
    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    return random;
  };
  int compared = 0;
  for (int i = 0; i < 200'000; ++i) {
    const BitField field{static_cast<unsigned>(next() % 512), static_cast<unsigned>(next() % 64 + 1),
                         next() % 2 == 0 ? BitOrder::kIntel : BitOrder::kMotorola};
    const unsigned needed = BytesNeeded(field);
    if (needed > 64) continue;
    Bytes data(needed);                  // not one byte more: the sanitizer sees what is read beyond
    for (auto& byte : data) byte = static_cast<std::uint8_t>(next());
    ASSERT_EQ(ExtractBits(data, field), SlowExtract(data, field)) << field.start << "|" << field.length;
    ++compared;
  }
  EXPECT_GT(compared, 150'000);
}

}  // namespace
}  // namespace starling::edge
