#include "edge/source/can/can_decoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "common/geo/trigonometry.h"

namespace starling::edge {
namespace {

using ::testing::HasSubstr;

constexpr const char* kDbc = R"(
BO_ 416 ESP: 8 X
 SG_ Speed : 0|16@1+ (0.01,0) [0|300] "km/h" X
 SG_ YawRate : 23|12@0- (0.05,0) [-102.4|102.35] "deg/s" X
 SG_ Odd : 0|16@1+ (1,0) [0|0] "furlong" X
 SG_ Outside : 60|8@1+ (1,0) [0|0] "m/s" X
BO_ 2566844672 Engine: 8 X
 SG_ Page M : 0|4@1+ (1,0) [0|15] "" X
 SG_ Fast m3 : 8|16@1- (0.5,0) [0|0] "m/s" X
 SG_ Slow m4 : 8|8@1- (0.25,10) [0|0] "m/s" X
BO_ 100 Nested: 8 X
 SG_ Outer M : 0|4@1+ (1,0) [0|15] "" X
 SG_ Inner m1M : 4|4@1+ (1,0) [0|15] "" X
 SG_ Deep m2 : 8|8@1+ (1,0) [0|15] "m/s" X
BO_ 101 Floats: 12 X
 SG_ Single : 0|32@1- (1,0) [0|0] "g" X
 SG_ Double : 39|64@0- (2,1) [0|0] "deg" X
BO_ 102 Steer: 4 X
 SG_ Angle : 7|16@0- (0.1,0) [0|0] "deg" X
BO_ 103 Twin: 1 X
 SG_ Speed : 0|8@1+ (1,0) [0|0] "m/s" X
 SG_ Speed : 0|8@1+ (1,0) [0|0] "m/s" X
BO_ 104 One: 1 X
 SG_ Speed : 0|8@1+ (1,0) [0|0] "m/s" X
BO_ 104 Other: 1 X
SIG_VALTYPE_ 101 Single : 1;
SIG_VALTYPE_ 101 Double : 2;
)";

Dbc File() {
  auto dbc = ParseDbc(kDbc, "car.dbc");
  EXPECT_TRUE(dbc.ok()) << dbc.status().message();
  return std::move(dbc).value();
}

Result<CanDecoder> Make(const std::vector<std::string>& texts) {
  std::vector<CanMapping> mappings;
  for (const std::string& text : texts) {
    const auto mapping = ParseCanMapping(text);
    EXPECT_TRUE(mapping.ok()) << mapping.status().message();
    mappings.push_back(mapping.value());
  }
  return CanDecoder::Make(File(), "car.dbc", mappings);
}

std::string WhyNot(const std::vector<std::string>& texts) {
  const auto decoder = Make(texts);
  return decoder.ok() ? "taken" : std::string(decoder.status().message());
}

CanFrame Frame(std::uint32_t id, bool extended, const std::vector<unsigned>& bytes) {
  CanFrame frame;
  frame.id = id;
  frame.extended = extended;
  for (const unsigned byte : bytes) frame.data[frame.size++] = static_cast<std::uint8_t>(byte);
  return frame;
}

using Values = std::vector<std::pair<Quantity, double>>;

Values Decoded(CanDecoder* decoder, const CanFrame& frame) {
  Values values;
  decoder->OnFrame(frame, [&values](Quantity quantity, double value) { values.emplace_back(quantity, value); });
  return values;
}

// Speed 0x2710 = 10,000 is 100 km/h.  The yaw rate's twelve bits from bit 23 on are all of
// byte 2 and the high half of byte 3: 0xFEC = -20 is -1 degree a second.
TEST(CanDecoder, KnownAnswersByTheUnitsOfTheFile) {
  auto decoder = Make({"speed=ESP.Speed", "yaw_rate=ESP.YawRate"});
  ASSERT_TRUE(decoder.ok()) << decoder.status().message();
  const Values values = Decoded(&decoder.value(), Frame(416, false, {0x10, 0x27, 0xFE, 0xC0, 0, 0, 0, 0}));
  ASSERT_EQ(values.size(), 2u);
  EXPECT_EQ(values[0].first, Quantity::kSpeed);
  EXPECT_NEAR(values[0].second, 100 / 3.6, 1e-12);
  EXPECT_EQ(values[1].first, Quantity::kYawRate);
  EXPECT_NEAR(values[1].second, -kDegree, 1e-12);
}

TEST(CanDecoder, AFactorReplacesTheUnit) {
  auto decoder = Make({"yaw_rate=ESP.YawRate*-2", "steering=Steer.Angle*-0.0625", "speed=ESP.Odd*0.5"});
  ASSERT_TRUE(decoder.ok()) << decoder.status().message();
  const Values values = Decoded(&decoder.value(), Frame(416, false, {0x04, 0x00, 0xFE, 0xC0, 0, 0, 0, 0}));
  ASSERT_EQ(values.size(), 2u);
  EXPECT_NEAR(values[0].second, 2 * kDegree, 1e-12);
  EXPECT_NEAR(values[1].second, 2, 1e-12);
  const Values steering = Decoded(&decoder.value(), Frame(102, false, {0xFF, 0x38, 0, 0}));  // -200: -20 degrees
  ASSERT_EQ(steering.size(), 1u);
  EXPECT_NEAR(steering[0].second, 20 * 0.0625 * kDegree, 1e-12);
}

TEST(CanDecoder, ASwitchedSignalIsThereWhenItsSwitchSaysSo) {
  auto decoder = Make({"speed=Engine.Fast"});
  ASSERT_TRUE(decoder.ok()) << decoder.status().message();
  const std::uint32_t id = 2566844672u - 0x80000000u;
  const Values fast = Decoded(&decoder.value(), Frame(id, true, {0xF3, 0xFE, 0xFF, 0, 0, 0, 0, 0}));
  ASSERT_EQ(fast.size(), 1u);
  EXPECT_EQ(fast[0].second, -1);
  EXPECT_TRUE(Decoded(&decoder.value(), Frame(id, true, {0xF4, 0xFE, 0xFF, 0, 0, 0, 0, 0})).empty());
  // The same number of 11 bits is another message.
  EXPECT_TRUE(Decoded(&decoder.value(), Frame(id & 0x7FF, false, {0xF3, 0xFE, 0xFF, 0, 0, 0, 0, 0})).empty());
}

TEST(CanDecoder, FloatingPointSignalsOfBothByteOrders) {
  auto decoder = Make({"accel=Floats.Single", "heading=Floats.Double"});
  ASSERT_TRUE(decoder.ok()) << decoder.status().message();
  CanFrame frame = Frame(101, false, std::vector<unsigned>(12, 0));
  const auto single = std::bit_cast<std::uint32_t>(-0.5f);
  const auto number = std::bit_cast<std::uint64_t>(44.5);
  for (unsigned i = 0; i < 4; ++i) frame.data[i] = static_cast<std::uint8_t>(single >> 8 * i);
  for (unsigned i = 0; i < 8; ++i) frame.data[4 + i] = static_cast<std::uint8_t>(number >> (56 - 8 * i));
  const Values values = Decoded(&decoder.value(), frame);
  ASSERT_EQ(values.size(), 2u);
  EXPECT_NEAR(values[0].second, -0.5 * 9.80665, 1e-12);
  EXPECT_NEAR(values[1].second, 90 * kDegree, 1e-12);
  const auto nan = std::bit_cast<std::uint32_t>(std::numeric_limits<float>::quiet_NaN());
  for (unsigned i = 0; i < 4; ++i) frame.data[i] = static_cast<std::uint8_t>(nan >> 8 * i);
  EXPECT_EQ(Decoded(&decoder.value(), frame).size(), 1u);
  EXPECT_EQ(decoder.value().counters().values_out_of_range, 1u);
}

TEST(CanDecoder, WhatIsOutsideOfTheFilesRangeOrTooShortIsCounted) {
  auto decoder = Make({"speed=ESP.Speed"});
  ASSERT_TRUE(decoder.ok());
  // All ones says "not available": 655.35 km/h.
  EXPECT_TRUE(Decoded(&decoder.value(), Frame(416, false, {0xFF, 0xFF, 0, 0, 0, 0, 0, 0})).empty());
  EXPECT_TRUE(Decoded(&decoder.value(), Frame(416, false, {0x10})).empty());
  EXPECT_TRUE(Decoded(&decoder.value(), Frame(417, false, {0x10, 0x27})).empty());
  EXPECT_EQ(Decoded(&decoder.value(), Frame(416, false, {0x10, 0x27})).size(), 1u);
  const CanCounters& counters = decoder.value().counters();
  EXPECT_EQ(counters.frames, 4u);
  EXPECT_EQ(counters.frames_used, 3u);
  EXPECT_EQ(counters.frames_short, 1u);
  EXPECT_EQ(counters.values_out_of_range, 1u);
  EXPECT_EQ(counters.values, 1u);
}

TEST(CanDecoder, MappingsThatCannotBeRightAreRefusedWithTheFilesLine) {
  EXPECT_THAT(WhyNot({"speed=ABS.Speed"}), HasSubstr("car.dbc has no message ABS"));
  EXPECT_THAT(WhyNot({"speed=ESP.Sped"}), HasSubstr("no signal ESP.Sped"));
  EXPECT_THAT(WhyNot({"speed=ESP.Odd"}), HasSubstr("car.dbc:5: ESP.Odd: unit \"furlong\" is not known for speed"));
  EXPECT_THAT(WhyNot({"accel=ESP.Speed"}), HasSubstr("unit \"km/h\""));
  EXPECT_THAT(WhyNot({"speed=ESP.Outside"}), HasSubstr("car.dbc:6: Outside ends in byte 9 of a message of 8"));
  EXPECT_THAT(WhyNot({"steering=Steer.Angle"}), HasSubstr("steering ratio"));
  EXPECT_THAT(WhyNot({"speed=Nested.Deep"}), HasSubstr("not supported"));
  EXPECT_THAT(WhyNot({"speed=Twin.Speed"}), HasSubstr("there twice"));
  EXPECT_THAT(WhyNot({"speed=One.Speed"}), HasSubstr("Other has the number of One"));
  EXPECT_THAT(WhyNot({"speed=ESP.Speed", "speed=Engine.Fast"}), HasSubstr("mapped twice"));
}

TEST(CanMapping, IsReadOrRefusedWithWhatWasExpected) {
  const auto mapping = ParseCanMapping("yaw_rate=ESP_01.Yaw_Rate*-1e-1");
  ASSERT_TRUE(mapping.ok());
  EXPECT_EQ(mapping.value().quantity, Quantity::kYawRate);
  EXPECT_EQ(mapping.value().message, "ESP_01");
  EXPECT_EQ(mapping.value().signal, "Yaw_Rate");
  EXPECT_EQ(mapping.value().factor, -0.1);
  for (const char* text : {"", "speed", "sped=A.B", "speed=A", "speed=.B", "speed=A.", "speed=A.B*", "speed=A.B*x",
                           "speed=A.B*0", "speed=A.B*1e999", "speed=A.B*nan"}) {
    const auto wrong = ParseCanMapping(text);
    ASSERT_FALSE(wrong.ok()) << text;
    EXPECT_THAT(std::string(wrong.status().message()), HasSubstr("QUANTITY=MESSAGE.SIGNAL"));
  }
}

}  // namespace
}  // namespace starling::edge
