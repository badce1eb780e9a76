#include "edge/source/can/dbc.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace starling::edge {
namespace {

using ::testing::HasSubstr;

// As the usual editors write a file, shortened.
constexpr const char* kFile = R"(VERSION "1.2"


NS_ :
	NS_DESC_
	CM_
	BA_DEF_
	VAL_
	SG_MUL_VAL_

BS_:

BU_: ESP STEER Gateway
VAL_TABLE_ OnOff 1 "On" 0 "Off" ;


BO_ 3221225472 VECTOR__INDEPENDENT_SIG_MSG: 0 Vector__XXX
 SG_ Orphan : 0|8@1+ (1,0) [0|0] "" Vector__XXX

BO_ 416 ESP: 8 ESP
 SG_ Speed : 0|16@1+ (0.01,0) [0|300] "km/h"  Gateway,STEER
 SG_ YawRate : 23|12@0- (0.05,-2.5e-1) [-102.4|102.35] "deg/s" Gateway
 SG_ Checksum : 56|8@1+ (1,0) [0|0] "" Vector__XXX

BO_ 2566844672 Engine: 8 Vector__XXX // J1939
 SG_ Page M : 0|4@1+ (1,0) [0|15] "" Vector__XXX
 SG_ Torque m3 : 8|16@1- (1,0) [0|0] "Nm" Vector__XXX
 SG_ Heat m0x : 8|16@1- (1,0) [0|0] "" Vector__XXX
)";

std::string File() {
  std::string text = kFile;
  text.replace(text.find("m0x"), 3, "m0");
  return text +
         R"(
BO_ 100 Nested: 8 Vector__XXX
 SG_ Outer M : 0|4@1+ (1,0) [0|15] "" Vector__XXX
 SG_ Inner m1M : 4|4@1+ (1,0) [0|15] "" Vector__XXX
 SG_ Deep m2 : 8|8@1+ (1,0) [0|15] "" Vector__XXX

BO_ 101 Floats: 12 Vector__XXX
 SG_ Single : 0|32@1- (1,0) [0|0] "g" Vector__XXX
 SG_ Double : 32|64@1- (1,0) [0|0] "g" Vector__XXX

CM_ "A comment
BO_ 1 NotAMessage: with a \"quote\"; and more";
CM_ SG_ 416 Speed "Wheel speed; mean of four";
BA_DEF_ BO_  "GenMsgCycleTime" INT 0 65535;
BA_ "GenMsgCycleTime" BO_ 416 20;
VAL_ 416 Checksum 1 "One" 2 "Two;" ;
SIG_VALTYPE_ 101 Single : 1;
SIG_VALTYPE_ 101 Double : 2;
SG_MUL_VAL_ 100 Deep Inner 2-2;
NEW_SECTION_ of a tool 1 2 "3;" ;
WITHOUT_END_ of another
BO_ 102 Last: 1 ESP
 SG_ Bit : 0|1@1+ (+1,0) [0|1] "\xB0" Vector__XXX)";
}

std::string WhyNot(const std::string& text) {
  const auto dbc = ParseDbc(text, "car.dbc");
  return dbc.ok() ? "taken" : std::string(dbc.status().message());
}

std::string WhyNotSignal(const std::string& rest) {
  return WhyNot("BO_ 1 M: 8 X\n SG_ S " + rest + "\n");
}

TEST(Dbc, ReadsMessagesAndSignals) {
  const auto parsed = ParseDbc(File(), "car.dbc");
  ASSERT_TRUE(parsed.ok()) << parsed.status().message();
  const Dbc& dbc = parsed.value();
  ASSERT_EQ(dbc.messages.size(), 5u);
  const DbcMessage& esp = dbc.messages[0];
  EXPECT_EQ(esp.name, "ESP");
  EXPECT_EQ(esp.id, 416u);
  EXPECT_FALSE(esp.extended);
  EXPECT_EQ(esp.bytes, 8u);
  EXPECT_EQ(esp.line, 20u);
  ASSERT_EQ(esp.signals.size(), 3u);
  const DbcSignal& speed = esp.signals[0];
  EXPECT_EQ(speed.field.start, 0u);
  EXPECT_EQ(speed.field.length, 16u);
  EXPECT_EQ(speed.field.order, BitOrder::kIntel);
  EXPECT_EQ(speed.type, RawType::kUnsigned);
  EXPECT_EQ(speed.factor, 0.01);
  EXPECT_EQ(speed.max, 300);
  EXPECT_EQ(speed.unit, "km/h");
  EXPECT_EQ(speed.line, 21u);
  const DbcSignal& yaw = esp.signals[1];
  EXPECT_EQ(yaw.field.order, BitOrder::kMotorola);
  EXPECT_EQ(yaw.type, RawType::kSigned);
  EXPECT_EQ(yaw.offset, -0.25);
  EXPECT_EQ(yaw.min, -102.4);
}

TEST(Dbc, ReadsExtendedIdentifiersAndMultiplexing) {
  const auto parsed = ParseDbc(File(), "car.dbc");
  ASSERT_TRUE(parsed.ok());
  const DbcMessage& engine = parsed.value().messages[1];
  EXPECT_TRUE(engine.extended);
  EXPECT_EQ(engine.id, 2566844672u - 0x80000000u);
  EXPECT_EQ(engine.signals[0].multiplexing, Multiplexing::kSwitch);
  EXPECT_EQ(engine.signals[1].multiplexing, Multiplexing::kSwitched);
  EXPECT_EQ(engine.signals[1].switch_value, 3u);
  EXPECT_FALSE(engine.nested_multiplexing);
  EXPECT_TRUE(parsed.value().messages[2].nested_multiplexing);
}

TEST(Dbc, ReadsFloatingPointTypes) {
  const auto parsed = ParseDbc(File(), "car.dbc");
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed.value().messages[3].signals[0].type, RawType::kFloat);
  EXPECT_EQ(parsed.value().messages[3].signals[1].type, RawType::kDouble);
  EXPECT_THAT(WhyNot("BO_ 1 M: 8 X\n SG_ S : 0|16@1- (1,0) [0|0] \"\" X\nSIG_VALTYPE_ 1 S : 1;"),
              HasSubstr("car.dbc:3:20: S has 16 bits, expected 32"));
}

TEST(Dbc, CommentsAreSkippedAndUnknownSectionsCounted) {
  const auto parsed = ParseDbc(File(), "car.dbc");
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed.value().sections_skipped, 7u);  // VAL_TABLE_, 2 CM_, BA_DEF_, BA_, VAL_, SG_MUL_VAL_
  EXPECT_EQ(parsed.value().sections_unknown, 2u);
  EXPECT_EQ(parsed.value().messages[4].name, "Last");
  EXPECT_EQ(parsed.value().messages[4].signals.size(), 1u);
}

TEST(Dbc, LinesMayEndAsOnWindowsAndTheTextMayBeginWithAMark) {
  std::string text = "\xEF\xBB\xBF";
  for (const char character : File()) {
    if (character == '\n') text += '\r';
    text += character;
  }
  const auto parsed = ParseDbc(text, "car.dbc");
  ASSERT_TRUE(parsed.ok()) << parsed.status().message();
  EXPECT_EQ(parsed.value().messages.size(), 5u);
  EXPECT_EQ(parsed.value().messages[0].line, 20u);
}

TEST(Dbc, AnEmptyTextHasNoMessages) {
  const auto parsed = ParseDbc("", "car.dbc");
  ASSERT_TRUE(parsed.ok());
  EXPECT_TRUE(parsed.value().messages.empty());
}

TEST(Dbc, WhatIsWrongIsNamedByLineAndColumn) {
  EXPECT_THAT(WhyNot("\n\n  ?"), HasSubstr("car.dbc:3:3: expected a section"));
  EXPECT_THAT(WhyNot("BO_ x"), HasSubstr("car.dbc:1:5: expected the number"));
  EXPECT_THAT(WhyNot("BO_ 1 M 8"), HasSubstr("car.dbc:1:9: expected ':'"));
  EXPECT_THAT(WhyNot("BO_ 2048 M: 8 X"), HasSubstr("car.dbc:1:5: message M has number 2048"));
  EXPECT_THAT(WhyNot(" SG_ S : 0|8@1+ (1,0) [0|0] \"\" X"), HasSubstr("BO_ before"));
  EXPECT_THAT(WhyNot("BO_ 1 M: 8 X\nCM_ \"no end"), HasSubstr("car.dbc:2:5: this text has no end"));
  EXPECT_THAT(WhyNotSignal("0|8@1+ (1,0) [0|0] \"\" X"), HasSubstr("car.dbc:2:8: expected M, m"));
  EXPECT_THAT(WhyNotSignal("m : 0|8@1+ (1,0) [0|0] \"\" X"), HasSubstr("expected M, m"));
  EXPECT_THAT(WhyNotSignal(": 512|8@1+ (1,0) [0|0] \"\" X"), HasSubstr("car.dbc:2:10: bit 512"));
  EXPECT_THAT(WhyNotSignal(": 0|0@1+ (1,0) [0|0] \"\" X"), HasSubstr("1 to 64 bits"));
  EXPECT_THAT(WhyNotSignal(": 0|65@1+ (1,0) [0|0] \"\" X"), HasSubstr("1 to 64 bits"));
  EXPECT_THAT(WhyNotSignal(": 0|8@2+ (1,0) [0|0] \"\" X"), HasSubstr("Motorola"));
  EXPECT_THAT(WhyNotSignal(": 0|8@1 (1,0) [0|0] \"\" X"), HasSubstr("unsigned"));
  EXPECT_THAT(WhyNotSignal(": 0|8@1+ (one,0) [0|0] \"\" X"), HasSubstr("expected a number"));
  EXPECT_THAT(WhyNotSignal(": 0|8@1+ (1,0) [0,0] \"\" X"), HasSubstr("expected '|'"));
  EXPECT_THAT(WhyNotSignal(": 0|8@1+ (1,inf) [0|0] \"\" X"), HasSubstr("expected a number"));
  EXPECT_THAT(WhyNotSignal(": 0|8@1+ (1,0) [0|0] km X"), HasSubstr("text in quotes"));
}

TEST(Dbc, EveryBeginningOfAFileIsTakenOrRefusedByLine) {
  const std::string text = File();
  for (std::size_t length = 0; length < text.size(); ++length) {
    const auto dbc = ParseDbc(text.substr(0, length), "car.dbc");
    if (!dbc.ok()) {
      EXPECT_THAT(std::string(dbc.status().message()), HasSubstr("car.dbc:"));
    }
  }
}

TEST(Dbc, AFileThatIsNotThereIsAnError) {
  EXPECT_EQ(LoadDbc("/nowhere/car.dbc").status().code(), ErrorCode::kIoError);
}

}  // namespace
}  // namespace starling::edge
