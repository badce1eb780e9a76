// Judges fixes and clock reports under a manual clock.

#include "cloud/gateway/fix_gate.h"

#include <gtest/gtest.h>

#include <limits>

namespace starling::cloud {
namespace {

using log::Verdict;

constexpr BootId kBoot{7};
constexpr double kMetresPerLatUnit = 0.0111;  // 1e-7 degree of latitude

class Gate : public testing::Test {
 protected:
  Gate() {
    gate_.OnHello(kBoot);
    EXPECT_EQ(Report(nanoseconds(0)), Verdict::Accepted);
  }

  // A clock report by a vehicle whose belief is off by `error`.
  Verdict Report(nanoseconds error, nanoseconds uncertainty = milliseconds(1)) {
    flatbuffers::FlatBufferBuilder builder;
    builder.Finish(wire::CreateClockReport(builder, BootNs(), ToNs(kBootedAt) + error.count(),
                                           static_cast<std::uint64_t>(uncertainty.count())));
    const auto* report = flatbuffers::GetRoot<wire::ClockReport>(builder.GetBufferPointer());
    return gate_.JudgeClock(config_, *report, now_).verdict;
  }

  // A fix `north_m` north of the origin, taken `age` ago.
  Judgement Fix(double north_m, nanoseconds age = {}, std::size_t arcs = 0) {
    const auto lat = static_cast<std::int32_t>(north_m / kMetresPerLatUnit);
    const wire::Fix fix(BootNs() - static_cast<std::uint64_t>(age.count()), sequence_++, lat, 0, 0, 1000, 0, 0, 10,
                        wire::Intent::Idle);
    return gate_.JudgeFix(config_, frame_, fix, arcs, now_);
  }
  Verdict FixVerdict(double north_m, nanoseconds age = {}) { return Fix(north_m, age).verdict; }
  void Advance(nanoseconds span) { now_ += span; }
  std::uint64_t BootNs() const { return static_cast<std::uint64_t>((now_ - kBootedAt).count()); }

  static constexpr CloudTime kBootedAt = CloudTime(seconds(1'700'000'000));
  CloudTime now_ = kBootedAt + seconds(100);
  GatewayConfig config_;
  LocalFrame frame_{FrameOrigin{}};
  FixGate gate_;
  std::uint32_t sequence_ = 1;
};

TEST_F(Gate, TranslatesTheVehiclesClock) {
  EXPECT_EQ(FixVerdict(0, milliseconds(30)), Verdict::Accepted);
  EXPECT_EQ(gate_.sample_time(), now_ - milliseconds(30));
}

TEST_F(Gate, NeedsAClockReportOnEachConnection) {
  gate_.OnHello(kBoot);
  EXPECT_EQ(FixVerdict(0), Verdict::ClockStep);
  EXPECT_EQ(Report(nanoseconds(0)), Verdict::Accepted);
  EXPECT_EQ(FixVerdict(0), Verdict::Accepted);
}

TEST_F(Gate, AgeAndLeadHaveTheirLimits) {
  EXPECT_EQ(FixVerdict(0, milliseconds(2'000)), Verdict::Accepted);
  EXPECT_EQ(FixVerdict(0, milliseconds(2'001)), Verdict::TooOld);
  EXPECT_EQ(FixVerdict(0, milliseconds(-220)), Verdict::Accepted);
  EXPECT_EQ(FixVerdict(0, milliseconds(-221)), Verdict::FromTheFuture);
  EXPECT_EQ(FixVerdict(0, -seconds(300)), Verdict::FromTheFuture);
}

TEST_F(Gate, AFixOutsideItsRangesIsRefused) {
  const wire::Fix far_north(BootNs(), 1, 860'000'000, 0, 0, 0, 0, 0, 10, wire::Intent::Idle);
  EXPECT_EQ(gate_.JudgeFix(config_, frame_, far_north, 0, now_).verdict, Verdict::BadRange);
  const wire::Fix fast(BootNs(), 1, 0, 0, 0, 12'001, 0, 0, 10, wire::Intent::Idle);
  EXPECT_EQ(gate_.JudgeFix(config_, frame_, fast, 0, now_).verdict, Verdict::BadRange);
  const wire::Fix late(~std::uint64_t{0}, 1, 0, 0, 0, 0, 0, 0, 10, wire::Intent::Idle);
  EXPECT_EQ(gate_.JudgeFix(config_, frame_, late, 0, now_).verdict, Verdict::BadRange);
  EXPECT_EQ(Fix(0, {}, 8).verdict, Verdict::Accepted);
  EXPECT_EQ(Fix(0, {}, 9).verdict, Verdict::BadRange);
}

TEST_F(Gate, SequencesRiseWithinABoot) {
  sequence_ = 5;
  EXPECT_EQ(FixVerdict(0), Verdict::Accepted);
  sequence_ = 5;
  EXPECT_EQ(FixVerdict(0), Verdict::RepeatedSequence);
  sequence_ = 4;
  EXPECT_EQ(FixVerdict(0), Verdict::RepeatedSequence);
  gate_.OnHello(BootId{8});
  EXPECT_EQ(Report(nanoseconds(0)), Verdict::Accepted);
  sequence_ = 1;
  EXPECT_EQ(FixVerdict(0), Verdict::Accepted);
}

TEST_F(Gate, ReconnectingDoesNotResetTheSequence) {
  sequence_ = 5;
  EXPECT_EQ(FixVerdict(0), Verdict::Accepted);
  gate_.OnHello(kBoot);
  EXPECT_EQ(Report(nanoseconds(0)), Verdict::Accepted);
  sequence_ = 5;
  EXPECT_EQ(FixVerdict(0), Verdict::RepeatedSequence);
}

// 10 m and 70 m for each second since the last fix.
TEST_F(Gate, TheAllowedJumpGrowsWithTheSilence) {
  EXPECT_EQ(FixVerdict(0), Verdict::Accepted);
  Advance(seconds(1));
  EXPECT_EQ(FixVerdict(100), Verdict::Jump);
  Advance(seconds(1));
  EXPECT_EQ(FixVerdict(149), Verdict::Accepted);
}

TEST_F(Gate, OneOutlierCostsOneFix) {
  EXPECT_EQ(FixVerdict(0), Verdict::Accepted);
  EXPECT_EQ(FixVerdict(5'000), Verdict::Jump);
  EXPECT_EQ(FixVerdict(1), Verdict::Accepted);
  EXPECT_EQ(FixVerdict(5'000), Verdict::Jump);
}

TEST_F(Gate, TheThirdFixAtANewPlaceIsBelieved) {
  EXPECT_EQ(FixVerdict(0), Verdict::Accepted);
  EXPECT_EQ(FixVerdict(5'000), Verdict::Jump);
  EXPECT_EQ(FixVerdict(5'001), Verdict::Jump);
  EXPECT_EQ(FixVerdict(5'002), Verdict::Accepted);
  EXPECT_EQ(FixVerdict(5'003), Verdict::Accepted);
}

TEST_F(Gate, JumpsToDifferentPlacesAreNeverBelieved) {
  EXPECT_EQ(FixVerdict(0), Verdict::Accepted);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(FixVerdict(i % 2 == 0 ? 5'000 : 9'000), Verdict::Jump) << i;
}

TEST_F(Gate, TheBucketAnswersWhenTheNextFixIsWelcome) {
  for (int i = 0; i < 30; ++i) EXPECT_EQ(FixVerdict(0), Verdict::Accepted) << i;
  const Judgement over = Fix(0);
  EXPECT_EQ(over.verdict, Verdict::OverRate);
  EXPECT_EQ(over.notice, wire::NoticeCode::OverRate);
  EXPECT_EQ(over.retry_after_ms, 67u);  // 1 / 15 s
  Advance(milliseconds(over.retry_after_ms));
  EXPECT_EQ(FixVerdict(0), Verdict::Accepted);
  EXPECT_EQ(FixVerdict(0), Verdict::OverRate);
}

TEST_F(Gate, ReconnectingDoesNotFillTheBucket) {
  for (int i = 0; i < 30; ++i) (void)FixVerdict(0);
  gate_.OnHello(BootId{9});
  EXPECT_EQ(Report(nanoseconds(0)), Verdict::Accepted);
  EXPECT_EQ(FixVerdict(0), Verdict::OverRate);
}

// The vehicle's wall clock is never asked: only where its report places now.
TEST_F(Gate, AClockReportMustPlaceItsSendingAtNow) {
  EXPECT_EQ(Report(-seconds(300)), Verdict::ClockStep);
  EXPECT_EQ(Report(seconds(300)), Verdict::ClockStep);
  EXPECT_EQ(Report(-nanoseconds(now_.time_since_epoch())), Verdict::ClockStep);  // 1970
}

TEST_F(Gate, TheClockMayMoveByTheStepAndTheUncertainty) {
  EXPECT_EQ(Report(milliseconds(-102)), Verdict::Accepted);  // 100 + 1 + 1
  EXPECT_EQ(Report(milliseconds(1)), Verdict::ClockStep);    // 103
}

TEST_F(Gate, TheThirdConsistentStepIsBelieved) {
  EXPECT_EQ(Report(milliseconds(-500)), Verdict::ClockStep);
  EXPECT_EQ(FixVerdict(0), Verdict::Accepted);  // by the old belief
  EXPECT_EQ(gate_.sample_time(), now_);
  EXPECT_EQ(Report(milliseconds(-501)), Verdict::ClockStep);
  EXPECT_EQ(Report(milliseconds(-499)), Verdict::Accepted);
  EXPECT_EQ(FixVerdict(0), Verdict::Accepted);
  EXPECT_EQ(gate_.sample_time(), now_ - milliseconds(499));
}

TEST_F(Gate, ABoastfulUncertaintyAllowsHalfASecondAtMost) {
  EXPECT_EQ(Report(milliseconds(-700), seconds(3600)), Verdict::ClockStep);
}

TEST_F(Gate, ExtremeNumbersAreRefusedWithoutOverflow) {
  flatbuffers::FlatBufferBuilder builder;
  for (const std::int64_t offset : {std::int64_t{1} << 62, std::numeric_limits<std::int64_t>::max(),
                                    std::numeric_limits<std::int64_t>::min()}) {
    builder.Clear();
    builder.Finish(wire::CreateClockReport(builder, ~std::uint64_t{0} >> 3, offset, ~std::uint64_t{0}));
    const auto* report = flatbuffers::GetRoot<wire::ClockReport>(builder.GetBufferPointer());
    EXPECT_NE(gate_.JudgeClock(config_, *report, now_).verdict, Verdict::Accepted);
  }
}

}  // namespace
}  // namespace starling::cloud
