#include "edge/source/can/candump_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace starling::edge {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

CandumpLine Parsed(std::string_view line) {
  const auto parsed = ParseCandumpLine(line);
  EXPECT_TRUE(parsed.ok()) << line << ": " << parsed.status().message();
  return parsed.ok() ? parsed.value() : CandumpLine{};
}

std::string WhyNot(std::string_view line) {
  const auto parsed = ParseCandumpLine(line);
  return parsed.ok() ? "taken" : std::string(parsed.status().message());
}

TEST(CandumpLine, ReadsAClassicFrame) {
  const CandumpLine line = Parsed("(1436509052.249713) can0 123#0011aAFF");
  EXPECT_EQ(line.time, seconds(1'436'509'052) + nanoseconds(249'713'000));
  EXPECT_EQ(line.interface, "can0");
  EXPECT_TRUE(line.has_data);
  EXPECT_EQ(line.frame.id, 0x123u);
  EXPECT_FALSE(line.frame.extended);
  EXPECT_THAT(line.frame.bytes(), ElementsAre(0x00, 0x11, 0xAA, 0xFF));
}

TEST(CandumpLine, ReadsAnExtendedFrameAndOneOfCanFd) {
  const CandumpLine extended = Parsed("(0.5) vcan0 18FEF100#\r");
  EXPECT_TRUE(extended.frame.extended);
  EXPECT_EQ(extended.frame.id, 0x18FEF100u);
  EXPECT_EQ(extended.frame.size, 0);
  // The same number in eight digits is another frame.
  EXPECT_TRUE(Parsed("(0.5) vcan0 00000123#00").frame.extended);
  std::string data;
  for (int i = 0; i < 64; ++i) data += "5A";
  const CandumpLine fd = Parsed("(1.000001) can1 123##1" + data);
  EXPECT_EQ(fd.frame.size, 64);
  EXPECT_EQ(fd.frame.data[63], 0x5A);
}

TEST(CandumpLine, RemoteAndErrorFramesHaveNoData) {
  EXPECT_FALSE(Parsed("(1.0) can0 123#R").has_data);
  EXPECT_FALSE(Parsed("(1.0) can0 123#R8").has_data);
  EXPECT_FALSE(Parsed("(1.0) can0 20000004#0000000000000000").has_data);
}

TEST(CandumpLine, WhatNewerLogsAddIsPassedOver) {
  EXPECT_EQ(Parsed("(1.0) can0 123#0011 R").frame.size, 2);
  EXPECT_EQ(Parsed("(1.0) can0 123#0011 T").frame.size, 2);
  EXPECT_EQ(Parsed("(1.0) can0 123#0011223344556677_9").frame.size, 8);
}

TEST(CandumpLine, WrongLinesAreRefusedByColumn) {
  EXPECT_THAT(WhyNot(""), HasSubstr("column 1"));
  EXPECT_THAT(WhyNot("can0  123   [2]  00 11"), HasSubstr("column 1: expected '('"));
  EXPECT_THAT(WhyNot("(x) can0 123#00"), HasSubstr("column 2"));
  EXPECT_THAT(WhyNot("(1.0 can0 123#00"), HasSubstr("')'"));
  EXPECT_THAT(WhyNot("(99999999999.0) can0 123#00"), HasSubstr("seconds"));
  EXPECT_THAT(WhyNot("(1.0)can0 123#00"), HasSubstr("a space"));
  EXPECT_THAT(WhyNot("(1.0) can0"), HasSubstr("a frame"));
  EXPECT_THAT(WhyNot("(1.0) can0 12#00"), HasSubstr("3 or 8"));
  EXPECT_THAT(WhyNot("(1.0) can0 800#00"), HasSubstr("29 bits"));
  EXPECT_THAT(WhyNot("(1.0) can0 80000000#00"), HasSubstr("29 bits"));
  EXPECT_THAT(WhyNot("(1.0) can0 123 00"), HasSubstr("'#'"));
  EXPECT_THAT(WhyNot("(1.0) can0 123#0"), HasSubstr("two hex digits"));
  EXPECT_THAT(WhyNot("(1.0) can0 123#001122334455667788"), HasSubstr("8 bytes"));
  EXPECT_THAT(WhyNot("(1.0) can0 123##"), HasSubstr("flags"));
  EXPECT_THAT(WhyNot("(1.0) can0 123##0" + std::string(130, '0')), HasSubstr("64 bytes"));
  EXPECT_THAT(WhyNot("(1.0) can0 123#00 Q"), HasSubstr("R, T"));
  EXPECT_EQ(ParseCandumpLine(std::string(513, '(')).status().code(), ErrorCode::kExhausted);
}

TEST(CandumpLine, EveryBeginningIsTakenOrRefusedByColumn) {
  const std::string line = "(1436509052.249713) can0 18FEF100##1AABB T";
  for (std::size_t length = 0; length < line.size(); ++length) {
    const auto parsed = ParseCandumpLine(line.substr(0, length));
    if (!parsed.ok()) {
      EXPECT_THAT(std::string(parsed.status().message()), HasSubstr("column"));
    }
  }
}

}  // namespace
}  // namespace starling::edge
