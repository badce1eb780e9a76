#include "cloud/starling/trigger_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace starling::cloud {
namespace {

using testing::HasSubstr;
using wire::PlanOpCode;
using wire::PlanSignal;

const std::vector<std::string> kGeofences = {"depot", "school"};

// The steps as words, for reading.
std::string Steps(std::string_view text) {
  TriggerCondition condition;
  TriggerMistake mistake;
  if (!ParseTrigger(text, kGeofences, &condition, &mistake)) return "at " + std::to_string(mistake.at) + ": " + mistake.why;
  std::string words;
  for (const PlanStep& step : condition.steps) {
    if (!words.empty()) words.append(" ");
    words.append(wire::EnumNamePlanOpCode(step.code));
    if (step.code <= PlanOpCode::LessEqual) {
      words.append(":").append(wire::EnumNamePlanSignal(static_cast<PlanSignal>(step.argument)));
      words.append(":").append(std::to_string(static_cast<int>(step.value * 10)));
    } else if (step.code <= PlanOpCode::Left) {
      words.append(":").append(std::to_string(step.argument));
    }
  }
  return condition.hold.count() > 0 ? words + " for " + std::to_string(condition.hold.count()) : words;
}

TEST(TriggerText, TheConditionsOfTheFormatPageAreWhatTheySay) {
  EXPECT_EQ(Steps("brake_mps2 > 4 for 0.2 s"), "Greater:Brake:40 for 200");
  EXPECT_EQ(Steps("command received and (inside depot or not speed_mps <= 13.9)"),
            "CommandReceived Inside:0 LessEqual:Speed:139 Not Or And");
}

TEST(TriggerText, AndBindsStrongerThanOrAndNotThanBoth) {
  EXPECT_EQ(Steps("not entered depot or left school and heading_deg >= 90"),
            "Entered:0 Not Left:1 GreaterEqual:Heading:900 And Or");
  EXPECT_EQ(Steps("speed_mps>1 or speed_mps>2 or speed_mps<3"), "Greater:Speed:10 Greater:Speed:20 Or Less:Speed:30 Or");
  EXPECT_EQ(Steps("not not command received"), "CommandReceived Not Not");
}

TEST(TriggerText, TimesAreInSecondsOrMilliseconds) {
  EXPECT_EQ(Steps("speed_mps > 1 for 250 ms"), "Greater:Speed:10 for 250");
  EXPECT_EQ(Steps("accel_mps2 < -1.5 for 2 s"), "Less:Accel:-15 for 2000");
}

TEST(TriggerText, EachMistakeIsNamedWhereItIs) {
  const struct {
    const char* text;
    std::size_t at;
    const char* why;
  } mistakes[] = {
      {"", 0, "found the end, expected \"not\""},
      {"brakes > 4", 0, "found \"brakes\", expected"},
      {"position > 4", 0, "a signal: heading_deg, speed_mps"},
      {"brake_mps2 = 4", 11, "found \"=\", expected one of > >= < <="},
      {"brake_mps2 > four", 13, "found \"four\", expected a number"},
      {"brake_mps2 > nan", 13, "expected a number"},
      {"brake_mps2 > +-4", 13, "expected a number"},
      {"brake_mps2 > 4 for 0.2", 22, "found the end, expected \"s\" or \"ms\""},
      {"brake_mps2 > 4 for -1 s", 22, "out of range"},
      {"brake_mps2 > 4 for 0.2 s or", 25, "found \"or\", expected"},
      {"brake_mps2 > 4 4", 15, "\"and\", \"or\", \"for\" or the end"},
      {"(brake_mps2 > 4", 15, "expected \")\""},
      {"inside garage", 7, "a geofence: depot, school"},
      {"inside", 6, "found the end, expected a geofence"},
      {"command sent", 8, "expected \"received\""},
      {"speed_mps > 1 and", 17, "found the end"},
      {"\xc3\xa4 > 1", 0, "expected"},
  };
  for (const auto& each : mistakes) {
    TriggerCondition condition;
    TriggerMistake mistake;
    ASSERT_FALSE(ParseTrigger(each.text, kGeofences, &condition, &mistake)) << each.text;
    EXPECT_EQ(mistake.at, each.at) << each.text << ": " << mistake.why;
    EXPECT_THAT(mistake.why, HasSubstr(each.why)) << each.text;
  }
}

TEST(TriggerText, DepthAndLengthAreBounded) {
  const std::string deep = std::string(10'000, '(') + "speed_mps > 1";
  EXPECT_THAT(Steps(deep), HasSubstr("within each other"));
  std::string nots;
  for (int i = 0; i < 10'000; ++i) nots += "not ";
  EXPECT_THAT(Steps(nots + "speed_mps > 1"), HasSubstr("within each other"));
  std::string text = "speed_mps > 1";
  for (int i = 0; i < 15; ++i) text += " or speed_mps > 1";  // 31 steps.
  EXPECT_THAT(Steps(text), testing::Not(HasSubstr("too long")));
  EXPECT_THAT(Steps(text + " or speed_mps > 1"), HasSubstr("too long"));
}

}  // namespace
}  // namespace starling::cloud
