#include "edge/plan/plan_collector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <optional>

#include "edge/plan/signal_rules.h"

namespace starling::edge {
namespace {

using testing::ElementsAre;
using wire::PlanOpCode;
using wire::PlanSignal;

constexpr std::uint8_t kAll = static_cast<std::uint8_t>(wire::PlanAggregate::ANY);

PlanStep Above(PlanSignal signal, double value) {
  return {PlanOpCode::Greater, static_cast<std::uint8_t>(signal), value};
}

class Collecting : public testing::Test {
 protected:
  // Begins with the plan as it is now.
  PlanCollector& Collector() {
    if (!collector_) collector_.emplace(&plan_);
    return *collector_;
  }
  // The next sample at 10 Hz.
  void Sample(double accel_mps2, double speed_mps = 10, std::int32_t lat_e7 = 0) {
    ++sequence_;
    Collector().OnSample(wire::Fix(sequence_ * 100'000'000ull, sequence_, lat_e7, 0, 0,
                                   static_cast<std::int16_t>(std::lround(speed_mps * 100)),
                                   static_cast<std::int16_t>(std::lround(accel_mps2 * 100)), 0, 5,
                                   wire::Intent::Idle));
  }
  void Samples(int count, double accel_mps2) {
    for (int i = 0; i < count; ++i) Sample(accel_mps2);
  }
  PlanTrigger& AddTrigger(std::vector<PlanStep> condition) {
    plan_.triggers.push_back({"t", std::move(condition), {}, {}, {}, {}});
    return plan_.triggers.back();
  }
  // Sequences of the captures, first, fired and last.
  std::vector<std::vector<std::uint64_t>> Captured() {
    std::vector<std::vector<std::uint64_t>> all;
    for (const CapturedSamples& each : Collector().captures()) {
      for (std::size_t i = 1; i < each.fixes.size(); ++i) {
        EXPECT_EQ(each.fixes[i].sequence(), each.fixes[i - 1].sequence() + 1);
      }
      all.push_back({each.fixes.front().sequence(), each.fired_sequence, each.fixes.back().sequence()});
    }
    return all;
  }

  Plan plan_;
  std::optional<PlanCollector> collector_;
  std::uint32_t sequence_ = 0;
};

TEST_F(Collecting, AWindowSaysWhatItsSamplesWere) {
  plan_.windows = {{PlanSignal::Speed, milliseconds(1000), kAll, 10.5}};
  for (int i = 1; i <= 9; ++i) Sample(0, 9 + 0.5 * (i % 5));  // 0.1 to 0.9 s: 9.5 10 10.5 11 9 9.5 10 10.5 11.
  EXPECT_TRUE(Collector().windows().empty());
  Sample(0, 20);                                              // 1.0 s: the next window.
  ASSERT_EQ(Collector().windows().size(), 1u);
  const wire::WindowValue& window = Collector().windows()[0];
  EXPECT_EQ(window.begin_boot_time_ns(), 0u);
  EXPECT_EQ(window.count(), 9u);
  EXPECT_FLOAT_EQ(window.min(), 9);
  EXPECT_FLOAT_EQ(window.max(), 11);
  EXPECT_FLOAT_EQ(window.mean(), static_cast<float>((9.5 + 10 + 10.5 + 11 + 9 + 9.5 + 10 + 10.5 + 11) / 9));
  EXPECT_FLOAT_EQ(window.last(), 11);
  EXPECT_EQ(window.above_ms(), 200u);
  EXPECT_FALSE(window.partial());
  Collector().Finish();
  ASSERT_EQ(Collector().windows().size(), 2u);
  EXPECT_EQ(Collector().windows()[1].count(), 1u);
  EXPECT_TRUE(Collector().windows()[1].partial());
}

TEST_F(Collecting, AggregatesThatNobodyAsksForAreNotThere) {
  plan_.windows = {{PlanSignal::Brake, milliseconds(1000), static_cast<std::uint8_t>(wire::PlanAggregate::Max), 0}};
  Sample(-3);
  Sample(2);
  Collector().Finish();
  const wire::WindowValue& window = Collector().windows().at(0);
  EXPECT_FLOAT_EQ(window.max(), 3);
  EXPECT_EQ(window.mean(), 0);
  EXPECT_EQ(window.last(), 0);
}

TEST_F(Collecting, ACaptureHasWhatWasBeforeAndAfter) {
  PlanTrigger& trigger = AddTrigger({Above(PlanSignal::Brake, 4)});
  trigger.before = milliseconds(500);
  trigger.after = milliseconds(300);
  Samples(20, 0);
  Sample(-5);  // 21
  Samples(10, 0);
  EXPECT_THAT(Captured(), ElementsAre(ElementsAre(16, 21, 24)));
  EXPECT_FALSE(Collector().captures()[0].cut);
}

TEST_F(Collecting, WhatHasToHoldHasToHoldWithoutABreak) {
  PlanTrigger& trigger = AddTrigger({Above(PlanSignal::Brake, 4)});
  trigger.hold = milliseconds(200);
  Samples(2, -5);
  Sample(0);
  Samples(2, -5);
  EXPECT_TRUE(Captured().empty());
  Sample(-5);  // 6: true since 4.
  EXPECT_THAT(Captured(), ElementsAre(ElementsAre(6, 6, 6)));
}

TEST_F(Collecting, AConditionThatStaysTrueFiresOnce) {
  AddTrigger({Above(PlanSignal::Brake, 4)});
  Samples(50, -5);
  EXPECT_EQ(Captured().size(), 1u);
  Sample(0);
  Sample(-5);
  EXPECT_EQ(Captured().size(), 2u);
  EXPECT_EQ(Collector().counters().fired, 2u);
}

TEST_F(Collecting, DuringACaptureAndItsCooldownFiringIsOnlyCounted) {
  PlanTrigger& trigger = AddTrigger({Above(PlanSignal::Brake, 4)});
  trigger.after = milliseconds(300);
  trigger.cooldown = milliseconds(1000);
  for (int i = 0; i < 12; ++i) {  // Fires at 1, 3, 5, ..., 23.
    Sample(-5);
    Sample(0);
  }
  // From 1 to 4, quiet until 14; then 15 to 18.
  EXPECT_THAT(Captured(), ElementsAre(ElementsAre(1, 1, 4), ElementsAre(15, 15, 18)));
  EXPECT_EQ(Collector().counters().fired, 12u);
  EXPECT_EQ(Collector().counters().not_captured, 10u);
}

TEST_F(Collecting, ACaptureThatBeginsBeforeThePlanOrEndsWithItIsMarked) {
  PlanTrigger& trigger = AddTrigger({Above(PlanSignal::Brake, 4)});
  trigger.before = milliseconds(500);
  trigger.after = milliseconds(500);
  Sample(0);
  Sample(-5);
  Samples(5, 0);
  Collector().OnSample(wire::Fix(sequence_ * 100'000'000ull + 1'000'000'000, sequence_ + 1, 0, 0, 0, 0, 0, 0, 0, {}));
  ASSERT_THAT(Captured(), ElementsAre(ElementsAre(1, 2, 7)));
  EXPECT_TRUE(Collector().captures()[0].cut);
  Collector().captures().clear();
  sequence_ += 20;
  Samples(10, 0);
  Sample(-5);
  Sample(0);
  Collector().Finish();
  ASSERT_EQ(Captured().size(), 1u);
  EXPECT_TRUE(Collector().captures()[0].cut);
}

TEST_F(Collecting, GeofencesAreEnteredAndLeftAtOneSample) {
  plan_.geofences = {{"g", {{100, -100}, {200, -100}, {200, 100}, {100, 100}}}};
  AddTrigger({{PlanOpCode::Entered, 0, 0}});
  AddTrigger({{PlanOpCode::Left, 0, 0}});
  AddTrigger({{PlanOpCode::Inside, 0, 0}, {PlanOpCode::Not, 0, 0}});
  for (const std::int32_t lat : {50, 150, 160, 250, 260}) Sample(0, 10, lat);
  EXPECT_THAT(Captured(), testing::UnorderedElementsAre(ElementsAre(2, 2, 2), ElementsAre(4, 4, 4),
                                                        ElementsAre(1, 1, 1), ElementsAre(4, 4, 4)));
}

TEST_F(Collecting, WhoIsInAGeofenceWhenThePlanBeginsHasNotEnteredIt) {
  plan_.geofences = {{"g", {{100, -100}, {200, -100}, {200, 100}, {100, 100}}}};
  AddTrigger({{PlanOpCode::Entered, 0, 0}});
  Sample(0, 10, 150);
  EXPECT_TRUE(Captured().empty());
}

TEST_F(Collecting, ACommandIsReceivedAtTheNextSample) {
  AddTrigger({{PlanOpCode::CommandReceived, 0, 0}, Above(PlanSignal::Speed, 5), {PlanOpCode::And, 0, 0}});
  Sample(0);
  Collector().OnCommand();
  Sample(0);
  Sample(0);
  EXPECT_THAT(Captured(), ElementsAre(ElementsAre(2, 2, 2)));
}

// The plan's condition against the same one written in C++, for each of all truths.
TEST_F(Collecting, ConditionsAreEvaluatedAsTheyAreWritten) {
  // (speed > 5 and not accel > 1) or brake > 2
  AddTrigger({Above(PlanSignal::Speed, 5), Above(PlanSignal::Accel, 1), {PlanOpCode::Not, 0, 0}, {PlanOpCode::And, 0, 0},
              Above(PlanSignal::Brake, 2), {PlanOpCode::Or, 0, 0}});
  std::uint64_t expected = 0;
  bool before = false;
  for (const double speed : {0.0, 10.0, 0.0, 10.0}) {
    for (const double accel : {2.0, 0.0, -3.0, 2.0}) {
      Sample(accel, speed);
      const bool now = (speed > 5 && !(accel > 1)) || -accel > 2;
      if (now && !before) ++expected;
      before = now;
    }
  }
  EXPECT_EQ(Collector().counters().fired, expected);
  EXPECT_GT(expected, 2u);
}

// Against crossing by division, on a star with corners both ways.
TEST(Geofence, InsideIsInside) {
  const PlanGeofence star{"star", {{0, 0}, {1000, 300}, {2000, 0}, {1700, 1000}, {2000, 2000}, {1000, 1700}, {0, 2000}, {300, 1000}}};
  const auto by_division = [&](double lat, double lon) {
    bool inside = false;
    for (std::size_t i = 0, j = star.corners.size() - 1; i < star.corners.size(); j = i++) {
      const double lat_i = star.corners[i].lat_e7, lat_j = star.corners[j].lat_e7;
      const double lon_i = star.corners[i].lon_e7, lon_j = star.corners[j].lon_e7;
      if ((lat_i > lat) != (lat_j > lat) && lon < (lon_j - lon_i) * (lat - lat_i) / (lat_j - lat_i) + lon_i) inside = !inside;
    }
    return inside;
  };
  int inside = 0;
  for (std::int32_t lat = -97; lat < 2200; lat += 31) {
    for (std::int32_t lon = -97; lon < 2200; lon += 31) {
      ASSERT_EQ(IsInside(star, lat, lon), by_division(lat, lon)) << lat << " " << lon;
      inside += IsInside(star, lat, lon) ? 1 : 0;
    }
  }
  EXPECT_GT(inside, 500);
  EXPECT_FALSE(IsInside(star, 850'000'000, -1'800'000'000));
}

}  // namespace
}  // namespace starling::edge
