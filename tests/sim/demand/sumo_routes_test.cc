#include "sim/demand/sumo_routes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "sim/demand/street_ways.h"
#include "tests/sim/demand/demand_invariants.h"
#include "tests/sim/demand/small_demand.h"

namespace starling::sim {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class SumoRoutes : public testing::Test {
 protected:
  const VehicleType& Type(const std::string& id) const {
    for (const VehicleType& type : demand_.types) {
      if (type.id == id) return type;
    }
    ADD_FAILURE() << "no type " << id;
    return demand_.types.front();
  }
  const Departure& Vehicle(const std::string& id) const {
    for (const Departure& departure : demand_.departures) {
      if (departure.id == id) return departure;
    }
    ADD_FAILURE() << "no vehicle " << id;
    return demand_.departures.front();
  }
  std::string Edges(RouteIndex route) const {
    std::string text;
    for (const cloud::EdgeIndex edge : demand_.edges(route)) text += network_.edges()[edge].id + " ";
    return text;
  }
  std::string EdgesOf(const std::string& vehicle) const { return Edges(Vehicle(vehicle).route.index); }
  std::string LaneOf(const Stop& stop) const {
    const cloud::StreetLane& lane = network_.lanes()[stop.lane];
    return network_.edges()[lane.edge].id + "_" + std::to_string(lane.index);
  }

  const cloud::StreetNetwork network_ = SmallCity();
  const Demand demand_ = SmallDemand(network_);
};

TEST_F(SumoRoutes, KeepWhatADemandPromises) { CheckInvariants(demand_, network_); }

TEST_F(SumoRoutes, VehiclesAreInTheOrderOfTimeAndThenOfTheFile) {
  std::vector<std::string> ids;
  for (const Departure& departure : demand_.departures) ids.push_back(departure.id);
  EXPECT_THAT(ids, ElementsAre("first", "round", "trip", "detour", "bus", "late"));
  EXPECT_EQ(Vehicle("late").time_s, 99.5);
  EXPECT_EQ(Vehicle("bus").time_s, 90.5);
}

TEST_F(SumoRoutes, TypesHaveTheDefaultsOfTheirClass) {
  const VehicleType& quick = Type("quick");
  EXPECT_EQ(quick.class_word, "passenger");
  EXPECT_EQ(quick.classes, cloud::kPassenger);
  EXPECT_EQ(quick.accel_mps2, 3.5);
  EXPECT_EQ(quick.decel_mps2, 4.5);
  EXPECT_EQ(quick.emergency_decel_mps2, 9);
  EXPECT_EQ(quick.length_m, 5);
  EXPECT_EQ(quick.gap_min_m, 2.5);
  EXPECT_EQ(quick.sigma, 0.1);
  EXPECT_EQ(quick.tau_s, 1);
  EXPECT_EQ(quick.weight, 0.75);
  EXPECT_NEAR(quick.speed_max_mps, 55.56, 0.01);
  EXPECT_EQ(quick.car_following, "Krauss");
  const VehicleType& line = Type("line");
  EXPECT_EQ(line.classes, cloud::kBus);
  EXPECT_EQ(line.length_m, 18);
  EXPECT_EQ(line.width_m, 2.5);
  EXPECT_EQ(line.accel_mps2, 1.2);
  EXPECT_EQ(line.emergency_decel_mps2, 8);  // No less than it brakes anyway.
  EXPECT_EQ(line.speed_factor.deviation, 0);
  const VehicleType& anywhere = Type("anywhere");
  EXPECT_EQ(anywhere.classes, cloud::kAllClasses);
  EXPECT_EQ(anywhere.emergency_decel_mps2, 6);
  EXPECT_EQ(anywhere.car_following, "IDM");
  EXPECT_EQ(Type("DEFAULT_VEHTYPE").speed_factor.deviation, 0.1);
}

TEST_F(SumoRoutes, SpeedFactorsAreDistributions) {
  const auto is = [&](const std::string& type, double mean, double deviation, double low, double high) {
    const SpeedFactor& factor = Type(type).speed_factor;
    EXPECT_EQ(factor.mean, mean) << type;
    EXPECT_EQ(factor.deviation, deviation) << type;
    EXPECT_EQ(factor.low, low) << type;
    EXPECT_EQ(factor.high, high) << type;
  };
  is("quick", 1.1, 0.2, 0.8, 1.5);
  is("slow", 0.9, 0, 0.2, 2);
  is("anywhere", 1, 0.3, 0, 100);
  is("DEFAULT_VEHTYPE", 1, 0.1, 0.2, 2);
}

TEST_F(SumoRoutes, MixesHaveTheirMembersWeights) {
  ASSERT_EQ(demand_.type_mixes.size(), 2u);
  EXPECT_EQ(demand_.type_mixes[0].id, "cars");
  EXPECT_THAT(demand_.type_mixes[0].up_to, ElementsAre(0.75, 1.0));
  EXPECT_THAT(demand_.type_mixes[1].up_to, ElementsAre(3.0, 4.0));
  EXPECT_EQ(demand_.types[demand_.type_mixes[1].of[0]].id, "slow");
  ASSERT_EQ(demand_.route_mixes.size(), 1u);
  EXPECT_THAT(demand_.route_mixes[0].up_to, ElementsAre(1.0, 5.0));
  EXPECT_EQ(Edges(demand_.route_mixes[0].of[1]), "wc cn ");
  EXPECT_TRUE(Vehicle("round").type.mixed);
}

TEST_F(SumoRoutes, RoutesAreEdges) {
  EXPECT_EQ(EdgesOf("first"), "xr ry yz zo ");
  EXPECT_EQ(EdgesOf("late"), "sc cn ");
  EXPECT_EQ(EdgesOf("round"), "yz zy yz zy yz zy ");
}

TEST_F(SumoRoutes, TripsTakeTheFastestWayForTheirClass) {
  EXPECT_EQ(EdgesOf("trip"), "wc ce ry yz zo ");  // A bus; cars only get from wc to cn.
  EXPECT_EQ(EdgesOf("detour"), "xr ry yz zy yz zo ");
  const Flow& rain = demand_.flows.back();
  EXPECT_EQ(Edges(rain.first.route.index), "sc cn ");
  StreetWays ways(network_);
  const auto edge = [&](const char* id) { return *network_.FindEdge(id); };
  EXPECT_FALSE(ways.Fastest(edge("wc"), edge("zo"), cloud::kPassenger));
  EXPECT_FALSE(ways.Fastest(edge("zo"), edge("wc"), cloud::kBus));
  EXPECT_FALSE(ways.Fastest(edge("ab"), edge("ba"), cloud::kBus));
  EXPECT_THAT(*ways.Fastest(edge("wc"), edge("wc"), cloud::kBus), ElementsAre(edge("wc")));
  EXPECT_THAT(*ways.Fastest(edge("ab"), edge("ba"), cloud::kRail), ElementsAre(edge("ab"), edge("ba")));
}

TEST_F(SumoRoutes, EndsAreKept) {
  const Ends& late = Vehicle("late").ends;
  EXPECT_EQ(late.lane, DepartLane::kBest);
  EXPECT_EQ(late.position, DepartPosition::kRandomFree);
  EXPECT_EQ(late.speed, DepartSpeed::kMax);
  EXPECT_EQ(late.arrival, ArrivalPosition::kMetres);
  EXPECT_EQ(late.arrival_m, -1);
  const Ends& bus = Vehicle("bus").ends;
  EXPECT_EQ(bus.lane, DepartLane::kNumber);
  EXPECT_EQ(bus.lane_number, 0);
  EXPECT_EQ(bus.position_m, 12.5);
  EXPECT_EQ(bus.speed_mps, 5);
  const Ends& first = Vehicle("first").ends;
  EXPECT_EQ(first.lane, DepartLane::kFirst);
  EXPECT_EQ(first.position, DepartPosition::kBase);
  EXPECT_EQ(first.speed, DepartSpeed::kNumber);
  EXPECT_EQ(first.speed_mps, 0);
  EXPECT_EQ(first.arrival, ArrivalPosition::kMax);
}

TEST_F(SumoRoutes, StopsArePlacesOnLanes) {
  const Departure& bus = Vehicle("bus");
  ASSERT_EQ(bus.stop_count, 2u);
  const Stop& halt = demand_.stops[bus.stop_first];
  EXPECT_EQ(LaneOf(halt), "ce_0");
  EXPECT_EQ(halt.from_m, 10);
  EXPECT_EQ(halt.to_m, 70);  // 20 m from the end of 90
  EXPECT_EQ(halt.duration_s, 20);
  EXPECT_EQ(halt.until_s, 200);
  const Stop& lane = demand_.stops[bus.stop_first + 1];
  EXPECT_EQ(LaneOf(lane), "yz_0");
  EXPECT_EQ(lane.to_m, 30);  // where the lane ends
}

TEST_F(SumoRoutes, WhatIsNotTakenOverIsCountedByName) {
  std::string text;
  for (const cloud::Unsupported& thing : demand_.unsupported) {
    text += std::to_string(thing.count) + " " + thing.what + "\n";
  }
  EXPECT_EQ(text, R"(1 <person> in <routes>
1 <stop> at other places than lanes and bus stops
1 <trip> with fromTaz
1 <trip> without a route, between its stops
1 <vehicle> with depart "triggered"
1 attribute jmDriveAfterRedTime of <vType>
1 attribute parking of <stop>
)");
}

TEST_F(SumoRoutes, ClassesWithoutDefaultsArePassengersAndCounted) {
  const auto read = ParseSumoDemand({{"a.xml", "<routes><vType id='u' vClass='subway'/></routes>"}}, network_);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read.value().types[0].length_m, 5);
  EXPECT_EQ(read.value().types[0].classes, cloud::kRail);
  EXPECT_THAT(read.value().unsupported[0].what, HasSubstr("\"subway\""));
}

TEST_F(SumoRoutes, GapsAreCountedAndLeftOutIfOneWants) {
  const std::string text = R"(<routes>
    <vehicle id="a" depart="0"><route edges="wc ce"/></vehicle>
    <vehicle id="b" depart="0"><route edges="sc cn"/></vehicle>
    <trip id="c" depart="0" from="wc" to="zo"/>
    <trip id="d" depart="1" from="wc" to="zo"/>
    <flow id="e" number="3" from="ab" to="ba"/>
  </routes>)";
  const auto read = ParseSumoDemand({{"a.xml", text}}, network_, {.leave_out_broken = true});
  ASSERT_TRUE(read.ok()) << read.status().message();
  CheckInvariants(read.value(), network_);
  ASSERT_EQ(read.value().departures.size(), 1u);
  EXPECT_EQ(read.value().departures[0].id, "b");
  EXPECT_TRUE(read.value().flows.empty());
  ASSERT_EQ(read.value().unsupported.size(), 3u);
  EXPECT_EQ(read.value().unsupported[1].what, "<trip> whose route has a gap");
  EXPECT_EQ(read.value().unsupported[1].count, 2u);
}

}  // namespace
}  // namespace starling::sim
