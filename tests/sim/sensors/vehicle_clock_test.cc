#include "sim/sensors/vehicle_clock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/sim/sensors/digest.h"

namespace starling::sim {
namespace {

using testing::HasSubstr;

constexpr SimTime kBegin{};

ClockConfig Rough() {
  ClockConfig config;
  config.rate_error_max_ppm = 200;
  config.steps_per_hour = 3600;
  config.step_max = milliseconds(300);
  config.uptime_max = std::chrono::hours(10);
  return config;
}

TEST(Clock, IsRightByDefault) {
  VehicleClock clock(ClockConfig(), 1, SimTime(seconds(5)));
  EXPECT_EQ(clock.At(SimTime(seconds(5))), BootTime(nanoseconds(0)));
  EXPECT_EQ(clock.At(SimTime(nanoseconds(5'000'000'001))), BootTime(nanoseconds(1)));
  EXPECT_EQ(clock.At(SimTime(std::chrono::hours(1000))), BootTime(std::chrono::hours(1000) - seconds(5)));
}

TEST(Clock, RunsAtItsRateWithoutAddingUpErrors) {
  ClockConfig config;
  config.rate_error_max_ppm = 50;
  for (std::uint64_t vehicle = 0; vehicle < 100; ++vehicle) {
    VehicleClock looked_at(config, vehicle, kBegin);
    VehicleClock left_alone(config, vehicle, kBegin);
    for (int i = 0; i < 1000; ++i) looked_at.At(SimTime(i * nanoseconds(86'400'000)));
    const SimTime day(std::chrono::hours(24));
    EXPECT_EQ(looked_at.At(day), left_alone.At(day));
    const nanoseconds error = left_alone.At(day).time_since_epoch() - day.time_since_epoch();
    EXPECT_NEAR(static_cast<double>(error.count()), left_alone.rate_error_ppm() * 86'400 * 1000, 1);
  }
}

TEST(Clock, RatesAreUniformWithinTheBound) {
  ClockConfig config;
  config.rate_error_max_ppm = 50;
  double sum = 0;
  double squared = 0;
  constexpr int kVehicles = 20'000;
  for (std::uint64_t vehicle = 0; vehicle < kVehicles; ++vehicle) {
    const double ppm = VehicleClock(config, vehicle, kBegin).rate_error_ppm();
    ASSERT_LE(std::abs(ppm), 50);
    sum += ppm;
    squared += ppm * ppm;
  }
  const double deviation = 50 / std::sqrt(3);
  EXPECT_NEAR(sum / kVehicles, 0, 4 * deviation / std::sqrt(kVehicles));
  EXPECT_NEAR(squared / kVehicles / (deviation * deviation), 1, 4 * 0.9 / std::sqrt(kVehicles));
}

TEST(Clock, IsStrictlyMonotonicDownToTheNanosecond) {
  for (std::uint64_t vehicle = 0; vehicle < 50; ++vehicle) {
    VehicleClock clock(Rough(), vehicle, kBegin);
    Random random(vehicle);
    SimTime now = kBegin;
    BootTime before = clock.At(now);
    for (int i = 0; i < 20'000; ++i) {
      now += nanoseconds(1 + random.Below(i % 2 == 0 ? 3 : 100'000'000));
      const BootTime reading = clock.At(now);
      ASSERT_GT(reading, before);
      ASSERT_EQ(clock.At(now), reading) << "the same instant twice";
      before = reading;
    }
    EXPECT_GT(clock.steps(), 100u);
  }
}

TEST(Clock, StepsAheadAsOftenAndAsFarAsItShould) {
  ClockConfig config;
  config.steps_per_hour = 30;
  config.step_min = milliseconds(100);
  config.step_max = milliseconds(500);
  std::uint64_t steps = 0;
  double ahead_s = 0;
  for (std::uint64_t vehicle = 0; vehicle < 500; ++vehicle) {
    VehicleClock clock(config, vehicle, kBegin);
    const SimTime end(seconds(7200));
    const nanoseconds off = clock.At(end).time_since_epoch() - end.time_since_epoch();
    EXPECT_GE(off, static_cast<std::int64_t>(clock.steps()) * milliseconds(100));
    EXPECT_LE(off, static_cast<std::int64_t>(clock.steps()) * milliseconds(500));
    steps += clock.steps();
    ahead_s += ToSeconds(off);
  }
  EXPECT_NEAR(static_cast<double>(steps), 30'000, 4 * std::sqrt(30'000));
  EXPECT_NEAR(ahead_s / static_cast<double>(steps), 0.3, 4 * 0.4 / std::sqrt(12) / std::sqrt(30'000));
}

TEST(Clock, SaysWhenItWillReachAReading) {
  for (std::uint64_t vehicle = 0; vehicle < 200; ++vehicle) {
    VehicleClock clock(Rough(), vehicle, kBegin);
    Random random(vehicle);
    SimTime now = kBegin;
    for (int i = 0; i < 200; ++i) {
      const BootTime reading = clock.At(now);
      const BootTime wanted = reading + nanoseconds(1 + random.Below(4'000'000'000u));
      const SimTime when = clock.WhenReaches(wanted);
      ASSERT_GT(when, now);
      VehicleClock same = clock;
      ASSERT_LT(same.At(when - nanoseconds(1)), wanted);
      ASSERT_GE(clock.At(when), wanted);
      now = when;
    }
    EXPECT_EQ(clock.WhenReaches(BootTime{}), now) << "has long been";
  }
}

TEST(Clock, BeginsAnewAtABootWithItsOldCrystal) {
  VehicleClock clock(Rough(), 3, kBegin);
  const double ppm = clock.rate_error_ppm();
  EXPECT_GT(clock.At(SimTime(seconds(100))), BootTime(seconds(100)));  // had been up
  clock.Reboot(SimTime(seconds(200)));
  EXPECT_EQ(clock.At(SimTime(seconds(200))), BootTime{});
  EXPECT_LT(clock.At(SimTime(nanoseconds(200'000'001'000))), BootTime(seconds(1)));
  EXPECT_EQ(clock.rate_error_ppm(), ppm);
}

TEST(Clock, OfOneSeedIsTheSameInEveryBuild) {
  Digest digest;
  for (std::uint64_t vehicle = 0; vehicle < 100; ++vehicle) {
    VehicleClock clock(Rough(), vehicle, kBegin);
    for (int i = 0; i < 100; ++i) digest.Add(ToNs(clock.At(SimTime(i * milliseconds(777)))));
  }
  EXPECT_EQ(digest.value(), 1582611609548971549u);
}

TEST(Clock, RefusesEachFieldOutOfItsRangeByName) {
  const auto message = [](auto change) {
    ClockConfig config;
    change(&config);
    const Status status = config.Validate();
    return status.ok() ? std::string() : std::string(status.message());
  };
  EXPECT_TRUE(ClockConfig().Validate().ok());
  EXPECT_THAT(message([](ClockConfig* c) { c->rate_error_max_ppm = 501; }), HasSubstr("clock rate_error_max_ppm is 5"));
  EXPECT_THAT(message([](ClockConfig* c) { c->steps_per_hour = -1; }), HasSubstr("steps_per_hour"));
  EXPECT_THAT(message([](ClockConfig* c) { c->step_min = nanoseconds(0); }), HasSubstr("step_min"));
  EXPECT_THAT(message([](ClockConfig* c) { c->step_max = c->step_min - nanoseconds(1); }), HasSubstr("step_max"));
  EXPECT_THAT(message([](ClockConfig* c) { c->uptime_max = nanoseconds(-1); }), HasSubstr("uptime_max"));
}

}  // namespace
}  // namespace starling::sim
