#include "sim/experiment/experiment_result.h"

#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "tests/sim/experiment/synthetic_result.h"

namespace starling::sim {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

std::string Refusal(const std::function<void(ExperimentResult*)>& spoil) {
  ExperimentResult result = TinyResult();
  spoil(&result);
  const Result<Experiment> experiment = Evaluate(result);
  if (experiment.ok()) return "";
  EXPECT_EQ(experiment.status().code(), ErrorCode::kInvalidArgument);
  return std::string(experiment.status().message());
}

TEST(ExperimentResult, WhatIsNoNumberIsRefusedByName) {
  EXPECT_EQ(Refusal([](auto* result) { result->figures[0].with[1] = kNan; }),
            "figure \"collisions\": expected a finite number with for seed number 2");
  EXPECT_EQ(Refusal([](auto* result) { result->figures[1].without[0] = -1 / 0.0; }),
            "figure \"mean travel time\": expected a finite number without for seed number 1");
  EXPECT_EQ(Refusal([](auto* result) { result->speed.with[0][1] = kNan; }), "mean speed: expected finite numbers");
  EXPECT_EQ(Refusal([](auto* result) { result->places_with[0].place.x = kNan; }),
            "a collision or near miss at nan, 40.000000 m: expected it in the city");
  EXPECT_EQ(Refusal([](auto* result) { result->city.lanes[0][1].y = kNan; }),
            "a lane at 100.000000, nan m: expected it in the city");
  EXPECT_EQ(Refusal([](auto* result) { result->city.high.x = kNan; }),
            "the city's bounds: expected finite ones with low below high");
}

TEST(ExperimentResult, ANumberTooLargeToReckonWithIsRefusedByName) {
  EXPECT_EQ(Refusal([](auto* result) { result->figures[1].with[0] = 1e61; }).substr(0, 52),
            "figure \"mean travel time\": pair 1: expected a finite");
}

TEST(ExperimentResult, EachFigureHasOneValueForEachSeed) {
  EXPECT_EQ(Refusal([](auto* result) { result->figures[0].with.pop_back(); }),
            "figure \"collisions\": expected 2 values with, one for each seed, not 1");
  EXPECT_EQ(Refusal([](auto* result) { result->speed.without.pop_back(); }),
            "mean speed: expected 2 series, one for each seed, not 1");
  EXPECT_EQ(Refusal([](auto* result) { result->speed.with[1].pop_back(); }),
            "mean speed: expected as many values for each seed, not 1 and 2");
}

TEST(ExperimentResult, NamesAndSeedsAreThereOnce) {
  EXPECT_EQ(Refusal([](auto* result) { result->seeds[1] = 3; }), "seed 3 twice: expected different ones");
  EXPECT_EQ(Refusal([](auto* result) { result->seeds = {3}; }), "1 seeds: expected 2 or more");
  EXPECT_EQ(Refusal([](auto* result) { result->figures[1].name = "collisions"; }),
            "figure \"collisions\" twice: expected different ones");
  EXPECT_EQ(Refusal([](auto* result) { result->figures[1].name = ""; }), "a figure without a name");
  EXPECT_EQ(Refusal([](auto* result) { result->figures.clear(); }), "no figures: expected one or more");
}

TEST(ExperimentResult, TextsAreMadeClean) {
  ExperimentResult result = TinyResult();
  result.scenario = "\x1B[31m\xFF";
  result.figures[0].unit = std::string("a\0b", 3);
  const Result<Experiment> experiment = Evaluate(result);
  ASSERT_TRUE(experiment.ok());
  EXPECT_EQ(experiment.value().result.scenario, "\xEF\xBF\xBD[31m\xEF\xBF\xBD");
  EXPECT_EQ(experiment.value().result.figures[0].unit,
            "a\xEF\xBF\xBD"
            "b");
}

TEST(ExperimentResult, JudgesByTheDirectionThatIsBetter) {
  Figure figure = {.name = "x", .better = Better::kLower, .counted = true};
  PairedDifference difference;
  EXPECT_STREQ(Judgement(figure, difference), "");
  EXPECT_STREQ(FindingName(figure, difference), "no difference shown");
  difference.finding = Finding::kLower;
  EXPECT_STREQ(Judgement(figure, difference), "better");
  EXPECT_STREQ(FindingName(figure, difference), "fewer");
  difference.finding = Finding::kHigher;
  EXPECT_STREQ(Judgement(figure, difference), "worse");
  EXPECT_STREQ(FindingName(figure, difference), "more");
  figure = {.name = "x", .unit = "s", .better = Better::kHigher};
  EXPECT_STREQ(Judgement(figure, difference), "better");
  EXPECT_STREQ(FindingName(figure, difference), "higher");
  figure.better = Better::kNeither;
  EXPECT_STREQ(Judgement(figure, difference), "");
}

TEST(ExperimentResult, AKnownEffectIsFoundAndNoneIsNot) {
  const Result<Experiment> experiment = Evaluate(SyntheticResult({.effect = 0.5}));
  ASSERT_TRUE(experiment.ok());
  const std::vector<PairedDifference>& differences = experiment.value().differences;
  ASSERT_EQ(experiment.value().result.figures[0].name, "collisions");
  EXPECT_EQ(differences[0].finding, Finding::kLower);
  ASSERT_TRUE(differences[0].percent_interval);
  EXPECT_LT(differences[0].percent_interval->low, -50);
  EXPECT_GT(differences[0].percent_interval->high, -50);
  ASSERT_EQ(experiment.value().result.figures[7].name, "rollovers");
  EXPECT_EQ(differences[7].finding, Finding::kNoDifference);
}

}  // namespace
}  // namespace starling::sim
