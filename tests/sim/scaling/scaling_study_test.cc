#include "sim/scaling/scaling_study.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "sim/scaling/scaling_document.h"
#include "sim/scaling/scaling_picture.h"
#include "sim/scaling/scaling_policy.h"

namespace starling::sim {
namespace {

using testing::HasSubstr;

ScalingStudyConfig Small() {
  ScalingStudyConfig config;
  config.demand.fixes_per_vehicle_s = 1.1;
  config.demand.weeks = 2;
  config.seeds = 2;
  config.targets = {0.7};
  return config;
}

const ScalingStudy& SmallStudy() {
  static const ScalingStudy study = RunScalingStudy(Small(), [](double) { return true; }).value();
  return study;
}

const RuleResult& Rule(const std::string& name) {
  return *std::find_if(SmallStudy().rules.begin(), SmallStudy().rules.end(),
                       [&](const RuleResult& rule) { return rule.name == name && !rule.of_curve; });
}

// What each rule is for, whatever the seed: these hold in any week.
TEST(ScalingStudy, WhoKnowsWhatComesIsNeverOverloadedAndCheaperThanThePeak) {
  for (const WeekUnderRule& week : Rule("oracle").weeks) {
    EXPECT_EQ(week.overload_s, 0);
    EXPECT_EQ(week.shed_share, 0);
  }
  for (const WeekUnderRule& week : Rule("fixed").weeks) {
    EXPECT_EQ(week.over_limit_s, 0);
    EXPECT_EQ(week.changes, 0);
  }
  EXPECT_LT(Mean(Rule("oracle"), &WeekUnderRule::shard_hours).mean, Mean(Rule("fixed"), &WeekUnderRule::shard_hours).mean);
  for (const char* name : {"reactive", "predictive", "both", "announced", "both_announced"}) {
    EXPECT_LT(Mean(Rule(name), &WeekUnderRule::shard_hours).mean, Mean(Rule("fixed"), &WeekUnderRule::shard_hours).mean)
        << name;
    EXPECT_GT(Mean(Rule(name), &WeekUnderRule::shard_hours).mean, Mean(Rule("oracle"), &WeekUnderRule::shard_hours).mean)
        << name;
  }
}

TEST(ScalingStudy, SecondsOverTheLimitAreOfOneCauseEach) {
  for (const RuleResult& rule : SmallStudy().rules) {
    for (const WeekUnderRule& week : rule.weeks) {
      EXPECT_EQ(week.over_limit_s, week.overload_s + week.handover_s) << rule.name;
    }
  }
}

TEST(ScalingStudy, TheForecastIsAnnouncedWhatItCovers) {
  EXPECT_NEAR(Mean(Rule("predictive"), &WeekUnderRule::within).mean, 0.9, 0.05);
  EXPECT_LT(Mean(Rule("predictive"), &WeekUnderRule::forecast_error).mean, 0.05);
}

TEST(ScalingStudy, OneSeedGivesTheSameReport) {
  const ScalingStudy again = RunScalingStudy(Small(), [](double) { return true; }).value();
  EXPECT_EQ(ScalingDocument(again, {}), ScalingDocument(SmallStudy(), {}));
  EXPECT_EQ(ScalingPage(again), ScalingPage(SmallStudy()));
}

TEST(ScalingStudy, EndsEarlyWhereItIsTold) {
  EXPECT_FALSE(RunScalingStudy(Small(), [](double) { return false; }).ok());
}

TEST(ScalingStudy, SaysWhatItIs) {
  const std::string table = ScalingTable(SmallStudy(), {});
  EXPECT_THAT(table, HasSubstr("oracle: knows what comes"));
  EXPECT_THAT(table, HasSubstr("(given)"));
  EXPECT_THAT(ScalingPage(SmallStudy()), HasSubstr("<svg"));
}

// 1,000 served a second by one shard of 1,000, target 0.5: two are wanted, however much more there would be to do.
TEST(ReactivePolicy, SeesNoMoreThanWhatIsServed) {
  ReactivePolicy policy(1'000, 0.5);
  std::uint32_t wanted = 1;
  for (std::int64_t second = 0; second <= 30; ++second) wanted = policy.Wanted({second, 1'000, 1, 1});
  EXPECT_EQ(wanted, 2u);
}

TEST(ReactivePolicy, ChangesNothingWithinATenthAndGivesUpAfterFiveMinutes) {
  ReactivePolicy policy(1'000, 0.5);
  for (std::int64_t second = 0; second < 300; ++second) EXPECT_EQ(policy.Wanted({second, 2'150, 4, 4}), 4u);
  for (std::int64_t second = 300; second < 600; ++second) EXPECT_EQ(policy.Wanted({second, 900, 4, 4}), 4u);
  std::uint32_t wanted = 4;
  for (std::int64_t second = 600; second < 660; ++second) wanted = policy.Wanted({second, 900, 4, 4});
  EXPECT_EQ(wanted, 2u);
}

TEST(ShardsFor, IsTheLeastWholeNumber) {
  EXPECT_EQ(ShardsFor(0, 100), 1u);
  EXPECT_EQ(ShardsFor(100, 100), 1u);
  EXPECT_EQ(ShardsFor(101, 100), 2u);
}

}  // namespace
}  // namespace starling::sim
