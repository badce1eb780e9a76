// Taxis' trips, hard braking, and batteries.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "sim/traffic/traffic.h"

namespace starling::sim {
namespace {

class TaxiTest : public testing::Test {
 protected:
  static City SmallCity() {
    CityConfig config;
    config.side_m = 2000;
    return City::Generate(config);
  }
  static TrafficConfig Lawful(std::uint32_t vehicles) {
    TrafficConfig config = TrafficConfig::PerfectDrivers();
    config.vehicles = vehicles;
    config.places = 32;
    config.warm_up_s = 10;
    return config;
  }
  static SimTime At(int step) { return SimTime(step * Traffic::kStep); }
  const City city_ = SmallCity();
};

TEST_F(TaxiTest, TripsAreAsLongAsWhatWasDriven) {
  Traffic traffic(city_, Lawful(300));
  constexpr int kSteps = 4000;
  std::vector<std::vector<double>> driven(traffic.size(), std::vector<double>(kSteps + 1, 0));
  std::uint64_t ended = 0;
  double lost_s = 0;
  for (int step = 1; step <= kSteps; ++step) {
    for (VehicleIndex i = 0; i < traffic.size(); ++i) {
      const VehicleTruth truth = traffic.Truth(i, traffic.time());
      const double travelled_m = TravelAfter(truth.speed_mps, truth.accel_mps2, 0.1).distance_m;
      driven[i][static_cast<std::size_t>(step)] = driven[i][static_cast<std::size_t>(step) - 1] + travelled_m;
    }
    traffic.AdvanceTo(At(step));
    for (const TripRecord& trip : traffic.TakeFinished()) {
      EXPECT_NEAR(trip.arrival_s, 0.1 * step, 1e-6);
      if (trip.depart_s < 0) continue;
      const auto vehicle = static_cast<VehicleIndex>(std::stoul(trip.id));
      const auto from = static_cast<std::size_t>(std::lround(10 * trip.depart_s));
      // Changes of lanes are a little longer than the lanes.
      const double way_m = driven[vehicle][static_cast<std::size_t>(step)] - driven[vehicle][from];
      EXPECT_NEAR(trip.route_m, way_m, 0.02 * way_m + 1) << trip.id;
      EXPECT_GE(trip.took_s(), 0.98 * trip.free_s) << trip.id;
      EXPECT_LE(trip.waited_s, trip.took_s()) << trip.id;
      EXPECT_NEAR(trip.lost_s(), trip.took_s() - trip.free_s, 0.02 * trip.took_s());
      lost_s += trip.lost_s();
      ++ended;
    }
  }
  EXPECT_GT(ended, 200u);
  EXPECT_LT(ended, traffic.counters().trips);  // The first ones have no beginning.
  std::printf("%llu trips, %.1f s lost in the mean\n", static_cast<unsigned long long>(ended),
              lost_s / static_cast<double>(ended));
}

// One after the other on free roads: each command is one episode, however long it brakes.
TEST_F(TaxiTest, HardBrakingCountsOnceForEachEpisode) {
  for (const auto& [decel, counts] : {std::pair{3.3, false}, std::pair{3.6, true}, std::pair{8.0, true}}) {
    Traffic traffic(city_, Lawful(30));
    traffic.AdvanceTo(At(50));
    const std::uint64_t before = traffic.counters().hard_brakings;
    std::uint64_t commanded = 0;
    for (VehicleIndex i = 0; i < traffic.size(); ++i) {
      const VehicleTruth truth = traffic.Truth(i, traffic.time());
      if (truth.speed_mps < 8 || truth.accel_mps2 < -0.5) continue;
      traffic.SetLimit(i, 1, decel);
      ++commanded;
    }
    ASSERT_GT(commanded, 3u);
    traffic.AdvanceTo(At(90));
    EXPECT_EQ(traffic.counters().hard_brakings - before, counts ? commanded : 0) << decel;
    EXPECT_GE(traffic.counters().hard_brakings, traffic.counters().emergency_brakings);
  }
}

TEST_F(TaxiTest, WhoseBatteryIsLowChargesBeforeTheNextPassenger) {
  TrafficConfig config = Lawful(200);
  config.charging_places = 2;
  config.range_km = 6;
  Traffic traffic(city_, config);
  std::vector<Intent> intent;
  for (VehicleIndex i = 0; i < traffic.size(); ++i) intent.push_back(traffic.Truth(i, traffic.time()).intent);
  std::map<VehicleIndex, double> since_m;     // Driven since it was charged.
  std::set<LaneIndex> places;
  int charged = 0;
  int again = 0;
  for (int step = 1; step <= 12'000; ++step) {
    traffic.AdvanceTo(At(step));
    for (const TripRecord& trip : traffic.TakeFinished()) {
      const auto vehicle = static_cast<VehicleIndex>(std::stoul(trip.id));
      if (trip.intent == Intent::kCharging) {
        places.insert(traffic.LaneOf(vehicle));
        ++charged;
        since_m[vehicle] = 0;
      } else if (since_m.contains(vehicle)) {
        since_m[vehicle] += trip.route_m;
      }
    }
    for (VehicleIndex i = 0; i < traffic.size(); ++i) {
      const Intent now = traffic.Truth(i, traffic.time()).intent;
      if (now == Intent::kCharging && intent[i] != Intent::kCharging) {
        EXPECT_NE(intent[i], Intent::kToPickup) << i;
        // 85 % of its range.
        if (since_m.contains(i)) {
          EXPECT_GE(since_m[i], 0.85 * 6000 - 1) << i;
          ++again;
        }
      }
      if (intent[i] == Intent::kCharging && now != Intent::kCharging) {
        EXPECT_NE(now, Intent::kWithPassenger) << i;
      }
      intent[i] = now;
    }
  }
  std::printf("%d times charged, %d vehicles began again to look for it\n", charged, again);
  EXPECT_GT(charged, 100);
  EXPECT_GT(again, 10);
  EXPECT_LE(places.size(), 2u);
  EXPECT_EQ(traffic.counters().collisions, 0u);
}

TEST_F(TaxiTest, WithoutChargingPlacesNobodyCharges) {
  TrafficConfig config = Lawful(200);
  config.range_km = 1;
  Traffic traffic(city_, config);
  Traffic today(city_, Lawful(200));
  for (int step = 60; step <= 1200; step += 60) {
    traffic.AdvanceTo(At(step));
    for (VehicleIndex i = 0; i < traffic.size(); ++i) {
      ASSERT_NE(traffic.Truth(i, traffic.time()).intent, Intent::kCharging);
    }
  }
  today.AdvanceTo(At(1200));
  EXPECT_EQ(traffic.Digest(), today.Digest());
}

}  // namespace
}  // namespace starling::sim
