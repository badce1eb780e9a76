#include "sim/experiment/axis.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <utility>

#include "sim/city/random.h"

namespace starling::sim {
namespace {

std::vector<std::string> Labels(const Axis& axis) {
  std::vector<std::string> labels;
  for (const double tick : axis.ticks()) labels.push_back(axis.Label(tick));
  return labels;
}

TEST(Axis, TicksAreRound) {
  using testing::ElementsAre;
  EXPECT_THAT(Labels(Axis::Round(0, 27, 4)), ElementsAre("0", "5", "10", "15", "20", "25", "30"));
  EXPECT_THAT(Labels(Axis::Round(-61, 12, 7)),
              ElementsAre("-70", "-60", "-50", "-40", "-30", "-20", "-10", "0", "10", "20"));
  EXPECT_THAT(Labels(Axis::Round(0.31, 0.44, 4)), ElementsAre("0.30", "0.35", "0.40", "0.45"));
  EXPECT_THAT(Labels(Axis::Exact(0, 599, 6)), ElementsAre("0", "100", "200", "300", "400", "500"));
}

TEST(Axis, LabelsAreShort) {
  EXPECT_THAT(Labels(Axis::Round(0, 3e8, 3)), testing::ElementsAre("0", "1.0e+08", "2.0e+08", "3.0e+08"));
  EXPECT_THAT(Labels(Axis::Round(0, 3e-7, 3)), testing::ElementsAre("0", "1.0e-07", "2.0e-07", "3.0e-07"));
  EXPECT_THAT(Labels(Axis::Round(0, 3e6, 3)), testing::ElementsAre("0", "1000000", "2000000", "3000000"));
}

TEST(Axis, WhatIsNoSpanGetsOne) {
  EXPECT_THAT(Labels(Axis::Round(0, 0, 4)), testing::ElementsAre("0.0", "0.2", "0.4", "0.6", "0.8", "1.0"));
  const Axis same = Axis::Round(5, 5, 4);
  EXPECT_LT(same.low(), 5);
  EXPECT_GT(same.high(), 5);
}

TEST(Axis, OfAnythingHoldsItWithAFewTicks) {
  Random random(11);
  for (int i = 0; i < 20'000; ++i) {
    double low = random.Between(-1, 1) * std::pow(10, random.Between(-9, 12));
    double high = random.Chance(0.1) ? low : random.Between(-1, 1) * std::pow(10, random.Between(-9, 12));
    if (low > high) std::swap(low, high);
    const Axis axis = Axis::Round(low, high, 5);
    const double unseen = 1e-6 * std::max(std::abs(low), std::abs(high));
    EXPECT_LE(axis.low(), low + unseen);
    EXPECT_GE(axis.high(), high - unseen);
    EXPECT_GE(axis.ticks().size(), 2u);
    EXPECT_LE(axis.ticks().size(), 13u);
  }
}

TEST(Axis, IsLinearBetweenItsEnds) {
  Axis axis = Axis::Round(0, 10, 5);
  axis.Draw(200, 100);
  EXPECT_EQ(axis.At(0), 200);
  EXPECT_EQ(axis.At(5), 150);
  EXPECT_EQ(axis.At(10), 100);
}

TEST(Axis, RoundedDownIsOneTwoOrFive) {
  EXPECT_EQ(RoundedDown(1), 1);
  EXPECT_EQ(RoundedDown(4.99), 2);
  EXPECT_EQ(RoundedDown(999), 500);
  EXPECT_EQ(RoundedDown(1000), 1000);
  EXPECT_DOUBLE_EQ(RoundedDown(0.07), 0.05);
  EXPECT_DOUBLE_EQ(RoundedDown(0.001), 0.001);
}

}  // namespace
}  // namespace starling::sim
