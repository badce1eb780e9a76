// What many regions tell vehicles is what one would, and safe where two of them meet.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/cloud/shard/obedient_cars.h"

namespace starling::cloud {
namespace {

constexpr RegionId Region(std::uint32_t number) { return RegionId{number}; }

RegionMap One() { return RegionMap(Region(0)); }
// West of x = 0 region 0, east of it region 1.
RegionMap Halves() { return RegionMap::Uniform(1, {-40, -40}, 80, 80, 2, 1).value(); }
// Four tiles with a corner at the origin.
RegionMap Quarters() { return RegionMap::Uniform(1, {-40, -40}, 80, 80, 2, 2).value(); }

std::size_t Opened(const RegionHarness& harness) {
  std::size_t opened = 0;
  for (const std::string& line : harness.conflicts()) opened += line.find(" Opened ") != std::string::npos ? 1u : 0u;
  return opened;
}

// Vehicles that hang together by conflicts, by the lowest of their names.
std::map<std::string, std::set<std::string>> Components(const RegionHarness& harness) {
  std::map<std::string, std::string> leads;
  const std::function<std::string(const std::string&)> find = [&](const std::string& name) {
    const auto found = leads.emplace(name, name).first;
    return found->second == name ? name : found->second = find(found->second);
  };
  for (const std::string& line : harness.conflicts()) {
    const std::size_t space = line.find(' ');
    const std::string a = find(line.substr(0, space));
    const std::string b = find(line.substr(space + 1, line.find(' ', space + 1) - space - 1));
    leads[std::max(a, b)] = std::min(a, b);
  }
  std::map<std::string, std::set<std::string>> components;
  for (const auto& [name, unused] : std::map(leads)) components[find(name)].insert(name);
  return components;
}

std::multiset<std::string> CommandsTo(const RegionHarness& harness, const std::set<std::string>& vehicles) {
  std::multiset<std::string> commands;
  for (const auto& command : harness.commands()) {
    if (vehicles.contains(command.vehicle)) commands.insert(command.what);
  }
  return commands;
}

class SameCommands : public testing::TestWithParam<std::uint64_t> {};

TEST_P(SameCommands, ForEveryConflictComponentWithinOneRegion) {
  RegionHarness one(One());
  RegionHarness sixteen(RegionMap::Uniform(1, {-16, -16}, 32, 32, 4, 4).value());
  for (RegionHarness* harness : {&one, &sixteen}) DriveCity(harness, GetParam(), 3200, 1000, 8);
  ASSERT_EQ(one.conflicts(), sixteen.conflicts());
  EXPECT_EQ(one.Sum(&ShardCounters::commands_withheld), 0u);
  std::size_t within = 0;
  std::size_t across = 0;
  std::size_t across_same = 0;
  std::size_t commands = 0;
  for (const auto& [lead, vehicles] : Components(one)) {
    const std::multiset<std::string> expected = CommandsTo(one, vehicles);
    const std::multiset<std::string> found = CommandsTo(sixteen, vehicles);
    if (std::any_of(vehicles.begin(), vehicles.end(), [&](const auto& name) { return sixteen.WasNearBorder(name); })) {
      ++across;
      across_same += expected == found ? 1 : 0;
      continue;
    }
    ++within;
    commands += expected.size();
    EXPECT_EQ(expected, found) << lead;
  }
  EXPECT_GT(within, 20u);
  EXPECT_GT(across, 20u);
  EXPECT_GT(commands, 100u);
  RecordProperty("within", std::to_string(within));
  RecordProperty("across", std::to_string(across));
  RecordProperty("across_same", std::to_string(across_same));
  RecordProperty("commands", std::to_string(commands));
}

INSTANTIATE_TEST_SUITE_P(Seeds, SameCommands, testing::Values(11, 12));

TEST(SeamCommands, TwoCarsOnACollisionCourseAcrossABorderAreKeptApartByOneRegion) {
  for (const double contact_x : {-30.0, -1.0, 1.0, 30.0}) {
    const std::vector<Car> cars = {MakeCar("east", contact_x - 60, 10, 90, 12),
                                   MakeCar("north", contact_x, -50, 0, 12)};
    RegionHarness harness(Halves());
    ObedientCars obedient(&harness, cars);
    obedient.Drive(9);
    EXPECT_EQ(Opened(harness), 1u) << contact_x;
    EXPECT_TRUE(obedient.collisions().empty()) << contact_x;
    std::set<RegionId> regions;
    for (const auto& command : harness.commands()) regions.insert(command.region);
    EXPECT_EQ(regions.size(), 1u) << contact_x;
    RegionHarness unheard(Halves());
    ObedientCars heedless(&unheard, cars);
    heedless.Drive(9, false);
    EXPECT_EQ(heedless.collisions().size(), 1u) << "the test needs a collision course";
  }
}

TEST(SeamCommands, AtACornerOfFourTilesFourCarsAreKeptApart) {
  // Each comes from another tile; each meets the next one near the corner.
  const std::vector<Car> cars = {MakeCar("from-west", -60, -2, 90, 12), MakeCar("from-east", 68, 2, 270, 12),
                                 MakeCar("from-south", 2, -64, 0, 12), MakeCar("from-north", -2, 56, 180, 12)};
  RegionHarness harness(Quarters());
  ObedientCars obedient(&harness, cars);
  obedient.Drive(12);
  EXPECT_TRUE(obedient.collisions().empty());
  EXPECT_GE(Opened(harness), 2u);
  EXPECT_EQ(obedient.ReportedTwice(), 0u);
}

// Two to four cars that would meet at about the same place within `spread_m` of the origin.
std::vector<Car> Scenario(std::uint64_t seed, double spread_m) {
  std::mt19937_64 random(seed);
  const auto uniform = [&](double low, double high) {
    return low + (high - low) * static_cast<double>(random() >> 11) * 0x1p-53;
  };
  const Vec2 point{uniform(-spread_m, spread_m), uniform(-spread_m, spread_m)};
  const std::size_t count = 2 + random() % 3;
  const double first_heading = uniform(0, 360);
  std::vector<Car> cars;
  for (std::size_t i = 0; i < count; ++i) {
    const double heading = first_heading + static_cast<double>(i) * (360.0 / static_cast<double>(count) + 25);
    const double speed = uniform(7, 15);
    Car car = MakeCar(Numbered("car-", i), 0, 0, heading, speed);
    const auto direction = SinCos(heading * kDegree);
    const double away_m = speed * uniform(4.8, 5.2);
    car.motion.position = {point.x - away_m * direction.sin, point.y - away_m * direction.cos};
    cars.push_back(std::move(car));
  }
  return cars;
}

TEST(SeamCommands, WhatSeveralRegionsSayTogetherIsAsSafeAsWhatOneSays) {
  std::size_t dangerous = 0;
  std::size_t safe_in_one = 0;
  std::size_t safe_in_four = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    const std::vector<Car> cars = Scenario(seed, 60);
    RegionHarness unheard(One());
    ObedientCars heedless(&unheard, cars);
    heedless.Drive(10, false);
    if (heedless.collisions().empty()) continue;
    ++dangerous;
    RegionHarness one(One());
    ObedientCars by_one(&one, cars);
    by_one.Drive(10);
    RegionHarness four(Quarters());
    ObedientCars by_four(&four, cars);
    by_four.Drive(10);
    safe_in_one += by_one.collisions().empty() ? 1 : 0;
    safe_in_four += by_four.collisions().empty() ? 1 : 0;
    EXPECT_TRUE(by_four.collisions().empty() || !by_one.collisions().empty()) << "seed " << seed;
    EXPECT_EQ(by_four.ReportedTwice(), 0u);
  }
  RecordProperty("dangerous", std::to_string(dangerous));
  RecordProperty("safe_in_one", std::to_string(safe_in_one));
  RecordProperty("safe_in_four", std::to_string(safe_in_four));
  EXPECT_GE(safe_in_four, safe_in_one);
  EXPECT_GT(dangerous, 60u);
}

TEST(SeamCommands, TwoOrchestratorsOfDifferentEpochsAreBothObeyed) {
  // Two conflicts of one car: with `near` in region 0, with `far` in region 1.
  RegionHarness harness(Halves());
  harness.Own(Region(0), 7, -0.01);
  harness.Own(Region(1), 1'000'000, -0.01);
  ObedientCars cars(&harness, {MakeCar("both", -75, 10, 90, 12), MakeCar("near", -15, -53, 0, 12),
                               MakeCar("far", 9, 97, 180, 12)});
  int step = 0;
  std::set<RegionId> commanding;
  for (; step < 80 && commanding.size() < 2; ++step) {
    cars.Step(step * 0.1);
    for (const auto& command : harness.commands()) {
      if (command.vehicle == "both") commanding.insert(command.region);
    }
  }
  EXPECT_EQ(commanding, (std::set{Region(0), Region(1)}));
  // Region 0 gets a new owner, whose epoch is still far below the other's.
  const std::size_t before = harness.commands().size();
  harness.Own(Region(0), 9, step * 0.1 - 0.01);
  EXPECT_EQ(harness.Sum(&ShardCounters::ownerships_ignored), 0u);
  for (; step < 100; ++step) cars.Step(step * 0.1);
  EXPECT_GT(harness.commands().size(), before);
  EXPECT_TRUE(cars.collisions().empty());
  EXPECT_EQ(cars.Outcomes(wire::CommandOutcome::Rejected), 0u) << "neither region's epoch fences the other's commands";
  EXPECT_EQ(cars.ReportedTwice(), 0u);
  EXPECT_GT(cars.Outcomes(wire::CommandOutcome::Applied), 4u);
}

}  // namespace
}  // namespace starling::cloud
