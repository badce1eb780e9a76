#include "edge/source/fusion.h"

#include <gtest/gtest.h>

#include <cmath>
#include <optional>
#include <vector>

#include "common/geo/local_frame.h"
#include "common/geo/trigonometry.h"
#include "common/telemetry/fix_codec.h"

namespace starling::edge {
namespace {

constexpr FrameOrigin kOrigin{481'000'000, 115'000'000};

class Fuse : public testing::Test {
 protected:
  explicit Fuse(FusionConfig config = {}) : fusion_(config) {}

  GnssFix Fix(Vec2 at, std::optional<double> speed, std::optional<double> course_deg) const {
    GnssFix fix;
    fix.position = frame_.ToGeo(at);
    fix.speed_mps = speed;
    if (course_deg) fix.course_rad = *course_deg * kDegree;
    fix.accuracy_m = 1.5;
    fix.epoch = now_.time_since_epoch() + seconds(1'000'000);
    fix.arrival = now_;
    return fix;
  }
  // To `until`, with the samples of the way in samples_.
  void RunTo(milliseconds until) {
    const BootTime end = BootTime(until);
    while (fusion_.next_sample(now_) <= end) {
      now_ = fusion_.next_sample(now_);
      if (const auto sample = fusion_.TakeSample(now_)) samples_.push_back(*sample);
    }
    now_ = end;
  }
  Vec2 Local(const Sample& sample) const { return frame_.ToLocal(sample.position); }

  const LocalFrame frame_{kOrigin};
  BootTime now_{milliseconds(10'000)};
  Fusion fusion_;
  std::vector<Sample> samples_;
};

TEST_F(Fuse, ASecondBetweenFixesIsReckonedAtTenHertz) {
  for (int second = 0; second < 5; ++second) {
    RunTo(milliseconds(10'030 + second * 1000));
    fusion_.OnFix(Fix({15.0 * second, 0}, 15, 90));
  }
  RunTo(milliseconds(15'000));
  ASSERT_EQ(samples_.size(), 50u);
  for (const Sample& sample : samples_) {
    const double driven = 15 * (ToSeconds(sample.time.time_since_epoch()) - 10.03);
    EXPECT_NEAR(Local(sample).x, driven, 0.01);
    EXPECT_NEAR(Local(sample).y, 0, 0.05);  // the frame's north is not true north
    EXPECT_EQ(sample.time.time_since_epoch() % kSampleInterval, nanoseconds(0));
    EXPECT_TRUE(ValidateSample(sample).ok());
  }
  EXPECT_EQ(samples_.back().time, BootTime(milliseconds(15'000)));
  EXPECT_NEAR(samples_.back().accuracy_m, 1.5 + 0.97, 1e-9);
}

TEST_F(Fuse, AfterTheLimitItIsSilentNotOld) {
  fusion_.OnFix(Fix({0, 0}, 15, 90));
  RunTo(milliseconds(14'000));
  EXPECT_EQ(samples_.size(), 15u);       // 10,100 to 11,500
  EXPECT_EQ(fusion_.silence(), Silence::kStaleFix);
  EXPECT_EQ(fusion_.counters().silent_stale_fix, 25u);
  fusion_.OnFix(Fix({500, 0}, 15, 90));
  RunTo(milliseconds(14'100));
  ASSERT_EQ(samples_.size(), 16u);
  EXPECT_NEAR(Local(samples_.back()).x, 501.5, 0.01);
  EXPECT_EQ(fusion_.silence(), Silence::kNone);
}

TEST_F(Fuse, TheBusWinsWhileItIsFreshAndTheReceiverAfterwards) {
  fusion_.OnFix(Fix({0, 0}, 15, 0));
  fusion_.OnBus(Quantity::kSpeed, 14, now_);
  fusion_.OnBus(Quantity::kYawRate, 0.1, now_);
  RunTo(milliseconds(10'300));
  EXPECT_EQ(samples_.back().speed_mps, 14);
  EXPECT_EQ(samples_.back().yaw_rate_radps, 0.1);
  RunTo(milliseconds(10'400));
  EXPECT_EQ(samples_.back().speed_mps, 15);
  EXPECT_EQ(samples_.back().yaw_rate_radps, 0);
}

TEST_F(Fuse, ReckonsAlongTheCurveThatTheBusMeasures) {
  // A quarter of a circle of 20 m radius at 10 m/s, clockwise, from north to east.
  fusion_.OnFix(Fix({0, 0}, 10, 0));
  const double rate = 0.5;
  for (int ms = 10'000; ms <= 11'400; ms += 10) {
    RunTo(milliseconds(ms));
    fusion_.OnBus(Quantity::kSpeed, 10, now_);
    fusion_.OnBus(Quantity::kYawRate, rate, now_);
  }
  RunTo(milliseconds(11'400));
  const double angle = rate * 1.4;
  EXPECT_NEAR(Local(samples_.back()).x, 20 * (1 - std::cos(angle)), 0.02);
  EXPECT_NEAR(Local(samples_.back()).y, 20 * std::sin(angle), 0.02);
  EXPECT_NEAR(samples_.back().heading_rad, angle, 1e-3);
}

TEST_F(Fuse, SteeringIsAYawRateByTheWheelbase) {
  fusion_.OnFix(Fix({0, 0}, 10, 0));
  fusion_.OnBus(Quantity::kSpeed, 10, now_);
  fusion_.OnBus(Quantity::kSteering, 0.05, now_);
  RunTo(milliseconds(10'100));
  EXPECT_NEAR(samples_.back().yaw_rate_radps, 10 * std::tan(0.05) / 2.7, 1e-9);
}

TEST_F(Fuse, HeadingIsHeldAtStandstill) {
  fusion_.OnFix(Fix({0, 0}, 5, 45));
  RunTo(milliseconds(10'200));
  for (int i = 0; i < 20; ++i) {
    fusion_.OnFix(Fix({0, 0}, 0.4, 17.0 * i));   // noise that turns round and round
    RunTo(milliseconds(10'200 + 100 * (i + 1)));
  }
  EXPECT_NEAR(samples_.back().heading_rad, 45 * kDegree, 1e-6);
  EXPECT_EQ(samples_.back().yaw_rate_radps, 0);
  // Nor does a gyroscope's bias turn a vehicle that stands.
  for (int i = 0; i < 100; ++i) {
    fusion_.OnBus(Quantity::kSpeed, 0, now_);
    fusion_.OnBus(Quantity::kYawRate, 0.02, now_);
    if (i % 10 == 0) fusion_.OnFix(Fix({0, 0}, 0.4, 300));
    RunTo(milliseconds(12'200 + 20 * (i + 1)));
  }
  EXPECT_NEAR(samples_.back().heading_rad, 45 * kDegree, 1e-6);
}

TEST_F(Fuse, WithoutAHeadingItIsSilentUntilItHasDriven) {
  fusion_.OnFix(Fix({0, 0}, 0, std::nullopt));
  RunTo(milliseconds(10'500));
  EXPECT_TRUE(samples_.empty());
  EXPECT_EQ(fusion_.silence(), Silence::kNoHeading);
  fusion_.OnFix(Fix({0, 0}, 3, 270));
  RunTo(milliseconds(10'600));
  ASSERT_EQ(samples_.size(), 1u);
  EXPECT_NEAR(samples_[0].heading_rad, -90 * kDegree, 1e-9);
}

class FuseFromAStart : public Fuse {
 protected:
  FuseFromAStart() : Fuse([] {
    FusionConfig config;
    config.start_heading_rad = 120 * kDegree;
    return config;
  }()) {}
};

TEST_F(FuseFromAStart, TheHeadingThatIsGivenLastsUntilItDrives) {
  fusion_.OnFix(Fix({0, 0}, 0, std::nullopt));
  RunTo(milliseconds(10'100));
  ASSERT_EQ(samples_.size(), 1u);
  EXPECT_NEAR(samples_[0].heading_rad, 120 * kDegree, 1e-9);
}

TEST_F(Fuse, WithoutASpeedItIsSilent) {
  fusion_.OnFix(Fix({0, 0}, std::nullopt, std::nullopt));
  RunTo(milliseconds(10'500));
  EXPECT_TRUE(samples_.empty());
  EXPECT_EQ(fusion_.counters().silent_no_speed, 5u);
}

TEST_F(Fuse, AccelerationAndYawRateAreDifferencesWhenNobodyMeasuresThem) {
  for (int i = 0; i <= 30; ++i) {
    RunTo(milliseconds(10'000 + 100 * i));
    fusion_.OnFix(Fix({0, 0}, 10 + 0.2 * i, 1.0 * i));  // 2 m/s², 10 degrees a second
  }
  RunTo(milliseconds(13'100));
  EXPECT_NEAR(samples_.back().accel_mps2, 2, 0.01);
  EXPECT_NEAR(samples_.back().yaw_rate_radps, 10 * kDegree, 0.001);
  fusion_.OnBus(Quantity::kAccel, -3, now_);
  RunTo(milliseconds(13'200));
  EXPECT_EQ(samples_.back().accel_mps2, -3);
}

TEST_F(Fuse, ACourseThroughNorthIsNoSpin) {
  for (int i = 0; i <= 20; ++i) {
    RunTo(milliseconds(10'000 + 100 * i));
    fusion_.OnFix(Fix({0, 0}, 10, std::fmod(350.0 + i, 360)));
  }
  RunTo(milliseconds(12'100));
  EXPECT_NEAR(samples_.back().yaw_rate_radps, 10 * kDegree, 0.001);
}

TEST_F(Fuse, InReverseTheVehicleLooksAgainstItsCourse) {
  fusion_.OnBus(Quantity::kSpeed, -2, now_);
  fusion_.OnFix(Fix({0, 0}, 2, 90));
  RunTo(milliseconds(10'100));
  ASSERT_EQ(samples_.size(), 1u);
  EXPECT_NEAR(std::abs(WrapAngle(samples_[0].heading_rad + kPi / 2)), 0, 1e-9);
  EXPECT_EQ(samples_[0].speed_mps, -2);
  EXPECT_NEAR(Local(samples_[0]).x, 0.2, 0.01);  // and moves along it
}

TEST_F(Fuse, JitterOfTheArrivalIsNoMotion) {
  // 20 m/s along x, each fix up to 90 ms late: by the arrival, 1.8 m wrong.
  std::vector<double> errors;
  for (int i = 0; i < 100; ++i) {
    const int late_ms = i * 37 % 90;
    RunTo(milliseconds(10'000 + 100 * i + late_ms));
    GnssFix fix = Fix({2.0 * i, 0}, 20, 90);
    fix.epoch = milliseconds(500'000 + 100 * i);
    fusion_.OnFix(fix);
  }
  RunTo(milliseconds(20'000));
  for (const Sample& sample : samples_) {
    if (sample.time < BootTime(seconds(11))) continue;  // until a fast one was among them
    EXPECT_NEAR(Local(sample).x, 20 * (ToSeconds(sample.time.time_since_epoch()) - 10), 0.1);
  }
}

TEST_F(Fuse, AReceiverWhoseClockIsSetGoesOn) {
  for (const int set_s : {0, 18, -7, 86'400}) {
    for (int i = 0; i < 5; ++i) {
      RunTo(std::chrono::duration_cast<milliseconds>(now_.time_since_epoch()) + milliseconds(100));
      GnssFix fix = Fix({0, 0}, 5, 90);
      *fix.epoch += seconds(set_s);
      fusion_.OnFix(fix);
    }
  }
  EXPECT_EQ(fusion_.counters().clock_steps, 3u);
  EXPECT_EQ(fusion_.counters().fixes, 20u);
  EXPECT_EQ(fusion_.counters().fixes_out_of_order, 0u);
  EXPECT_EQ(fusion_.counters().silent_stale_fix, 0u);
}

TEST_F(Fuse, AFixOfTheSameInstantIsNotTakenTwice) {
  const GnssFix fix = Fix({0, 0}, 5, 90);
  fusion_.OnFix(fix);
  fusion_.OnFix(fix);
  EXPECT_EQ(fusion_.counters().fixes, 1u);
  EXPECT_EQ(fusion_.counters().fixes_out_of_order, 1u);
}

TEST_F(Fuse, WhatNoVehicleCanDoIsRefusedAndCounted) {
  const double nan = std::nan("");
  GnssFix fix = Fix({0, 0}, 5, 90);
  fix.position = {0, 0};
  fusion_.OnFix(fix);
  fusion_.OnFix(Fix({0, 0}, 121, 90));
  fusion_.OnFix(Fix({0, 0}, -1, 90));
  fusion_.OnFix(Fix({0, 0}, nan, 90));
  fusion_.OnFix(Fix({0, 0}, 5, nan));
  fix = Fix({0, 0}, 5, 90);
  fix.position.lat_deg = 86;
  fusion_.OnFix(fix);
  fix.position.lat_deg = nan;
  fusion_.OnFix(fix);
  EXPECT_EQ(fusion_.counters().fixes_refused, 7u);
  EXPECT_EQ(fusion_.counters().fixes, 0u);
  for (const double wrong : {200.0, -200.0, nan, static_cast<double>(INFINITY)}) {
    for (std::size_t i = 0; i < kQuantities; ++i) fusion_.OnBus(static_cast<Quantity>(i), wrong, now_);
  }
  for (const std::uint64_t refused : fusion_.counters().bus_refused) EXPECT_EQ(refused, 4u);
  RunTo(milliseconds(10'500));
  EXPECT_TRUE(samples_.empty());
  EXPECT_EQ(fusion_.silence(), Silence::kNoFix);
}

TEST_F(Fuse, InstantsThatWereSleptThroughHaveNoSample) {
  fusion_.OnFix(Fix({0, 0}, 5, 90));
  RunTo(milliseconds(10'100));
  now_ += seconds(1);
  EXPECT_EQ(fusion_.next_sample(now_), BootTime(milliseconds(11'200)));
}

TEST_F(Fuse, CrossesTheDateLine) {
  GnssFix fix = Fix({0, 0}, 100, 90);
  fix.position = {-17, 179.9999};
  fusion_.OnFix(fix);
  RunTo(milliseconds(11'000));
  EXPECT_LT(samples_.back().position.lon_deg, -179.99);
  EXPECT_TRUE(ValidateSample(samples_.back()).ok());
}

}  // namespace
}  // namespace starling::edge
