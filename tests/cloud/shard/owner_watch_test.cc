// When a standby takes over, by a clock that the test turns.
#include <optional>

#include <gtest/gtest.h>

#include "cloud/shard/owner_watch.h"

namespace starling::cloud {
namespace {

class OwnerWatchTest : public testing::Test {
 protected:
  static OwnerWatch::Steady At(int ms) { return OwnerWatch::Steady(milliseconds(ms)); }
  bool ShouldClaim(int ms) {
    if (watch_.AsksForEnd(At(ms))) {
      ++asked_;
      watch_.OnEnd(end_, At(ms), At(ms + answer_ms_));
    }
    return watch_.ShouldClaim(At(ms + answer_ms_));
  }

  OwnerWatch watch_{milliseconds(700), At(0)};
  std::optional<Offset> end_ = Offset{100};
  int answer_ms_ = 0;
  int asked_ = 0;
};

TEST_F(OwnerWatchTest, ClaimsAfterSilenceOnceAllIsRead) {
  watch_.OnProgress(Offset{100}, At(500));
  EXPECT_FALSE(ShouldClaim(699));
  EXPECT_TRUE(ShouldClaim(700));
}

TEST_F(OwnerWatchTest, EachSignBeginsTheWaitAnew) {
  watch_.OnProgress(Offset{100}, At(0));
  for (int ms = 0; ms < 5'000; ms += 600) {
    EXPECT_FALSE(ShouldClaim(ms));
    watch_.OnSign(At(ms));
  }
}

TEST_F(OwnerWatchTest, WhoWasStoppedItselfReadsFirst) {
  // It wakes after ten seconds, with 60 records to read, in which the owner lives.
  watch_.OnProgress(Offset{40}, At(0));
  watch_.OnProgress(Offset{41}, At(10'000));
  EXPECT_FALSE(ShouldClaim(10'000));
  watch_.OnProgress(Offset{99}, At(10'001));
  EXPECT_FALSE(ShouldClaim(10'001));
  watch_.OnSign(At(10'002));
  watch_.OnProgress(Offset{100}, At(10'002));
  EXPECT_FALSE(ShouldClaim(10'002));
  EXPECT_FALSE(ShouldClaim(10'701));
  EXPECT_TRUE(ShouldClaim(10'702));
}

TEST_F(OwnerWatchTest, TheEndIsThatOfTheSilencesBeginning) {
  watch_.OnProgress(Offset{90}, At(650));
  EXPECT_FALSE(ShouldClaim(700));
  end_ = Offset{1'000};  // Vehicles go on.
  watch_.OnProgress(Offset{100}, At(710));
  EXPECT_TRUE(ShouldClaim(710));
  EXPECT_EQ(asked_, 1);
}

TEST_F(OwnerWatchTest, APartitionThatEndsInOffsetsWithoutRecordsIsRead) {
  watch_.OnProgress(Offset{98}, At(300));
  EXPECT_FALSE(ShouldClaim(700));
  EXPECT_FALSE(ShouldClaim(7'699));
  EXPECT_TRUE(ShouldClaim(7'700));
}

TEST_F(OwnerWatchTest, ABrokerThatIsSlowToAnswerIsNoSilence) {
  EXPECT_FALSE(ShouldClaim(700));
  EXPECT_FALSE(ShouldClaim(3'000));
  watch_.OnProgress(Offset{1}, At(3'001));
  watch_.OnSign(At(3'001));
  EXPECT_FALSE(ShouldClaim(3'002));
}

TEST_F(OwnerWatchTest, ALogThatDoesNotAnswerIsNoSilenceOfTheOwner) {
  watch_.OnProgress(Offset{100}, At(0));
  end_.reset();
  answer_ms_ = 10'000;
  EXPECT_FALSE(ShouldClaim(700));  // Answered at 10.7 s: the brokers are away.
  end_ = Offset{100};
  answer_ms_ = 0;
  EXPECT_FALSE(ShouldClaim(11'400));  // They are back, the owner not yet.
  EXPECT_FALSE(ShouldClaim(12'799));
  EXPECT_TRUE(ShouldClaim(12'800));   // It is not heard of any more.
}

TEST_F(OwnerWatchTest, ALateAnswerBeginsTheWaitAnew) {
  watch_.OnProgress(Offset{100}, At(0));
  answer_ms_ = 351;
  EXPECT_FALSE(ShouldClaim(700));
  answer_ms_ = 0;
  watch_.OnSign(At(2'000));  // What the owner could not write before.
  EXPECT_FALSE(ShouldClaim(3'150));
  EXPECT_TRUE(ShouldClaim(3'151));
}

TEST_F(OwnerWatchTest, ASignThatComesDuringTheQuestionCounts) {
  watch_.OnProgress(Offset{100}, At(0));
  ASSERT_TRUE(watch_.AsksForEnd(At(700)));
  watch_.OnSign(At(750));
  watch_.OnEnd(Offset{100}, At(700), At(800));
  EXPECT_FALSE(watch_.ShouldClaim(At(1'449)));
  EXPECT_TRUE(watch_.AsksForEnd(At(1'450)));
}

TEST_F(OwnerWatchTest, AnOwnerThatLeavesIsFollowedAtOnce) {
  watch_.OnProgress(Offset{100}, At(0));
  watch_.OnSign(At(10));
  watch_.OnLeaving();
  EXPECT_TRUE(ShouldClaim(11));
}

TEST_F(OwnerWatchTest, WhoGaveUpLetsOthersComeFirst) {
  watch_.OnProgress(Offset{100}, At(0));
  watch_.DeferUntil(At(7'000));
  EXPECT_FALSE(ShouldClaim(6'999));
  EXPECT_TRUE(ShouldClaim(7'000));
}

}  // namespace
}  // namespace starling::cloud
