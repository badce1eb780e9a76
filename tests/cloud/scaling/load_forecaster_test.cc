#include "cloud/scaling/load_forecaster.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <vector>

#include "sim/city/random.h"

namespace starling::cloud {
namespace {

constexpr std::int64_t kDay = 1440;
constexpr std::int64_t kMonday = (4 + 7 * 2'000) * kDay;
constexpr double kPi = 3.14159265358979323846;

using Load = std::function<double(std::int64_t)>;  // of minutes since that Monday

class Forecaster : public testing::Test {
 protected:
  void Feed(std::int64_t from, std::int64_t to, const Load& load) {
    for (std::int64_t minute = from; minute < to; ++minute) {
      ASSERT_TRUE(forecaster_.Observe(Minute{kMonday + minute}, load(minute)));
    }
  }
  // The largest share that forecasts of `from` to `to` are off by.
  double Worst(std::int64_t from, std::int64_t to, const Load& load) {
    double worst = 0;
    for (std::int64_t minute = from; minute < to; ++minute) {
      EXPECT_TRUE(forecaster_.Observe(Minute{kMonday + minute}, load(minute)));
      const LoadForecast forecast = *forecaster_.Forecast();
      const double came = load(ToNumber(forecast.minute) - kMonday);
      worst = std::max(worst, std::abs(forecast.mean - came) / came);
    }
    return worst;
  }

  LoadForecaster forecaster_{0.9};
};

double Sine(std::int64_t minute) { return 1'000 + 600 * std::sin(2 * kPi * static_cast<double>(minute) / kDay); }

TEST_F(Forecaster, KnowsADailySineFromTheSecondDayOn) {
  Feed(0, kDay, Sine);
  EXPECT_LT(Worst(kDay, 3 * kDay, Sine), 0.01);
}

// Seven percent a week: the profile is some weeks behind, and the departure makes up for it.
TEST_F(Forecaster, FollowsASineWithATrend) {
  const auto load = [](std::int64_t minute) { return Sine(minute) * (1 + 0.01 * static_cast<double>(minute) / kDay); };
  Feed(0, 7 * kDay, load);
  EXPECT_LT(Worst(7 * kDay, 21 * kDay, load), 0.05);
}

TEST_F(Forecaster, IsTheDampedTrendBeforeThereIsAProfile) {
  Feed(0, 60, [](std::int64_t) { return 500.0; });
  EXPECT_DOUBLE_EQ(forecaster_.Forecast()->mean, 500);
  EXPECT_EQ(forecaster_.Forecast()->minute, Minute{kMonday + 69});
  // 30 % to each side until errors say better.
  LoadForecaster fresh(0.9);
  ASSERT_TRUE(fresh.Observe(Minute{kMonday}, 500));
  EXPECT_NEAR(fresh.Forecast()->low, 350, 1e-9);
  EXPECT_NEAR(fresh.Forecast()->high, 650, 1e-9);
}

// By hand: level 100, then 110: surprise 10, level 105, trend 0.5 after kLevelGain 0.5 and kTrendGain 0.1;
// ten minutes of 0.9 more: 0.5 * (0.9 + ... + 0.9^10) = 0.5 * 5.861894...
TEST_F(Forecaster, KnownAnswerOfTheTrend) {
  ASSERT_TRUE(forecaster_.Observe(Minute{kMonday}, 100));
  ASSERT_TRUE(forecaster_.Observe(Minute{kMonday + 1}, 110));
  EXPECT_NEAR(forecaster_.Forecast()->mean, 105 + 0.5 * 9 * (1 - 0.34867844010), 1e-9);
}

TEST_F(Forecaster, FollowsAStepWithinTenMinutes) {
  const auto load = [](std::int64_t minute) { return minute < 9 * kDay + 600 ? Sine(minute) : 1.4 * Sine(minute); };
  Feed(0, 9 * kDay + 600 + 10, load);
  EXPECT_LT(Worst(9 * kDay + 610, 9 * kDay + 900, load), 0.05);
}

TEST_F(Forecaster, LearnsAWeekendAndKeepsItFromWorkdays) {
  const auto load = [](std::int64_t minute) { return (minute / kDay % 7 >= 5 ? 0.5 : 1.0) * Sine(minute); };
  Feed(0, 14 * kDay, load);
  // Away from midnight, where five minutes belong to both.
  EXPECT_LT(Worst(18 * kDay + 60, 19 * kDay - 60, load), 0.01);   // Friday
  EXPECT_LT(Worst(19 * kDay + 60, 20 * kDay - 60, load), 0.01);   // Saturday
  EXPECT_LT(Worst(21 * kDay + 60, 22 * kDay - 60, load), 0.01);   // Monday
}

TEST_F(Forecaster, AnEventOfOnceTeachesLittle) {
  const auto burst = [](std::int64_t minute) {
    return Sine(minute) + (minute >= 9 * kDay + 1'200 && minute < 9 * kDay + 1'260 ? 900 : 0);
  };
  Feed(0, 15 * kDay, burst);
  // A week later, ahead of that hour, a quarter of it at most is expected again.
  Feed(15 * kDay, 16 * kDay + 1'200, Sine);
  EXPECT_LT(forecaster_.Forecast()->mean, Sine(16 * kDay + 1'209) + 0.25 * 900);
}

TEST_F(Forecaster, MissingMinutesCostOnlyThemselves) {
  LoadForecaster whole(0.9);
  sim::Random random(7);
  for (std::int64_t minute = 0; minute < 9 * kDay; ++minute) {
    ASSERT_TRUE(whole.Observe(Minute{kMonday + minute}, Sine(minute)));
    const bool restart = minute >= 8 * kDay + 400 && minute < 8 * kDay + 480;
    if (random.Chance(0.05) || restart) continue;
    ASSERT_TRUE(forecaster_.Observe(Minute{kMonday + minute}, Sine(minute)));
  }
  EXPECT_NEAR(forecaster_.Forecast()->mean, whole.Forecast()->mean, 0.01 * whole.Forecast()->mean);
  EXPECT_LT(Worst(9 * kDay, 10 * kDay, Sine), 0.02);
}

TEST_F(Forecaster, ComesBackAfterDaysWithoutAnyMinute) {
  Feed(0, 10 * kDay, Sine);
  Feed(13 * kDay + 300, 13 * kDay + 330, Sine);
  EXPECT_LT(Worst(13 * kDay + 330, 14 * kDay, Sine), 0.02);
}

TEST_F(Forecaster, RefusesWhatIsNoLoadAndAMinuteThatWasThere) {
  EXPECT_FALSE(forecaster_.Observe(Minute{kMonday}, -1));
  EXPECT_FALSE(forecaster_.Observe(Minute{kMonday}, std::numeric_limits<double>::quiet_NaN()));
  EXPECT_FALSE(forecaster_.Observe(Minute{kMonday}, std::numeric_limits<double>::infinity()));
  EXPECT_FALSE(forecaster_.Forecast().has_value());
  ASSERT_TRUE(forecaster_.Observe(Minute{kMonday}, 10));
  EXPECT_FALSE(forecaster_.Observe(Minute{kMonday}, 20));
  EXPECT_FALSE(forecaster_.Observe(Minute{kMonday - 10}, 20));
  EXPECT_EQ(forecaster_.load(), 10);
}

TEST_F(Forecaster, FollowsAClockThatWasSetBack) {
  Feed(0, 100, [](std::int64_t) { return 50.0; });
  ASSERT_TRUE(forecaster_.Observe(Minute{kMonday - 5 * kDay}, 50));
  EXPECT_EQ(forecaster_.Forecast()->minute, Minute{kMonday - 5 * kDay + 10});
  EXPECT_NEAR(forecaster_.Forecast()->mean, 50, 1e-9);
}

TEST_F(Forecaster, SilenceIsForecastAsSilence) {
  Feed(0, 3 * kDay, [](std::int64_t) { return 0.0; });
  EXPECT_EQ(forecaster_.Forecast()->mean, 0);
  EXPECT_EQ(forecaster_.Forecast()->low, 0);
  EXPECT_LT(forecaster_.Forecast()->high, 1e-6);
}

TEST_F(Forecaster, AddsWhatIsAnnouncedAndDoesNotLearnIt) {
  const std::int64_t begin = 9 * kDay + 1'200;
  const auto extra = [&](std::int64_t minute) { return minute >= begin && minute < begin + 60 ? 500.0 : 0.0; };
  LoadForecaster told(0.9, [&](Minute minute) { return extra(ToNumber(minute) - kMonday); });
  for (std::int64_t minute = 0; minute < begin - 5; ++minute) {
    ASSERT_TRUE(told.Observe(Minute{kMonday + minute}, Sine(minute) + extra(minute)));
  }
  // Five minutes before it begins.
  EXPECT_NEAR(told.Forecast()->mean, Sine(begin + 4) + 500, 20);
  for (std::int64_t minute = begin - 5; minute < begin + 7 * kDay; ++minute) {
    ASSERT_TRUE(told.Observe(Minute{kMonday + minute}, Sine(minute) + extra(minute)));
  }
  EXPECT_NEAR(told.Forecast()->mean, Sine(begin + 7 * kDay + 9), 20);
}

// What comes is within the interval as often as it says, also where days differ and errors hang together.
TEST_F(Forecaster, TheIntervalCoversWhatItSays) {
  for (const double coverage : {0.8, 0.9, 0.95}) {
    double within = 0;
    double all = 0;
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      LoadForecaster forecaster(coverage);
      sim::Random random(seed);
      const auto normal = [&] {
        double sum = -6;
        for (int i = 0; i < 12; ++i) sum += random.Unit();
        return sum;
      };
      std::vector<LoadForecast> due;
      double wander = 0;
      for (std::int64_t minute = 0; minute < 21 * kDay; ++minute) {
        wander = 0.97 * wander + 0.01 * normal();
        const double load = Sine(minute) * (1 + wander + 0.01 * normal());
        if (minute >= 7 * kDay) {
          const LoadForecast& forecast = due[due.size() - LoadForecaster::kHorizonMinutes];
          ASSERT_EQ(forecast.minute, Minute{kMonday + minute});
          within += forecast.low <= load && load <= forecast.high ? 1 : 0;
          ++all;
        }
        ASSERT_TRUE(forecaster.Observe(Minute{kMonday + minute}, load));
        due.push_back(*forecaster.Forecast());
      }
      // Of the last two days, by its own count.
      EXPECT_NEAR(forecaster.covered().value_or(0), coverage, 0.06) << "seed " << seed;
    }
    EXPECT_NEAR(within / all, coverage, 0.02);
  }
}

}  // namespace
}  // namespace starling::cloud
