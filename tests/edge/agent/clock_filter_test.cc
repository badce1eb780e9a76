#include "edge/agent/clock_filter.h"

#include <algorithm>
#include <limits>
#include <random>

#include <gtest/gtest.h>

namespace starling::edge {
namespace {

constexpr std::int64_t kOffsetNs = 1'700'000'000'123'456'789;

BootTime AtMs(std::int64_t ms) { return BootTime(milliseconds(ms)); }

class ClockFilterTest : public ::testing::Test {
 protected:
  ClockFilterTest() { clock_.Restart(AtMs(0)); }

  // A probe that is `up` on its way, waits for `hold`, and is `down` on its way back.
  bool Probe(nanoseconds up, nanoseconds down, nanoseconds hold = nanoseconds(0),
             std::int64_t offset_ns = kOffsetNs) {
    now_ = std::max(now_, clock_.next_probe());
    const BootTime sent = now_;
    EXPECT_TRUE(clock_.probe_due(now_));
    clock_.ProbeSent(now_);
    now_ += up + hold + down;
    const auto read_ns = static_cast<std::int64_t>(ToNs(sent + up)) + offset_ns;
    return clock_.OnReply(ToNs(sent), read_ns, read_ns + hold.count(), now_);
  }

  // When probes go out in 31 s over a link with this delay each way.
  std::vector<BootTime> ProbeTimes(nanoseconds delay) {
    std::vector<BootTime> at;
    for (BootTime now = AtMs(0); now < AtMs(31'000); now += milliseconds(1)) {
      if (!clock_.probe_due(now)) continue;
      at.push_back(now);
      clock_.ProbeSent(now);
      const std::int64_t there_ns = kOffsetNs + (now.time_since_epoch() + delay).count();
      EXPECT_TRUE(clock_.OnReply(ToNs(now), there_ns, there_ns, now + 2 * delay));
    }
    return at;
  }

  std::int64_t ErrorNs() const { return clock_.belief()->cloud_minus_boot.count() - kOffsetNs; }

  ClockFilter clock_;
  BootTime now_ = AtMs(0);
};

TEST_F(ClockFilterTest, IsExactWhenBothWaysTakeTheSameTime) {
  ASSERT_TRUE(Probe(milliseconds(7), milliseconds(7), milliseconds(3)));
  EXPECT_EQ(ErrorNs(), 0);
}

TEST_F(ClockFilterTest, IsOffByAtMostItsUncertaintyHoweverAsymmetricTheDelays) {
  std::mt19937 random(4);
  std::uniform_int_distribution<std::int64_t> delay_us(0, 200'000);
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(Probe(std::chrono::microseconds(delay_us(random)), std::chrono::microseconds(delay_us(random)),
                      std::chrono::microseconds(delay_us(random))));
    ASSERT_LE(std::abs(ErrorNs()), clock_.belief()->uncertainty.count());
  }
}

TEST_F(ClockFilterTest, BelievesTheShortestOfTheLastEight) {
  ASSERT_TRUE(Probe(milliseconds(1), milliseconds(1)));
  for (int i = 0; i < 7; ++i) {
    ASSERT_TRUE(Probe(milliseconds(50), milliseconds(10)));
    EXPECT_EQ(ErrorNs(), 0) << i;
  }
  ASSERT_TRUE(Probe(milliseconds(50), milliseconds(10)));
  EXPECT_EQ(ErrorNs(), 20'000'000);  // Half of 50 - 10 ms.
}

TEST_F(ClockFilterTest, ProbesThreeTimesQuicklyThenEveryTenSecondsOnceItIsSure) {
  EXPECT_EQ(ProbeTimes(milliseconds(1)),
            (std::vector{AtMs(0), AtMs(100), AtMs(200), AtMs(10'200), AtMs(20'200), AtMs(30'200)}));
}

TEST_F(ClockFilterTest, ProbesEverySecondWhileItIsUnsureButNotForEver) {
  const std::vector<BootTime> at = ProbeTimes(milliseconds(20));
  ASSERT_EQ(at.size(), 17u);
  EXPECT_EQ(at[2], AtMs(200));
  EXPECT_EQ(at[3], AtMs(1'200));
  EXPECT_EQ(at[15], AtMs(13'200));  // The sixteenth.
  EXPECT_EQ(at[16], AtMs(23'200));
}

TEST_F(ClockFilterTest, ReportsTheFirstReplyThenWhatChangedThenEveryThirtySeconds) {
  EXPECT_FALSE(clock_.report_due(now_));
  ASSERT_TRUE(Probe(milliseconds(10), milliseconds(10)));
  EXPECT_TRUE(clock_.report_due(now_));
  clock_.ReportSent(now_);
  EXPECT_FALSE(clock_.report_due(now_));

  ASSERT_TRUE(Probe(milliseconds(9), milliseconds(9)));  // Hardly surer.
  EXPECT_FALSE(clock_.report_due(now_));
  ASSERT_TRUE(Probe(milliseconds(4), milliseconds(4)));  // Twice as sure.
  EXPECT_TRUE(clock_.report_due(now_));
  clock_.ReportSent(now_);
  ASSERT_TRUE(Probe(milliseconds(3), milliseconds(3), nanoseconds(0), kOffsetNs + 1'100'000));
  EXPECT_TRUE(clock_.report_due(now_));  // Moved by 1.1 ms.
  clock_.ReportSent(now_);
  EXPECT_FALSE(clock_.report_due(now_ + milliseconds(29'999)));
  EXPECT_TRUE(clock_.report_due(now_ + seconds(30)));
}

TEST_F(ClockFilterTest, ANewConnectionForgetsTheOldProbesAtItsFirstReply) {
  ASSERT_TRUE(Probe(milliseconds(1), milliseconds(1)));
  clock_.ReportSent(now_);
  clock_.Restart(now_);
  EXPECT_FALSE(clock_.reported());
  EXPECT_FALSE(clock_.report_due(now_)) << "the old belief is about another gateway";
  EXPECT_EQ(ErrorNs(), 0);
  ASSERT_TRUE(Probe(milliseconds(9), milliseconds(9), nanoseconds(0), kOffsetNs + 5'000'000'000));
  EXPECT_EQ(ErrorNs(), 5'000'000'000);
  EXPECT_TRUE(clock_.report_due(now_));
}

TEST_F(ClockFilterTest, RepliesThatCannotBeTrueChangeNothing) {
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  const auto reply = [&](std::uint64_t probe, std::int64_t received, std::int64_t sent) {
    return clock_.OnReply(probe, received, sent, AtMs(1000));
  };
  EXPECT_FALSE(reply(0, 5, 5)) << "no probe was sent";
  for (const auto& [received, sent] : std::vector<std::pair<std::int64_t, std::int64_t>>{
           {10, 9}, {-1, 5}, {std::numeric_limits<std::int64_t>::min(), kMax}, {kMax, kMax},
           {0, 2'000'000'000}}) {  // It cannot have held it for longer than it was away.
    clock_.ProbeSent(AtMs(500));
    EXPECT_FALSE(reply(ToNs(AtMs(500)), received, sent)) << received << " " << sent;
  }
  clock_.ProbeSent(AtMs(500));
  EXPECT_TRUE(reply(ToNs(AtMs(500)), 10, 20));
  EXPECT_FALSE(reply(ToNs(AtMs(500)), 10, 20)) << "a second reply";
}

}  // namespace
}  // namespace starling::edge
