#include "sim/links/link_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>
#include <vector>

#include "tests/sim/sensors/digest.h"

namespace starling::sim {
namespace {

using testing::HasSubstr;
using Kind = LinkEvent::Kind;

constexpr LinkDirection kUp = LinkDirection::kUp;
constexpr LinkDirection kDown = LinkDirection::kDown;
constexpr Vec2 kGood{500, 500};
constexpr Vec2 kInHole{0, 0};

SimTime At(double at_s) { return SimTime(SpanOf(at_s)); }

CoveragePlan WithAHole() {
  CoveragePlan plan;
  plan.extent = {{-1000, -1000}, {1000, 1000}};
  plan.holes = {Area::Disc(kInHole, 100)};
  return plan;
}

class Link : public testing::Test {
 protected:
  LinkModel Model(std::uint64_t vehicle = 1, SimTime begin = SimTime()) {
    return LinkModel(&config_, &coverage_, vehicle, begin);
  }

  // All that happens up to `until`, in steps of 100 ms and at the model's own times.
  static std::vector<LinkEvent> PollUntil(LinkModel* model, Vec2 where, SimTime from, SimTime until) {
    std::vector<LinkEvent> events;
    for (SimTime now = from; now <= until;) {
      while (const std::optional<LinkEvent> event = model->Poll(where, now)) events.push_back(*event);
      now = std::max(now + nanoseconds(1), std::min(now + milliseconds(100), model->wake()));
    }
    return events;
  }

  LinkConfig config_;
  CoverageMap coverage_{WithAHole()};
};

TEST_F(Link, IsAPerfectMillisecondByDefault) {
  LinkModel model = Model();
  for (int i = 0; i < 1000; ++i) {
    const SimTime now = At(0.1 * i);
    const SimTime arrives = model.Deliver(kUp, kGood, now, 100).value();
    EXPECT_GE(arrives, now + milliseconds(1));
    EXPECT_LT(arrives, now + nanoseconds(1'000'200));  // 152 bytes at 1 GB/s
    EXPECT_TRUE(model.Deliver(kDown, kGood, now, 1).has_value());
    EXPECT_FALSE(model.Poll(kGood, now).has_value());
  }
  EXPECT_EQ(model.wake(), SimTime::max());
  EXPECT_EQ(model.delay_min(), milliseconds(1));
  EXPECT_EQ(model.counters().bytes, 101'000u);
}

TEST_F(Link, WithoutCoverageIsTheSameEverywhere) {
  LinkModel model(&config_, nullptr, 1, SimTime());
  EXPECT_TRUE(model.Deliver(kUp, {1e9, -1e9}, At(1e6), 1).has_value());
  EXPECT_FALSE(model.Poll({1e9, -1e9}, At(1e6)).has_value());
}

// delay_min + (median - min) e^(spread z) at the quantile of z.
TEST_F(Link, DelayHasTheQuantilesOfAShiftedLognormal) {
  config_.up = {.delay_min = milliseconds(10), .delay_median = milliseconds(30), .delay_spread = 0.5};
  config_.down = {.delay_min = milliseconds(8), .delay_median = milliseconds(20), .delay_spread = 0.8};
  for (const LinkDirection direction : {kUp, kDown}) {
    LinkModel model = Model();
    std::vector<double> delays_s;
    constexpr int kCount = 200'000;
    for (int i = 0; i < kCount; ++i) {
      const SimTime now = At(10.0 * i);  // so far apart that none waits for another
      delays_s.push_back(ToSeconds(model.Deliver(direction, kGood, now, 100).value() - now));
    }
    std::sort(delays_s.begin(), delays_s.end());
    const LinkStreamConfig& stream = direction == kUp ? config_.up : config_.down;
    EXPECT_GE(delays_s.front(), ToSeconds(stream.delay_min));
    const struct {
      double share;
      double z;
      double density;  // of the normal distribution there
    } quantiles[] = {{0.01, -2.3263, 0.02665}, {0.1, -1.2816, 0.1755}, {0.5, 0, 0.3989}, {0.9, 1.2816, 0.1755},
                     {0.99, 2.3263, 0.02665}, {0.999, 3.0902, 0.003367}};
    for (const auto& [share, z, density] : quantiles) {
      const double above_s = delays_s[static_cast<std::size_t>(share * kCount)] - ToSeconds(stream.delay_min);
      const double seen_z = std::log(above_s / ToSeconds(stream.delay_median - stream.delay_min)) / stream.delay_spread;
      EXPECT_NEAR(seen_z, z, 4 * std::sqrt(share * (1 - share) / kCount) / density) << share;
    }
  }
}

TEST_F(Link, NothingArrivesBeforeTheLeastDelayNorOutOfOrder) {
  config_ = LinkConfig::Cellular();
  config_.loss = 0.05;
  CoveragePlan plan = WithAHole();
  plan.cells.resize(16);
  plan.cells[5] = {.extra_delay = milliseconds(100), .loss = 0.1};
  coverage_ = CoverageMap(plan);
  for (std::uint64_t vehicle = 0; vehicle < 50; ++vehicle) {
    LinkModel model = Model(vehicle);
    Random random(vehicle);
    SimTime now;
    SimTime before[2] = {};
    for (int i = 0; i < 20'000; ++i) {
      now += nanoseconds(random.Below(60'000'000));
      const double x = random.Between(-900, 900);
      const Vec2 where{x, random.Between(-900, 900)};
      const LinkDirection direction = random.Chance(0.5) ? kUp : kDown;
      const auto arrives = model.Deliver(direction, where, now, 1 + random.Below(5000));
      if (arrives) {
        ASSERT_GE(*arrives, now + model.delay_min());
        ASSERT_GE(*arrives, before[static_cast<int>(direction)]);
        before[static_cast<int>(direction)] = *arrives;
      }
      while (const auto event = model.Poll(where, now)) {
        ASSERT_LE(event->at, now);
        if (event->kind == Kind::kReturned) before[0] = before[1] = SimTime();
      }
    }
    EXPECT_GT(model.counters().segments_lost, 100u);
  }
}

TEST_F(Link, BytesPassTheBottleneckOneAfterTheOther) {
  config_.up.bytes_per_s = 100'000;
  config_.backlog_max = seconds(10);
  LinkModel model = Model();
  for (int i = 1; i <= 5; ++i) {
    // 100,000 bytes in 72 segments, each with 52 bytes of headers.
    const SimTime arrives = model.Deliver(kUp, kGood, At(0), 100'000).value();
    EXPECT_NEAR(SecondsOf(arrives), i * 1.03744 + 0.001, 1e-6);
  }
  EXPECT_NEAR(SecondsOf(model.Deliver(kDown, kGood, At(0), 1000).value()), 0.001, 1e-4) << "ways of their own";
  EXPECT_NEAR(SecondsOf(model.Deliver(kUp, kGood, At(50), 100'000).value()), 51.03844, 1e-6) << "it has drained";
}

TEST_F(Link, RefusesWhatWouldWaitForLongAndSaysWhenItTakesMore) {
  config_.up.bytes_per_s = 10'000;
  config_.backlog_max = milliseconds(400);
  LinkModel model = Model();
  SimTime now;
  int taken = 0;
  while (model.Deliver(kUp, kGood, now, 948)) ++taken;  // 0.1 s each
  EXPECT_EQ(taken, 5) << "the fifth found 0.4 s";
  EXPECT_FALSE(model.Deliver(kUp, kGood, now, 1).has_value()) << "nor anything smaller: order";
  EXPECT_TRUE(model.Deliver(kDown, kGood, now, 1).has_value());
  EXPECT_EQ(model.wake(), At(0.3)) << "half of the backlog is left";
  EXPECT_FALSE(model.Poll(kGood, At(0.3) - nanoseconds(1)).has_value());
  const LinkEvent event = model.Poll(kGood, At(0.3)).value();
  EXPECT_EQ(event.kind, Kind::kFlows);
  EXPECT_EQ(event.direction, kUp);
  EXPECT_EQ(event.at, At(0.3));
  EXPECT_TRUE(model.Deliver(kUp, kGood, At(0.3), 948).has_value());
  EXPECT_EQ(model.counters().refused, 2u);
}

TEST_F(Link, SenderThatWaitsForTheBottleneckWaitsForTheRadioInAHole) {
  config_.up.bytes_per_s = 10'000;
  config_.backlog_max = milliseconds(400);
  LinkModel model = Model();
  while (model.Deliver(kUp, kGood, At(0), 948)) {
  }
  EXPECT_EQ(model.wake(), At(0.3));
  EXPECT_TRUE(PollUntil(&model, kInHole, At(0.1), At(5)).empty()) << "its time comes and goes";
  EXPECT_EQ(model.wake(), At(10.1));
  const std::vector<LinkEvent> events = PollUntil(&model, kGood, At(5), At(10));
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].kind, Kind::kFlows);
  EXPECT_GT(events[0].at, At(5));
}

// A lone segment that is lost comes a timeout later; n repetitions lost: 2^n - 1 timeouts.
TEST_F(Link, LossOfALoneSegmentCostsTheTimeoutAndItsDoublings) {
  config_.loss = 0.2;
  config_.rto_max = seconds(60);
  LinkModel model = Model();
  constexpr int kCount = 50'000;
  std::vector<int> timeouts(40);
  for (int i = 0; i < kCount; ++i) {
    const SimTime now = At(1e4 * i);
    const double delay_s = ToSeconds(model.Deliver(kUp, kGood, now, 100).value() - now);
    // A round trip of 2 ms and 200 ms.
    const double doublings = std::log2(1 + (delay_s - 0.001) / 0.202);
    if (doublings < 7.5) {  // then the longest timeout is reached
      EXPECT_NEAR(doublings, std::floor(doublings + 0.5), 0.01) << delay_s;
    }
    ++timeouts[static_cast<std::size_t>(doublings + 0.5)];
  }
  double left = kCount;
  for (std::size_t n = 0; n < 4; ++n) {
    EXPECT_NEAR(timeouts[n], left * 0.8, 4 * std::sqrt(left * 0.16)) << n;
    left *= 0.2;
  }
}

TEST_F(Link, LossInTheMiddleOfManyCostsARoundTrip) {
  config_.loss = 0.001;
  config_.up.delay_min = config_.up.delay_median = milliseconds(50);
  LinkModel model = Model();
  int none = 0;
  int fast = 0;
  int slow = 0;
  constexpr int kCount = 20'000;
  for (int i = 0; i < kCount; ++i) {
    const SimTime now = At(100.0 * i);
    const double delay_s = ToSeconds(model.Deliver(kUp, kGood, now, 50 * 1400).value() - now);
    if (delay_s < 0.051) {
      ++none;
    } else if (delay_s < 0.151) {
      ++fast;
      EXPECT_NEAR(delay_s, 0.150, 0.001);
    } else {
      ++slow;
      EXPECT_GT(delay_s, 0.34);
    }
  }
  // 50 segments; of the last three none has three behind it.
  const double clean = std::pow(0.999, 50);
  const double tail = 1 - std::pow(0.999, 3);
  EXPECT_NEAR(none, kCount * clean, 4 * std::sqrt(kCount * clean * (1 - clean)));
  EXPECT_NEAR(slow, kCount * tail, 4 * std::sqrt(kCount * tail) + 0.0001 * kCount);
  EXPECT_GT(fast, slow);
  EXPECT_NEAR(static_cast<double>(model.counters().segments_lost), kCount * 0.05, 4 * std::sqrt(kCount * 0.05));
}

TEST_F(Link, WhatFollowsALostSegmentWaitsForIt) {
  config_.loss = 0.02;
  LinkModel model = Model();
  int waited = 0;
  SimTime before;
  for (int i = 0; i < 2000; ++i) {
    const SimTime now = At(0.01 * i);
    const SimTime arrives = model.Deliver(kUp, kGood, now, 100).value();
    waited += arrives == before;  // at the moment when the lost one is there
    before = arrives;
  }
  // Each loss holds back those of the next 200 ms.
  EXPECT_NEAR(waited, 2000 * 0.02 * 20 * 0.85, 250);
}

TEST_F(Link, CellsLossIsOnTopOfTheLinks) {
  CoveragePlan plan = WithAHole();
  plan.cells.assign(16, {.extra_delay = milliseconds(30), .loss = 0.1});
  coverage_ = CoverageMap(plan);
  config_.loss = 0.1;
  LinkModel model = Model();
  for (int i = 0; i < 20'000; ++i) {
    const SimTime now = At(1e4 * i);
    EXPECT_GE(model.Deliver(kUp, kGood, now, 100).value(), now + milliseconds(31));
  }
  EXPECT_NEAR(static_cast<double>(model.counters().segments_lost), 20'000 * 0.19, 4 * std::sqrt(20'000 * 0.19 * 0.81));
}

TEST_F(Link, NothingIsTakenInAHole) {
  LinkModel model = Model();
  SimTime now = At(1);
  EXPECT_TRUE(model.Deliver(kUp, kGood, now, 10).has_value());
  for (int i = 0; i < 99; ++i) {
    now += milliseconds(100);
    EXPECT_FALSE(model.Deliver(kUp, kInHole, now, 10).has_value());
    EXPECT_FALSE(model.Deliver(kDown, kInHole, now, 10).has_value());
    EXPECT_FALSE(model.Poll(kInHole, now).has_value());
    EXPECT_TRUE(model.connected());
  }
}

TEST_F(Link, StreamGoesOnWithTheNextRetransmissionBehindAHole) {
  config_.up.delay_min = config_.up.delay_median = milliseconds(50);
  LinkModel model = Model();
  EXPECT_FALSE(model.Deliver(kUp, kInHole, At(1), 10).has_value());
  EXPECT_TRUE(PollUntil(&model, kInHole, At(1), At(2.9)).empty());
  // The first timeout is the smoothed round trip's 0.1 s and four times half of that, as after a handshake:
  // 1 + 0.3 (1 + 2 + 4) = 3.1.
  EXPECT_FALSE(model.Poll(kGood, At(3)).has_value());
  EXPECT_EQ(model.wake(), At(3.1));
  EXPECT_FALSE(model.Deliver(kUp, kGood, At(3.05), 1).has_value()) << "nothing overtakes what was refused";
  EXPECT_TRUE(model.Deliver(kDown, kGood, At(3.05), 1).has_value()) << "the other way nothing waits";
  const std::vector<LinkEvent> events = PollUntil(&model, kGood, At(3.05), At(20));
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].kind, Kind::kFlows);
  EXPECT_EQ(events[0].direction, kUp);
  EXPECT_EQ(events[0].at, At(3.1));
  EXPECT_TRUE(model.Deliver(kUp, kGood, At(20), 10).has_value());
  EXPECT_EQ(model.counters().lost, 0u);
}

TEST_F(Link, StreamThatHadNothingToSendInAHoleGoesOnAtOnce) {
  LinkModel model = Model();
  EXPECT_TRUE(PollUntil(&model, kInHole, At(1), At(9)).empty());
  EXPECT_TRUE(model.Deliver(kUp, kGood, At(9.1), 10).has_value());
  EXPECT_TRUE(PollUntil(&model, kGood, At(9.1), At(60)).empty());
}

TEST_F(Link, IsLostExactlyAfterItsTimeout) {
  for (const bool sends : {false, true}) {
    LinkModel model = Model();
    EXPECT_FALSE(model.Poll(kGood, At(0)).has_value());
    if (sends) {
      EXPECT_FALSE(model.Deliver(kDown, kInHole, At(1), 10).has_value());
    }
    EXPECT_FALSE(model.Poll(kInHole, At(1)).has_value());
    EXPECT_EQ(model.wake(), At(11));
    EXPECT_FALSE(model.Poll(kInHole, At(11) - nanoseconds(1)).has_value());
    EXPECT_TRUE(model.connected());
    const LinkEvent event = model.Poll(kInHole, At(11)).value();
    EXPECT_EQ(event.kind, Kind::kLost);
    EXPECT_EQ(event.at, At(11));
    EXPECT_FALSE(model.connected());
    EXPECT_FALSE(model.Deliver(kUp, kGood, At(11), 10).has_value());
  }
}

TEST_F(Link, IsLostAtItsTimeEvenIfSomebodyAsksLater) {
  LinkModel model = Model();
  EXPECT_FALSE(model.Poll(kInHole, At(1)).has_value());
  const LinkEvent event = model.Poll(kGood, At(15)).value();
  EXPECT_EQ(event.kind, Kind::kLost);
  EXPECT_EQ(event.at, At(11));
}

TEST_F(Link, IsLostWhenTheRadioIsBackBeforeTheTimeoutAndTheRetransmissionIsNot) {
  LinkModel model = Model();
  EXPECT_FALSE(model.Deliver(kUp, kInHole, At(0), 10).has_value());
  // Attempts at 0.2 s and so on; the last before 10 s is at about 6.3 s.
  EXPECT_TRUE(PollUntil(&model, kInHole, At(0), At(7)).empty());
  const std::vector<LinkEvent> events = PollUntil(&model, kGood, At(7.1), At(10));
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].kind, Kind::kLost);
  EXPECT_EQ(events[0].at, At(10));
}

TEST_F(Link, ReturnsAFewRoundTripsAfterTheRadio) {
  config_.up.delay_min = config_.up.delay_median = milliseconds(50);
  config_.down.delay_min = config_.down.delay_median = milliseconds(30);
  config_.handshake_round_trips = 3;
  std::vector<double> returns_s;
  for (std::uint64_t vehicle = 0; vehicle < 300; ++vehicle) {
    LinkModel model = Model(vehicle);
    ASSERT_EQ(PollUntil(&model, kInHole, At(1), At(100)).size(), 1u);
    const std::vector<LinkEvent> events = PollUntil(&model, kGood, At(100), At(120));
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].kind, Kind::kReturned);
    EXPECT_TRUE(model.connected());
    EXPECT_EQ(model.counters().returned, 1u);
    returns_s.push_back(SecondsOf(events[0].at) - 100);
    EXPECT_TRUE(model.Deliver(kUp, kGood, At(120), 10).has_value());
  }
  std::sort(returns_s.begin(), returns_s.end());
  // Three times 80 ms; what comes on top is the rest of a wait of 2.5 to 7.5 s.
  EXPECT_GT(returns_s.front(), 0.24);
  EXPECT_LT(returns_s.front(), 0.6);
  EXPECT_GT(returns_s.back(), 4);
  EXPECT_LT(returns_s.back(), 0.24 + 7.5);
}

TEST_F(Link, FirstAttemptToComeBackIsMadeAtOnce) {
  for (std::uint64_t vehicle = 0; vehicle < 20; ++vehicle) {
    LinkModel model = Model(vehicle);
    ASSERT_EQ(PollUntil(&model, kInHole, At(1), At(11)).size(), 1u);
    const std::vector<LinkEvent> events = PollUntil(&model, kGood, At(11), At(20));
    ASSERT_EQ(events.size(), 1u);
    EXPECT_GE(events[0].at, At(11.05));  // half of retry_min
    EXPECT_LT(events[0].at, At(11.16));  // one and a half, and the handshake
  }
}

TEST_F(Link, HandshakeThatLosesTheRadioBeginsAnew) {
  config_.up.delay_min = config_.up.delay_median = seconds(1);
  config_.retry_max = config_.retry_min;
  LinkModel model = Model();
  ASSERT_EQ(PollUntil(&model, kInHole, At(1), At(50)).size(), 1u);
  EXPECT_TRUE(PollUntil(&model, kGood, At(50), At(52)).empty()) << "three seconds are needed";
  EXPECT_GT(model.wake(), At(53)) << "and it has begun";
  EXPECT_TRUE(PollUntil(&model, kInHole, At(52), At(60)).empty());
  EXPECT_FALSE(model.connected());
  const std::vector<LinkEvent> events = PollUntil(&model, kGood, At(60), At(80));
  ASSERT_EQ(events.size(), 1u);
  EXPECT_GT(events[0].at, At(63));
  EXPECT_LT(events[0].at, At(63.2));
}

TEST_F(Link, OutageOfARadioCellTakesItsVehiclesWithIt) {
  CoveragePlan plan = WithAHole();
  const CoverageMap map(plan);
  plan.outages = {{map.CellAt(kGood), At(10), At(40)}};
  coverage_ = CoverageMap(plan);
  LinkModel inside = Model(1);
  LinkModel outside = Model(2);
  const std::vector<LinkEvent> events = PollUntil(&inside, kGood, At(0), At(60));
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].kind, Kind::kLost);
  EXPECT_EQ(events[0].at, At(20));
  EXPECT_EQ(events[1].kind, Kind::kReturned);
  EXPECT_GT(events[1].at, At(40));
  EXPECT_TRUE(PollUntil(&outside, {-500, -500}, At(0), At(60)).empty());
}

TEST_F(Link, CloudsBytesMayBePutToItAfterTheVehiclesLaterOnes) {
  config_.up.delay_min = config_.down.delay_min = milliseconds(20);
  config_.up.delay_median = config_.down.delay_median = milliseconds(20);
  LinkModel model = Model();
  EXPECT_TRUE(model.Deliver(kUp, kGood, At(1.02), 10).has_value());
  EXPECT_FALSE(model.Poll(kGood, At(1.02)).has_value());
  EXPECT_GE(model.Deliver(kDown, kGood, At(1), 10).value(), At(1.02));
}

TEST_F(Link, OneDirectionLeavesTheOthersDelaysAsTheyWere) {
  config_ = LinkConfig::Cellular();
  config_.loss = 0.05;
  LinkModel both = Model();
  LinkModel one = Model();
  for (int i = 0; i < 1000; ++i) {
    both.Deliver(kDown, kGood, At(i), 500);
    EXPECT_EQ(both.Deliver(kUp, kGood, At(i), 100), one.Deliver(kUp, kGood, At(i), 100));
  }
}

TEST_F(Link, OfOneSeedGivesTheSameBitsInEveryBuild) {
  config_ = LinkConfig::Cellular();
  config_.loss = 0.01;
  CoverageConfig drawn;
  drawn.cell_side_m = 200;
  drawn.extra_delay_mean = milliseconds(15);
  drawn.loss_mean = 0.01;
  drawn.hole_share = 0.05;
  drawn.outages_per_hour = 4;
  coverage_ = CoverageMap(DrawCoverage(drawn, {{-1000, -1000}, {1000, 1000}}));
  const auto digest = [this](std::uint64_t vehicle) {
    LinkModel model = Model(vehicle);
    Digest made;
    for (int i = 0; i < 36'000; ++i) {
      const SimTime now(i * milliseconds(100));
      const Vec2 where{-1000.0 + i % 2000, 900 * std::abs(i % 1400 - 700) / 700.0};
      while (const auto event = model.Poll(where, now)) {
        made.Add(static_cast<std::uint64_t>(event->kind));
        made.Add(static_cast<std::uint64_t>(event->at.time_since_epoch().count()));
      }
      for (const LinkDirection direction : {kUp, kDown}) {
        const auto arrives = model.Deliver(direction, where, now, static_cast<std::size_t>(60 + i % 9000));
        made.Add(arrives ? static_cast<std::uint64_t>(arrives->time_since_epoch().count()) : 0);
      }
    }
    EXPECT_GT(model.counters().lost, 0u);
    EXPECT_GT(model.counters().returned, 0u);
    EXPECT_GT(model.counters().segments_lost, 100u);
    return made.value();
  };
  EXPECT_EQ(digest(1), digest(1));
  EXPECT_NE(digest(1), digest(2));
  EXPECT_EQ(digest(1), 6604100949090627490u);
}

TEST(LinkConfigTest, RefusesEachFieldOutOfItsRangeByName) {
  using Change = std::function<void(LinkConfig*)>;
  const std::vector<std::pair<const char*, Change>> changes = {
      {"up.delay_min", [](LinkConfig* c) { c->up.delay_min = nanoseconds(999'999); }},
      {"up.delay_median", [](LinkConfig* c) { c->up.delay_median = nanoseconds(999'999); }},
      {"up.delay_spread", [](LinkConfig* c) { c->up.delay_spread = 1.6; }},
      {"up.bytes_per_s", [](LinkConfig* c) { c->up.bytes_per_s = 999; }},
      {"down.delay_min", [](LinkConfig* c) { c->down.delay_min = seconds(11); }},
      {"down.delay_median", [](LinkConfig* c) { c->down.delay_median = seconds(11); }},
      {"down.delay_spread", [](LinkConfig* c) { c->down.delay_spread = std::nan(""); }},
      {"down.bytes_per_s", [](LinkConfig* c) { c->down.bytes_per_s = 2e9; }},
      {"loss", [](LinkConfig* c) { c->loss = 0.6; }},
      {"segment_bytes", [](LinkConfig* c) { c->segment_bytes = 99; }},
      {"rto_min", [](LinkConfig* c) { c->rto_min = nanoseconds(0); }},
      {"rto_max", [](LinkConfig* c) { c->rto_max = milliseconds(199); }},
      {"backlog_max", [](LinkConfig* c) { c->backlog_max = nanoseconds(0); }},
      {"timeout", [](LinkConfig* c) { c->timeout = milliseconds(99); }},
      {"retry_min", [](LinkConfig* c) { c->retry_min = nanoseconds(0); }},
      {"retry_max", [](LinkConfig* c) { c->retry_max = milliseconds(99); }},
      {"handshake_round_trips", [](LinkConfig* c) { c->handshake_round_trips = 0; }},
  };
  EXPECT_TRUE(LinkConfig().Validate().ok());
  EXPECT_TRUE(LinkConfig::Cellular().Validate().ok());
  for (const auto& [field, change] : changes) {
    LinkConfig config;
    change(&config);
    const Status status = config.Validate();
    ASSERT_FALSE(status.ok()) << field;
    EXPECT_THAT(std::string(status.message()), HasSubstr(std::string("link ") + field + " is "));
  }
}

}  // namespace
}  // namespace starling::sim
