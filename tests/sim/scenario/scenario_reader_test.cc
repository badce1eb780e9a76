#include "sim/scenario/scenario_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include "tests/sim/scenario/scenario_keys.h"

namespace starling::sim {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

const std::string kFile = "folder/file.toml";

Result<Scenario> Parse(std::string_view text) { return ParseScenario(text, kFile); }

Scenario Taken(std::string_view text) {
  const Result<Scenario> read = Parse(text);
  EXPECT_TRUE(read.ok()) << read.status().message() << "\n" << text;
  return read.ok() ? read.value() : Scenario();
}

// What it is refused with, "FILE:" taken away.
std::string Refusal(std::string_view text) {
  const Result<Scenario> read = Parse(text);
  EXPECT_FALSE(read.ok()) << text.substr(0, 200);
  if (read.ok()) return "";
  EXPECT_EQ(read.status().code(), ErrorCode::kInvalidArgument);
  const std::string message(read.status().message());
  EXPECT_THAT(message, StartsWith(kFile + ":"));
  return message.substr(kFile.size() + 1);
}

std::string AtKey(const std::string& rest) { return std::to_string(kKeyLine) + ": " + rest; }

TEST(ScenarioLibrary, EveryFileIsReadAndNamedAsItsFile) {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(STARLING_SOURCE_DIR "/sim/scenario/library")) {
    ++files;
    const Result<Scenario> read = ReadScenario(entry.path().string());
    ASSERT_TRUE(read.ok()) << read.status().message();
    EXPECT_TRUE(read.value().Validate().ok()) << entry.path();
    EXPECT_EQ(entry.path().extension(), ".toml");
    EXPECT_EQ(read.value().name, entry.path().stem().string());
    EXPECT_FALSE(read.value().description.empty()) << entry.path();
  }
  EXPECT_GE(files, 5);
}

class EachKey : public testing::TestWithParam<ScenarioKey> {};

TEST_P(EachKey, IsTaken) {
  const ScenarioKey& key = GetParam();
  const Scenario read = Taken(ScenarioWith(key, key.value));
  const bool needed = key.key == "name" || NeededIn(key.section, key.key) != NeededIn(key.section, "");
  const Scenario without =
      needed ? read : Taken("name = \"test\"\n" + HeaderOf(key.section) + NeededIn(key.section, ""));
  if (key.kind == KeyKind::kText) {
    EXPECT_EQ(key.read(read), 1);
  } else if (key.kind == KeyKind::kFlag) {
    EXPECT_EQ(key.read(read), key.value == "true");
  } else {
    EXPECT_DOUBLE_EQ(key.read(read), std::stod(key.value));
  }
  if (!needed) {
    EXPECT_NE(key.read(without), key.read(read));
  }
}

TEST_P(EachKey, OutOfItsRangeIsRefusedAtItsLine) {
  const ScenarioKey& key = GetParam();
  if (key.refused.empty()) return;
  const std::string refusal = Refusal(ScenarioWith(key, key.refused));
  EXPECT_THAT(refusal, StartsWith(AtKey("")));
  // By its name in the program: without the unit of a duration, with a dot after what it is a part of.
  std::string field = key.key;
  if (field.ends_with("_s") && refusal.find(field) == std::string::npos) field.resize(field.size() - 2);
  std::string message = refusal;
  std::replace(message.begin(), message.end(), '.', '_');
  EXPECT_THAT(message, HasSubstr(field));
}

TEST_P(EachKey, OfAnotherTypeIsRefusedAtItsLine) {
  const ScenarioKey& key = GetParam();
  const bool choice = key.key == "model";
  for (const std::string& value : {std::string("\"7\""), std::string("7"), std::string("true"), std::string("[7]"),
                                   std::string("{ x = 7 }"), std::string("1979-05-27")}) {
    if (value == "\"7\"" && key.kind == KeyKind::kText) continue;
    if (value == "7" && (key.kind == KeyKind::kNumber || key.kind == KeyKind::kCount)) continue;
    if (value == "true" && key.kind == KeyKind::kFlag) continue;
    const char* const expected = choice                          ? " is to be one of \"perfect\", "
                                 : key.kind == KeyKind::kText    ? " is to be a text in quotes"
                                 : key.kind == KeyKind::kFlag    ? " is to be true or false"
                                 : key.kind == KeyKind::kCount   ? " is to be a whole number, not negative"
                                                                 : " is to be a number";
    EXPECT_THAT(Refusal(ScenarioWith(key, value)), StartsWith(AtKey(key.key + expected))) << value;
  }
  if (key.kind == KeyKind::kNumber) {
    for (const char* value : {"nan", "inf", "-inf"}) {
      EXPECT_THAT(Refusal(ScenarioWith(key, value)), StartsWith(AtKey(key.key + " is to be a number"))) << value;
    }
  }
  if (key.kind == KeyKind::kCount) {
    for (const char* value : {"-1", "7.0", "-9223372036854775808"}) {
      EXPECT_THAT(Refusal(ScenarioWith(key, value)), StartsWith(AtKey(key.key + " is to be a whole number"))) << value;
    }
    for (const char* value : {"4294967296", "4294967397", "9223372036854775807"}) {
      EXPECT_EQ(Refusal(ScenarioWith(key, value)), AtKey(key.key + " is to be less than 4294967296")) << value;
    }
  }
  if (key.key.ends_with("_s") && key.kind == KeyKind::kNumber) {
    EXPECT_THAT(Refusal(ScenarioWith(key, "1e300")), StartsWith(AtKey("")));
    EXPECT_THAT(Refusal(ScenarioWith(key, "-1e300")), StartsWith(AtKey("")));
  }
}

TEST_P(EachKey, TwiceIsRefused) {
  const ScenarioKey& key = GetParam();
  const std::string line = key.key + " = " + key.value + "\n";
  EXPECT_THAT(Refusal(ScenarioWith(key, key.value + "\n" + line)), StartsWith("4: "));
}

INSTANTIATE_TEST_SUITE_P(Scenario, EachKey, testing::ValuesIn(ScenarioKeys()), [](const auto& of) {
  return (of.param.section.empty() ? std::string() : of.param.section + "_") + of.param.key;
});

// By what the refusal of an unknown key says there is.
TEST(Scenario, HasNoKeyButThese) {
  std::set<std::string> sections;
  std::set<std::string> of_file;
  for (const ScenarioKey& key : ScenarioKeys()) {
    if (key.section.empty()) {
      of_file.insert(key.key);
    } else {
      sections.insert(key.section);
      of_file.insert(key.section);
    }
  }
  const auto listed = [](const std::set<std::string>& keys) {
    std::string text = "; there are: ";
    for (const std::string& each : keys) text += (text.ends_with(": ") ? "" : ", ") + each;
    return text;
  };
  EXPECT_EQ(Refusal("name = \"test\"\nother = 1\n"), "2: unknown key other in the scenario" + listed(of_file));
  EXPECT_EQ(Refusal("name = \"test\"\n[other]\nx = 1\n"), "2: unknown key other in the scenario" + listed(of_file));
  EXPECT_EQ(Refusal("name = \"test\"\n\n[[other]]\nx = 1\n"), "3: unknown key other in the scenario" + listed(of_file));
  for (const std::string& section : sections) {
    std::set<std::string> keys;
    for (const ScenarioKey& key : ScenarioKeys()) {
      if (key.section == section) keys.insert(key.key);
    }
    std::string name = HeaderOf(section);
    name.pop_back();
    EXPECT_EQ(Refusal("name = \"test\"\n" + HeaderOf(section) + NeededIn(section, "") + "\nother = 1\n"),
              std::to_string(NeededIn(section, "").empty() ? 4 : 5) + ": unknown key other in " + name + listed(keys));
  }
}

TEST(Scenario, OneSectionIsNotManyAndManyAreNotOne) {
  std::set<std::string> sections;
  for (const ScenarioKey& key : ScenarioKeys()) {
    if (!key.section.empty()) sections.insert(key.section);
  }
  EXPECT_EQ(sections.size(), 17u);
  for (const std::string& each : sections) {
    const std::string one = "[" + each + "]";
    const std::string many = "[[" + each + "]]";
    const bool is_many = IsOneOfMany(each);
    const std::string expected =
        each + (is_many ? " is to be one or more sections, " + many : " is to be a section, " + one);
    EXPECT_EQ(Refusal("name = \"test\"\n\n" + (is_many ? one : many) + "\n"), "3: " + expected);
    EXPECT_EQ(Refusal("\n" + each + " = 7\nname = \"test\"\n"), "2: " + expected);
    EXPECT_EQ(Refusal("\n" + each + " = []\nname = \"test\"\n"), "2: " + expected);
  }
}

TEST(Scenario, ManySectionsAreTakenInTheirOrder) {
  const Scenario read = Taken(
      "name = \"test\"\n[[rain]]\nfrom_s = 1\n[[hole]]\nradius_m = 3\n[[rain]]\nfrom_s = 2\n[[tunnel]]\nradius_m = 4\n"
      "[[canyon]]\nradius_m = 5\n[[hole]]\nradius_m = 6\n");
  ASSERT_EQ(read.traffic.events.rains.size(), 2u);
  EXPECT_EQ(read.traffic.events.rains[0].from_s, 1);
  EXPECT_EQ(read.traffic.events.rains[1].from_s, 2);
  ASSERT_EQ(read.holes.size(), 2u);
  EXPECT_EQ(read.holes[1].half_length_m, 6);
  ASSERT_EQ(read.sky_areas.size(), 2u);
  EXPECT_EQ(read.sky_areas[0].sky, Sky::kCanyon);
  EXPECT_EQ(read.sky_areas[1].sky, Sky::kTunnel);
  EXPECT_EQ(read.sky_areas[1].area.half_length_m, 4);
}

TEST(Scenario, TheSecondOfManyIsRefusedAtItsOwnLine) {
  EXPECT_THAT(Refusal("name = \"test\"\n[[rain]]\n[[rain]]\nheadway_factor = 7\n"), StartsWith("4: [[rain]]: "));
  EXPECT_EQ(Refusal("name = \"test\"\n[[hole]]\nradius_m = 1\n[[hole]]\nx_m = 1\n"), "4: [[hole]] needs radius_m");
}

TEST(Scenario, ADefaultThatDoesNotFitIsRefusedAtItsSection) {
  EXPECT_THAT(Refusal("name = \"test\"\n[closure]\n"), StartsWith("2: "));
  EXPECT_THAT(Refusal("name = \"test\"\n\n[link]\nretry_min_s = 6\n"),
              StartsWith("3: [link]: link retry_max is 5 s, not in 6 to 3600 s"));
}

TEST(Scenario, AModelIsTheGroundForWhatElseIsSaid) {
  const Scenario read = Taken(
      "name = \"test\"\n[gnss]\ndrift_sigma_m = 0.25\nmodel = \"built-in\"\n"
      "[link]\nloss = 0.25\nmodel = \"cellular\"\n");
  EXPECT_EQ(read.fleet.gnss.drift_sigma_m, 0.25);
  EXPECT_EQ(read.fleet.gnss.noise_sigma_m, GnssConfig::BuiltIn().noise_sigma_m);
  EXPECT_EQ(read.fleet.link.loss, 0.25);
  EXPECT_EQ(read.fleet.link.up.delay_median, LinkConfig::Cellular().up.delay_median);
}

TEST(Scenario, ItsCityIsAsDenseAsEverUnlessItSaysHowLarge) {
  EXPECT_EQ(Taken("name = \"test\"\n[traffic]\nvehicles = 10000\n").city.side_m, 7400);
  EXPECT_EQ(Taken("name = \"test\"\n[traffic]\nvehicles = 1\n").city.side_m, 1000);
  EXPECT_EQ(Taken("name = \"test\"\n[city]\nside_m = 3000\n[traffic]\nvehicles = 10000\n").city.side_m, 3000);
}

TEST(Scenario, ItsOutagesGoOnForAsLongAsItIsDriven) {
  Scenario scenario = Taken("name = \"test\"\nseconds = 10\n[coverage]\noutages_per_hour = 60\noutage_mean_s = 1\n");
  scenario.seconds = 3600;
  SimTime last;
  const CoveragePlan plan = FleetIn(scenario, {{0, 0}, {2000, 2000}}).coverage;
  for (const RadioOutage& each : plan.outages) last = std::max(last, each.begin);
  EXPECT_GT(last, SimTime(seconds(3000)));
  EXPECT_LE(last, SimTime(seconds(3600)));
}

TEST(Scenario, WithoutANameIsRefused) {
  EXPECT_EQ(Refusal(""), "1: the scenario needs name");
  EXPECT_EQ(Refusal("# nothing\n\n"), "1: the scenario needs name");
  EXPECT_EQ(Refusal("seconds = 5\n"), "1: the scenario needs name");
  EXPECT_EQ(Refusal("[city]\nname = \"test\"\n"), "1: the scenario needs name");
}

TEST(Scenario, WhatIsNotTomlIsRefusedAtItsLine) {
  for (const char* last : {"name =", "name = test", "= 3", "[city", "[[city]", "[city]]", "[=", "[[ ,", "name = \"a",
                           "x = 01", "a b = 1", "x = 1 y = 2", "x = {", "x = [1", "x = \"\\q\"", "x = '''", "\x01 = 1",
                           "x = 1e", "[]", "[a..b]", "x = 99999999999999999999"}) {
    EXPECT_THAT(Refusal("\n\n" + std::string(last)), StartsWith("3: ")) << last;
  }
}

TEST(Scenario, WhatIsNotUtf8IsRefusedAtItsLine) {
  for (const char* bytes : {"\xFF", "\x80", "\xC0\xAF", "\xED\xA0\x80", "\xF5\x80\x80\x80", "\xE2\x82"}) {
    EXPECT_THAT(Refusal("seconds = 7\nname = \"a" + std::string(bytes) + "b\"\n"), StartsWith("2: "));
    EXPECT_THAT(Refusal("seconds = 7\n# " + std::string(bytes) + "\n"), StartsWith("2: "));
    EXPECT_THAT(Refusal("seconds = 7\nx" + std::string(bytes)), StartsWith("2: "));
  }
  EXPECT_THAT(Refusal(std::string_view("seconds = 7\nname = \"a\0b\"\n", 25)), StartsWith("2: "));
  EXPECT_EQ(Taken("name = \"Fu\xC3\x9F\"\n").name, "Fu\xC3\x9F");
}

TEST(Scenario, OnlyTextsAndCommentsHaveCharactersBeyondAscii) {
  for (const std::string each : {"\u00A0", "\u00E4", "\u00DF", "\u0494", "\u0800", "\u2003", "\uFEFF", "\U0001F697"}) {
    for (const std::string& text : {each + " = 1", "x" + each + " = 1", "x " + each + "= 1", "x = " + each,
                                    "x = 1" + each, "[" + each + "]", "[city]" + each, "x = [" + each + "1]",
                                    "x = {" + each + "}"}) {
      EXPECT_THAT(Refusal("name = \"a\"\n" + text + "\n"), StartsWith("2: ")) << text;
    }
    EXPECT_EQ(Taken("name = \"" + each + "\" # " + each + "\n#" + each).name, each);
    EXPECT_EQ(Taken("name = '''" + each + "\n" + each + "'''\n").name, each + "\n" + each);
    EXPECT_EQ(Taken("name = \"\"\"a \\\n  b" + each + "\"\"\"\n").name, "a b" + each);
  }
  EXPECT_EQ(Taken("\uFEFFname = \"a\"\n").name, "a");
  EXPECT_EQ(Taken("\uFEFF\"name\" = 'a'\n").name, "a");
}

TEST(Scenario, ControlCharactersAreRefusedAtTheirLine) {
  for (int each = 0; each < 0x20; ++each) {
    if (each == '\t' || each == '\n' || each == '\r') continue;
    for (const char* before : {"", "[", "[[", "x", "x = ", "x = \"", "# ", "\"\".", "x = [", "x = {"}) {
      const std::string three(3, static_cast<char>(each));
      EXPECT_THAT(Refusal("name = \"a\"\n" + std::string(before) + three + "x]\n"), StartsWith("2: "))
          << before << " and then " << each;
    }
  }
  EXPECT_EQ(Taken("name\t=\t\"a\\u001B\tb\"\r\n").name, "a\x1B\tb");
}

std::string Times(std::size_t count, const std::string& text) {
  std::string all;
  for (std::size_t i = 0; i < count; ++i) all += text;
  return all;
}

TEST(Scenario, HoweverDeepItNestsItIsRefused) {
  constexpr std::size_t kMany = 300'000;
  const std::string too_long = "more than 9 parts";
  EXPECT_THAT(Refusal("\n" + Times(kMany, "a.") + "a = 1\n"), StartsWith("2: a key of more than 9 parts"));
  EXPECT_THAT(Refusal("\n[" + Times(kMany, "a.") + "a]\n"), HasSubstr(too_long));
  EXPECT_THAT(Refusal("\n[[" + Times(kMany, "a . ") + "a]]\n"), HasSubstr(too_long));
  EXPECT_THAT(Refusal("\n" + Times(kMany / 3, "\"a\".") + "a = 1\n"), HasSubstr(too_long));
  EXPECT_THAT(Refusal("x = \"# \\\" \"\ny = {z = '''\n\"''''', " + Times(kMany, "a.") + "a = 1}\n"),
              StartsWith("3: a key of more than 9 parts"));
  EXPECT_THAT(Refusal("# \"\n" + Times(kMany, "a.") + "a = 1\n"), HasSubstr(too_long));
  EXPECT_THAT(Refusal("x = " + Times(kMany, "[")), StartsWith("1: "));
  EXPECT_THAT(Refusal("x = " + Times(kMany, "{a=")), StartsWith("1: "));
  EXPECT_THAT(Refusal("x = " + Times(200, "[{a.a.a.a.a.a.a.a.a=") + "1" + Times(200, "}]") + "\n"), StartsWith("1: "));
  EXPECT_THAT(Refusal(Times(kMany / 10, "[[hole]]\n")), StartsWith("1: the scenario needs name"));
}

TEST(Scenario, DotsInTextsAndNumbersAreNoKeys) {
  const std::string dots = "'" + Times(100, ".") + "'";
  EXPECT_EQ(Taken("name = \"" + dots + "\" # " + dots + "\ndescription = \"\"\"\n\\\"" + dots + "\"\"\"\n").name, dots);
  EXPECT_EQ(Taken("name = 'a'\ndescription = '''\n" + Times(100, ".") + "\n'''\n").description, Times(100, ".") + "\n");
  EXPECT_THAT(Refusal("name = 'a'\nx = [" + Times(100, "0.5, ") + "]\n"), StartsWith("2: unknown key x"));
  EXPECT_EQ(Taken("name = 'a'\ntraffic.vehicles = 7\n").traffic.vehicles, 7u);
}

class ScenarioFile : public testing::Test {
 protected:
  ScenarioFile() : folder_(std::filesystem::path(testing::TempDir()) / ("scenario_" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(folder_);
  }
  ~ScenarioFile() override { std::filesystem::remove_all(folder_); }

  std::string Path(const std::string& name) const { return (folder_ / name).string(); }
  std::string Write(const std::string& text) const {
    std::ofstream(Path("test.toml"), std::ios::binary) << text;
    return Path("test.toml");
  }

 private:
  const std::filesystem::path folder_;
};

TEST_F(ScenarioFile, ThatIsNotThereOrIsNoneIsNamed) {
  for (const std::string& path : {Path("none.toml"), Path(""), Path("none/none.toml")}) {
    const Result<Scenario> read = ReadScenario(path);
    ASSERT_FALSE(read.ok()) << path;
    EXPECT_EQ(read.status().code(), ErrorCode::kIoError);
    EXPECT_THAT(std::string(read.status().message()), StartsWith(path + ": "));
  }
}

TEST_F(ScenarioFile, UpToAMebibyteIsRead) {
  const std::string begin = "name = \"test\"\n#";
  const Result<Scenario> read = ReadScenario(Write(begin + std::string((1 << 20) - begin.size(), 'x')));
  EXPECT_TRUE(read.ok()) << read.status().message();
  const Result<Scenario> larger = ReadScenario(Write(begin + std::string((1 << 20) - begin.size() + 1, 'x')));
  ASSERT_FALSE(larger.ok());
  EXPECT_EQ(larger.status().code(), ErrorCode::kExhausted);
  EXPECT_EQ(larger.status().message(), Path("test.toml") + ": more than 1048576 bytes of text");
}

TEST_F(ScenarioFile, PathsInItAreTakenFromItsFolder) {
  const Result<Scenario> read =
      ReadScenario(Write("name = \"test\"\n[city]\nnetwork = \"a.net.xml\"\nsignals = \"/b.add.xml\"\n"));
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read.value().network, Path("a.net.xml"));
  EXPECT_EQ(read.value().signals, "/b.add.xml");
}

TEST_F(ScenarioFile, RefusalsNameItAndTheLine) {
  const Result<Scenario> read = ReadScenario(Write("name = \"test\"\n\nseconds = 0\n"));
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.status().message(), Path("test.toml") + ":3: the scenario: run: seconds must be within 1 and 86400");
}

}  // namespace
}  // namespace starling::sim
