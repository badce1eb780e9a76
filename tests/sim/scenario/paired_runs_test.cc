#include "sim/scenario/paired_runs.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "sim/experiment/experiment_document.h"
#include "tests/sim/scenario/small_scenario.h"

namespace starling::sim {
namespace {

namespace json = boost::json;

Scenario TinyScenario(std::uint32_t seconds = 20) {
  Scenario scenario = SmallScenario();
  scenario.seconds = seconds;
  return scenario;
}

PairedRunsConfig TwoPairs(std::uint32_t jobs = 1) { return {.seed = 41, .pairs = 2, .jobs = jobs}; }

void Ignore(const FinishedRun&) {}

ExperimentResult Drive(const Scenario& scenario, const PairedRunsConfig& config) {
  Result<ExperimentResult> driven = RunPairs(scenario, config, Ignore, [] { return true; });
  EXPECT_TRUE(driven.ok()) << driven.status().message();
  return std::move(driven).value();
}

TEST(PairedRuns, HaveBothArmsOfEachSeedInItsPlace) {
  const Scenario scenario = TinyScenario();
  std::vector<std::pair<std::uint64_t, bool>> told;
  std::vector<double> speeds;
  Result<ExperimentResult> driven = RunPairs(
      scenario, TwoPairs(),
      [&](const FinishedRun& run) {
        told.emplace_back(run.seed, run.obey);
        EXPECT_EQ(run.finished, told.size());
        EXPECT_EQ(run.outcome->driven_s, 20);
        speeds.push_back(run.outcome->mean_speed_mps);
      },
      [] { return true; });
  ASSERT_TRUE(driven.ok()) << driven.status().message();
  EXPECT_THAT(told, testing::UnorderedElementsAre(std::pair(41, false), std::pair(41, true), std::pair(42, false),
                                                  std::pair(42, true)));
  const ExperimentResult& result = driven.value();
  EXPECT_THAT(result.seeds, testing::ElementsAre(41, 42));
  EXPECT_TRUE(result.Validate().ok()) << result.Validate().message();
  ASSERT_EQ(result.figures.size(), PlannedFigures().size());
  for (const Figure& figure : result.figures) {
    EXPECT_EQ(figure.with.size(), 2u);
    EXPECT_EQ(figure.without.size(), 2u);
    if (figure.name == "mean speed") {
      EXPECT_THAT(speeds, testing::UnorderedElementsAre(figure.without[0], figure.without[1], figure.with[0],
                                                        figure.with[1]));
      EXPECT_NE(figure.without[0], figure.without[1]);
      EXPECT_NE(figure.without, figure.with);
    }
  }
  ASSERT_EQ(result.speed.with.size(), 2u);
  EXPECT_EQ(result.speed.without[1].size(), 2u);
  EXPECT_FALSE(result.city.lanes.empty());
  EXPECT_TRUE(Evaluate(result).ok());
}

// One run by itself, as the pairs have it: the first seed's city.
TEST(PairedRuns, AreTheScenariosOwnRuns) {
  const ExperimentResult result = Drive(TinyScenario(), TwoPairs());
  const std::uint64_t city_seed = WithSeed(TinyScenario(), 41).city.seed;
  for (const std::uint64_t seed : {41u, 42u}) {
    Scenario scenario = WithSeed(TinyScenario(), seed);
    scenario.city.seed = city_seed;
    scenario.fleet.obey = true;
    const ScenarioOutcome outcome =
        RunScenario(scenario, SmallCity(scenario), [](const ScenarioProgress&) { return true; });
    for (const Figure& figure : result.figures) {
      if (figure.name == "mean speed") {
        EXPECT_EQ(figure.with[seed - 41], outcome.mean_speed_mps);
      }
      if (figure.name == "near misses") {
        EXPECT_EQ(figure.with[seed - 41], static_cast<double>(outcome.near_misses.size()));
      }
      if (figure.name == "hard brakings") {
        EXPECT_EQ(figure.with[seed - 41], static_cast<double>(outcome.traffic.hard_brakings));
      }
    }
  }
}

TEST(PairedRuns, AreTheSameHoweverManyGoAtATime) {
  const auto document = [](std::uint32_t jobs) {
    const Result<Experiment> experiment = Evaluate(Drive(TinyScenario(), TwoPairs(jobs)));
    EXPECT_TRUE(experiment.ok());
    return ExperimentDocument(experiment.value());
  };
  const std::string one = document(1);
  EXPECT_EQ(document(2), one);
  EXPECT_EQ(document(7), one);
}

TEST(PairedRuns, TooShortForASeriesOfSpeedsHaveNone) {
  const ExperimentResult result = Drive(TinyScenario(10), TwoPairs());
  EXPECT_TRUE(result.speed.without.empty());
  EXPECT_TRUE(result.speed.with.empty());
  EXPECT_TRUE(Evaluate(result).ok());
}

TEST(PairedRuns, EndedEarlyHaveWhatIsComplete) {
  std::atomic<std::uint32_t> finished{0};
  const Result<ExperimentResult> driven = RunPairs(
      TinyScenario(5), {.seed = 41, .pairs = 4, .jobs = 1}, [&](const FinishedRun& run) { finished = run.finished; },
      [&] { return finished < 5; });
  ASSERT_TRUE(driven.ok());
  EXPECT_EQ(finished, 5u);
  EXPECT_THAT(driven.value().seeds, testing::ElementsAre(41, 42));
  for (const Figure& figure : driven.value().figures) {
    EXPECT_EQ(figure.without.size(), 2u);
    EXPECT_EQ(figure.with.size(), 2u);
  }
  EXPECT_TRUE(driven.value().Validate().ok());

  const Result<ExperimentResult> at_once = RunPairs(TinyScenario(5), TwoPairs(), Ignore, [] { return false; });
  ASSERT_TRUE(at_once.ok());
  EXPECT_TRUE(at_once.value().seeds.empty());
  EXPECT_FALSE(at_once.value().Validate().ok());
}

TEST(PairedRuns, ThePlanNamesSeedsAndFiguresBeforehand) {
  const json::value plan = json::parse(PlanDocument(TinyScenario(), {.seed = 100, .pairs = 3, .jobs = 1}));
  EXPECT_EQ(plan.at("scenario").as_string(), "small");
  EXPECT_EQ(plan.at("description").as_string(), "of a test");
  EXPECT_EQ(plan.at("seeds"), json::value({100, 101, 102}));
  EXPECT_EQ(plan.at("arms").as_array().size(), 2u);
  EXPECT_EQ(plan.at("near_miss_ttc_s").to_number<double>(), kNearMissTtcS);
  EXPECT_FALSE(plan.at("config").as_array().empty());
  const std::vector<Figure> figures = PlannedFigures();
  ASSERT_EQ(plan.at("figures").as_array().size(), figures.size());
  for (std::size_t i = 0; i < figures.size(); ++i) {
    const json::value& figure = plan.at("figures").at(i);
    EXPECT_EQ(figure.at("name").as_string(), figures[i].name);
    EXPECT_EQ(figure.at("unit").as_string(), figures[i].unit);
    const bool lower = figures[i].better == Better::kLower;
    EXPECT_EQ(figure.at("better").as_string(), lower ? "lower" : "higher");
  }
}

TEST(PairedRuns, RefuseWhatIsOutOfRange) {
  EXPECT_TRUE(PairedRunsConfig().Validate().ok());
  for (const PairedRunsConfig& config : {PairedRunsConfig{1, 1, 1}, PairedRunsConfig{1, 1001, 1},
                                         PairedRunsConfig{1, 2, 0}, PairedRunsConfig{1, 2, 65}}) {
    EXPECT_EQ(config.Validate().code(), ErrorCode::kInvalidArgument);
  }
  Scenario scenario = TinyScenario();
  scenario.traffic.vehicles = 100'000;
  EXPECT_EQ(RunPairs(scenario, TwoPairs(), Ignore, [] { return true; }).status().code(), ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace starling::sim
