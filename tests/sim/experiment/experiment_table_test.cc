#include "sim/experiment/experiment_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "sim/experiment/number_text.h"
#include "tests/sim/experiment/synthetic_result.h"

namespace starling::sim {
namespace {

std::string TableOf(ExperimentResult result) {
  const Result<Experiment> experiment = Evaluate(std::move(result));
  EXPECT_TRUE(experiment.ok());
  return ExperimentTable(experiment.value());
}

TEST(ExperimentTable, OfTwoSeeds) {
  // Collisions: differences -3 and -4, so -3.5, standard error 0.5, times 12.706 (Student's with one degree of
  // freedom): 6.353 to each side.  -3.5 of 11 is -31.8 %.  Travel time: 0.5 s twice, which the signs of two pairs
  // cannot confirm: p = 0.5.
  EXPECT_EQ(TableOf(TinyResult()), R"(tiny: two seeds
2 seeds, each driven without and with commands: 3 4
mean of the seeds            without      with    change      95 % interval       % finding
collisions                     11.00      7.50     -3.50     [-9.85, +2.85]   -31.8 not shown
mean travel time, s            100.5     101.0      +0.5       [+0.5, +0.5]    +0.5 higher: worse *
The interval is Student's of the paired difference; not shown: it has 0 in it.
* A test by flipped signs, which believes in no distribution, does not say the same.
)");
}

TEST(ExperimentTable, FitsIn100ColumnsWhateverItIsGiven) {
  ExperimentResult result = SyntheticResult({.seeds = 40});
  result.scenario = std::string(300, 'x');
  result.figures[0].name = std::string(60, 'y') + "größer";
  result.figures[1].without.assign(40, 1e9);
  result.figures[3].without.assign(40, -1e40);
  result.figures[2].unit = std::string(200, 'z');
  const std::string table = TableOf(std::move(result));
  std::istringstream lines(table);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(LengthOf(line), 100u) << line;
}

TEST(ExperimentTable, HasALineForEachFigure) {
  const ExperimentResult result = SyntheticResult();
  const std::string table = TableOf(result);
  for (const Figure& figure : result.figures) {
    EXPECT_THAT(table, testing::HasSubstr(std::string("\n") + Shortened(NameWithUnit(figure), 26)));
  }
}

TEST(ExperimentTable, FromZeroThereIsNoPercentage) {
  ExperimentResult result = TinyResult();
  result.figures[0].without = {0, 0};
  EXPECT_THAT(TableOf(std::move(result)), testing::ContainsRegex("collisions .* - more: worse"));
}

}  // namespace
}  // namespace starling::sim
