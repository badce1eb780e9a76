// Breakdowns, closures, attractions, rain.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <set>
#include <utility>
#include <vector>

#include "sim/traffic/traffic.h"

namespace starling::sim {
namespace {

class EventsTest : public testing::Test {
 protected:
  static City Drawn(double side_m, std::uint64_t seed = 1) {
    CityConfig config;
    config.seed = seed;
    config.side_m = side_m;
    return City::Generate(config);
  }
  static TrafficConfig Lawful(std::uint32_t vehicles, std::uint64_t seed = 1) {
    TrafficConfig config = TrafficConfig::PerfectDrivers();
    config.seed = seed;
    config.vehicles = vehicles;
    config.places = 64;
    config.warm_up_s = 30;
    return config;
  }
  static SimTime At(int step) { return SimTime(step * Traffic::kStep); }
  static Vec2 MiddleOf(const City& city, LaneIndex lane) {
    return city.PoseAt(lane, city.track(lane).length_m / 2).position;
  }
  // The longest lane, of those with a lane beside them or of those without.
  static LaneIndex LongLane(const City& city, bool several_lanes) {
    LaneIndex longest = kNoLane;
    for (LaneIndex lane = 0; lane < city.lanes().size(); ++lane) {
      const bool several = city.lane(lane).left != kNoLane || city.lane(lane).right != kNoLane;
      if (several != several_lanes) continue;
      if (longest == kNoLane || city.track(lane).length_m > city.track(longest).length_m) longest = lane;
    }
    return longest;
  }
  static VehicleIndex WhoBrokeDown(const Traffic& traffic) {
    for (VehicleIndex i = 0; i < traffic.size(); ++i) {
      if (traffic.IsBrokenDown(i)) return i;
    }
    return kNobody;
  }
  const City city_ = Drawn(2000);
};

TEST_F(EventsTest, ThatDoNotHappenChangeNothing) {
  Traffic today(city_, Lawful(400));
  TrafficConfig config = Lawful(400);
  config.events.breakdowns.push_back({.from_s = 1000});
  config.events.closures.push_back({.from_s = 1000, .until_s = 1001});
  config.events.attractions.push_back({.from_s = 1000, .until_s = 1001});
  config.events.rains.push_back({.from_s = 1000, .until_s = 1001});
  Traffic other(city_, config);
  today.AdvanceTo(At(600));
  other.AdvanceTo(At(600));
  EXPECT_EQ(today.Digest(), other.Digest());
}

// On several lanes and on one.
class BreakdownTest : public EventsTest, public testing::WithParamInterface<bool> {};

TEST_P(BreakdownTest, BrakesComfortablyStandsForItsTimeAndTheQueueDissolves) {
  const LaneIndex lane = LongLane(city_, GetParam());
  TrafficConfig config = Lawful(500);
  Breakdown breakdown;
  breakdown.from_s = 10;
  breakdown.at = MiddleOf(city_, lane);
  breakdown.radius_m = 80;
  breakdown.lane = lane;
  breakdown.stands_s = 90;
  config.events.breakdowns = {breakdown};
  Traffic traffic(city_, config);
  VehicleIndex who = kNobody;
  int stood = 0;
  int over = 0;
  std::set<VehicleIndex> behind;      // On the same street, once it stands.
  std::set<VehicleIndex> passed;
  for (int step = 1; step <= 6000 && (over == 0 || step < over + 1200); ++step) {
    traffic.AdvanceTo(At(step));
    if (who == kNobody) {
      who = WhoBrokeDown(traffic);
      if (who == kNobody) continue;
      EXPECT_GE(step, 100);
      EXPECT_LT(Norm(traffic.Truth(who, traffic.time()).position - breakdown.at), breakdown.radius_m + 2);
    }
    const VehicleTruth truth = traffic.Truth(who, traffic.time());
    if (over > 0) continue;
    if (!traffic.IsBrokenDown(who)) {
      over = step;
      continue;
    }
    EXPECT_EQ(traffic.LaneOf(who), lane);
    stood += truth.speed_mps == 0;
    if (stood == 0) {
      // 2 m/s², unless somebody in front brakes harder.
      EXPECT_GT(truth.accel_mps2, -4);
      continue;
    }
    const auto along_m = [&](VehicleIndex i) {
      const Pose start = city_.PoseAt(lane, 0);
      return Dot(traffic.Truth(i, traffic.time()).position - start.position,
                 {std::sin(start.heading_rad), std::cos(start.heading_rad)});
    };
    for (VehicleIndex i = 0; i < traffic.size(); ++i) {
      const LaneIndex on = traffic.LaneOf(i);
      if (i == who || on == kNoLane) continue;
      if (on != lane && on != city_.lane(lane).left && on != city_.lane(lane).right) continue;
      if (along_m(i) < along_m(who)) {
        if (on == lane) behind.insert(i);
      } else if (behind.contains(i)) {
        passed.insert(i);
      }
    }
  }
  ASSERT_NE(who, kNobody);
  EXPECT_EQ(traffic.counters().breakdowns, 1u);
  // From when it stands; it pulls away in the next step.
  EXPECT_NEAR(stood, 900, 2);
  ASSERT_GT(over, 0);
  EXPECT_GT(behind.size(), 2u);
  if (GetParam()) {
    EXPECT_GT(passed.size(), 0u);
  } else {
    EXPECT_EQ(passed.size(), 0u);
  }
  // Two minutes later nobody stands for long any more.
  EXPECT_EQ(traffic.StandingVehicles(120), 0u);
  EXPECT_GT(Norm(traffic.Truth(who, traffic.time()).position - breakdown.at), breakdown.radius_m);
  EXPECT_EQ(traffic.counters().collisions, 0u);
  std::printf("%zu came up behind it, %zu went around\n", behind.size(), passed.size());
}

INSTANTIATE_TEST_SUITE_P(Lanes, BreakdownTest, testing::Bool());

TEST_F(EventsTest, WithoutALaneGivenTheNearestToComeByBreaksDown) {
  TrafficConfig config = Lawful(400);
  Breakdown breakdown;
  breakdown.from_s = 5;
  breakdown.radius_m = 150;
  breakdown.several_lanes = true;
  breakdown.at = MiddleOf(city_, LongLane(city_, true));
  config.events.breakdowns = {breakdown};
  Traffic traffic(city_, config);
  traffic.AdvanceTo(At(300));
  const VehicleIndex who = WhoBrokeDown(traffic);
  ASSERT_NE(who, kNobody);
  const LaneIndex lane = traffic.LaneOf(who);
  EXPECT_TRUE(city_.lane(lane).left != kNoLane || city_.lane(lane).right != kNoLane);
}

TEST_F(EventsTest, AClosedStreetIsNotEnteredAndEmpties) {
  Closure closure;
  closure.from_s = 120;
  closure.until_s = 330;
  closure.radius_m = 300;
  std::vector<bool> closed;
  for (LaneIndex lane = 0; lane < city_.lanes().size(); ++lane) {
    LaneIndex inner = lane;
    while (city_.lane(inner).left != kNoLane) inner = city_.lane(inner).left;
    closed.push_back(Norm(MiddleOf(city_, inner) - closure.at) <= closure.radius_m);
  }
  ASSERT_GT(std::ranges::count(closed, true), 8);
  // Lanes from which one can only go in.
  std::vector<bool> shut = closed;
  for (std::size_t round = 0; round < shut.size(); ++round) {
    for (LaneIndex lane = 0; lane < shut.size(); ++lane) {
      bool leads_on = false;
      for (std::uint32_t i = 0; i < city_.lane(lane).connection_count; ++i) {
        leads_on = leads_on || !shut[city_.connection(city_.lane(lane).connection_first + i).to_lane];
      }
      if (!leads_on) shut[lane] = true;
    }
  }
  TrafficConfig config = Lawful(500);
  config.events.closures = {closure};
  Traffic traffic(city_, config);
  std::vector<LaneIndex> last(traffic.size(), kNoLane);   // The last lane that it was on.
  int before = 0;
  int meanwhile = 0;
  int after = 0;
  for (int step = 1; step <= 4800; ++step) {
    traffic.AdvanceTo(At(step));
    int inside = 0;
    for (VehicleIndex i = 0; i < traffic.size(); ++i) {
      const LaneIndex lane = traffic.LaneOf(i);
      if (lane == kNoLane) continue;
      inside += closed[lane];
      const bool enters = last[i] != kNoLane && closed[lane] && !closed[last[i]];
      const bool comes_near = last[i] != kNoLane && shut[lane] && !shut[last[i]];
      const LaneIndex from = std::exchange(last[i], lane);
      if (step < 1200) before += enters;
      if (step >= 3300) after += enters;
      if (step < 1200 || step >= 3300) continue;
      meanwhile += enters;
      // At first those who are in the junction then, or where they cannot go elsewhere.
      if (step >= 1300) {
        EXPECT_FALSE(comes_near) << "vehicle " << i << " from " << from << " to " << lane << " at step " << step;
      }
      if (step >= 1800) {
        EXPECT_FALSE(enters) << "vehicle " << i << " from " << from << " to " << lane << " at step " << step;
      }
    }
    if (step == 600) {
      EXPECT_GT(inside, 10);
    }
    if (step == 3299) {
      EXPECT_EQ(inside, 0);
    }
  }
  std::printf("%td lanes closed: %d entries before, %d still at the beginning, %d once it is over\n",
              std::ranges::count(closed, true), before, meanwhile, after);
  EXPECT_GT(before, 30);
  EXPECT_LT(meanwhile, before / 3);
  EXPECT_GT(after, 30);
  EXPECT_EQ(traffic.counters().collisions, 0u);
  EXPECT_GT(traffic.counters().trips, 200u);
}

// Passengers who get off, or on, there.
class AttractionTest : public EventsTest, public testing::WithParamInterface<bool> {};

TEST_P(AttractionTest, RaisesTheShareOfTripsThere) {
  const auto share_there = [&](double share) {
    TrafficConfig config = Lawful(400);
    Attraction attraction;
    attraction.until_s = 900;
    attraction.radius_m = 300;
    attraction.share = share;
    attraction.starts_there = GetParam();
    if (share > 0) config.events.attractions = {attraction};
    Traffic traffic(city_, config);
    std::vector<Intent> intent(traffic.size(), Intent::kIdle);
    double there = 0;
    double trips = 0;
    for (int step = 1; step <= 9000; ++step) {
      traffic.AdvanceTo(At(step));
      for (VehicleIndex i = 0; i < traffic.size(); ++i) {
        const VehicleTruth truth = traffic.Truth(i, traffic.time());
        const bool had_passenger = intent[i] == Intent::kWithPassenger || intent[i] == Intent::kRerouting;
        const bool has_passenger = truth.intent == Intent::kWithPassenger || truth.intent == Intent::kRerouting;
        const bool counts = GetParam() ? !had_passenger && has_passenger : had_passenger && !has_passenger;
        if (counts && step > 3000) {
          ++trips;
          // It is noticed at the start of the lane on which the place is.
          there += Norm(truth.position) < attraction.radius_m + 150;
        }
        intent[i] = truth.intent;
      }
    }
    std::printf("share %.1f: %.0f of %.0f trips\n", share, there, trips);
    EXPECT_GT(trips, 200);
    EXPECT_EQ(traffic.counters().collisions, 0u);
    return there / trips;
  };
  const double usual = share_there(0);
  // Of those that were to go elsewhere that share; some are still under way to where they wanted.
  const double wanted = usual + 0.4 * (1 - usual);
  EXPECT_NEAR(share_there(0.4), wanted, 0.12);
}

INSTANTIATE_TEST_SUITE_P(Ways, AttractionTest, testing::Bool());

// Full braking from 10 m/s and more, on a wet and on a dry road.
TEST_F(EventsTest, RainLengthensStoppingDistancesByTheInverseOfTheFriction) {
  const auto stopping_m = [&](double friction) {
    TrafficConfig config = Lawful(100);
    if (friction < 1) {
      config.events.rains.push_back({.friction_factor = friction, .headway_factor = 1, .speed_factor = 1});
    }
    Traffic traffic(city_, config);
    traffic.AdvanceTo(At(50));
    struct Stop {
      VehicleIndex vehicle;
      double speed_mps;
      double driven_m = 0;
    };
    std::vector<Stop> stops;
    for (VehicleIndex i = 0; i < traffic.size(); ++i) {
      const VehicleTruth truth = traffic.Truth(i, traffic.time());
      // Free: so that only the command brakes it.
      if (truth.speed_mps < 10 || truth.accel_mps2 < -0.5) continue;
      traffic.SetLimit(i, 0, 8);
      stops.push_back({i, 0, 0});
    }
    traffic.AdvanceTo(At(51));
    for (Stop& stop : stops) stop.speed_mps = traffic.Truth(stop.vehicle, traffic.time()).speed_mps;
    for (int step = 52; step < 120; ++step) {
      for (Stop& stop : stops) {
        const VehicleTruth truth = traffic.Truth(stop.vehicle, traffic.time());
        stop.driven_m += TravelAfter(truth.speed_mps, truth.accel_mps2, 0.1).distance_m;
      }
      traffic.AdvanceTo(At(step));
    }
    double factor = 0;
    for (const Stop& stop : stops) {
      // v² / (2 · 8 m/s²) on a dry road.
      factor += stop.driven_m / (stop.speed_mps * stop.speed_mps / 16) / static_cast<double>(stops.size());
    }
    EXPECT_GT(stops.size(), 5u);
    return factor;
  };
  EXPECT_NEAR(stopping_m(1), 1, 0.02);
  EXPECT_NEAR(stopping_m(0.76), 1 / 0.76, 0.02);
  EXPECT_NEAR(stopping_m(0.5), 2, 0.02);
}

TEST_F(EventsTest, RainSlowsTheTrafficWhileItLasts) {
  TrafficConfig config = Lawful(300);
  Traffic dry(city_, config);
  config.events.rains.push_back({.from_s = 60, .until_s = 240});
  Traffic wet(city_, config);
  double dry_mps = 0;
  double wet_mps = 0;
  for (int step = 1; step <= 2400; ++step) {
    dry.AdvanceTo(At(step));
    wet.AdvanceTo(At(step));
    if (step == 599) {
      ASSERT_EQ(dry.Digest(), wet.Digest());
    }
    if (step < 900) continue;
    dry_mps += dry.MeanSpeed();
    wet_mps += wet.MeanSpeed();
  }
  std::printf("mean speed in rain %.2f of that on dry roads\n", wet_mps / dry_mps);
  EXPECT_LT(wet_mps, 0.97 * dry_mps);
  EXPECT_GT(wet_mps, 0.75 * dry_mps);
  EXPECT_EQ(wet.counters().collisions, 0u);
  EXPECT_EQ(wet.counters().red_light_runs, 0u);
}

TrafficEvents AllAtOnce(const City& city) {
  TrafficEvents events;
  for (int i = 0; i < 8; ++i) {
    Breakdown breakdown;
    breakdown.from_s = 10 + 20 * i;
    breakdown.at = {-1200 + 330.0 * i, 900 - 270.0 * i};
    breakdown.radius_m = 300;
    breakdown.several_lanes = i % 2 == 0;
    breakdown.stands_s = 90;
    events.breakdowns.push_back(breakdown);
  }
  const Vec2 size = city.north_east() - city.south_west();
  events.closures.push_back({60, 200, {0, 0}, 250});
  events.closures.push_back({100, 240, {0.25 * size.x, 0.2 * size.y}, 150});
  events.attractions.push_back({0, 150, {-0.3 * size.x, 0}, 300, 0.2, false});
  events.attractions.push_back({100, 300, {0.2 * size.x, -0.3 * size.y}, 300, 0.2, true});
  events.rains.push_back({.from_s = 120, .until_s = 260});
  return events;
}

// A few thousand vehicles for some minutes.
class ManyEventsTest : public EventsTest, public testing::WithParamInterface<std::uint64_t> {};

TEST_P(ManyEventsTest, NeverMakeLawfulDriversCollide) {
  const City city = Drawn(4000, GetParam());
  TrafficConfig config = Lawful(2500, GetParam());
  config.events = AllAtOnce(city);
  Traffic traffic(city, config);
  traffic.AdvanceTo(SimTime(seconds(420)));
  const TrafficCounters& counters = traffic.counters();
  std::printf("%llu breakdowns, %llu trips, %llu emergency brakings, %u stand for over 2 min, %u for over 5\n",
              static_cast<unsigned long long>(counters.breakdowns), static_cast<unsigned long long>(counters.trips),
              static_cast<unsigned long long>(counters.emergency_brakings), traffic.StandingVehicles(120),
              traffic.StandingVehicles(300));
  EXPECT_GE(counters.breakdowns, 6u);  // Where there are streets.
  EXPECT_EQ(counters.collisions, 0u);
  EXPECT_EQ(counters.red_light_runs, 0u);
  EXPECT_TRUE(traffic.TakeMistakes().empty());
  EXPECT_LT(traffic.StandingVehicles(120), 25u);
}

INSTANTIATE_TEST_SUITE_P(Seeds, ManyEventsTest, testing::Values(1, 2));

}  // namespace
}  // namespace starling::sim
