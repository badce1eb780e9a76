#include "cloud/scaling/load_meter.h"

#include <gtest/gtest.h>

namespace starling::cloud {
namespace {

CloudTime At(double seconds_of_day) { return CloudTimeFromNs(static_cast<std::int64_t>(seconds_of_day * 1e9)); }

TEST(LoadMeter, AMinuteIsItsCountOverItsTime) {
  LoadMeter meter(0);
  EXPECT_FALSE(meter.Look(At(600), 1'000).has_value());
  for (int second = 601; second < 660; ++second) {
    EXPECT_FALSE(meter.Look(At(second), 1'000 + 50 * (static_cast<std::uint64_t>(second) - 600)).has_value());
  }
  const std::optional<MinuteLoad> load = meter.Look(At(660), 4'000);
  ASSERT_TRUE(load.has_value());
  EXPECT_EQ(load->minute, Minute{10});
  EXPECT_DOUBLE_EQ(load->per_second, 50);
}

TEST(LoadMeter, LessThanHalfAMinuteSaysNothing) {
  LoadMeter meter(0);
  for (int second = 640; second <= 660; ++second) EXPECT_FALSE(meter.Look(At(second), 5).has_value());
}

TEST(LoadMeter, ACountOfSomebodyNewBeginsTheMinuteAnew) {
  LoadMeter meter(0);
  for (int second = 600; second < 610; ++second) EXPECT_FALSE(meter.Look(At(second), 1'000'000).has_value());
  for (int second = 610; second < 660; ++second) {
    EXPECT_FALSE(meter.Look(At(second), 10 * (static_cast<std::uint64_t>(second) - 610)).has_value());
  }
  EXPECT_DOUBLE_EQ(meter.Look(At(660), 500)->per_second, 10);
}

TEST(LoadMeter, AClockThatStepsIsNoLoad) {
  LoadMeter meter(0);
  for (int second = 600; second < 650; ++second) EXPECT_FALSE(meter.Look(At(second), 7).has_value());
  EXPECT_FALSE(meter.Look(At(86'400), 7).has_value());
  EXPECT_FALSE(meter.Look(At(640), 7).has_value());
}

TEST(LoadMeter, MinutesAreThoseOfThePlace) {
  LoadMeter meter(-60);
  for (int second = 3'600; second < 3'660; ++second) EXPECT_FALSE(meter.Look(At(second), 0).has_value());
  EXPECT_EQ(meter.Look(At(3'660), 0)->minute, Minute{0});
}

}  // namespace
}  // namespace starling::cloud
