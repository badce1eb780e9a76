#include <gtest/gtest.h>

#include "cloud/measure/clock_watch.h"
#include "cloud/measure/cost_meter.h"
#include "cloud/measure/disk_space.h"

namespace starling::cloud {
namespace {

constexpr CloudTime kNoon = CloudTimeFromNs(1'700'000'000'000'000'000);

TEST(ClockWatchTest, AClockThatIsDisciplinedTakesNoStep) {
  ClockWatch watch;
  for (int i = 0; i < 1'000; ++i) {
    // 0.5 ms in each second, the fastest that adjtime slews, and looks that are late.
    const nanoseconds steady = milliseconds(200 * i) + milliseconds(i % 7);
    watch.Look(kNoon + steady + steady / 2'000, steady);
  }
  EXPECT_EQ(watch.steps(), 0u);
  // Nobody looked for an hour.
  const nanoseconds later = seconds(3'800);
  watch.Look(kNoon + later + later / 2'000, later);
  EXPECT_EQ(watch.steps(), 0u);
}

TEST(ClockWatchTest, EachStepIsCountedOnceWithItsSizeAndItsSign) {
  ClockWatch watch;
  watch.Look(kNoon, seconds(1));
  watch.Look(kNoon + milliseconds(200) + seconds(5), seconds(1) + milliseconds(200));
  EXPECT_EQ(watch.steps(), 1u);
  EXPECT_EQ(watch.last(), seconds(5));
  watch.Look(kNoon + milliseconds(400) + seconds(5), seconds(1) + milliseconds(400));
  EXPECT_EQ(watch.steps(), 1u);
  watch.Look(kNoon + milliseconds(600) - milliseconds(50), seconds(1) + milliseconds(600));
  EXPECT_EQ(watch.steps(), 2u);
  EXPECT_EQ(watch.last(), milliseconds(-5'050));
}

// 100 vehicles; 1 MB/s, half a core, 2 GB of memory and 10 GB of storage.
CostUsage UsageAfter(int span_s) {
  CostUsage usage;
  usage.link_bytes = 1'000'000ull * static_cast<std::uint64_t>(span_s);
  usage.processor_s = 0.5 * span_s;
  usage.memory_bytes = 2'000'000'000;
  usage.storage_bytes = 10'000'000'000;
  usage.vehicles = 100;
  return usage;
}

TEST(CostMeterTest, DividesByVehiclesAndPricesAMonth) {
  CostPrices prices;
  prices.link_per_gb = 0.10;
  prices.processor_per_core_hour = 0.04;
  prices.memory_per_gb_hour = 0.005;
  prices.storage_per_gb_month = 0.08;
  CostMeter meter(prices);
  for (int at = 0; at <= 600; at += 5) meter.Look(seconds(at), UsageAfter(at));
  const CostFigures figures = meter.figures();
  EXPECT_DOUBLE_EQ(figures.link_bytes_per_s, 10'000);
  EXPECT_DOUBLE_EQ(figures.processor_share, 0.005);
  EXPECT_DOUBLE_EQ(figures.memory_bytes, 20'000'000);
  EXPECT_DOUBLE_EQ(figures.storage_bytes, 100'000'000);
  // 730 hours: 26.28 GB, 3.65 core hours, 14.6 GB hours, 0.1 GB months.
  EXPECT_NEAR(figures.month[0], 2.628, 1e-9);
  EXPECT_NEAR(figures.month[1], 0.146, 1e-9);
  EXPECT_NEAR(figures.month[2], 0.073, 1e-9);
  EXPECT_NEAR(figures.month[3], 0.008, 1e-9);
  // Ten minutes of 100 vehicles.
  EXPECT_NEAR(figures.spent[0], 0.6 * 0.10, 1e-9);
  EXPECT_NEAR(figures.spent[1], 300.0 / 3'600 * 0.04, 1e-9);
}

TEST(CostMeterTest, GoesByTheLastMinuteAndNotByTheWholeLife) {
  CostMeter meter(CostPrices{});
  CostUsage usage;
  usage.vehicles = 10;
  for (int at = 0; at <= 300; at += 5) {
    usage.link_bytes += at > 200 ? 5'000 : 0;
    meter.Look(seconds(at), usage);
  }
  EXPECT_DOUBLE_EQ(meter.figures().link_bytes_per_s, 100);
}

TEST(CostMeterTest, WithoutVehiclesThereIsNothingToDivideBy) {
  CostMeter meter(CostPrices{});
  EXPECT_EQ(meter.figures().link_bytes_per_s, 0);
  CostUsage usage = UsageAfter(0);
  usage.vehicles = 0;
  meter.Look(seconds(0), usage);
  meter.Look(seconds(5), usage);
  EXPECT_EQ(meter.figures().memory_bytes, 0);
}

TEST(CostPricesTest, WhatIsNoPriceIsNamed) {
  CostPrices prices;
  EXPECT_TRUE(prices.Validate().ok());
  prices.memory_per_gb_hour = -1;
  EXPECT_EQ(prices.Validate().message(), "cost.memory_per_gb_hour is outside [0, 1e9]");
}

TEST(DiskSpaceTest, IsThatOfTheFoldersFileSystem) {
  const auto space = ReadDiskSpace("/");
  ASSERT_TRUE(space.has_value());
  EXPECT_GT(space->size_bytes, space->free_bytes);
  EXPECT_FALSE(ReadDiskSpace("/no/such/folder").has_value());
}

}  // namespace
}  // namespace starling::cloud
