#include <gtest/gtest.h>

#include <cstdio>
#include <map>
#include <set>

#include "sim/city/street_city.h"
#include "sim/traffic/traffic.h"
#include "tests/sim/demand/small_demand.h"

namespace starling::sim {
namespace {

class EnteringTest : public testing::Test {
 protected:
  EnteringTest()
      : network_(SmallCity()),
        demand_(SmallDemand(network_)),
        streets_(MakeStreetCity(network_, StreetPart::kAll).value()) {}

  static TrafficConfig Config(std::uint32_t threads = 1) {
    TrafficConfig config = TrafficConfig::PerfectDrivers();
    config.vehicles = 200;
    config.threads = threads;
    return config;
  }
  static SimTime At(int step) { return SimTime(step * Traffic::kStep); }

  const cloud::StreetNetwork network_;
  const Demand demand_;
  const StreetCity streets_;
};

TEST_F(EnteringTest, StreetsThatOnlyBeginOrOnlyEndAreDriven) {
  std::set<std::string> driven;
  for (const cloud::LaneIndex lane : streets_.lane_of) driven.insert(network_.edges()[network_.lanes()[lane].edge].id);
  for (const char* street : {"sc", "cn", "xr", "ry", "yz", "zo"}) EXPECT_TRUE(driven.contains(street)) << street;
  EXPECT_FALSE(driven.contains("ab"));  // A railway.
}

TEST_F(EnteringTest, EverybodyArrivesOnceAtTheEndOfHisWay) {
  Traffic traffic(streets_.city, demand_, Config());
  std::set<std::string> arrived;
  for (int step = 1; step <= 1800; ++step) {
    traffic.AdvanceTo(At(step));
    for (const TripRecord& trip : traffic.TakeFinished()) {
      EXPECT_TRUE(arrived.insert(trip.id).second) << trip.id << " twice";
      EXPECT_FALSE(trip.strayed) << trip.id;
      EXPECT_GE(trip.depart_s, trip.planned_s) << trip.id;
      EXPECT_GT(trip.arrival_s, trip.depart_s) << trip.id;
      // Nobody is faster than an empty city allows.
      EXPECT_GT(trip.took_s(), 0.9 * trip.free_s) << trip.id;
    }
  }
  for (const char* id : {"first", "even.0", "even.2", "each.1", "few.1"}) EXPECT_TRUE(arrived.contains(id)) << id;
  EXPECT_EQ(arrived.size(), traffic.counters().trips);
  EXPECT_EQ(traffic.counters().collisions, 0u);
}

TEST_F(EnteringTest, WhoFindsNoRoomWaits) {
  // Two a second want to come in from one street, which lets in half of them at most.
  Traffic traffic(streets_.city, demand_, Config());
  traffic.AdvanceTo(At(1800));
  EXPECT_GT(traffic.Waiting(), 50u);
  EXPECT_GT(traffic.on_road(), 0u);
  EXPECT_FALSE(traffic.Finished());
}

TEST_F(EnteringTest, AnyNumberOfThreadsGivesTheSameBits) {
  Traffic one(streets_.city, demand_, Config(1));
  Traffic three(streets_.city, demand_, Config(3));
  for (int step = 100; step <= 1500; step += 100) {
    one.AdvanceTo(At(step));
    three.AdvanceTo(At(step));
    ASSERT_EQ(one.Digest(), three.Digest()) << "at step " << step;
  }
  EXPECT_GT(one.counters().trips, 10u);
}

TEST_F(EnteringTest, VehiclesAreAsLongAsTheirType) {
  Traffic traffic(streets_.city, demand_, Config());
  std::map<std::string, double> lengths_m;
  for (int step = 1; step <= 1300; ++step) {
    traffic.AdvanceTo(At(step));
    for (VehicleIndex i = 0; i < traffic.size(); ++i) {
      if (traffic.OnRoad(i)) lengths_m[traffic.TypeOf(i)] = traffic.Truth(i, traffic.time()).length_m;
    }
  }
  for (const VehicleType& type : demand_.types) {
    if (!lengths_m.contains(type.id)) continue;
    EXPECT_EQ(lengths_m[type.id], type.length_m) << type.id;
  }
  EXPECT_EQ(lengths_m["quick"], 5);
}

// The bus lane that leads there is none for cars.
TEST_F(EnteringTest, WhoseWayIsNotForCarsDoesNotDrive) {
  Traffic traffic(streets_.city, demand_, Config());
  traffic.AdvanceTo(At(1300));
  EXPECT_GE(traffic.NotDriven(), 2u);
  for (VehicleIndex i = 0; i < traffic.size(); ++i) {
    if (traffic.OnRoad(i)) {
      EXPECT_NE(traffic.IdOf(i), "bus");
    }
  }
}

TEST_F(EnteringTest, WaysLeadAlongTheRoute) {
  const OwnWays ways(streets_.city, demand_);
  int compared = 0;
  for (RouteIndex route = 0; route < demand_.routes.size(); ++route) {
    const auto way = ways.StreetsOf(route);
    for (std::size_t at = 0; at + 1 < way.size(); ++at) {
      if (!ways.IsDriven(route)) continue;
      for (const LaneIndex lane : ways.LanesOf(way[at])) {
        // Any lane leads on, or one beside it does.
        if (ways.Better(route, at, lane) != kNoLane) continue;
        const ConnectionIndex next = ways.Next(route, at, lane);
        EXPECT_EQ(streets_.city.lane(streets_.city.connection(next).to_lane).street, way[at + 1])
            << "route " << route << " street " << at;
        ++compared;
      }
    }
  }
  EXPECT_GT(compared, 10);
}

}  // namespace
}  // namespace starling::sim
