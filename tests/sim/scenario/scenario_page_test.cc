// docs/formats/scenario.md says of every key what is true of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <sstream>

#include "sim/scenario/scenario_reader.h"
#include "tests/sim/scenario/scenario_keys.h"

namespace starling::sim {
namespace {

using Cells = std::vector<std::string>;

std::string Page() {
  std::ifstream page(STARLING_SOURCE_DIR "/docs/formats/scenario.md");
  return {std::istreambuf_iterator<char>(page), std::istreambuf_iterator<char>()};
}

std::string Trimmed(const std::string& text) {
  const std::size_t begin = text.find_first_not_of(' ');
  return begin == std::string::npos ? "" : text.substr(begin, text.find_last_not_of(' ') + 1 - begin);
}

// What `text` has in backquotes, or all of it without brackets: of "`[[rain]]`" it is "rain".
std::string NameIn(std::string text) {
  std::erase_if(text, [](char each) { return each == '`' || each == '[' || each == ']'; });
  return text;
}

// The tables' rows, by section and key.
std::map<std::string, Cells> Rows() {
  std::map<std::string, Cells> rows;
  std::istringstream page(Page());
  std::string section = "?";
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("## `[")) section = NameIn(line.substr(3));
    if (line == "## The file") section.clear();
    if (!line.starts_with("| `")) continue;
    Cells cells;
    std::istringstream row(line.substr(1));
    for (std::string cell; std::getline(row, cell, '|');) cells.push_back(Trimmed(cell));
    EXPECT_TRUE(rows.emplace(section + "/" + NameIn(cells.at(0)), cells).second) << line;
  }
  return rows;
}

bool IsTaken(const ScenarioKey& key, const std::string& value) {
  return ParseScenario(ScenarioWith(key, value), "file").ok();
}

std::string Text(double value) {
  std::ostringstream text;
  text.precision(12);
  text << std::fixed << value;
  return text.str();
}

TEST(ScenarioPage, HasEveryKeyAndNoOther) {
  std::map<std::string, Cells> rows = Rows();
  for (const ScenarioKey& key : ScenarioKeys()) EXPECT_EQ(rows.erase(key.section + "/" + key.key), 1u) << key.key;
  for (const auto& [name, cells] : rows) ADD_FAILURE() << name;
}

TEST(ScenarioPage, RangesAreTakenToTheirEndsAndNoFurther) {
  int ends = 0;
  const std::map<std::string, Cells> rows = Rows();
  for (const ScenarioKey& key : ScenarioKeys()) {
    const auto row = rows.find(key.section + "/" + key.key);
    ASSERT_NE(row, rows.end()) << key.key;
    const std::string& text = row->second.at(1);
    if (key.kind == KeyKind::kFlag) {
      EXPECT_EQ(text, "true or false");
    }
    if (key.kind == KeyKind::kText || key.kind == KeyKind::kFlag) continue;
    const std::size_t to = text.find(" to ");
    if (to == std::string::npos) {
      EXPECT_EQ(text, "any") << key.key;
      EXPECT_TRUE(key.refused.empty()) << key.key;
      continue;
    }
    const bool counted = key.kind == KeyKind::kCount;
    const auto as_text = [&](double value) { return counted ? std::to_string(std::llround(value)) : Text(value); };
    const auto beyond = [&](double end, double way) {
      const double step = counted || std::abs(end) > 100 ? 1 : std::abs(end) > 0 ? 0.01 * std::abs(end) : 0.001;
      return as_text(end + way * step);
    };
    const bool above = text.starts_with("above ");
    const std::string from = text.substr(above ? 6 : 0, to - (above ? 6 : 0));
    const std::string until = text.substr(to + 4);
    if (from[0] != '`') {
      const double low = std::stod(from);
      EXPECT_EQ(IsTaken(key, as_text(low)), !above) << key.key << " = " << low;
      EXPECT_FALSE(IsTaken(key, beyond(low, -1))) << key.key << " = " << beyond(low, -1);
      ++ends;
    }
    if (until[0] != '`') {
      const double high = std::stod(until);
      EXPECT_TRUE(IsTaken(key, as_text(high))) << key.key << " = " << high;
      EXPECT_FALSE(IsTaken(key, beyond(high, 1))) << key.key << " = " << beyond(high, 1);
      ++ends;
    }
  }
  EXPECT_GT(ends, 180);
}

TEST(ScenarioPage, DefaultsAreThoseOfWhatIsRead) {
  const std::map<std::string, Cells> rows = Rows();
  int numbers = 0;
  for (const ScenarioKey& key : ScenarioKeys()) {
    const Cells& cells = rows.at(key.section + "/" + key.key);
    const bool modelled = key.section == "gnss" || key.section == "link";
    ASSERT_EQ(cells.size(), modelled ? 5u : 4u) << key.key;
    for (int model = 0; model <= (modelled ? 1 : 0); ++model) {
      std::string text = "name = \"test\"\n" + HeaderOf(key.section) + NeededIn(key.section, "");
      if (model == 1) text += key.section == "gnss" ? "model = \"built-in\"\n" : "model = \"cellular\"\n";
      const Result<Scenario> read = ParseScenario(text, "file");
      ASSERT_TRUE(read.ok()) << read.status().message();
      const std::string& cell = cells[2 + static_cast<std::size_t>(model)];
      if (key.kind == KeyKind::kFlag) {
        EXPECT_EQ(cell, key.read(read.value()) != 0 ? "true" : "false") << key.key;
      } else if (key.kind != KeyKind::kText && cell.find_first_not_of("0123456789.") == std::string::npos) {
        const double value = key.read(read.value());
        EXPECT_NEAR(std::stod(cell), value, 1e-3 * value) << key.key;
        ++numbers;
      } else {
        EXPECT_TRUE(cell == "–" || cell == "empty" || cell == "none" || cell == "by `vehicles`")
            << key.key << ": " << cell;
      }
    }
  }
  EXPECT_GT(numbers, 120);
}

// What is indented by four after the first line that has `begin`.
std::string Indented(const std::string& page, const std::string& begin) {
  std::istringstream lines(page.substr(page.rfind('\n', page.find(begin)) + 1));
  std::string text;
  for (std::string line; std::getline(lines, line) && (line.empty() || line.starts_with("    "));) {
    text += (line.empty() ? line : line.substr(4)) + "\n";
  }
  return text;
}

TEST(ScenarioPage, ItsExampleIsAScenario) {
  const Result<Scenario> read = ParseScenario(Indented(Page(), "name = \"wet-morning\""), "example");
  ASSERT_TRUE(read.ok()) << read.status().message();
  const Scenario& scenario = read.value();
  EXPECT_EQ(scenario.name, "wet-morning");
  EXPECT_EQ(scenario.seconds, 180u);
  EXPECT_EQ(scenario.traffic.vehicles, 500u);
  ASSERT_EQ(scenario.traffic.events.rains.size(), 1u);
  EXPECT_EQ(scenario.traffic.events.rains[0].until_s, 150);
  ASSERT_EQ(scenario.traffic.events.breakdowns.size(), 1u);
  EXPECT_EQ(scenario.traffic.events.breakdowns[0].at.y, -100);
  EXPECT_EQ(scenario.fleet.link.loss, 0.01);
  EXPECT_EQ(scenario.fleet.link.up.bytes_per_s, LinkConfig::Cellular().up.bytes_per_s);
}

TEST(ScenarioPage, ItsRefusalsAreWhatIsSaid) {
  std::string said;
  for (const char* text : {"name = \"wet\"\n\nseconds = -5\n", "name = \"wet\"\n\n\n\n[traffic]\nvehicles = 0\n",
                           "name = \"wet\"\n\n\n\n\n\n\n[[rain]]\nheavy = true\n"}) {
    said.append(ParseScenario(text, "wet.toml").status().message()).append("\n");
  }
  EXPECT_EQ(Indented(Page(), "wet.toml:3: "), said + "\n");
}

}  // namespace
}  // namespace starling::sim
