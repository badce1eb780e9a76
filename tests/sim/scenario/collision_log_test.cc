#include "sim/scenario/collision_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "sim/scenario/scenario_record.h"
#include "tests/sim/scenario/small_scenario.h"

namespace starling::sim {
namespace {

class CollisionLogTest : public testing::Test {
 protected:
  void SetUp() override {
    path_ = std::filesystem::path(testing::TempDir()) / ("collisions_" + std::to_string(::getpid()) + ".jsonl");
  }
  void TearDown() override { std::filesystem::remove(path_); }

  ScenarioOutcome Drive(bool obey) {
    Scenario scenario = SmallScenario("red_runner_share = 0.7\nred_run_chance = 1\nforcing_share = 0.5\n");
    scenario.seconds = 80;
    scenario.traffic.vehicles = 300;
    scenario.fleet.obey = obey;
    ScenarioRecordConfig config;
    config.collisions = path_.string();
    auto record = ScenarioRecord::Create(config);
    EXPECT_TRUE(record.ok()) << record.status().message();
    ScenarioOutcome outcome = RunScenario(scenario, SmallCity(scenario), [](const ScenarioProgress&) { return true; },
                                          record.value().get());
    EXPECT_TRUE(record.value()->Finish().ok());
    std::ifstream file(path_);
    lines_.clear();
    for (std::string line; std::getline(file, line);) lines_.push_back(boost::json::parse(line));
    return outcome;
  }

  std::filesystem::path path_;
  std::vector<boost::json::value> lines_;
};

TEST_F(CollisionLogTest, EachCollisionHasItsLineAndBothItsVehicles) {
  const ScenarioOutcome outcome = Drive(/*obey=*/false);
  ASSERT_GT(outcome.collisions.size(), 2u);
  ASSERT_EQ(lines_.size(), outcome.collisions.size());
  std::size_t conflicts = 0;
  std::size_t commands = 0;
  std::size_t mistakes = 0;
  for (std::size_t i = 0; i < lines_.size(); ++i) {
    const Collision& collision = outcome.collisions[i];
    EXPECT_DOUBLE_EQ(lines_[i].at("time_s").to_number<double>(), SecondsOf(collision.time));
    const boost::json::array& sides = lines_[i].at("vehicles").as_array();
    ASSERT_EQ(sides.size(), 2u);
    for (const boost::json::value& side : sides) {
      const boost::json::array& moments = side.at("moments").as_array();
      ASSERT_FALSE(moments.empty());
      // The last one is of the step of the touch, and there.
      const boost::json::array& last = moments.back().as_array();
      EXPECT_LE(last[0].to_number<double>(), 0);
      EXPECT_GT(last[0].to_number<double>(), -0.11);
      EXPECT_LT(Norm(Vec2{last[1].to_number<double>(), last[2].to_number<double>()} - collision.position), 8);
      for (std::size_t at = 1; at < moments.size(); ++at) {
        EXPECT_GT(moments[at].as_array()[0].to_number<double>(), moments[at - 1].as_array()[0].to_number<double>());
      }
      conflicts += side.at("conflicts").as_array().size();
      commands += side.at("commands").as_array().size();
      mistakes += side.at("mistakes").as_array().size();
    }
  }
  EXPECT_GT(conflicts, 0u);
  EXPECT_GT(commands, 0u);
  EXPECT_GT(mistakes, 0u);
}

// To look changes nothing.
TEST_F(CollisionLogTest, TheRunIsTheSameWithoutIt) {
  const std::uint64_t digest = Drive(/*obey=*/true).digest;
  Scenario scenario = SmallScenario("red_runner_share = 0.7\nred_run_chance = 1\nforcing_share = 0.5\n");
  scenario.seconds = 80;
  scenario.traffic.vehicles = 300;
  EXPECT_EQ(RunScenario(scenario, SmallCity(scenario), [](const ScenarioProgress&) { return true; }).digest, digest);
}

}  // namespace
}  // namespace starling::sim
