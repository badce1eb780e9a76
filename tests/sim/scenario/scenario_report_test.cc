#include "sim/scenario/scenario_report.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

#include "tests/sim/scenario/small_scenario.h"

namespace starling::sim {
namespace {

namespace json = boost::json;

// Of a run that nobody drove.
ScenarioOutcome SomeOutcome() {
  ScenarioOutcome outcome;
  outcome.driven_s = 15;
  outcome.collisions.resize(1);
  outcome.collisions[0].first = 7;
  outcome.collisions[0].relative_speed_mps = 1.23456;
  outcome.near_misses.resize(2);
  outcome.speeds_mps = {7.77777};
  outcome.acted = 3;
  outcome.digest = 0xABC;
  return outcome;
}

void AddNames(const json::value& value, const std::string& prefix, std::set<std::string>* names) {
  if (value.is_array()) {
    for (const json::value& each : value.as_array()) AddNames(each, prefix, names);
    return;
  }
  if (!value.is_object()) {
    names->insert(prefix);
    return;
  }
  for (const auto& entry : value.as_object()) {
    AddNames(entry.value(), prefix.empty() ? std::string(entry.key()) : prefix + "." + std::string(entry.key()), names);
  }
}

// In the first cells of the page's rows, "a.{b,c}" being two of them.
std::set<std::string> NamesOfPage() {
  std::ifstream page(STARLING_SOURCE_DIR "/docs/formats/scenario_report.md");
  std::set<std::string> names;
  for (std::string line; std::getline(page, line);) {
    if (!line.starts_with("| `")) continue;
    // Between backquotes is every other part.
    std::istringstream cell(line.substr(0, line.find('|', 1)));
    std::string between;
    for (std::string name; std::getline(cell, between, '`') && std::getline(cell, name, '`');) {
      const std::size_t open = name.find('{');
      const bool many = open != std::string::npos;
      std::istringstream parts(many ? name.substr(open + 1, name.size() - open - 2) : name);
      for (std::string part; std::getline(parts, part, ',');) {
        EXPECT_TRUE(names.insert(many ? name.substr(0, open) + part : part).second) << part;
      }
    }
  }
  return names;
}

TEST(ScenarioReport, ThePageNamesItsFieldsAndNoOther) {
  std::set<std::string> names;
  AddNames(json::parse(ScenarioDocument(SmallScenario(), 1, SomeOutcome())), "", &names);
  names.insert("failures");
  EXPECT_THAT(NamesOfPage(), testing::ContainerEq(names));
}

TEST(ScenarioReport, HoldsWhatWasMeasuredToThreeDecimals) {
  Scenario scenario = SmallScenario();
  scenario.name = "\"small\"\n";
  const json::value document = json::parse(ScenarioDocument(scenario, ~std::uint64_t{0}, SomeOutcome()));
  EXPECT_EQ(document.at("scenario").as_string(), "\"small\"\n");
  EXPECT_EQ(document.at("seed").to_number<std::uint64_t>(), ~std::uint64_t{0});
  EXPECT_EQ(document.at("vehicles").to_number<int>(), 150);
  EXPECT_EQ(document.at("passed").as_bool(), true);
  EXPECT_EQ(document.at("truth").at("collisions").to_number<int>(), 1);
  EXPECT_EQ(document.at("truth").at("near_misses").to_number<int>(), 2);
  EXPECT_EQ(document.at("truth").at("collision_list").at(0).at("first").to_number<int>(), 7);
  EXPECT_EQ(document.at("truth").at("collision_list").at(0).at("relative_speed_mps").as_double(), 1.235);
  EXPECT_EQ(document.at("traffic").at("speeds_mps").at(0).as_double(), 7.778);
  EXPECT_EQ(document.at("commands").at("handed_over").to_number<int>(), 3);
  EXPECT_EQ(document.at("digest").as_string(), "0000000000000abc");
}

TEST(ScenarioReport, WhatFailedIsSaid) {
  ScenarioOutcome outcome = SomeOutcome();
  outcome.failures = {"one", "two"};
  const json::value document = json::parse(ScenarioDocument(SmallScenario(), 1, outcome));
  EXPECT_EQ(document.at("passed").as_bool(), false);
  EXPECT_EQ(document.at("failures").as_array().size(), 2u);
  const std::string table = ScenarioTable(SmallScenario(), 1, outcome);
  EXPECT_THAT(table, testing::HasSubstr("FAILED: one\nFAILED: two\n"));
  EXPECT_THAT(table, testing::Not(testing::HasSubstr("passed")));
}

}  // namespace
}  // namespace starling::sim
