#include <algorithm>
#include <cmath>
#include <random>

#include "common/geo/trigonometry.h"
#include "common/telemetry/fix_codec.h"
#include "tests/edge/agent/link.h"

namespace starling::edge {
namespace {

class LiveLane : public AgentTest {
 protected:
  void SetUp() override {
    Make();
    Connect();
  }

  // Takes a sample; the live frame that follows at once, if there is one.
  std::optional<SentFrame> TakeAndSend(const Sample& sample) {
    Take(sample);
    std::optional<SentFrame> live;
    for (SentFrame& frame : DrainWithClock()) {
      if (frame.type == FrameType::kLive) live = std::move(frame);
    }
    return live;
  }
};

TEST_F(LiveLane, APredictableVehicleSpeaksAtEveryTenthSample) {
  std::vector<int> sent_at;
  for (int i = 0; i <= 40; ++i) {
    if (TakeAndSend(SteadySample(AtMs(1000 + 100 * i)))) sent_at.push_back(i);
  }
  EXPECT_EQ(sent_at, (std::vector<int>{0, 10, 20, 30, 40}));
}

TEST_F(LiveLane, JitterDoesNotMakeTheTenthSampleTheEleventh) {
  std::mt19937 random(1);
  std::uniform_int_distribution<int> jitter_us(-3000, 3000);
  int sent = 0;
  for (int i = 0; i < 100; ++i) {
    const BootTime time = AtMs(1000 + 100 * i) + std::chrono::microseconds(jitter_us(random));
    sent += TakeAndSend(SteadySample(time)) ? 1 : 0;
  }
  EXPECT_EQ(sent, 10);
}

TEST_F(LiveLane, RawSendsEverySample) {
  AgentConfig config;
  config.raw = true;
  Make(config);
  Connect();
  for (int i = 0; i < 30; ++i) EXPECT_TRUE(TakeAndSend(SteadySample(AtMs(1000 + 100 * i)))) << i;
  EXPECT_EQ(agent_->counters().live_frames, 30u);
}

TEST_F(LiveLane, AChangedIntentIsSentAtOnce) {
  ASSERT_TRUE(TakeAndSend(SteadySample(AtMs(100))));
  Sample sample = SteadySample(AtMs(200));
  sample.intent = wire::Intent::Idle;
  const auto live = TakeAndSend(sample);
  ASSERT_TRUE(live);
  EXPECT_EQ(live->As<wire::Live>().fix()->intent(), wire::Intent::Idle);
  EXPECT_EQ(live->As<wire::Live>().fix()->sequence(), 2u);
}

TEST_F(LiveLane, NothingIsSentBeforeTheCloudKnowsTheClock) {
  Make();
  Connect();
  Take(SteadySample(AtMs(100)));
  const auto probe = Next();
  ASSERT_TRUE(probe && probe->type == FrameType::kClockProbe);
  EXPECT_FALSE(Next());
  Reply(*probe);
  EXPECT_EQ(Next()->type, FrameType::kClockReport);
  EXPECT_EQ(Next()->type, FrameType::kLive);
}

TEST_F(LiveLane, OnlyTheNewestWaitsWhileTheLinkIsBlocked) {
  ASSERT_TRUE(TakeAndSend(SteadySample(AtMs(100))));
  for (int i = 0; i < 25; ++i) Take(SteadySample(AtMs(200 + 100 * i)));
  int live = 0;
  for (const SentFrame& frame : DrainWithClock()) {
    if (frame.type != FrameType::kLive) continue;
    ++live;
    EXPECT_EQ(frame.As<wire::Live>().fix()->sequence(), 26u);
    EXPECT_EQ(frame.As<wire::Live>().fix()->boot_time_ns(), ToNs(AtMs(2600)));
  }
  EXPECT_EQ(live, 1);
  EXPECT_EQ(agent_->counters().live_conflated, 15u);  // The tenth was due, fifteen took its place.
}

TEST_F(LiveLane, AFixThatBecameUnnecessaryIsStillSent) {
  ASSERT_TRUE(TakeAndSend(SteadySample(AtMs(100))));
  Sample bump = SteadySample(AtMs(200));
  bump.speed_mps = 11;
  Take(bump);
  Take(SteadySample(AtMs(300)));
  const auto frames = DrainWithClock();
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(frames[0].As<wire::Live>().fix()->sequence(), 3u);
}

TEST_F(LiveLane, AfterAReconnectTheNewestSampleIsSent) {
  ASSERT_TRUE(TakeAndSend(SteadySample(AtMs(100))));
  Take(SteadySample(AtMs(200)));
  agent_->OnDisconnected(now_);
  Connect();
  const auto frames = DrainWithClock();
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(frames[0].As<wire::Live>().fix()->sequence(), 2u);
}

TEST_F(LiveLane, OverRatePausesItForAsLongAsTheCloudSays) {
  ASSERT_TRUE(TakeAndSend(SteadySample(AtMs(100))));
  Feed(NoticeFrame(wire::NoticeCode::OverRate, 1500, "bucket\nempty"));
  EXPECT_EQ(agent_->last_notice(), "OverRate: bucket empty");
  int first_after = 0;
  for (int i = 2; i <= 30 && first_after == 0; ++i) {
    if (TakeAndSend(SteadySample(AtMs(100 * i)))) first_after = i;
  }
  EXPECT_EQ(first_after, 16);  // 100 ms + 1500 ms.
}

TEST_F(LiveLane, HeadingIsIgnoredWhileStandingAndCountsAroundNorth) {
  Sample sample = SteadySample(AtMs(100), 0);
  ASSERT_TRUE(TakeAndSend(sample));
  sample.time = AtMs(200);
  sample.heading_rad = 1;
  EXPECT_FALSE(TakeAndSend(sample));

  Make();
  now_ = AtMs(0);
  Connect();
  Sample moving = SteadySample(AtMs(100));
  moving.heading_rad = 2 * kPi - 0.01;
  ASSERT_TRUE(TakeAndSend(moving));
  moving = SteadySample(AtMs(200));
  moving.heading_rad = 0.01;
  EXPECT_FALSE(TakeAndSend(moving));
  moving = SteadySample(AtMs(300));
  moving.heading_rad = 0.1;
  EXPECT_TRUE(TakeAndSend(moving));
}

// A path of two arcs, `driven_m` along it.
PlannedPath TurnAfter(double straight_m, double driven_m, double curvature = 0.05) {
  PlannedPath path;
  path.Append({straight_m, 0});
  path.Append({30, curvature});
  path.Append({100, 0});
  return path.After(driven_m);
}

TEST_F(LiveLane, APlanThatIsDrivenIsNotSentAgain) {
  for (int i = 0; i <= 9; ++i) {
    Sample sample = SteadySample(AtMs(100 * i));
    sample.path = TurnAfter(40, static_cast<double>(i));
    EXPECT_EQ(TakeAndSend(sample).has_value(), i == 0) << i;
  }
}

TEST_F(LiveLane, APlanThatDepartsIsSentAtOnce) {
  Sample sample = SteadySample(AtMs(100));
  sample.path = TurnAfter(40, 0);
  const auto first = TakeAndSend(sample);
  ASSERT_TRUE(first);
  ASSERT_NE(first->As<wire::Live>().path(), nullptr);
  EXPECT_EQ(first->As<wire::Live>().path()->size(), 3u);

  sample = SteadySample(AtMs(200));
  sample.path = TurnAfter(40, 1, 0.0502);  // 9 cm off where the turn ends.
  EXPECT_FALSE(TakeAndSend(sample));
  sample = SteadySample(AtMs(300));
  sample.path = TurnAfter(40, 2, -0.05);
  EXPECT_TRUE(TakeAndSend(sample));
  sample = SteadySample(AtMs(400));
  sample.path = TurnAfter(36, 2, -0.05);  // The turn comes earlier.
  EXPECT_TRUE(TakeAndSend(sample));
  EXPECT_TRUE(TakeAndSend(SteadySample(AtMs(500)))) << "no plan any more";
  EXPECT_FALSE(TakeAndSend(SteadySample(AtMs(600))));
}

// Faster by 0.4 m/s than it says, a vehicle gets ahead of its prediction by 4 cm
// with each sample: 28 cm at the seventh, and 32 at the next.
TEST_F(LiveLane, IsSentOneSampleBeforeTheErrorWouldPassTheLimit) {
  const LocalFrame frame(kOrigin);
  for (int i = 0; i <= 7; ++i) {
    Sample sample = SteadySample(AtMs(100 + 100 * i));
    sample.position = frame.ToGeo({0, 1.04 * i});
    EXPECT_EQ(TakeAndSend(sample).has_value(), i == 0 || i == 7) << i;
  }
}

// The same before a U-turn: it is farther on its plan, and the plan is the same.
// 8 cm to this side and that, anew each time: never off by more than 16 cm, and not on the way to more.
TEST_F(LiveLane, AReceiverThatJittersWithinTheBoundCostsNoFrames) {
  std::mt19937 random(1);
  int sent = 0;
  constexpr int kSamples = 400;
  const LocalFrame frame(kOrigin);
  for (int i = 0; i < kSamples; ++i) {
    Sample sample = SteadySample(AtMs(1000 + 100 * i));
    const double side_m = random() % 2 == 0 ? 0.08 : -0.08;
    sample.position = frame.ToGeo(frame.ToLocal(sample.position) + Vec2{side_m, 0});
    sent += TakeAndSend(sample) ? 1 : 0;
  }
  // A tenth is due anyway; with each step taken for a trend it is more than a fifth.
  EXPECT_LE(sent, kSamples / 8);
}

TEST_F(LiveLane, BeingAheadOnAPlanIsNoDeparture) {
  const LocalFrame frame(kOrigin);
  for (int i = 0; i <= 6; ++i) {
    Sample sample = SteadySample(AtMs(100 + 100 * i));
    sample.position = frame.ToGeo({0, 1.04 * i});
    PlannedPath plan;
    plan.Append({20, 0});
    plan.Append({12, kPi / 12});
    plan.Append({60, 0});
    sample.path = plan.After(1.04 * i);
    EXPECT_EQ(TakeAndSend(sample).has_value(), i == 0) << i;
  }
}

TEST_F(LiveLane, APlanBeyondTheHorizonDoesNotMatter) {
  Sample sample = SteadySample(AtMs(100));
  sample.path = TurnAfter(60, 0);
  ASSERT_TRUE(TakeAndSend(sample));
  sample = SteadySample(AtMs(200));
  sample.path = TurnAfter(60, 1, -0.05);  // Turns after 59 m; five seconds are 50 m.
  EXPECT_FALSE(TakeAndSend(sample));
}

// What the cloud believes, from the frames alone.
struct CloudBelief {
  LocalFrame frame{kOrigin};
  std::optional<wire::Fix> fix;
  PlannedPath path;

  void Take(const SentFrame& frame_sent) {
    fix = *frame_sent.As<wire::Live>().fix();
    path = PathFromWire(frame_sent.As<wire::Live>().path());
  }
  double PositionError(const Sample& truth) const {
    const double dt_s = ToSeconds(truth.time - BootTimeFromNs(fix->boot_time_ns()));
    const Pose pose = Predict(MotionFromWire(*fix, frame), path, dt_s);
    return Norm(frame.ToLocal(truth.position) - pose.position);
  }
};

// Car following by fits and starts, with turns: acceleration is redrawn at random,
// curvature too.  At each sample, once what is due has been sent, the cloud is
// within 0.3 m (and half a unit of the wire); just before, it may be off by what
// the acceleration that began since the last sample adds to the extrapolated error:
// at most half of 9 m/s2 + 8 m/s2 lateral over 0.1 s and the second difference,
// (0.1 s)^2 * 12 m/s2 = 0.12 m.
TEST_F(LiveLane, TheCloudIsNeverOffByMoreThanTheBound) {
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    std::uniform_real_distribution<double> accel_mps2(-4, 2.5);
    std::uniform_real_distribution<double> curvature(-0.06, 0.06);
    std::uniform_int_distribution<int> redraw(0, 14);
    Make();
    now_ = AtMs(0);
    Connect();
    CloudBelief cloud;
    Pose pose{{1000, -2000}, 0.3, 8};
    double accel = 0;
    double bend = 0;
    double worst_before = 0;
    double worst_after = 0;
    int frames = 0;
    for (int i = 0; i < 1200; ++i) {
      if (redraw(random) == 0) accel = accel_mps2(random);
      if (redraw(random) == 0) bend = redraw(random) < 7 ? 0 : curvature(random);
      // Nobody takes a bend faster than 4 m/s2 sideways.
      if (std::abs(bend) * pose.speed_mps * pose.speed_mps > 4) bend = 0;
      if (pose.speed_mps > 18) accel = std::min(accel, 0.0);
      Sample sample;
      sample.time = AtMs(100 + 100 * i);
      sample.position = cloud.frame.ToGeo(pose.position);
      sample.heading_rad = pose.heading_rad + cloud.frame.Convergence(sample.position);
      sample.speed_mps = pose.speed_mps;
      sample.accel_mps2 = accel;
      sample.yaw_rate_radps = bend * pose.speed_mps;
      if (cloud.fix) worst_before = std::max(worst_before, cloud.PositionError(sample));
      if (const auto live = TakeAndSend(sample)) {
        cloud.Take(*live);
        ++frames;
      }
      worst_after = std::max(worst_after, cloud.PositionError(sample));
      MotionState state{pose.position, pose.heading_rad, pose.speed_mps, accel, bend};
      pose = Predict(state, {}, 0.1);
    }
    EXPECT_LE(worst_after, 0.3);
    EXPECT_LE(worst_before, 0.3 + 0.12);
    EXPECT_LT(frames, 1200 / 2);
    EXPECT_GE(frames, 120);
  }
}

}  // namespace
}  // namespace starling::edge
