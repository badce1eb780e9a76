#include "sim/accuracy/score.h"

#include <gtest/gtest.h>

#include "tests/sim/accuracy/scene.h"

namespace starling::sim {
namespace {

SimTime At(double time_s) { return SimTime(nanoseconds(static_cast<std::int64_t>(time_s * 1e9))); }

class ScoreTest : public testing::Test {
 protected:
  // Four vehicles for 20 s, and one more from 9.1 s on.
  ScoreTest()
      : recording_(SceneOf({{"a", {0, 0}, 90, 10, 0, 20},
                            {"b", {0, 10}, 90, 10, 0, 20},
                            {"c", {0, 20}, 90, 10, 0, 20},
                            {"d", {0, 30}, 90, 10, 0, 20},
                            {"e", {0, 40}, 90, 10, 9.1, 20}})) {}

  static TrueEncounter Meet(std::uint32_t a, std::uint32_t b, double worst_s, double ttc_s) {
    TrueEncounter encounter;
    encounter.a = a;
    encounter.b = b;
    encounter.begin = At(worst_s - 3);
    encounter.end = At(worst_s + 1);
    encounter.worst = At(worst_s);
    encounter.ttc_s = ttc_s;
    return encounter;
  }
  static Decision Warn(std::uint32_t a, std::uint32_t b, double opened_s, double closed_s) {
    return {a, b, At(opened_s), At(closed_s), log::Encounter::Following, 1};
  }
  Score Judge(const std::vector<TrueEncounter>& truth, const std::vector<Decision>& decisions) const {
    return ScoreDecisions(recording_, truth, truth, decisions, rules_);
  }

  Recording recording_;
  ScoreRules rules_;
};

TEST_F(ScoreTest, OneOfTwoThatIsWarnedOfIsARecallOfOneHalf) {
  const Score score = Judge({Meet(0, 1, 10, 0.8), Meet(2, 3, 12, 1.2)}, {Warn(0, 1, 8.5, 11)});
  EXPECT_EQ(score.recall.is, 1u);
  EXPECT_EQ(score.recall.of, 2u);
  EXPECT_DOUBLE_EQ(*score.recall.share(), 0.5);
  EXPECT_EQ(score.encounters[0].outcome, EncounterOutcome::kFound);
  EXPECT_EQ(score.encounters[1].outcome, EncounterOutcome::kMissed);
  EXPECT_DOUBLE_EQ(score.encounters[0].lead_s, 1.5);
  EXPECT_DOUBLE_EQ(*score.precision.share(), 1);
}

TEST_F(ScoreTest, AWarningOfOtherTwoFindsNothing) {
  const Score score = Judge({Meet(0, 1, 10, 0.8)}, {Warn(0, 2, 8.5, 11), Warn(1, 2, 8.5, 11)});
  EXPECT_EQ(score.recall.is, 0u);
  EXPECT_EQ(score.precision.is, 0u);
  EXPECT_EQ(score.precision.of, 2u);
}

TEST_F(ScoreTest, AWarningAfterTheWorstInstantIsLateAndNoRecall) {
  const Score score = Judge({Meet(0, 1, 10, 0.8)}, {Warn(0, 1, 10.1, 12)});
  EXPECT_EQ(score.recall.is, 0u);
  EXPECT_EQ(score.late, 1u);
  EXPECT_EQ(score.encounters[0].outcome, EncounterOutcome::kLate);
  EXPECT_EQ(Judge({Meet(0, 1, 10, 0.8)}, {Warn(0, 1, 10, 12)}).recall.is, 1u);
  EXPECT_EQ(Judge({Meet(0, 1, 10, 0.8)}, {Warn(0, 1, 15.1, 16)}).late, 0u);
}

TEST_F(ScoreTest, AWarningThatWasOverMoreThanAHorizonBeforeFindsNothing) {
  EXPECT_EQ(Judge({Meet(0, 1, 10, 0.8)}, {Warn(0, 1, 3, 5)}).recall.is, 0u);
  const Score score = Judge({Meet(0, 1, 10, 0.8)}, {Warn(0, 1, 3, 5.1)});
  EXPECT_EQ(score.recall.is, 1u);
  EXPECT_DOUBLE_EQ(score.leads_s.front(), 7);
}

TEST_F(ScoreTest, LeadIsThatOfTheFirstWarningAndAllOfThemAreTrue) {
  const Score score = Judge({Meet(0, 1, 10, 0.8)}, {Warn(0, 1, 7, 8.5), Warn(0, 1, 9, 11)});
  EXPECT_DOUBLE_EQ(score.leads_s.front(), 3);
  EXPECT_EQ(score.leads_s.size(), 1u);
  EXPECT_EQ(score.precision.is, 2u);
}

TEST_F(ScoreTest, OnlyBelowTheThresholdIsRelevant) {
  EXPECT_EQ(Judge({Meet(0, 1, 10, 1.5)}, {}).recall.of, 0u);
  EXPECT_EQ(Judge({Meet(0, 1, 10, 1.499)}, {}).recall.of, 1u);
  EXPECT_EQ(Judge({Meet(0, 1, 10, 0)}, {}).recall_of_touches.of, 1u);
  rules_.ttc_s = 2;
  EXPECT_EQ(Judge({Meet(0, 1, 10, 1.5)}, {}).recall.of, 1u);
}

TEST_F(ScoreTest, BothHaveToBeThereForASecondBefore) {
  EXPECT_EQ(Judge({Meet(0, 4, 10.0, 0.5)}, {}).recall.of, 0u);
  EXPECT_EQ(Judge({Meet(0, 4, 10.1, 0.5)}, {}).recall.of, 1u);
}

TEST_F(ScoreTest, AFalseAlarmIsCountedByWhatThePairCameTo) {
  const std::vector<TrueEncounter> truth = {Meet(0, 1, 6, 2.5), Meet(0, 2, 6, 3.5)};
  // The pair's 2.5 s overlaps; its 3.5 s does not; of the third nothing is known.
  const Score score = Judge(truth, {Warn(0, 1, 5, 6), Warn(0, 2, 10, 11), Warn(1, 2, 5, 6)});
  EXPECT_EQ(score.precision.of, 3u);
  EXPECT_EQ(score.precision.is, 0u);
  EXPECT_EQ(score.false_by_band[static_cast<std::size_t>(FalseAlarmBand::kToThree)], 1u);
  EXPECT_EQ(score.false_by_band[static_cast<std::size_t>(FalseAlarmBand::kNever)], 2u);
  EXPECT_EQ(Judge(truth, {Warn(0, 2, 5, 6)}).false_by_band[static_cast<std::size_t>(FalseAlarmBand::kAboveThree)], 1u);
}

TEST_F(ScoreTest, AWarningWhoseHorizonTheRecordingDoesNotHaveIsNotJudged) {
  const Score score = Judge({Meet(0, 1, 18, 0.5)}, {Warn(0, 1, 16, 18), Warn(2, 3, 16, 17), Warn(1, 2, 14.9, 15)});
  EXPECT_EQ(score.unjudged, 1u);      // the second
  EXPECT_EQ(score.precision.of, 2u);  // the first found something, so it is judged
  EXPECT_EQ(score.precision.is, 1u);
}

TEST_F(ScoreTest, RecallIsSplitByKindAndForesight) {
  TrueEncounter seen = Meet(0, 1, 10, 0.8);
  seen.kind = ConflictKind::kCrossing;
  seen.foresight = Foresight::kSeen;
  TrueEncounter sudden = Meet(2, 3, 10, 0.8);
  sudden.kind = ConflictKind::kStanding;
  sudden.foresight = Foresight::kSudden;
  const Score score = Judge({seen, sudden}, {Warn(0, 1, 9, 11)});
  EXPECT_EQ(score.recall_by_kind[static_cast<std::size_t>(ConflictKind::kCrossing)].is, 1u);
  EXPECT_EQ(score.recall_by_kind[static_cast<std::size_t>(ConflictKind::kStanding)].is, 0u);
  EXPECT_EQ(score.recall_by_kind[static_cast<std::size_t>(ConflictKind::kStanding)].of, 1u);
  EXPECT_EQ(score.recall_by_foresight[static_cast<std::size_t>(Foresight::kSeen)].is, 1u);
  EXPECT_EQ(score.recall_by_foresight[static_cast<std::size_t>(Foresight::kSudden)].of, 1u);
  EXPECT_EQ(score.recall_by_foresight[static_cast<std::size_t>(Foresight::kNever)].of, 0u);
}

TEST_F(ScoreTest, AFalseAlarmSaysWhatTheTwoDid) {
  EXPECT_EQ(Judge({}, {Warn(0, 1, 5, 6)}).decisions[0].cause, FalseAlarmCause::kStraight);
  // From 6.9 to 7.0 s by 1 degree: 10 degrees a second.
  for (std::size_t i = 70; i < recording_.tracks[1].rows.size(); ++i)
    recording_.tracks[1].rows[i].heading_rad += 0.01745F;
  EXPECT_EQ(Judge({}, {Warn(0, 1, 5, 6)}).decisions[0].cause, FalseAlarmCause::kTurn);
  EXPECT_EQ(Judge({}, {Warn(0, 1, 3.9, 6)}).decisions[0].cause, FalseAlarmCause::kStraight);
  for (std::size_t i = 95; i < recording_.tracks[0].rows.size(); ++i) recording_.tracks[0].rows[i].front.y += 3.2;
  EXPECT_EQ(Judge({}, {Warn(0, 1, 5, 6)}).decisions[0].cause, FalseAlarmCause::kJump);
  EXPECT_EQ(Judge({}, {Warn(0, 1, 4.4, 6)}).decisions[0].cause, FalseAlarmCause::kTurn);
}

TEST_F(ScoreTest, LeadsAreInterpolated) {
  Score score;
  EXPECT_FALSE(score.LeadAt(0.5));
  score.leads_s = {1, 2, 4};
  EXPECT_DOUBLE_EQ(*score.LeadAt(0.5), 2);
  EXPECT_DOUBLE_EQ(*score.LeadAt(0.75), 3);
  EXPECT_DOUBLE_EQ(*score.LeadAt(0.1), 1.2);
  EXPECT_DOUBLE_EQ(*score.LeadAt(1), 4);
}

TEST_F(ScoreTest, RulesOutOfTheirRangeAreRefused) {
  EXPECT_TRUE(rules_.Validate().ok());
  rules_.ttc_s = 0;
  EXPECT_FALSE(rules_.Validate().ok());
  rules_ = {};
  rules_.sudden_s = 6;
  EXPECT_FALSE(rules_.Validate().ok());
}

// R. G. Newcombe, Two-sided confidence intervals for the single proportion, Statistics in Medicine 17 (1998), table I,
// method 3.
TEST(Proportion, WilsonsIntervalIsTheOneThatIsPublished) {
  const auto expect = [](std::uint64_t is, std::uint64_t of, double low, double high) {
    const ShareInterval interval = WilsonInterval({of, is});
    EXPECT_NEAR(interval.low, low, 5e-5) << is << " of " << of;
    EXPECT_NEAR(interval.high, high, 5e-5) << is << " of " << of;
  };
  expect(81, 263, 0.2553, 0.3662);
  expect(15, 148, 0.0624, 0.1605);
  expect(0, 20, 0, 0.1611);
  expect(1, 29, 0.0061, 0.1718);
  expect(20, 20, 0.8389, 1);
}

}  // namespace
}  // namespace starling::sim
