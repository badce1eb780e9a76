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
  EXPECT_GE(traffic.NotDriven().size(), 2u);
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

// The left one of two lanes stands at a red light for 400 s, with some in it who want to the right one, which has green.
TEST(LaneChoice, NobodyPassesAQueueByTheWrongLaneAndStandsInTheWay) {
  const auto network = cloud::ParseSumoNetwork(R"(<net version="1.20">
  <edge id="ab" from="A" to="B" priority="1">
    <lane id="ab_0" index="0" speed="14" length="120" shape="0,0 120,0"/>
    <lane id="ab_1" index="1" speed="14" length="120" shape="0,3.2 120,3.2"/>
  </edge>
  <edge id="bc" from="B" to="C" priority="1"><lane id="bc_0" index="0" speed="14" length="100" shape="130,-1 230,-8"/></edge>
  <edge id="bd" from="B" to="D" priority="1"><lane id="bd_0" index="0" speed="14" length="100" shape="130,4.2 230,12"/></edge>
  <tlLogic id="t" type="static" programID="0" offset="0">
    <phase duration="400" state="Gr"/><phase duration="100" state="GG"/>
  </tlLogic>
  <junction id="A" type="dead_end" x="0" y="0" incLanes="" intLanes=""/>
  <junction id="B" type="traffic_light" x="120" y="0" incLanes="ab_0 ab_1" intLanes="">
    <request index="0" response="00" foes="00" cont="0"/><request index="1" response="00" foes="00" cont="0"/>
  </junction>
  <junction id="C" type="dead_end" x="230" y="-8" incLanes="bc_0" intLanes=""/>
  <junction id="D" type="dead_end" x="230" y="12" incLanes="bd_0" intLanes=""/>
  <connection from="ab" to="bc" fromLane="0" toLane="0" dir="s" state="O" tl="t" linkIndex="0"/>
  <connection from="ab" to="bd" fromLane="1" toLane="0" dir="s" state="O" tl="t" linkIndex="1"/>
</net>)", "test");
  ASSERT_TRUE(network.ok()) << network.status().message();
  std::string routes = "<routes><vType id=\"car\" length=\"5\"/>";
  const auto add = [&](const std::string& id, int depart_s, int lane, const char* to) {
    routes += "<vehicle id=\"" + id + "\" type=\"car\" depart=\"" + std::to_string(depart_s) + "\" departLane=\"" +
              std::to_string(lane) + "\"><route edges=\"ab " + to + "\"/></vehicle>";
  };
  for (int i = 0; i < 12; ++i) add("left" + std::to_string(i), 3 * i, 1, i < 6 ? "bd" : "bc");
  for (int i = 0; i < 40; ++i) add("right" + std::to_string(i), 40 + 4 * i, 0, "bc");
  const auto demand = ParseSumoDemand({{"test", routes + "</routes>"}}, network.value());
  ASSERT_TRUE(demand.ok()) << demand.status().message();
  const StreetCity made = MakeStreetCity(network.value(), StreetPart::kAll).value();
  TrafficConfig config = TrafficConfig::PerfectDrivers();
  config.vehicles = 100;
  Traffic traffic(made.city, demand.value(), config);
  traffic.AdvanceTo(SimTime(std::chrono::seconds(300)));
  int right = 0;
  for (const TripRecord& trip : traffic.TakeFinished()) right += trip.id.starts_with("right");
  EXPECT_EQ(right, 40);
  EXPECT_GT(traffic.StandingVehicles(100), 5u);
  traffic.AdvanceTo(SimTime(std::chrono::seconds(600)));
  EXPECT_TRUE(traffic.Finished());
  EXPECT_EQ(traffic.counters().collisions, 0u);
}

// A street of some 28 m, longer by `longer_m`, that fills behind a red light; beside its beginning others turn so sharply that
// their tails swing over it.
std::string FullStreet(double longer_m) {
  const std::string end = std::to_string(-28 - longer_m) + ",9.5";
  const std::string next = std::to_string(-32 - longer_m) + ",11.3 " + std::to_string(-114 - longer_m) + ",48";
  return R"(<net version="1.20">
  <edge id="p" from="P" to="J" priority="1"><lane id="p_0" index="0" speed="14" length="120" shape="118,21 1,1.6"/></edge>
  <edge id="q" from="J" to="Q" priority="1"><lane id="q_0" index="0" speed="14" length="28" shape="-1.9,1.2 -5.2,0.4 -18,5 )" + end + R"("/></edge>
  <edge id="x" from="Q" to="X" priority="1"><lane id="x_0" index="0" speed="14" length="90" shape=")" + next + R"("/></edge>
  <edge id="r" from="R" to="J" priority="1"><lane id="r_0" index="0" speed="14" length="96" shape="24,-93 0,0"/>
    <lane id="r_1" index="1" speed="14" length="96" shape="20.9,-93.8 -3.1,-0.8"/></edge>
  <edge id="s" from="J" to="S" priority="1"><lane id="s_0" index="0" speed="14" length="180" shape="1.8,-1 173,55"/></edge>
  <tlLogic id="t" type="static" programID="0" offset="0">
    <phase duration="40" state="r"/><phase duration="8" state="G"/><phase duration="2" state="y"/>
  </tlLogic>
  <junction id="P" type="dead_end" x="118" y="21" incLanes="" intLanes=""/>
  <junction id="R" type="dead_end" x="24" y="-93" incLanes="" intLanes=""/>
  <junction id="J" type="priority" x="0" y="0" incLanes="p_0 r_0" intLanes="">
    <request index="0" response="00" foes="00" cont="0"/><request index="1" response="00" foes="00" cont="0"/>
  </junction>
  <junction id="Q" type="traffic_light" x="-30" y="10" incLanes="q_0" intLanes="">
    <request index="0" response="0" foes="0" cont="0"/>
  </junction>
  <junction id="X" type="dead_end" x="-114" y="48" incLanes="x_0" intLanes=""/>
  <junction id="S" type="dead_end" x="173" y="55" incLanes="s_0" intLanes=""/>
  <connection from="p" to="q" fromLane="0" toLane="0" dir="s" state="M"/>
  <connection from="r" to="s" fromLane="0" toLane="0" dir="r" state="M"/>
  <connection from="q" to="x" fromLane="0" toLane="0" dir="s" state="O" tl="t" linkIndex="0"/>
</net>)";
}

TEST(FullStreet, NobodyEntersWhoseTailOthersWouldGraze) {
  std::string routes = "<routes><vType id=\"car\" length=\"5\" minGap=\"1.5\" tau=\"1\" accel=\"2.6\"/>";
  for (int i = 0; i < 200; ++i) {
    routes += "<vehicle id=\"" + std::to_string(i) + "\" type=\"car\" depart=\"" + std::to_string(3 * i) + "\"><route edges=\"" +
              (i % 2 == 0 ? "p q x" : "r s") + "\"/></vehicle>";
  }
  // Long enough for one vehicle more: somewhere in between one's tail just does not fit.
  for (double longer_m = 0; longer_m < 7; longer_m += 0.25) {
    const auto network = cloud::ParseSumoNetwork(FullStreet(longer_m), "test");
    ASSERT_TRUE(network.ok()) << network.status().message();
    const auto demand = ParseSumoDemand({{"test", routes + "</routes>"}}, network.value());
    ASSERT_TRUE(demand.ok()) << demand.status().message();
    const StreetCity made = MakeStreetCity(network.value(), StreetPart::kAll).value();
    TrafficConfig config = TrafficConfig::PerfectDrivers();
    config.vehicles = 100;
    Traffic traffic(made.city, demand.value(), config);
    std::uint32_t standing = 0;
    for (int second = 1; second <= 600; ++second) {
      traffic.AdvanceTo(SimTime(std::chrono::seconds(second)));
      standing = std::max(standing, traffic.StandingVehicles(10));
    }
    EXPECT_GT(standing, 5u) << longer_m;  // More than fit into the street.
    EXPECT_GT(traffic.counters().trips, 120u) << longer_m;
    EXPECT_EQ(traffic.counters().collisions, 0u) << longer_m;
  }
}

}  // namespace
}  // namespace starling::sim
