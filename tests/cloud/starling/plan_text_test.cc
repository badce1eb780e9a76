#include "cloud/starling/plan_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

namespace starling::cloud {
namespace {

using testing::HasSubstr;

std::string Page() {
  std::ifstream page(STARLING_SOURCE_DIR "/docs/formats/plan.md");
  return {std::istreambuf_iterator<char>(page), std::istreambuf_iterator<char>()};
}

std::string ExampleOfPage() {
  const std::string page = Page();
  const std::size_t begin = page.find("```toml\n") + 8;
  return page.substr(begin, page.find("```", begin) - begin);
}

// "LINE:COLUMN: why", or the plan's hash.
std::string Said(std::string_view text) {
  PlanMistake mistake;
  const auto compiled = ParsePlan(text, &mistake);
  if (compiled) return ToHex(compiled->hash);
  return mistake.ToText("").substr(1);
}

TEST(PlanText, TheExampleOfTheFormatPageIsTakenAsThePageSays) {
  PlanMistake mistake;
  const auto compiled = ParsePlan(ExampleOfPage(), &mistake);
  ASSERT_TRUE(compiled.has_value()) << mistake.ToText("plan.md");
  const Plan& plan = compiled->plan;
  EXPECT_EQ(plan.name, "winter-brakes");
  EXPECT_EQ(plan.version, 12u);
  EXPECT_EQ(plan.start, seconds(1'796'083'200));  // date -u -d 2026-12-01 +%s
  EXPECT_EQ(plan.end, seconds(1'803'855'600));    // date -u -d '2027-02-28 23:00' +%s
  EXPECT_EQ(plan.priority, wire::PlanPriority::Urgent);
  EXPECT_EQ(plan.link_share_percent, 50u);
  EXPECT_EQ(plan.position_error_m, 0.5);
  EXPECT_EQ(plan.heartbeat, milliseconds(2000));
  ASSERT_EQ(plan.signals.size(), 2u);
  EXPECT_EQ(plan.signals[0].every, 10u);
  EXPECT_EQ(plan.signals[1].lane, wire::PlanLane::Windows);
  ASSERT_EQ(plan.windows.size(), 1u);
  EXPECT_EQ(plan.windows[0].above, 0.3);
  EXPECT_EQ(plan.windows[0].aggregates, static_cast<std::uint8_t>(wire::PlanAggregate::ANY));
  ASSERT_EQ(plan.geofences.size(), 1u);
  EXPECT_EQ(plan.geofences[0].corners[3], (PlanCorner{481'422'000, 115'602'000}));
  ASSERT_EQ(plan.triggers.size(), 2u);
  EXPECT_EQ(plan.triggers[0].hold, milliseconds(200));
  EXPECT_EQ(plan.triggers[1].cooldown, seconds(60));
  EXPECT_THAT(Page(), HasSubstr(PlanSummary(plan)));
}

TEST(PlanText, TheLeastPlanIsANameAndAVersion) {
  EXPECT_THAT(Said("name = \"a\"\nversion = 1\n"), testing::MatchesRegex("[0-9a-f]{16}"));
}

TEST(PlanText, EachMistakeHasItsLineAndColumn) {
  const std::string head = "name = \"a\"\nversion = 1\n";
  const struct {
    std::string text;
    const char* said;
  } mistakes[] = {
      {"", "1:1: the plan needs name"},
      {"name = \"a\"\n", "1:1: the plan needs version"},
      {"name = 7\nversion = 1\n", "1:8: name is to be a text in quotes"},
      {"name = \"a\"\nversion = -1\n", "2:11: version is to be a whole number, not negative"},
      {"name = \"a\"\nversion = 0\n", "2:11: version is 0, must be 1 or more"},
      {"name = \"a b\"\nversion = 1\n", "1:8: a name is 1 to 48 of"},
      {"name = \n", "1:8: "},
      {head + "verzion = 2\n", "3:1: unknown key verzion in the plan; there are: end, geofence,"},
      {head + "start = 2026-12-01T00:00:00\n", "3:9: start is to be a time with its offset"},
      {head + "start = 2026-12-01T00:00:00Z\nend = 2026-11-01T00:00:00Z\n", "4:7: end is not after start"},
      {head + "priority = \"high\"\n", "3:12: priority is to be one of \"normal\", \"urgent\""},
      {head + "link_share = 1.2\n", "3:14: link_share is 1.2, must be within 0.01 and 1"},
      {head + "live = 3\n", "3:8: live is to be a section, [live]"},
      {head + "[live]\n  heartbeat_s = 9\n", "4:17: heartbeat_s is 9, must be within 0.2 and 2.5"},
      {head + "[live]\nposition_error_m = nan\n", "4:20: position_error_m is to be a number"},
      {head + "[[signal]]\nevery = 2\n", "3:1: [[signal]] needs name"},
      {head + "[[signal]]\nname = \"brake_mps2\"\n", "4:8: name is to be one of \"position\", \"heading_deg\""},
      {head + "[[signal]]\nname = \"speed_mps\"\n[[signal]]\nname = \"speed_mps\"\n", "6:8: the signal has a rule already"},
      {head + "[[signal]]\nname = \"speed_mps\"\nlane = \"windows\"\n", "5:8: lane is \"windows\" and no [[window]]"},
      {head + "[[window]]\nsignal = \"speed_mps\"\nseconds = 601\naggregates = [\"max\"]\n",
       "5:11: seconds is 601, must be within 1 and 600"},
      {head + "[[window]]\nsignal = \"speed_mps\"\nseconds = 1\naggregates = [\"max\", \"median\"]\n",
       "6:22: aggregates is to be a list of"},
      {head + "[[window]]\nsignal = \"speed_mps\"\nseconds = 1\naggregates = [\"time_above\"]\n", "3:1: [[window]] needs above"},
      {head + "[[geofence]]\nname = \"g\"\ncorners = [[1, 2], [3]]\n", "5:20: a corner is to be [LAT, LON]"},
      {head + "[[geofence]]\nname = \"g\"\ncorners = [[1, 2], [86, 2]]\n", "5:21: a latitude is to be a number of degrees within +-85"},
      {head + "[[geofence]]\nname = \"g\"\ncorners = [[1, 2], [2, 2]]\n", "5:11: 2 corners, must be 3 to 64"},
      {head + "[[trigger]]\nname = \"t\"\nwhen = \"speed_mps > > 4\"\n", "5:21: when: found \">\", expected a number"},
      {head + "[[trigger]]\nname = \"t\"\nwhen = 'speed_mps'\n", "5:18: when: found the end, expected one of > >= < <="},
      {head + "[[trigger]]\nname = \"t\"\nwhen = \"command received for 1 s\"\n", "5:8: what is entered, left or received lasts"},
      {head + "[[trigger]]\nname = \"t\"\nwhen = \"speed_mps > 1\"\nbefore_s = 11\n", "6:12: before_s is 11, must be within 0 and 10"},
      {head + "a.b.c.d.e.f.g.h.i.j = 1\n", "3:18: a key of more than 9 parts"},
  };
  for (const auto& each : mistakes) EXPECT_THAT(Said(each.text), testing::StartsWith(each.said)) << each.text;
}

// A place within a text whose escapes are not those of what it means is that of the whole text.
TEST(PlanText, AMistakeInAConditionWithEscapesIsAtItsText) {
  EXPECT_THAT(Said("name = \"a\"\nversion = 1\n[[trigger]]\nname = \"t\"\nwhen = \"speed_mps \\u003e > 4\"\n"),
              testing::StartsWith("5:8: when: found \">\""));
}

TEST(PlanText, TooMuchIsRefusedAtTheFirstThatIsTooMuch) {
  std::string text = "name = \"a\"\nversion = 1\n";
  for (int i = 0; i < 17; ++i) text += "[[window]]\nsignal = \"speed_mps\"\nseconds = 1\naggregates = [\"max\"]\n";
  EXPECT_THAT(Said(text), testing::StartsWith("67:1: one [[window]] too many"));
  EXPECT_THAT(Said(std::string(kPlanTextBytesMax + 1, '#')), HasSubstr("at most 65536"));
}

}  // namespace
}  // namespace starling::cloud
