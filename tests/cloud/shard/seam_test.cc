// Many regions decide as one would.
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/cloud/shard/region_harness.h"

namespace starling::cloud {
namespace {

constexpr RegionId Region(std::uint32_t number) { return RegionId{number}; }

RegionMap One() { return RegionMap(Region(0)); }
// West of x = 0 region 0, east of it region 1.
RegionMap Halves() { return RegionMap::Uniform(1, {-40, -40}, 80, 80, 2, 1).value(); }

class SameInput : public testing::TestWithParam<std::uint64_t> {};

TEST_P(SameInput, ThroughOneRegionAndThroughSixteenGivesTheSameConflictsAndTheSameHeatmap) {
  RegionHarness one(One());
  RegionHarness sixteen(RegionMap::Uniform(1, {-8, -8}, 16, 16, 4, 4).value());
  DriveCity(&one, GetParam(), 1600, 400, 8);
  DriveCity(&sixteen, GetParam(), 1600, 400, 8);
  EXPECT_EQ(one.conflicts(), sixteen.conflicts());
  EXPECT_EQ(one.cells(), sixteen.cells());
  EXPECT_EQ(one.open(), sixteen.open()) << "at each tick every episode is one region's";
  EXPECT_GT(one.conflicts().size(), 50u);
  EXPECT_GT(one.cells().size(), 500u);
  EXPECT_EQ(sixteen.shards().size(), 16u);
  EXPECT_GT(sixteen.Sum(&ShardCounters::pair_news_read), 100u);
  EXPECT_GT(sixteen.Sum(&ShardCounters::vehicle_news_read), 10u);
  EXPECT_EQ(sixteen.Sum(&ShardCounters::records_refused), 0u);
  std::size_t owned = 0;
  for (const auto& [region, shard] : sixteen.shards()) owned += shard->List(0, 1000, shard->time()).size();
  EXPECT_EQ(owned, 400u);
}

INSTANTIATE_TEST_SUITE_P(Seeds, SameInput, testing::Values(1, 2, 3));

std::size_t Opened(const RegionHarness& harness) {
  std::size_t opened = 0;
  for (const std::string& line : harness.conflicts()) opened += line.find(" Opened ") != std::string::npos ? 1u : 0u;
  return opened;
}

TEST(Seams, AVehicleThatCrossesAHundredBordersIsInOneCellOnceAtEveryWindow) {
  // Two rows of tiles, one cell wide; it zigzags over the border between them, to the
  // end and back.
  RegionHarness harness(RegionMap::Uniform(1, {-32, -32}, 50, 16, 50, 2).value());
  Car car = MakeCar("traveller", -3150, -2475, 60, 30);
  int owner_changes = 0;
  RegionId owner = Region(99'999);
  int windows = 0;
  for (int step = 0; step < 3600; ++step) {
    const double at_s = step * 0.1;
    const bool northwards = (step / 100) % 2 == 0;
    car.motion.heading_rad = (step < 1800 ? (northwards ? 60 : 120) : (northwards ? 300 : 240)) * kDegree;
    if (step % 4 == 0) harness.Fix(car, at_s);
    Move(&car, 0.1);
    harness.Tick(at_s + 0.099);
    if (harness.router("traveller").owner() != owner) ++owner_changes;
    owner = harness.router("traveller").owner();
    if (step < 5) continue;
    std::uint32_t counted = 0;
    std::size_t owners = 0;
    for (const auto& [region, shard] : harness.shards()) {
      for (const HeatmapCell& cell : shard->Heatmap()) counted += cell.vehicles;
      owners += shard->List(0, 10, shard->time()).size();
    }
    ASSERT_EQ(counted, 1u) << "step " << step;
    ASSERT_EQ(owners, 1u) << "step " << step;
    ++windows;
  }
  EXPECT_GT(owner_changes, 100);
  EXPECT_GT(windows, 3500);
}

TEST(Seams, ASilentVehicleIsCountedOnceWhereItIsPredictedAndForgottenEverywhere) {
  RegionHarness one(One());
  RegionHarness two(Halves());
  for (RegionHarness* harness : {&one, &two}) {
    Car car = MakeCar("silent", -70, 50, 90, 15);   // Crosses the border after 4.7 s.
    harness->Fix(car, 0);
    for (int step = 1; step < 200; ++step) harness->Tick(step * 0.1);
  }
  EXPECT_EQ(one.cells(), two.cells());
  EXPECT_GT(two.Sum(&ShardCounters::vehicle_news_sent), 5u);
  EXPECT_EQ(two.shard(Region(1)).vehicles(), 0u);   // Nobody renews the ghost any more.
}

TEST(Seams, ASilentVehicleIsStillAHazardBeyondTheBorder) {
  RegionHarness one(One());
  RegionHarness two(Halves());
  for (RegionHarness* harness : {&one, &two}) {
    Car silent = MakeCar("silent", -40, 50, 90, 15);
    harness->Fix(silent, 0);
    std::vector<Car> cars = {MakeCar("talks", 5, 5, 0, 15)};
    harness->DriveOn(&cars, 0.05, 3);
  }
  EXPECT_EQ(one.conflicts(), two.conflicts());
  EXPECT_EQ(Opened(two), 1u);
}

// A hot tile is split twice while two cars are about to collide far from all borders: the
// pair goes from region 0 to 1 and on to 2.
void DriveThroughSplits(RegionHarness* harness, bool split) {
  std::vector<Car> cars = {MakeCar("east", 440, 510, 90, 12), MakeCar("north", 500, 450, 0, 12),
                           MakeCar("parked", 2000, 210, 90, 0), MakeCar("elsewhere", -2000, 10, 270, 10)};
  const RegionMap halves = harness->map().Split(Region(0), Region(1)).value();
  harness->DriveOn(&cars, 0, 3.6);
  if (split) harness->ChangeMap(halves, 3.59);
  harness->DriveOn(&cars, 3.6, 4.1);
  if (split) harness->ChangeMap(halves.Split(Region(1), Region(2)).value(), 4.09);
  harness->DriveOn(&cars, 4.1, 9);
}

TEST(Seams, AMapThatIsSplitWhilePairsAreOpenMovesThemAndKeepsTheirIds) {
  const RegionMap whole = RegionMap::Uniform(1, {-40, -40}, 80, 80, 1, 1).value();
  RegionHarness one(whole);
  DriveThroughSplits(&one, false);
  for (const double repeated_after_s : {-1.0, 0.0, 0.3, 0.6, 1.5, 2.5}) {
    RegionHarness split(whole);
    split.RepeatNews(repeated_after_s);
    DriveThroughSplits(&split, true);
    EXPECT_EQ(one.conflicts(), split.conflicts()) << repeated_after_s;
    EXPECT_EQ(one.open(), split.open()) << repeated_after_s;
    EXPECT_EQ(one.conflicts().size(), 3u);  // Opened, updated, closed.
    EXPECT_EQ(split.Sum(&ShardCounters::pairs_handed_over), 2u);
    EXPECT_EQ(split.Sum(&ShardCounters::pairs_taken_over), 2u);
    std::size_t owned = 0;
    for (const auto& [region, shard] : split.shards()) {
      const auto list = shard->List(0, 10, shard->time());
      owned += list.size();
      for (const VehicleView& view : list) EXPECT_EQ(split.map().RegionAt(CellAt(view.pose.position)), region);
    }
    EXPECT_EQ(owned, 4u);
    std::set<RegionId> commanding;
    std::multiset<std::string> from_one;
    std::multiset<std::string> from_all;
    for (const auto& command : one.commands()) from_one.insert(command.what);
    for (const auto& command : split.commands()) {
      from_all.insert(command.what);
      commanding.insert(command.region);
    }
    EXPECT_EQ(from_one, from_all) << repeated_after_s;
    EXPECT_GE(commanding.size(), 2u);
  }
}

void ExpectSameCommands(const RegionHarness& one, const RegionHarness& other) {
  ASSERT_EQ(one.commands().size(), other.commands().size());
  for (std::size_t i = 0; i < one.commands().size(); ++i) {
    EXPECT_EQ(one.commands()[i].what, other.commands()[i].what);
  }
}

TEST(Seams, NewsThatArriveTwiceChangeNothing) {
  for (const double after_s : {0.0, 0.3, 1.1, 2.5}) {
    RegionHarness once(RegionMap::Uniform(1, {-4, -4}, 8, 8, 4, 4).value());
    RegionHarness twice(once.map());
    twice.RepeatNews(after_s);
    DriveCity(&once, 5, 800, 150, 6);
    DriveCity(&twice, 5, 800, 150, 6);
    EXPECT_EQ(once.conflicts(), twice.conflicts()) << after_s;
    EXPECT_EQ(once.open(), twice.open()) << after_s;
    EXPECT_EQ(once.cells(), twice.cells()) << after_s;
    ExpectSameCommands(once, twice);
  }
}

TEST(Seams, ARegionThatReadsNothingForAWhileLeavesNoPairToTwo) {
  RegionHarness harness(RegionMap::Uniform(1, {-4, -4}, 8, 8, 2, 2).value());
  std::size_t twice_while_away = 0;
  std::size_t ticks = 0;
  harness.OnTick([&](double at_s) {
    if (++ticks == 20) harness.Pause(Region(1));
    if (ticks == 35) harness.Resume(Region(1), at_s);
    const std::multiset<std::string>& open = harness.open().back();
    std::map<std::string, int> owners;
    for (const std::string& line : open) ++owners[line.substr(0, line.rfind(' '))];
    for (const auto& [pair, count] : owners) {
      if (count == 1) continue;
      ++twice_while_away;
      EXPECT_TRUE(ticks >= 20 && ticks <= 36) << pair << " at tick " << ticks;
    }
  });
  DriveCity(&harness, 9, 800, 200, 7);
  RecordProperty("twice_while_away", std::to_string(twice_while_away));
  EXPECT_GT(harness.conflicts().size(), 50u);
}

std::map<std::string, std::string> Entries(const Shard& shard) {
  std::map<std::string, std::string> entries;
  shard.Save([&](std::span<const std::byte> key, std::span<const std::byte> value) {
    entries.emplace(std::string(reinterpret_cast<const char*>(key.data()), key.size()),
                    std::string(reinterpret_cast<const char*>(value.data()), value.size()));
  });
  return entries;
}

TEST(Seams, AShardThatIsRestoredBetweenAnyTwoRecordsGoesOnTheSame) {
  RegionHarness whole(RegionMap::Uniform(1, {-4, -4}, 8, 8, 2, 2).value());
  RegionHarness resumed(whole.map());
  int count = 0;
  int restored = 0;
  resumed.OnApplied([&](std::unique_ptr<Shard>* shard) {
    if (++count % 37 != 0) return;
    auto fresh = std::make_unique<Shard>(resumed.config(), (*shard)->region(), kOrigin);
    (*shard)->Save([&](std::span<const std::byte> key, std::span<const std::byte> value) {
      const Status status = fresh->RestoreEntry(key, value);
      ASSERT_TRUE(status.ok()) << status.message();
    });
    const Status status = fresh->FinishRestore();
    ASSERT_TRUE(status.ok()) << status.message();
    *shard = std::move(fresh);
    ++restored;
  });
  DriveCity(&whole, 7, 800, 120, 5);
  DriveCity(&resumed, 7, 800, 120, 5);
  EXPECT_EQ(whole.conflicts(), resumed.conflicts());
  EXPECT_EQ(whole.cells(), resumed.cells());
  ExpectSameCommands(whole, resumed);
  EXPECT_GT(restored, 100);
  for (const auto& [region, shard] : whole.shards()) EXPECT_EQ(Entries(*shard), Entries(resumed.shard(region)));
}

}  // namespace
}  // namespace starling::cloud
