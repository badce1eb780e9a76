#include "cloud/scaling/scaling_planner.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace starling::cloud {
namespace {

constexpr std::int64_t kMonday = (4 + 7 * 2'000) * 1440;

class Planner : public testing::Test {
 protected:
  static ScalingConfig Config() {
    ScalingConfig config;
    config.capacity_fixes_per_second = 1'000;
    config.target_share = 0.8;
    return config;
  }
  std::uint32_t Feed(ScalingPlanner* planner, int minutes, double load) {
    for (int i = 0; i < minutes; ++i) EXPECT_TRUE(planner->Observe(Minute{kMonday + at_++}, load));
    return planner->outlook()->shards_wanted;
  }

  std::int64_t at_ = 0;
};

// 1,000 fixes/s with 30 % above them, until there are errors to go by: 1,300 / 800.
TEST_F(Planner, CountsTheUpperEndOfTheInterval) {
  ScalingPlanner planner(Config());
  EXPECT_FALSE(planner.outlook().has_value());
  EXPECT_EQ(Feed(&planner, 1, 1'000), 2u);
  // A steady load has no errors: 1,000 / 800 still takes two.
  EXPECT_EQ(Feed(&planner, 100, 1'000), 2u);
  EXPECT_NEAR(planner.outlook()->load_high, 1'000, 1e-6);
  EXPECT_EQ(planner.outlook()->minutes, 101u);
}

TEST_F(Planner, MakesRoomAtOnceAndGivesItUpAfterTheCoolDown) {
  ScalingPlanner planner(Config());
  Feed(&planner, 2'000, 700);
  EXPECT_EQ(planner.outlook()->shards_wanted, 1u);
  EXPECT_GE(Feed(&planner, 1, 3'900), 5u);
  // The departure swings beyond and back; what is wanted does not fall before the cool-down.
  const std::uint32_t most = Feed(&planner, 5, 3'900);
  Feed(&planner, 1, 700);
  EXPECT_GE(planner.outlook()->shards_wanted, most);
  EXPECT_GE(Feed(&planner, 13, 700), 5u);
  EXPECT_EQ(Feed(&planner, 40, 700), 1u);
}

// 1,450 / 800 takes two; one would be enough for 720: the share of room that must be left is the tenth below.
TEST_F(Planner, ALoadAtTheEdgeDoesNotFlap) {
  ScalingConfig config = Config();
  config.cool_down = std::chrono::minutes(0);
  ScalingPlanner planner(config);
  Feed(&planner, 100, 820);
  EXPECT_EQ(planner.outlook()->shards_wanted, 2u);
  EXPECT_EQ(Feed(&planner, 100, 760), 2u);
  EXPECT_EQ(Feed(&planner, 100, 700), 1u);
}

TEST_F(Planner, KeepsItsBounds) {
  ScalingConfig config = Config();
  config.shards_min = 3;
  config.shards_max = 5;
  ScalingPlanner planner(config);
  EXPECT_EQ(Feed(&planner, 10, 0), 3u);
  EXPECT_EQ(Feed(&planner, 10, 1e7), 5u);
}

TEST_F(Planner, MakesRoomForWhatIsAnnounced) {
  ScalingConfig config = Config();
  config.announced.push_back({Minute{kMonday + 100}, Minute{kMonday + 160}, 3'000});
  ScalingPlanner planner(config);
  EXPECT_EQ(Feed(&planner, 90, 700), 1u);
  EXPECT_GE(Feed(&planner, 2, 700), 5u);  // (700 + 3,000) / 800
}

TEST_F(Planner, RefusesAConfigurationThatMeansNothing) {
  const auto refused = [](auto change) {
    ScalingConfig config;
    change(&config);
    return !config.Validate().ok();
  };
  EXPECT_TRUE(ScalingConfig().Validate().ok());
  EXPECT_TRUE(refused([](ScalingConfig* config) { config->capacity_fixes_per_second = 0; }));
  EXPECT_TRUE(refused([](ScalingConfig* config) { config->target_share = 1.1; }));
  EXPECT_TRUE(refused([](ScalingConfig* config) { config->coverage = 1; }));
  EXPECT_TRUE(refused([](ScalingConfig* config) { config->shards_min = 0; }));
  EXPECT_TRUE(refused([](ScalingConfig* config) { config->shards_max = 0; }));
  EXPECT_TRUE(refused([](ScalingConfig* config) { config->cool_down = std::chrono::minutes(61); }));
  EXPECT_TRUE(refused([](ScalingConfig* config) { config->hysteresis = -0.1; }));
  EXPECT_TRUE(refused([](ScalingConfig* config) { config->utc_offset_minutes = 900; }));
  EXPECT_TRUE(refused([](ScalingConfig* config) { config->announced.push_back({Minute{2}, Minute{2}, 1}); }));
  EXPECT_TRUE(refused([](ScalingConfig* config) { config->announced.push_back({Minute{1}, Minute{2}, -1}); }));
  EXPECT_TRUE(refused([](ScalingConfig* config) { config->announced.assign(65, {Minute{1}, Minute{2}, 1}); }));
}

TEST_F(Planner, ReadsTimesOfThePlace) {
  EXPECT_EQ(ParseMinute("1970-01-01T00:00").value(), Minute{0});
  EXPECT_EQ(ParseMinute("2026-11-28T17:05").value(), Minute{20'785 * 1440 + 17 * 60 + 5});
  for (const char* wrong : {"", "2026-11-28", "2026-02-30T00:00", "2026-11-28T24:00", "2026-11-28T23:60",
                            "2026-11-28 17:05", "2026-11-28T17:05Z", "2O26-11-28T17:05"}) {
    EXPECT_FALSE(ParseMinute(wrong).ok()) << wrong;
  }
}

}  // namespace
}  // namespace starling::cloud
