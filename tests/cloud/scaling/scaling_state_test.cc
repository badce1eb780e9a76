#include "cloud/scaling/scaling_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "sim/city/random.h"

namespace starling::cloud {
namespace {

using testing::HasSubstr;

constexpr std::int64_t kMonday = (4 + 7 * 2'000) * 1440;

class ScalingState : public testing::Test {
 protected:
  // As a fleet's, and each minute another.
  static double Load(std::int64_t minute) {
    sim::Random random(static_cast<std::uint64_t>(minute));
    const double hour = static_cast<double>(minute % 1440) / 60;
    return 300'000 + 20'000 * hour * (24 - hour) * random.Between(0.9, 1.1);
  }
  static void Feed(ScalingPlanner* planner, std::int64_t from, std::int64_t to) {
    for (std::int64_t minute = from; minute < to; ++minute) {
      if (minute % 97 == 0) continue;  // a few are missing
      ASSERT_TRUE(planner->Observe(Minute{kMonday + minute}, Load(minute)));
    }
  }
  const ScalingConfig config_;
};

TEST_F(ScalingState, ARestartInTheMiddleGivesTheSameForecasts) {
  for (const std::int64_t restart : {1, 7, 200, 1'443, 3'000, 11 * 1440 + 3}) {
    ScalingPlanner whole(config_);
    ScalingPlanner first(config_);
    Feed(&whole, 0, restart + 3'000);
    Feed(&first, 0, restart);
    ScalingPlanner second(config_);
    ASSERT_TRUE(DecodeScalingState(EncodeScalingState(first), &second).ok());
    Feed(&second, restart, restart + 3'000);
    EXPECT_EQ(EncodeScalingState(second), EncodeScalingState(whole)) << restart;
    EXPECT_EQ(second.outlook()->load_forecast, whole.outlook()->load_forecast);
    EXPECT_EQ(second.outlook()->load_high, whole.outlook()->load_high);
    EXPECT_EQ(second.outlook()->shards_wanted, whole.outlook()->shards_wanted);
  }
}

TEST_F(ScalingState, IsBounded) {
  ScalingPlanner planner(config_);
  Feed(&planner, 0, 15 * 1440);
  EXPECT_LE(EncodeScalingState(planner).size(), 32u << 10);
}

TEST_F(ScalingState, RefusesEveryCutAndEveryByteThatChanged) {
  ScalingPlanner planner(config_);
  Feed(&planner, 0, 100);
  const std::vector<std::byte> bytes = EncodeScalingState(planner);
  const auto refuses = [&](const std::vector<std::byte>& altered) {
    ScalingPlanner fresh(config_);
    const bool refused = !DecodeScalingState(altered, &fresh).ok();
    return refused && !fresh.forecaster().last() && !fresh.forecaster().Forecast();
  };
  for (std::size_t size = 0; size < bytes.size(); size += size < 300 ? 1 : 41) {
    EXPECT_TRUE(refuses({bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)})) << size;
  }
  for (std::size_t at = 0; at < bytes.size(); at += at < 300 ? 1 : 41) {
    std::vector<std::byte> altered = bytes;
    altered[at] ^= std::byte{0x10};
    EXPECT_TRUE(refuses(altered)) << at;
  }
  std::vector<std::byte> longer = bytes;
  longer.push_back(std::byte{0});
  EXPECT_TRUE(refuses(longer));
}

TEST_F(ScalingState, TheFileIsNamedWhereItIsDamagedAndNothingWhereItIsNotThere) {
  const std::filesystem::path folder =
      std::filesystem::path(testing::TempDir()) / ("scaling_state_" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  const std::string path = ScalingStateFile(folder.string());
  ScalingPlanner planner(config_);
  EXPECT_TRUE(ReadScalingState(path, &planner).ok());
  Feed(&planner, 0, 100);
  ASSERT_TRUE(WriteScalingState(path, planner).ok());
  ScalingPlanner again(config_);
  ASSERT_TRUE(ReadScalingState(path, &again).ok());
  EXPECT_EQ(EncodeScalingState(again), EncodeScalingState(planner));
  std::ofstream(path, std::ios::app) << "x";
  ScalingPlanner third(config_);
  const Status status = ReadScalingState(path, &third);
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr("scaling.state is damaged"));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace starling::cloud
