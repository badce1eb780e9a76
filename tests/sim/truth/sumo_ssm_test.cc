// Against SUMO's own SSM device, on a minute of Bologna that SUMO drove; docs/validation.md has the table.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/fcd/fcd_reader.h"
#include "sim/fcd/fcd_writer.h"
#include "sim/truth/truth_program.h"

namespace starling::sim {
namespace {

namespace fs = std::filesystem;

using IdPair = std::pair<std::string, std::string>;  // Ego and foe.

struct Measure {
  double time_s = 0;
  int type = 0;
  double value = 0;
};

struct Conflict {
  IdPair ids;
  double begin_s = 0;
  double end_s = 0;
  std::optional<Measure> ttc;
  std::optional<Measure> drac;
  std::optional<Measure> pet;
};

std::string_view AttributeOf(std::string_view line, std::string_view name) {
  std::string wanted(1, ' ');
  wanted += name;
  wanted += "=\"";
  const std::size_t at = line.find(wanted);
  if (at == std::string_view::npos) return {};
  line.remove_prefix(at + wanted.size());
  return line.substr(0, line.find('"'));
}

double NumberOf(std::string_view line, std::string_view name) {
  return std::strtod(std::string(AttributeOf(line, name)).c_str(), nullptr);
}

std::optional<Measure> MeasureOf(std::string_view line) {
  if (AttributeOf(line, "value") == "NA") return std::nullopt;
  return Measure{NumberOf(line, "time"), static_cast<int>(NumberOf(line, "type")), NumberOf(line, "value")};
}

std::vector<Conflict> ReadLog(const fs::path& path) {
  std::vector<Conflict> conflicts;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.find("<conflict ") != std::string::npos) {
      Conflict& conflict = conflicts.emplace_back();
      conflict.ids = IdPair(AttributeOf(line, "ego"), AttributeOf(line, "foe"));
      conflict.begin_s = NumberOf(line, "begin");
      conflict.end_s = NumberOf(line, "end");
    } else if (line.find("<minTTC ") != std::string::npos) {
      conflicts.back().ttc = MeasureOf(line);
    } else if (line.find("<maxDRAC ") != std::string::npos) {
      conflicts.back().drac = MeasureOf(line);
    } else if (line.find("<PET ") != std::string::npos) {
      conflicts.back().pet = MeasureOf(line);
    }
  }
  return conflicts;
}

bool IsFollowing(const Measure& ttc) { return ttc.type == 2 || ttc.type == 3; }
bool IsMerging(const Measure& ttc) { return ttc.type == 6 || ttc.type == 7; }
bool IsCrossing(const Measure& ttc) { return ttc.type >= 10 && ttc.type <= 13; }

struct Score {
  int all = 0;
  int matched = 0;
  int explained = 0;  // Of those that are not.
};

class SumoSsm : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    const char* const data = std::getenv("STARLING_DATA");
    source_ = (data != nullptr ? fs::path(data) : fs::path(STARLING_SOURCE_DIR) / "../shared/data") / "bologna";
    if (!fs::exists(source_ / "bologna_fcd.xml.xz")) return;
    folder_ = fs::temp_directory_path() / ("sumo_ssm_test." + std::to_string(::getpid()));
    fs::create_directories(folder_);
    for (const char* name : {"bologna_fcd.xml", "bologna_ssm.xml"}) {
      const std::string command = "xz -dc '" + (source_ / name).string() + ".xz' > '" + (folder_ / name).string() + "'";
      if (std::system(command.c_str()) != 0) return;
    }
    conflicts_ = ReadLog(folder_ / "bologna_ssm.xml");
    ReadMotions();
  }
  static void TearDownTestSuite() {
    if (!folder_.empty()) fs::remove_all(folder_);
  }
  void SetUp() override {
    if (conflicts_.empty()) {
      GTEST_SKIP() << source_ << " is not there, or xz is not installed; STARLING_DATA names the folder that holds it";
    }
  }

  // Ours, by ego and foe in both orders, and the pairs that touched.
  void Run(const EncounterConfig& config) {
    TruthOptions options;
    options.fcd = (folder_ / "bologna_fcd.xml").string();
    options.sizes = (source_ / "dims.txt").string();
    options.geo = true;
    options.encounters = config;
    const auto summary = RunTruth(options, {[&](const Encounter& each, std::string_view ego, std::string_view foe) {
                                              ours_[{std::string(ego), std::string(foe)}].push_back(each);
                                              ours_[{std::string(foe), std::string(ego)}].push_back(each);
                                            },
                                            [&](const Collision&, std::string_view first, std::string_view second) {
                                              touched_.emplace(std::min(first, second), std::max(first, second));
                                            }});
    ASSERT_TRUE(summary.ok()) << summary.status().message();
    std::printf("%s", summary.value().ToText().c_str());
  }

  // A match: the same pair, at an overlapping time, with a value that is near: 0.3 s or 10 % of a TTC, which is what
  // SUMO's lane against our metre-wise path and speeds rounded to 1 cm/s make; 0.5 m/s² or 20 % of a DRAC; 0.5 s of a
  // PET, because SUMO's area is the lane's width whatever the angle.
  bool Matches(const Conflict& conflict, std::optional<Extreme> Encounter::* measure, double value, double within) const {
    const auto found = ours_.find(conflict.ids);
    if (found == ours_.end()) return false;
    return std::ranges::any_of(found->second, [&](const Encounter& each) {
      return SecondsOf(each.begin) <= conflict.end_s && conflict.begin_s <= SecondsOf(each.end) && each.*measure &&
             std::abs((each.*measure)->value - value) <= within;
    });
  }

  template <typename Chosen, typename Explained>
  Score ScoreTtc(double at_most_s, Chosen chosen, Explained explained) const {
    Score score;
    for (const Conflict& conflict : conflicts_) {
      if (!conflict.ttc || conflict.ttc->value > at_most_s || !chosen(conflict)) continue;
      ++score.all;
      if (Matches(conflict, &Encounter::min_ttc, conflict.ttc->value, std::max(0.3, 0.1 * conflict.ttc->value))) {
        ++score.matched;
      } else if (explained(conflict)) {
        ++score.explained;
      }
    }
    return score;
  }
  Score ScoreDrac() const {
    Score score;
    for (const Conflict& conflict : conflicts_) {
      if (!conflict.drac || conflict.drac->value < 3) continue;
      ++score.all;
      score.matched += Matches(conflict, &Encounter::max_drac, conflict.drac->value, std::max(0.5, 0.2 * conflict.drac->value));
    }
    return score;
  }
  // Explained: ours is a close PET, too, of another area.
  Score ScorePet() const {
    Score score;
    for (const Conflict& conflict : conflicts_) {
      if (!conflict.pet || conflict.pet->value > 2) continue;
      ++score.all;
      if (Matches(conflict, &Encounter::pet, conflict.pet->value, 0.5)) {
        ++score.matched;
      } else {
        score.explained += Matches(conflict, &Encounter::pet, 1, 1);
      }
    }
    return score;
  }

  // SUMO gives such a TTC to one of the two alone: who brakes before a crossing, while the other one stands or brakes.
  static bool IsOneSided(const Conflict& conflict) {
    const auto mirrored = by_ids_.find({conflict.ids.second, conflict.ids.first});
    if (mirrored == by_ids_.end()) return true;
    return std::ranges::none_of(mirrored->second, [&](const Conflict* other) {
      return other->ttc && std::abs(other->ttc->value - conflict.ttc->value) < 0.02;
    });
  }
  static bool NobodyArrives(const Conflict& conflict) {
    const auto brakes_or_stands = [&](const std::string& id) {
      const auto& motion = motions_.at(id);
      const auto at = motion.find(std::lround(conflict.ttc->time_s * 10));
      return at == motion.end() || at->second.speed_mps < 0.1 || at->second.accel_mps2 < 0;
    };
    return brakes_or_stands(conflict.ids.first) && brakes_or_stands(conflict.ids.second);
  }

  // Within 10 s: then it does not drive where SUMO's lane would have led it.
  static bool FollowerChangesLanes(const Conflict& conflict) {
    const auto& motion = motions_.at(conflict.ttc->type == 2 ? conflict.ids.first : conflict.ids.second);
    const long from = std::lround(conflict.ttc->time_s * 10);
    std::string_view before;
    for (auto each = motion.lower_bound(from); each != motion.end() && each->first <= from + 100; ++each) {
      const std::string_view lane = each->second.lane;
      const auto edge = [](std::string_view name) { return name.substr(0, name.rfind('_')); };
      if (!before.empty() && lane != before && edge(lane) == edge(before)) return true;
      before = lane;
    }
    return false;
  }

  struct Table {
    Score following_3, following_5, merging_3, merging_5, crossing_1_5, crossing_3, crossing_5, one_sided_1_5, one_sided_3;
    Score drac, pet;
  };
  Table PrintTable() const {
    const auto following = [](const Conflict& each) { return IsFollowing(*each.ttc); };
    const auto merging = [](const Conflict& each) { return IsMerging(*each.ttc); };
    const auto crossing = [](const Conflict& each) { return IsCrossing(*each.ttc) && !IsOneSided(each); };
    const auto one_sided = [](const Conflict& each) { return IsCrossing(*each.ttc) && IsOneSided(each); };
    // The same approach: a TTC to a place some metres off, or the same DRAC without one, because at our area's edge
    // the braking one stops in time.
    const auto alike = [this](const Conflict& each) {
      return Matches(each, &Encounter::min_ttc, each.ttc->value, 1) ||
             (each.drac && Matches(each, &Encounter::max_drac, each.drac->value, std::max(0.5, 0.2 * each.drac->value)));
    };
    Table table;
    table.following_3 = ScoreTtc(3, following, &FollowerChangesLanes);
    table.following_5 = ScoreTtc(5, following, &FollowerChangesLanes);
    table.merging_3 = ScoreTtc(3, merging, alike);
    table.merging_5 = ScoreTtc(5, merging, alike);
    table.crossing_1_5 = ScoreTtc(1.5, crossing, alike);
    table.crossing_3 = ScoreTtc(3, crossing, alike);
    table.crossing_5 = ScoreTtc(5, crossing, alike);
    table.one_sided_1_5 = ScoreTtc(1.5, one_sided, &NobodyArrives);
    table.one_sided_3 = ScoreTtc(3, one_sided, &NobodyArrives);
    table.drac = ScoreDrac();
    table.pet = ScorePet();
    std::printf("| %-44s | %5s | %5s | %5s | %5s |\n", "SUMO's conflicts", "all", "match", "why", "else");
    Print("following, TTC <= 3 s", table.following_3);
    Print("following, TTC <= 5 s", table.following_5);
    Print("merging, TTC <= 3 s", table.merging_3);
    Print("merging, TTC <= 5 s", table.merging_5);
    Print("crossing, for both, TTC <= 1.5 s", table.crossing_1_5);
    Print("crossing, for both, TTC <= 3 s", table.crossing_3);
    Print("crossing, for both, TTC <= 5 s", table.crossing_5);
    Print("crossing, for one alone, TTC <= 1.5 s", table.one_sided_1_5);
    Print("crossing, for one alone, TTC <= 3 s", table.one_sided_3);
    Print("DRAC >= 3 m/s2", table.drac);
    Print("PET <= 2 s", table.pet);
    return table;
  }

  void Print(const char* what, const Score& score) const {
    std::printf("| %-44s | %5d | %5d | %5d | %5d |\n", what, score.all, score.matched, score.explained,
                score.all - score.matched - score.explained);
  }

  struct Motion {
    double speed_mps = 0;
    double accel_mps2 = 0;
    std::string_view lane;
  };
  static void ReadMotions() {
    for (const Conflict& conflict : conflicts_) by_ids_[conflict.ids].push_back(&conflict);
    reader_ = std::move(FcdReader::Open((folder_ / "bologna_fcd.xml").string())).value();
    FcdStep step;
    while (reader_->Next(&step).value()) {
      for (const FcdVehicle& vehicle : step.vehicles) {
        motions_[std::string(vehicle.id)][std::lround(SecondsOf(step.time) * 10)] = {vehicle.speed_mps,
                                                                                     vehicle.accel_mps2, vehicle.lane};
      }
    }
  }

  static inline fs::path source_;
  static inline fs::path folder_;
  static inline std::vector<Conflict> conflicts_;
  static inline std::map<IdPair, std::vector<const Conflict*>> by_ids_;
  static inline std::unique_ptr<FcdReader> reader_;
  static inline std::map<std::string, std::map<long, Motion>> motions_;  // By tenths of a second.
  std::map<IdPair, std::vector<Encounter>> ours_;
  std::set<IdPair> touched_;
};

// As near as ours comes to what SUMO measures: its range goes along lanes, up to 50 m for each of two; its areas are
// lanes wide; who waits for half a minute to turn left has a route all the same.
TEST_F(SumoSsm, MatchesWithSumosAreasAndALongView) {
  EncounterConfig config;
  config.range_m = 100;
  config.delay_s = 30;
  config.tolerance_m = 0.5;
  config.ground_width_m = 3.2;
  Run(config);
  const Table table = PrintTable();
  EXPECT_GE(table.following_3.matched, 1'030);
  EXPECT_GE(table.following_5.matched, 2'370);
  EXPECT_GE(table.merging_5.matched, 36);
  EXPECT_GE(table.crossing_3.matched, 20);
  EXPECT_GE(table.crossing_5.matched, 52);
  EXPECT_GE(table.one_sided_3.explained, 525);
  EXPECT_GE(table.drac.matched, 17);
  EXPECT_GE(table.pet.matched + table.pet.explained, 10);
}

TEST_F(SumoSsm, MatchesAsItComes) {
  Run({});
  const Table table = PrintTable();
  EXPECT_GE(table.following_3.matched, 1'050);
  EXPECT_GE(table.following_5.matched, 2'460);
  EXPECT_GE(table.crossing_3.matched, 12);
  EXPECT_GE(table.one_sided_3.explained, 525);
  EXPECT_GE(table.drac.matched, 17);
  EXPECT_GE(table.pet.matched + table.pet.explained, 10);
}

// By rectangles that overlap, found by another program than ours from the same recording.
TEST_F(SumoSsm, TouchesAreThoseOfAnotherProgram) {
  Run({});
  std::set<IdPair> theirs;
  std::ifstream file(source_ / "bologna_contacts.csv");
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    std::vector<std::string> cells;
    for (std::size_t at = 0; at < line.size();) {
      const std::size_t end = std::min(line.find(',', at), line.size());
      cells.push_back(line.substr(at, end - at));
      at = end + 1;
    }
    theirs.emplace(std::min(cells[2], cells[3]), std::max(cells[2], cells[3]));
  }
  ASSERT_EQ(theirs.size(), 17u);
  EXPECT_EQ(touched_, theirs);
}

// SUMO's own file, read and written, but for the comment at its top.
TEST_F(SumoSsm, FcdOfSumoComesBackByteForByte) {
  auto reader = FcdReader::Open((folder_ / "bologna_fcd.xml").string());
  auto writer = FcdWriter::Create((folder_ / "again.xml").string(), {.position_digits = 7, .digits = 2});
  ASSERT_TRUE(reader.ok() && writer.ok());
  FcdStep step;
  while (reader.value()->Next(&step).value()) ASSERT_TRUE(writer.value()->Write(step).ok());
  ASSERT_TRUE(writer.value()->Close().ok());
  std::ifstream theirs(folder_ / "bologna_fcd.xml");
  std::ifstream ours(folder_ / "again.xml");
  std::string their_line;
  std::string our_line;
  while (std::getline(theirs, their_line) && !their_line.starts_with("<fcd-export")) {}
  while (std::getline(ours, our_line) && !our_line.starts_with("<fcd-export")) {}
  EXPECT_EQ(our_line, their_line);
  std::uint64_t lines = 0;
  for (; std::getline(theirs, their_line); ++lines) {
    ASSERT_TRUE(std::getline(ours, our_line));
    ASSERT_EQ(our_line, their_line);
  }
  EXPECT_FALSE(std::getline(ours, our_line));
  EXPECT_EQ(lines, 464'014u + 2 * 600 + 1);
}

}  // namespace
}  // namespace starling::sim
