#include "sim/sensors/restart_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/sim/sensors/digest.h"

namespace starling::sim {
namespace {

using testing::HasSubstr;

RestartConfig Restless() {
  RestartConfig config;
  config.per_hour = 6;
  config.away_min = seconds(2);
  config.away_mean = seconds(10);
  config.away_max = seconds(40);
  return config;
}

TEST(Restarts, AreNoneByDefault) {
  EXPECT_FALSE(RestartPlan(RestartConfig(), 1, SimTime()).next().has_value());
}

// A Poisson process while up; the mean of an exponential cut at c means is 1 - e^-c of it.
TEST(Restarts, AreAPoissonProcessOfTheTimeUp) {
  constexpr int kVehicles = 2000;
  constexpr nanoseconds kSpan = seconds(4 * 3600);
  double up_s = 0;
  double away_s = 0;
  double count = 0;
  double squared = 0;
  for (std::uint64_t vehicle = 0; vehicle < kVehicles; ++vehicle) {
    RestartPlan plan(Restless(), vehicle, SimTime());
    SimTime up_from;
    double own = 0;
    while (plan.next()->begin < SimTime(kSpan)) {
      const RestartPlan::Absence absence = *plan.next();
      ASSERT_GE(absence.begin, up_from);
      ASSERT_GE(absence.end - absence.begin, seconds(2));
      ASSERT_LE(absence.end - absence.begin, seconds(40));
      up_s += ToSeconds(absence.begin - up_from);
      away_s += ToSeconds(absence.end - absence.begin);
      ++own;
      up_from = absence.end;
      plan.Pass();
    }
    if (up_from < SimTime(kSpan)) up_s += ToSeconds(SimTime(kSpan) - up_from);
    count += own;
    squared += own * own;
  }
  EXPECT_NEAR(count / (up_s / 3600), 6, 4 * 6 / std::sqrt(count));
  EXPECT_NEAR(away_s / count, 2 + 8 * (1 - std::exp(-38.0 / 8)), 4 * 8 / std::sqrt(count));
  const double mean = count / kVehicles;
  EXPECT_NEAR((squared / kVehicles - mean * mean) / mean, 1, 0.15) << "as scattered as Poisson counts are";
}

TEST(Restarts, OfOneSeedAreTheSameInEveryBuild) {
  Digest digest;
  RestartPlan plan(Restless(), 5, SimTime(seconds(1)));
  for (int i = 0; i < 1000; ++i) {
    digest.Add(static_cast<std::uint64_t>(plan.next()->begin.time_since_epoch().count()));
    digest.Add(static_cast<std::uint64_t>(plan.next()->end.time_since_epoch().count()));
    plan.Pass();
  }
  EXPECT_EQ(digest.value(), 17880374955443830615u);
}

TEST(Restarts, RefuseEachFieldOutOfItsRangeByName) {
  const auto message = [](auto change) {
    RestartConfig config;
    change(&config);
    const Status status = config.Validate();
    return status.ok() ? std::string() : std::string(status.message());
  };
  EXPECT_TRUE(RestartConfig().Validate().ok());
  EXPECT_THAT(message([](RestartConfig* c) { c->per_hour = 3601; }), HasSubstr("restart per_hour is 3601"));
  EXPECT_THAT(message([](RestartConfig* c) { c->away_min = nanoseconds(0); }), HasSubstr("away_min"));
  EXPECT_THAT(message([](RestartConfig* c) { c->away_mean = milliseconds(999); }), HasSubstr("away_mean is 0.999 s"));
  EXPECT_THAT(message([](RestartConfig* c) { c->away_max = seconds(4); }), HasSubstr("away_max"));
}

}  // namespace
}  // namespace starling::sim
