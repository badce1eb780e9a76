#include "common/telemetry/fix_codec.h"

#include <cmath>
#include <limits>
#include <random>

#include <gtest/gtest.h>

#include "common/geo/trigonometry.h"

namespace starling {
namespace {

Sample MakeSample() {
  Sample sample;
  sample.time = BootTimeFromNs(123'456'789'000);
  sample.position = {52.0123456, 4.9876543};
  sample.heading_rad = 1.234;
  sample.speed_mps = 13.37;
  sample.accel_mps2 = -1.25;
  sample.yaw_rate_radps = 0.321;
  sample.accuracy_m = 1.44;
  sample.intent = wire::Intent::ToPickup;
  return sample;
}

TEST(FixCodec, QuantisesWithinHalfAUnit) {
  std::mt19937 random(3);
  std::uniform_real_distribution<double> unit(-1, 1);
  for (int i = 0; i < 10'000; ++i) {
    Sample sample = MakeSample();
    sample.position = {unit(random) * 85, unit(random) * 180};
    sample.heading_rad = unit(random) * 7;
    sample.speed_mps = unit(random) * kSpeedMaxMps;
    sample.accel_mps2 = unit(random) * kAccelMaxMps2;
    sample.yaw_rate_radps = unit(random) * kYawRateMaxRadps;
    ASSERT_TRUE(ValidateSample(sample).ok());
    const wire::Fix fix = ToWire(sample, 1);
    ASSERT_TRUE(ValidateFix(fix).ok());
    ASSERT_NEAR(PositionFromWire(fix).lat_deg, sample.position.lat_deg, 0.51e-7);
    ASSERT_NEAR(PositionFromWire(fix).lon_deg, sample.position.lon_deg, 0.51e-7);
    ASSERT_NEAR(WrapAngle(HeadingFromWire(fix) - sample.heading_rad), 0, kPi / 65536 + 1e-9);
    ASSERT_NEAR(fix.speed_cmps() * 0.01, sample.speed_mps, 0.00501);
    ASSERT_NEAR(fix.accel_cmps2() * 0.01, sample.accel_mps2, 0.00501);
    ASSERT_NEAR(fix.yaw_rate_e4() * 1e-4, sample.yaw_rate_radps, 0.501e-4);
  }
}

TEST(FixCodec, AccuracyRoundsUpAndSaturates) {
  Sample sample = MakeSample();
  EXPECT_EQ(ToWire(sample, 1).accuracy_dm(), 15);
  sample.accuracy_m = 1'000;
  EXPECT_EQ(ToWire(sample, 1).accuracy_dm(), 255);
}

TEST(FixCodec, RefusesEveryFieldThatIsNotANumberOrOutOfRange) {
  const double bad[] = {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(),
                        -std::numeric_limits<double>::infinity(), 1e9};
  double Sample::* const fields[] = {&Sample::heading_rad, &Sample::speed_mps, &Sample::accel_mps2,
                                     &Sample::yaw_rate_radps, &Sample::accuracy_m};
  for (const double value : bad) {
    for (const auto field : fields) {
      Sample sample = MakeSample();
      sample.*field = value;
      EXPECT_FALSE(ValidateSample(sample).ok()) << value;
    }
    Sample sample = MakeSample();
    sample.position.lat_deg = value;
    EXPECT_FALSE(ValidateSample(sample).ok()) << value;
    sample = MakeSample();
    sample.position.lon_deg = value;
    EXPECT_FALSE(ValidateSample(sample).ok()) << value;
  }
}

TEST(FixCodec, RefusesAFixOutsideItsLimits) {
  const wire::Fix good = ToWire(MakeSample(), 1);
  ASSERT_TRUE(ValidateFix(good).ok());
  wire::Fix fix = good;
  fix.mutate_sequence(0);
  EXPECT_FALSE(ValidateFix(fix).ok());
  fix = good;
  fix.mutate_lat_e7(900'000'000);
  EXPECT_FALSE(ValidateFix(fix).ok());
  fix = good;
  fix.mutate_lon_e7(std::numeric_limits<std::int32_t>::min());
  EXPECT_FALSE(ValidateFix(fix).ok());
  fix = good;
  fix.mutate_speed_cmps(std::numeric_limits<std::int16_t>::min());
  EXPECT_FALSE(ValidateFix(fix).ok());
  fix = good;
  fix.mutate_accel_cmps2(std::numeric_limits<std::int16_t>::max());
  EXPECT_FALSE(ValidateFix(fix).ok());
  fix = good;
  fix.mutate_intent(static_cast<wire::Intent>(200));
  EXPECT_FALSE(ValidateFix(fix).ok());
}

TEST(FixCodec, MotionKeepsTheCurvatureOfATurn) {
  Sample sample = MakeSample();
  sample.speed_mps = 8;
  sample.yaw_rate_radps = 0.8;
  const LocalFrame frame({520'000'000, 50'000'000});
  EXPECT_NEAR(MotionFromWire(ToWire(sample, 1), frame).curvature_per_m, 0.1, 1e-3);
  sample.speed_mps = 0.1;  // Too slow to say.
  EXPECT_EQ(MotionFromWire(ToWire(sample, 1), frame).curvature_per_m, 0);
}

TEST(FixCodec, PathArcsAreClampedAndEmptyOnesLeftOut) {
  PlannedPath path;
  path.Append({0.001, 0.1});
  path.Append({12.34, -0.05});
  path.Append({9'999, 5});
  const WireArcs arcs = ToWire(path);
  ASSERT_EQ(arcs.size(), 2u);
  EXPECT_EQ(arcs[0].length_cm(), 1'234);
  EXPECT_EQ(arcs[0].curvature_e5(), -5'000);
  EXPECT_EQ(arcs[1].length_cm(), 65'500);
  EXPECT_EQ(arcs[1].curvature_e5(), 32'700);
}

}  // namespace
}  // namespace starling
