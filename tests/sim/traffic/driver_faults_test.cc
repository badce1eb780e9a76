// What drivers do wrong, and the log of it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include "common/geo/trigonometry.h"
#include "sim/traffic/traffic.h"
#include "tests/sim/traffic/ring_road.h"

namespace starling::sim {
namespace {

class DriverFaultsTest : public testing::Test {
 protected:
  static City SmallCity() {
    CityConfig config;
    config.side_m = 2000;
    return City::Generate(config);
  }
  static TrafficConfig Some(const DriverFaults& faults) {
    TrafficConfig config;
    config.faults = faults;
    config.vehicles = 400;
    config.places = 32;
    config.warm_up_s = 10;
    return config;
  }
  static SimTime At(int step) { return SimTime(step * Traffic::kStep); }
  static std::size_t CountOf(const std::vector<Mistake>& mistakes, MistakeKind kind) {
    return static_cast<std::size_t>(
        std::ranges::count_if(mistakes, [&](const Mistake& mistake) { return mistake.kind == kind; }));
  }
  const City city_ = SmallCity();
};

TEST_F(DriverFaultsTest, FaultsThatNobodyHasChangeNothing) {
  DriverFaults nobody;
  nobody.red_run_chance = 1;
  nobody.force_chance = 1;
  nobody.tailgate_headway_s = 0.1;
  Traffic today(city_, Some({}));
  Traffic other(city_, Some(nobody));
  today.AdvanceTo(At(600));
  other.AdvanceTo(At(600));
  EXPECT_EQ(today.Digest(), other.Digest());
}

TEST_F(DriverFaultsTest, WhoBreaksNoRulesMakesNoMistake) {
  Traffic lawful(city_, Some(DriverFaults::None()));
  lawful.AdvanceTo(At(1200));
  EXPECT_TRUE(lawful.TakeMistakes().empty());
  for (VehicleIndex i = 0; i < lawful.size(); ++i) EXPECT_FALSE(lawful.HasFaults(i)) << i;

  DriverFaults all;
  all.inattentive_share = all.runner_share = all.late_brake_share = 0.1;
  all.red_runner_share = all.tailgater_share = all.forcing_share = 0.1;
  Traffic mixed(city_, Some(all));
  mixed.AdvanceTo(At(1200));
  const std::vector<Mistake> mistakes = mixed.TakeMistakes();
  for (const Mistake& mistake : mistakes) EXPECT_TRUE(mixed.HasFaults(mistake.vehicle)) << mistake.vehicle;
  for (std::size_t kind = 0; kind < kMistakeNames.size(); ++kind) {
    EXPECT_GT(CountOf(mistakes, static_cast<MistakeKind>(kind)), 0u) << kMistakeNames[kind];
    std::printf("%s %zu\n", kMistakeNames[kind], CountOf(mistakes, static_cast<MistakeKind>(kind)));
  }
  // 1 - 0.9^6 of them.
  VehicleIndex breakers = 0;
  for (VehicleIndex i = 0; i < mixed.size(); ++i) breakers += mixed.HasFaults(i);
  EXPECT_NEAR(breakers / 400.0, 0.47, 0.08);
}

// Those who stop in each other's way find out of it.
TEST_F(DriverFaultsTest, NobodyIsStuckForGood) {
  DriverFaults faults;
  faults.inattentive_share = 0.5;
  faults.look_away_chance = 0.5;
  faults.forcing_share = 0.5;
  faults.force_chance = 0.5;
  Traffic traffic(city_, Some(faults));
  traffic.AdvanceTo(At(12'000));
  EXPECT_GT(CountOf(traffic.TakeMistakes(), MistakeKind::kLookedAway), 100u);
  EXPECT_EQ(traffic.StandingVehicles(300), 0u);
}

TEST_F(DriverFaultsTest, TheLogIsInOrderAndTakenOnce) {
  Traffic traffic(city_, Some({}));
  std::vector<Mistake> all;
  for (int step = 100; step <= 600; step += 100) {
    traffic.AdvanceTo(At(step));
    for (const Mistake& mistake : traffic.TakeMistakes()) {
      EXPECT_GT(mistake.time, At(step - 100));
      EXPECT_LE(mistake.time, At(step));
      all.push_back(mistake);
    }
    EXPECT_TRUE(traffic.TakeMistakes().empty());
  }
  ASSERT_GT(all.size(), 20u);
  EXPECT_TRUE(std::ranges::is_sorted(all, {}, [](const Mistake& mistake) {
    return std::tuple(mistake.time, mistake.vehicle);
  }));
  EXPECT_EQ(traffic.counters().mistakes_dropped, 0u);
}

TEST_F(DriverFaultsTest, TheLogSaysWhereItWas) {
  Traffic traffic(city_, Some({}));
  for (int step = 1; step <= 300; ++step) {
    traffic.AdvanceTo(At(step));
    for (const Mistake& mistake : traffic.TakeMistakes()) {
      EXPECT_EQ(mistake.position, traffic.Truth(mistake.vehicle, traffic.time()).position);
    }
  }
}

// By the signal's own state, and the vehicle's own place.
TEST_F(DriverFaultsTest, WhoRanRedWasOverTheLineAtRed) {
  DriverFaults faults = DriverFaults::None();
  faults.red_runner_share = 0.3;
  faults.red_run_chance = 0.6;
  Traffic traffic(city_, Some(faults));
  struct Run {
    SimTime time;
    LaneIndex from = kNoLane;
  };
  std::map<VehicleIndex, Run> open;
  std::uint64_t runs = 0;
  int mid_red = 0;
  for (int step = 1; step <= 1800; ++step) {
    traffic.AdvanceTo(At(step));
    std::erase_if(open, [&](const auto& entry) {
      const LaneIndex to = traffic.LaneOf(entry.first);
      const Run& run = entry.second;
      if (to == kNoLane || to == run.from) return false;
      const Lane& lane = city_.lane(run.from);
      for (std::uint32_t i = 0; i < lane.connection_count; ++i) {
        const Connection& way = city_.connection(lane.connection_first + i);
        if (city_.lane(way.to_lane).street != city_.lane(to).street || way.to_lane != to) continue;
        EXPECT_NE(way.signal, kNoSignal);
        const LightState state = LightAt(city_.signal(way.signal), SecondsOf(run.time));
        EXPECT_EQ(state.light, Light::kRed) << "vehicle " << entry.first;
        mid_red += state.since_s > 5;
      }
      return true;
    });
    for (const Mistake& mistake : traffic.TakeMistakes()) {
      ASSERT_EQ(mistake.kind, MistakeKind::kRedRun);
      ++runs;
      const LaneIndex lane = traffic.LaneOf(mistake.vehicle);
      if (lane == kNoLane) continue;
      const double to_end_m = Norm(city_.PoseAt(lane, city_.track(lane).length_m).position - mistake.position);
      EXPECT_LT(to_end_m, kVehicleLengthM / 2 + 0.01) << "vehicle " << mistake.vehicle;
      open[mistake.vehicle] = {mistake.time, lane};
    }
  }
  EXPECT_EQ(runs, traffic.counters().red_light_runs);
  EXPECT_GT(runs, 20u);
  EXPECT_GT(mid_red, 5);
  std::printf("%llu runs, %d of them after 5 s of red, %llu collisions\n", static_cast<unsigned long long>(runs),
              mid_red,
              static_cast<unsigned long long>(traffic.counters().collisions));
}

// On a circle behind one who goes 8 m/s: the model's equilibrium gap with the driver's headway.
class TailgatingTest : public testing::TestWithParam<double> {};

TEST_P(TailgatingTest, FollowersKeepTheGapOfTheirHeadway) {
  const City city = RingRoad();
  TrafficConfig config = TrafficConfig::PerfectDrivers();
  config.vehicles = 50;
  config.places = 2;
  CarFollowing model;
  if (GetParam() < kTailgatedS) {
    config.faults.tailgater_share = 1;
    config.faults.tailgate_headway_s = model.headway_s = GetParam();
  }
  Traffic traffic(city, config);
  constexpr VehicleIndex kFirst = 7;
  constexpr double kSpeed = 8;
  traffic.SetLimit(kFirst, kSpeed, 2);
  traffic.AdvanceTo(SimTime(seconds(600)));
  std::vector<std::pair<double, VehicleIndex>> around;   // By the angle driven.
  for (VehicleIndex i = 0; i < traffic.size(); ++i) {
    const Vec2 at = traffic.Truth(i, traffic.time()).position;
    around.emplace_back(std::atan2(at.y, at.x), i);
  }
  std::ranges::sort(around);
  int compared = 0;
  for (std::size_t i = 0; i < around.size(); ++i) {
    const auto& [angle, vehicle] = around[i];
    const auto& [next, leader] = around[(i + 1) % around.size()];
    if (vehicle == kFirst) continue;
    const double ahead = next > angle ? next - angle : next - angle + 2 * kPi;
    const double gap_m = ahead * kAroundM / (2 * kPi) - kVehicleLengthM;
    EXPECT_NEAR(traffic.Truth(vehicle, traffic.time()).speed_mps, kSpeed, 0.2);
    EXPECT_NEAR(gap_m, model.EquilibriumGap(kSpeed, kLimitMps), 0.03 * gap_m) << vehicle;
    ++compared;
  }
  EXPECT_EQ(compared, 49);
  EXPECT_EQ(traffic.counters().collisions, 0u);

  // Nobody overtakes, so each has had one leader.
  std::map<VehicleIndex, int> logged;
  for (const Mistake& mistake : traffic.TakeMistakes()) {
    EXPECT_EQ(mistake.kind, MistakeKind::kTailgated);
    ++logged[mistake.vehicle];
  }
  logged.erase(kFirst);
  EXPECT_EQ(logged.size(), GetParam() < kTailgatedS ? 49u : 0u);
  for (const auto& [vehicle, times] : logged) EXPECT_EQ(times, 1) << vehicle;
}

INSTANTIATE_TEST_SUITE_P(Headways, TailgatingTest, testing::Values(0.3, 0.4, 1.2));

TEST_F(DriverFaultsTest, OthersBrakeForWhoForcesHisWay) {
  DriverFaults faults = DriverFaults::None();
  Traffic lawful(city_, Some(faults));
  faults.forcing_share = 0.5;
  faults.force_chance = 1;
  Traffic forced(city_, Some(faults));
  lawful.AdvanceTo(At(1800));
  forced.AdvanceTo(At(1800));
  const std::vector<Mistake> mistakes = forced.TakeMistakes();
  EXPECT_EQ(CountOf(mistakes, MistakeKind::kIgnoredRightOfWay), mistakes.size());
  EXPECT_GT(mistakes.size(), 20u);
  EXPECT_GT(forced.counters().emergency_brakings, lawful.counters().emergency_brakings);
  // They see whom they force: most of it ends well.
  EXPECT_LT(forced.counters().collisions, mistakes.size() / 10);
  std::printf("%zu forced, %llu emergency brakings for %llu, %llu collisions\n", mistakes.size(),
              static_cast<unsigned long long>(forced.counters().emergency_brakings),
              static_cast<unsigned long long>(lawful.counters().emergency_brakings),
              static_cast<unsigned long long>(forced.counters().collisions));
}

TEST_F(DriverFaultsTest, LateBrakingCountsOnceForEachApproach) {
  DriverFaults faults = DriverFaults::None();
  faults.late_brake_share = 1;
  faults.late_brake_chance = 1;
  Traffic traffic(city_, Some(faults));
  traffic.AdvanceTo(At(600));
  const std::vector<Mistake> mistakes = traffic.TakeMistakes();
  // Everybody brakes late, so each onset of a near miss is one of these.
  EXPECT_EQ(CountOf(mistakes, MistakeKind::kBrakedLate), traffic.counters().near_misses_following);
  EXPECT_GT(mistakes.size(), 20u);
}

}  // namespace
}  // namespace starling::sim
