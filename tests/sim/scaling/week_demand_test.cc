#include "sim/scaling/week_demand.h"

#include <gtest/gtest.h>

#include <cmath>

namespace starling::sim {
namespace {

WeekDemandConfig Quiet() {
  WeekDemandConfig config;
  config.peak_vehicles = 1e6;
  config.fixes_per_vehicle_s = 2;
  config.weeks = 1;
  config.day_deviation = 0;
  config.hour_deviation = 0;
  config.stadium = false;
  config.incident = false;
  return config;
}

double At(const WeekDemand& demand, int day, int hour, int minute) { return demand.At(60 * (1440 * day + 60 * hour + minute)); }

// The published shares of the hours, at their middles, over the busiest one's; but for the vehicles' own number, which
// is off by its root.
TEST(WeekDemand, HasThePublishedHours) {
  const WeekDemand demand = MakeWeekDemand(Quiet(), 1);
  EXPECT_NEAR(At(demand, 0, 17, 30), 2e6, 0.01 * 2e6);
  EXPECT_NEAR(At(demand, 1, 7, 30), 2e6 * 7.4 / 8.6, 0.01 * 2e6);
  EXPECT_NEAR(At(demand, 4, 3, 30), 2e6 * 0.3 / 8.6, 0.01 * 2e6);
  EXPECT_NEAR(At(demand, 5, 17, 30), 2e6 * 0.8045 * 7.4 / 8.6, 0.01 * 2e6);
  EXPECT_NEAR(At(demand, 6, 12, 30), 2e6 * 0.728 * 6.0 / 8.6, 0.01 * 2e6);
  EXPECT_NEAR(At(demand, 2, 18, 0), 2e6 * (8.6 + 7.4) / 2 / 8.6, 0.01 * 2e6);
}

TEST(WeekDemand, TheMatchAddsItsShareForItsHour) {
  WeekDemandConfig config = Quiet();
  const WeekDemand without = MakeWeekDemand(config, 1);
  config.stadium = true;
  const WeekDemand with = MakeWeekDemand(config, 1);
  EXPECT_DOUBLE_EQ(with.stadium_fixes_per_second, 0.2 * 2e6);
  EXPECT_NEAR(with.At(60 * (kStadiumOver + 10)) - without.At(60 * (kStadiumOver + 10)), 0.2 * 2e6, 0.01 * 2e6);
  EXPECT_NEAR(with.At(60 * (kStadiumOver - 60)), without.At(60 * (kStadiumOver - 60)), 0.01 * 2e6);
  EXPECT_NEAR(with.At(60 * (kStadiumOver + 70)), without.At(60 * (kStadiumOver + 70)), 0.01 * 2e6);
}

TEST(WeekDemand, WhatHappensOnceIsInTheLastWeekAlone) {
  WeekDemandConfig config = Quiet();
  config.weeks = 2;
  config.stadium = config.incident = true;
  const WeekDemand demand = MakeWeekDemand(config, 1);
  EXPECT_LT(demand.At(60 * (kStadiumOver + 10)), 0.7 * 2e6);
  EXPECT_GT(demand.At(60 * (kWeekMinutes + kStadiumOver + 10)), demand.At(60 * (kStadiumOver + 10)) + 0.15 * 2e6);
  EXPECT_NEAR(demand.At(60 * (kWeekMinutes + kIncident + 20)) / demand.At(60 * (kIncident + 20)), 1.12, 0.01);
}

TEST(WeekDemand, OneSeedIsOneDemandAndAnotherSeedAnotherOne) {
  WeekDemandConfig config;
  config.fixes_per_vehicle_s = 1;
  EXPECT_EQ(MakeWeekDemand(config, 3).fixes_per_second, MakeWeekDemand(config, 3).fixes_per_second);
  EXPECT_NE(MakeWeekDemand(config, 3).fixes_per_second, MakeWeekDemand(config, 4).fixes_per_second);
}

}  // namespace
}  // namespace starling::sim
