#include "sim/sensors/gnss_receiver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "common/geo/trigonometry.h"
#include "tests/sim/sensors/digest.h"

namespace starling::sim {
namespace {

using testing::HasSubstr;

constexpr nanoseconds kStep = milliseconds(100);

// A car on a circle, so that all directions come up.
MotionTruth OnCircle(nanoseconds at, double radius_m = 500, double speed_mps = 12) {
  const double turned_rad = speed_mps * ToSeconds(at) / radius_m;
  return {.time = SimTime(at), .position = radius_m * HeadingVector(turned_rad - kPi / 2),
          .heading_rad = WrapAngle(turned_rad), .speed_mps = speed_mps, .accel_mps2 = 0.3,
          .yaw_rate_radps = speed_mps / radius_m};
}

MotionTruth Standing(nanoseconds at, Vec2 where = {}) {
  return {.time = SimTime(at), .position = where, .speed_mps = 20};
}

SkyMap Everywhere(Sky sky) { return SkyMap({{Area::Disc({0, 0}, 1e5), sky}}); }

class Receiver : public testing::Test {
 protected:
  // The error of each observation of one vehicle in turn.
  std::vector<Vec2> Errors(std::uint64_t vehicle, int count, nanoseconds step = kStep) {
    GnssReceiver receiver(&config_, &sky_, vehicle);
    std::vector<Vec2> errors;
    for (int i = 0; i < count; ++i) {
      const MotionTruth truth = OnCircle(i * step);
      errors.push_back(receiver.Observe(truth).value().position - truth.position);
    }
    return errors;
  }

  GnssConfig config_;
  SkyMap sky_;
};

TEST_F(Receiver, SaysTheTruthByDefaultWhateverTheSky) {
  for (const Sky sky : {Sky::kOpen, Sky::kCanyon, Sky::kTunnel}) {
    sky_ = Everywhere(sky);
    GnssReceiver receiver(&config_, &sky_, 3);
    for (int i = 0; i < 1000; ++i) {
      const MotionTruth truth = OnCircle(i * kStep);
      const Observation seen = receiver.Observe(truth).value();
      EXPECT_EQ(seen.position, truth.position);
      EXPECT_EQ(seen.heading_rad, truth.heading_rad);
      EXPECT_EQ(seen.speed_mps, truth.speed_mps);
      EXPECT_EQ(seen.accel_mps2, truth.accel_mps2);
      EXPECT_EQ(seen.yaw_rate_radps, truth.yaw_rate_radps);
      EXPECT_EQ(seen.accuracy_m, config_.accuracy_floor_m);
      EXPECT_EQ(seen.dead_reckoned, sky == Sky::kTunnel);
    }
  }
}

// Of a Gauss-Markov process: variance sigma², autocorrelation sigma² exp(-lag / tau).
TEST_F(Receiver, DriftHasItsVarianceAndItsAutocorrelation) {
  config_.drift_sigma_m = 2;
  config_.drift_correlation_s = 10;
  constexpr int kVehicles = 400;
  constexpr int kCount = 1000;
  for (const int lag : {0, 1, 50, 100, 300}) {
    double sum = 0;
    int pairs = 0;
    for (int vehicle = 0; vehicle < kVehicles; ++vehicle) {
      const std::vector<Vec2> errors = Errors(static_cast<std::uint64_t>(vehicle), kCount);
      for (int i = 0; i + lag < kCount; ++i) {
        sum += Dot(errors[static_cast<std::size_t>(i)], errors[static_cast<std::size_t>(i + lag)]);
        pairs += 2;
      }
    }
    // 100 s hold about 5 independent values of a 10 s process; with 800 axes the deviation of the
    // estimate is about sigma² sqrt(2 / 4000) = 0.09.
    EXPECT_NEAR(sum / pairs, 4 * std::exp(-0.01 * lag), 0.3) << "lag " << lag;
  }
}

TEST_F(Receiver, DriftDoesNotDependOnHowOftenOneLooks) {
  config_.drift_sigma_m = 2;
  config_.drift_correlation_s = 10;
  for (const nanoseconds step : {milliseconds(10), milliseconds(100), milliseconds(7'300), milliseconds(600'000)}) {
    double sum = 0;
    for (std::uint64_t vehicle = 0; vehicle < 4000; ++vehicle) sum += NormSquared(Errors(vehicle, 3, step).back());
    EXPECT_NEAR(sum / 8000, 4, 5 * 4 * std::sqrt(2.0 / 8000)) << step.count();
  }
}

TEST_F(Receiver, NoiseIsWhite) {
  config_.noise_sigma_m = 0.5;
  const std::vector<Vec2> errors = Errors(1, 100'000);
  for (const std::size_t lag : {0u, 1u, 2u, 10u}) {
    double sum = 0;
    for (std::size_t i = 0; i + lag < errors.size(); ++i) sum += Dot(errors[i], errors[i + lag]);
    EXPECT_NEAR(sum / 200'000, lag == 0 ? 0.25 : 0, 0.25 * 5 / std::sqrt(100'000)) << "lag " << lag;
  }
}

TEST_F(Receiver, OtherQuantitiesHaveTheirNoise) {
  config_.heading_sigma_rad = 0.02;
  config_.speed_sigma_mps = 0.3;
  config_.accel_sigma_mps2 = 0.4;
  config_.yaw_rate_sigma_radps = 0.05;
  GnssReceiver receiver(&config_, &sky_, 1);
  double heading = 0;
  double speed = 0;
  double accel = 0;
  double yaw_rate = 0;
  constexpr int kCount = 100'000;
  for (int i = 0; i < kCount; ++i) {
    const MotionTruth truth = OnCircle(i * kStep);
    const Observation seen = receiver.Observe(truth).value();
    EXPECT_EQ(seen.position, truth.position);
    ASSERT_GE(seen.heading_rad, -kPi);
    ASSERT_LT(seen.heading_rad, kPi);
    const double turned = WrapAngle(seen.heading_rad - truth.heading_rad);
    heading += turned * turned;
    speed += (seen.speed_mps - truth.speed_mps) * (seen.speed_mps - truth.speed_mps);
    accel += (seen.accel_mps2 - truth.accel_mps2) * (seen.accel_mps2 - truth.accel_mps2);
    yaw_rate += (seen.yaw_rate_radps - truth.yaw_rate_radps) * (seen.yaw_rate_radps - truth.yaw_rate_radps);
  }
  const double tolerance = 4 / std::sqrt(2.0 * kCount);  // of a deviation, relative
  EXPECT_NEAR(std::sqrt(heading / kCount) / 0.02, 1, tolerance);
  EXPECT_NEAR(std::sqrt(speed / kCount) / 0.3, 1, tolerance);
  EXPECT_NEAR(std::sqrt(accel / kCount) / 0.4, 1, tolerance);
  EXPECT_NEAR(std::sqrt(yaw_rate / kCount) / 0.05, 1, tolerance);
}

TEST_F(Receiver, SpeedIsNeverReportedBackwards) {
  config_.speed_sigma_mps = 1;
  GnssReceiver receiver(&config_, &sky_, 1);
  bool zero = false;
  for (int i = 0; i < 1000; ++i) {
    const double speed_mps = receiver.Observe({.time = SimTime(i * kStep), .speed_mps = 0.1}).value().speed_mps;
    EXPECT_GE(speed_mps, 0);
    zero = zero || speed_mps == 0;
  }
  EXPECT_TRUE(zero);
}

// Jumps and the pauses between them alternate: n of them in n / rate + n * mean.
TEST_F(Receiver, JumpsAsOftenAsFarAndAsLongAsItShould) {
  config_.jumps_per_hour_open = 100;
  config_.jumps_per_hour_canyon = 1200;
  config_.jump_mean = seconds(4);
  config_.jump_median_m = 12;
  config_.jump_spread = 0.5;
  config_.jump_max_m = 1000;
  for (const Sky sky : {Sky::kOpen, Sky::kCanyon}) {
    sky_ = Everywhere(sky);
    const double rate_per_s = (sky == Sky::kOpen ? 100 : 1200) / 3600.0;
    std::uint64_t jumps = 0;
    std::vector<double> sizes;
    Vec2 sum;
    double shifted_s = 0;
    constexpr int kVehicles = 40;
    for (std::uint64_t vehicle = 0; vehicle < kVehicles; ++vehicle) {
      GnssReceiver receiver(&config_, &sky_, vehicle);
      Vec2 before;
      for (int i = 0; i < 36'000; ++i) {
        const Vec2 error = receiver.Observe(Standing(i * kStep)).value().position;
        if (error != Vec2{}) shifted_s += 0.1;
        if (error != Vec2{} && error != before) {
          sizes.push_back(Norm(error));
          sum = sum + (1 / Norm(error)) * error;
        }
        before = error;
      }
      jumps += receiver.jumps();
    }
    ASSERT_EQ(jumps, sizes.size());
    // A jump is seen to last up to the next 100 ms, half of that in the mean.
    const double expected = kVehicles * 3600 / (1 / rate_per_s + 4.05);
    EXPECT_NEAR(static_cast<double>(jumps), expected, 4 * std::sqrt(expected));
    EXPECT_NEAR(shifted_s / static_cast<double>(jumps), 4.05, 4 * 4 / std::sqrt(expected));
    std::sort(sizes.begin(), sizes.end());
    const double median = sizes[sizes.size() / 2];
    EXPECT_NEAR(std::log(median / 12), 0, 4 * 0.5 * 1.2533 / std::sqrt(expected));
    const double p90 = sizes[sizes.size() * 9 / 10];
    EXPECT_NEAR(std::log(p90 / 12), 0.5 * 1.2816, 4 * 0.5 * 1.71 / std::sqrt(expected));
    EXPECT_LT(Norm(sum) / static_cast<double>(jumps), 3 / std::sqrt(expected)) << "no direction is preferred";
  }
}

TEST_F(Receiver, JumpIsCutAtItsLargest) {
  config_.jumps_per_hour_open = 3600;
  config_.jump_median_m = 12;
  config_.jump_max_m = 12;
  double largest = 0;
  for (const Vec2 error : Errors(1, 10'000)) largest = std::max(largest, Norm(error));
  EXPECT_NEAR(largest, 12, 1e-9);
}

TEST_F(Receiver, AccuracyIsHonestWithAFix) {
  config_.drift_sigma_m = 1.5;
  config_.noise_sigma_m = 0.4;
  config_.accuracy_floor_m = 0;
  sky_ = SkyMap({{Area::Disc({0, 0}, 600), Sky::kCanyon}});
  config_.canyon_drift_factor = 3;
  double squared = 0;
  double said = 0;
  for (std::uint64_t vehicle = 0; vehicle < 4000; ++vehicle) {
    GnssReceiver receiver(&config_, &sky_, vehicle);
    receiver.Observe(Standing(seconds(0), {1000, 0}));
    const Vec2 at{0, 0};  // 20 s after it has come into the canyon the error is on its way to its new size
    const Observation seen = receiver.Observe(Standing(seconds(20), at)).value();
    squared += NormSquared(seen.position - at);
    said += seen.accuracy_m * seen.accuracy_m;
  }
  EXPECT_NEAR(squared / said, 1, 5 / std::sqrt(4000));
  const double kept = std::exp(-2 * 20.0 / 60);
  EXPECT_NEAR(std::sqrt(said / 4000), std::sqrt(2 * (1.5 * 1.5 * kept + 4.5 * 4.5 * (1 - kept) + 0.16)), 1e-9);
}

// On a way with a bend, at each of several moments without a fix.
TEST_F(Receiver, AccuracyIsHonestWithoutAFixWhileItGrows) {
  config_.drift_sigma_m = 1;
  config_.odometer_sigma = 0.02;
  config_.gyro_sigma_radps = 0.002;
  config_.accuracy_max_m = 10'000;
  config_.accuracy_floor_m = 0;
  sky_ = Everywhere(Sky::kTunnel);
  constexpr int kVehicles = 3000;
  std::vector<double> squared(6);
  std::vector<double> said(6);
  for (std::uint64_t vehicle = 0; vehicle < kVehicles; ++vehicle) {
    GnssReceiver receiver(&config_, &sky_, vehicle);
    for (int i = 0; i <= 600; ++i) {
      const MotionTruth truth = OnCircle(i * kStep, 200);
      const Observation seen = receiver.Observe(truth).value();
      EXPECT_TRUE(seen.dead_reckoned);
      if (i % 120 != 0) continue;
      squared[static_cast<std::size_t>(i / 120)] += NormSquared(seen.position - truth.position) / kVehicles;
      said[static_cast<std::size_t>(i / 120)] = seen.accuracy_m * seen.accuracy_m;
    }
  }
  for (std::size_t i = 0; i < said.size(); ++i) {
    EXPECT_NEAR(squared[i] / said[i], 1, 5 * std::sqrt(2.0 / kVehicles)) << i;
    if (i > 0) {
      EXPECT_GT(said[i], said[i - 1]);
    }
  }
  EXPECT_NEAR(said[0], 2, 1e-9);
  // Half a minute at 12 m/s with a gyro that is off by 0.1 degrees a second.
  EXPECT_GT(said[3], 9 * said[0]);
}

TEST_F(Receiver, DeadReckoningIsOffStraightAheadByTheOdometerAndAsideByTheGyro) {
  config_.odometer_sigma = 0.02;
  config_.gyro_sigma_radps = 0.001;
  sky_ = Everywhere(Sky::kTunnel);
  double ahead = 0;
  double aside = 0;
  for (std::uint64_t vehicle = 0; vehicle < 3000; ++vehicle) {
    GnssReceiver receiver(&config_, &sky_, vehicle);
    std::optional<Observation> seen;
    for (int i = 0; i <= 300; ++i) {
      seen = receiver.Observe({.time = SimTime(i * kStep), .position = {0, 2.0 * i}, .speed_mps = 20});
    }
    ahead += (seen->position.y - 600) * (seen->position.y - 600) / 3000;
    aside += seen->position.x * seen->position.x / 3000;
    // The heading has turned by what the position shows.
    EXPECT_NEAR(seen->heading_rad, seen->position.x * 30 / (20.0 * 30 * 30 / 2), 1e-9);
    EXPECT_NEAR(seen->speed_mps / 20, seen->position.y / 600, 1e-9);
  }
  EXPECT_NEAR(std::sqrt(ahead), 0.02 * 600, 0.02 * 600 * 5 / std::sqrt(6000));
  EXPECT_NEAR(std::sqrt(aside), 0.001 * 20 * 30 * 30 / 2, 9 * 5 / std::sqrt(6000));
}

TEST_F(Receiver, KeepsTheLastFixesErrorThroughATunnelAndForgetsItBehind) {
  config_.drift_sigma_m = 2;
  config_.drift_correlation_s = 5;
  config_.reacquire = seconds(2);
  sky_ = SkyMap({{Area::Rectangle({0, 0}, 0, 400, 50), Sky::kTunnel}});
  GnssReceiver receiver(&config_, &sky_, 1);
  std::vector<Vec2> errors;
  for (int i = 0; i <= 600; ++i) {
    const Vec2 at{0, -600 + 2.0 * i};
    const Observation seen = receiver.Observe({.time = SimTime(i * kStep), .position = at, .speed_mps = 20}).value();
    errors.push_back(seen.position - at);
    EXPECT_EQ(seen.dead_reckoned, i >= 200 && i < 421) << i;  // 200 m before to 200 m behind, and 2 s
  }
  EXPECT_EQ(receiver.losses(), 1u);
  for (std::size_t i = 201; i < 421; ++i) EXPECT_NEAR(Norm(errors[i] - errors[199]), 0, 1e-9);
  EXPECT_GT(Norm(errors[421] - errors[199]), 0.01) << "another error than 22 s ago";
}

TEST_F(Receiver, BeginsToReckonAnewInEachTunnel) {
  config_.odometer_sigma = 0.05;
  config_.accuracy_floor_m = 0;
  sky_ = SkyMap({{Area::Disc({0, 0}, 100), Sky::kTunnel}, {Area::Disc({0, 1000}, 100), Sky::kTunnel}});
  GnssReceiver receiver(&config_, &sky_, 1);
  std::vector<Vec2> off(2);  // of a step of 10 m, by tunnel
  for (int i = 0; i <= 130; ++i) {
    const Vec2 at{0, -200 + 10.0 * i};
    const MotionTruth truth{.time = SimTime(i * milliseconds(500)), .position = at, .speed_mps = 20};
    const Observation seen = receiver.Observe(truth).value();
    // From the last fix, 10 m before the tunnel's first step.
    const double since_m = at.y < 500 ? at.y + 110 : at.y - 890;
    EXPECT_NEAR(seen.accuracy_m, seen.dead_reckoned ? 0.05 * since_m : 0, 1e-9) << at.y;
    if (seen.dead_reckoned) off[at.y < 500 ? 0 : 1] = (10 / since_m) * (seen.position - at);
  }
  EXPECT_EQ(receiver.losses(), 2u);
  EXPECT_GT(Norm(off[0] - off[1]), 0.001) << "with another error";
}

TEST_F(Receiver, WithoutSensorsSaysNothingInATunnel) {
  config_.dead_reckoning_max = nanoseconds(0);
  sky_ = SkyMap({{Area::Disc({0, 0}, 100), Sky::kTunnel}});
  GnssReceiver receiver(&config_, &sky_, 1);
  EXPECT_TRUE(receiver.Observe(Standing(seconds(0), {500, 0})).has_value());
  EXPECT_FALSE(receiver.Observe(Standing(seconds(1), {0, 0})).has_value());
  EXPECT_FALSE(receiver.Observe(Standing(seconds(1), {0, 0})).has_value());
  EXPECT_TRUE(receiver.Observe(Standing(seconds(2), {500, 0})).has_value());
}

TEST_F(Receiver, StopsWhenItHasBeenWithoutAFixForLong) {
  config_.dead_reckoning_max = seconds(30);
  sky_ = SkyMap({{Area::Disc({0, 0}, 100), Sky::kTunnel}});
  GnssReceiver receiver(&config_, &sky_, 1);
  receiver.Observe(Standing(seconds(0), {500, 0}));
  for (int i = 1; i < 600; ++i) {
    EXPECT_EQ(receiver.Observe(Standing(i * kStep)).has_value(), i <= 300) << i;
  }
  EXPECT_FALSE(receiver.Observe(Standing(seconds(60), {500, 0}))->dead_reckoned);
}

TEST_F(Receiver, StopsWhenItWouldNotVouchForItsPosition) {
  config_.odometer_sigma = 0.01;
  config_.accuracy_max_m = 5;
  sky_ = Everywhere(Sky::kTunnel);
  GnssReceiver receiver(&config_, &sky_, 1);
  for (int i = 0; i < 600; ++i) {
    const Vec2 at{0, 2.0 * i};  // 5 m are one percent of 500 m
    const auto seen = receiver.Observe({.time = SimTime(i * kStep), .position = at, .speed_mps = 20});
    EXPECT_EQ(seen.has_value(), i <= 250) << i;
  }
}

TEST_F(Receiver, LosesTheFixInCanyonsAsOftenAndAsLongAsItShould) {
  config_.losses_per_hour_canyon = 200;
  config_.loss_mean = seconds(3);
  sky_ = Everywhere(Sky::kCanyon);
  double without_s = 0;
  std::uint64_t losses = 0;
  for (std::uint64_t vehicle = 0; vehicle < 20; ++vehicle) {
    GnssReceiver receiver(&config_, &sky_, vehicle);
    for (int i = 0; i < 36'000; ++i) without_s += receiver.Observe(Standing(i * kStep))->dead_reckoned ? 0.1 : 0;
    losses += receiver.losses();
  }
  const double expected = 20 * 3600 / (18 + 3.05);
  EXPECT_NEAR(static_cast<double>(losses), expected, 4 * std::sqrt(expected));
  EXPECT_NEAR(without_s / static_cast<double>(losses), 3.05, 4 * 3 / std::sqrt(expected));
}

TEST_F(Receiver, ThatBelievesInItselfSaysSoAndIsOffAsMuch) {
  config_.drift_sigma_m = 2;
  GnssConfig sure = config_;
  sure.accuracy_factor = 0.25;
  GnssReceiver honest(&config_, &sky_, 1);
  GnssReceiver optimist(&sure, &sky_, 1);
  for (int i = 0; i < 100; ++i) {
    const Observation a = honest.Observe(OnCircle(i * kStep)).value();
    const Observation b = optimist.Observe(OnCircle(i * kStep)).value();
    EXPECT_EQ(a.position, b.position);
    EXPECT_EQ(b.accuracy_m, 0.25 * a.accuracy_m);
  }
}

TEST_F(Receiver, OneEffectLeavesTheOthersNumbersAsTheyWere) {
  config_.drift_sigma_m = 2;
  const std::vector<Vec2> drift = Errors(7, 200);
  config_.noise_sigma_m = 1;
  config_.heading_sigma_rad = 0.1;
  config_.accel_sigma_mps2 = 0.1;
  config_.odometer_sigma = 0.1;
  const std::vector<Vec2> both = Errors(7, 200);
  config_.drift_sigma_m = 0;
  const std::vector<Vec2> noise = Errors(7, 200);
  for (std::size_t i = 0; i < drift.size(); ++i) EXPECT_LT(Norm(both[i] - drift[i] - noise[i]), 1e-9);
}

TEST_F(Receiver, OfOneSeedGivesTheSameBitsInEveryBuild) {
  config_ = GnssConfig::BuiltIn();
  sky_ = SkyMap({{Area::Disc({500, 0}, 300), Sky::kCanyon}, {Area::Disc({-500, 0}, 100), Sky::kTunnel}});
  const auto digest = [this](std::uint64_t vehicle) {
    GnssReceiver receiver(&config_, &sky_, vehicle);
    Digest made;
    for (int i = 0; i < 20'000; ++i) {
      const std::optional<Observation> seen = receiver.Observe(OnCircle(i * kStep));
      made.Add(std::uint64_t{seen.has_value()});
      if (!seen) continue;
      for (const double value : {seen->position.x, seen->position.y, seen->heading_rad, seen->speed_mps,
                                 seen->accel_mps2, seen->yaw_rate_radps, seen->accuracy_m}) {
        made.Add(value);
      }
    }
    EXPECT_GT(receiver.jumps(), 0u);
    EXPECT_GT(receiver.losses(), 0u);
    return made.value();
  };
  EXPECT_EQ(digest(1), digest(1));
  EXPECT_NE(digest(1), digest(2));
  EXPECT_EQ(digest(1), 1347369023874718674u);
}

TEST(GnssConfigTest, RefusesEachFieldOutOfItsRangeByName) {
  using Change = std::function<void(GnssConfig*)>;
  const std::vector<std::pair<const char*, Change>> changes = {
      {"drift_sigma_m", [](GnssConfig* c) { c->drift_sigma_m = -1; }},
      {"drift_sigma_m", [](GnssConfig* c) { c->drift_sigma_m = std::nan(""); }},
      {"drift_correlation_s", [](GnssConfig* c) { c->drift_correlation_s = 0.9; }},
      {"canyon_drift_factor", [](GnssConfig* c) { c->canyon_drift_factor = 0.5; }},
      {"noise_sigma_m", [](GnssConfig* c) { c->noise_sigma_m = 11; }},
      {"heading_sigma_rad", [](GnssConfig* c) { c->heading_sigma_rad = 0.6; }},
      {"speed_sigma_mps", [](GnssConfig* c) { c->speed_sigma_mps = -0.1; }},
      {"accel_sigma_mps2", [](GnssConfig* c) { c->accel_sigma_mps2 = 6; }},
      {"yaw_rate_sigma_radps", [](GnssConfig* c) { c->yaw_rate_sigma_radps = 1; }},
      {"jumps_per_hour_open", [](GnssConfig* c) { c->jumps_per_hour_open = 3601; }},
      {"jumps_per_hour_canyon", [](GnssConfig* c) { c->jumps_per_hour_canyon = -1; }},
      {"jump_median_m", [](GnssConfig* c) { c->jump_median_m = 0; }},
      {"jump_spread", [](GnssConfig* c) { c->jump_spread = 2.1; }},
      {"jump_max_m", [](GnssConfig* c) { c->jump_max_m = c->jump_median_m - 1; }},
      {"jump_mean", [](GnssConfig* c) { c->jump_mean = milliseconds(99); }},
      {"losses_per_hour_canyon", [](GnssConfig* c) { c->losses_per_hour_canyon = 1e9; }},
      {"loss_mean", [](GnssConfig* c) { c->loss_mean = seconds(601); }},
      {"reacquire", [](GnssConfig* c) { c->reacquire = nanoseconds(-1); }},
      {"odometer_sigma", [](GnssConfig* c) { c->odometer_sigma = 0.6; }},
      {"gyro_sigma_radps", [](GnssConfig* c) { c->gyro_sigma_radps = 0.2; }},
      {"dead_reckoning_max", [](GnssConfig* c) { c->dead_reckoning_max = seconds(3601); }},
      {"accuracy_max_m", [](GnssConfig* c) { c->accuracy_max_m = 0; }},
      {"accuracy_floor_m", [](GnssConfig* c) { c->accuracy_floor_m = -1; }},
      {"accuracy_factor", [](GnssConfig* c) { c->accuracy_factor = 0; }},
  };
  EXPECT_TRUE(GnssConfig().Validate().ok());
  EXPECT_TRUE(GnssConfig::BuiltIn().Validate().ok());
  for (const auto& [field, change] : changes) {
    GnssConfig config;
    change(&config);
    const Status status = config.Validate();
    ASSERT_FALSE(status.ok()) << field;
    EXPECT_THAT(std::string(status.message()), HasSubstr(std::string("gnss ") + field + " is "));
  }
}

}  // namespace
}  // namespace starling::sim
