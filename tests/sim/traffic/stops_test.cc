// Stops of a demand's vehicles, seen from outside: where the true trajectories stand, and for how long.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "cloud/streets/sumo_network.h"
#include "sim/city/street_city.h"
#include "sim/demand/sumo_routes.h"
#include "sim/traffic/traffic.h"

namespace starling::sim {
namespace {

// From west to east, with a lane for buses beside the first street, and a street of nine metres:
//
//   A ══ab══ B ══bc══ C ─cd─ D ──de── E
//                      ╲──cf── F
constexpr const char* kNetwork = R"(<net version="1.20">
  <edge id="ab" from="A" to="B" priority="1">
    <lane id="ab_0" index="0" allow="bus" speed="14" length="300" shape="0,0 300,0"/>
    <lane id="ab_1" index="1" speed="14" length="300" shape="0,3.2 300,3.2"/>
    <lane id="ab_2" index="2" speed="14" length="300" shape="0,6.4 300,6.4"/>
  </edge>
  <edge id="bc" from="B" to="C" priority="1">
    <lane id="bc_0" index="0" speed="14" length="200" shape="310,3.2 510,3.2"/>
    <lane id="bc_1" index="1" speed="14" length="200" shape="310,6.4 510,6.4"/>
  </edge>
  <edge id="cd" from="C" to="D" priority="1"><lane id="cd_0" index="0" speed="14" length="9" shape="520,3.2 529,3.2"/></edge>
  <edge id="cf" from="C" to="F" priority="1"><lane id="cf_0" index="0" speed="14" length="206" shape="520,6.4 720,50"/></edge>
  <edge id="de" from="D" to="E" priority="1"><lane id="de_0" index="0" speed="14" length="200" shape="535,3.2 735,3.2"/></edge>
  <junction id="A" type="dead_end" x="0" y="0" incLanes="" intLanes=""/>
  <junction id="B" type="priority" x="305" y="3" incLanes="ab_0 ab_1 ab_2" intLanes="">
    <request index="0" response="00" foes="00" cont="0"/><request index="1" response="00" foes="00" cont="0"/>
  </junction>
  <junction id="C" type="priority" x="515" y="3" incLanes="bc_0 bc_1" intLanes="">
    <request index="0" response="00" foes="00" cont="0"/><request index="1" response="00" foes="00" cont="0"/>
  </junction>
  <junction id="D" type="priority" x="532" y="3" incLanes="cd_0" intLanes=""><request index="0" response="0" foes="0" cont="0"/></junction>
  <junction id="E" type="dead_end" x="735" y="3" incLanes="de_0" intLanes=""/>
  <junction id="F" type="dead_end" x="720" y="50" incLanes="cf_0" intLanes=""/>
  <connection from="ab" to="bc" fromLane="1" toLane="0" dir="s" state="M"/>
  <connection from="ab" to="bc" fromLane="2" toLane="1" dir="s" state="M"/>
  <connection from="bc" to="cd" fromLane="0" toLane="0" dir="s" state="M"/>
  <connection from="bc" to="cf" fromLane="1" toLane="0" dir="s" state="M"/>
  <connection from="cd" to="de" fromLane="0" toLane="0" dir="s" state="M"/>
</net>)";

constexpr const char* kTypes = R"(<vType id="bus" vClass="bus" length="12"/><vType id="car" length="5"/>)";
constexpr double kStepS = 0.1;
constexpr double kComfortMps2 = 3.4;  // TrafficCounters::hard_brakings.

// Without stopping in between, as the trajectory has it.
struct Stand {
  double front_m = 0;  // East of A, when it began.
  double north_m = 0;
  double from_s = 0;
  int steps = 0;
};

struct Drive {
  std::map<std::string, std::vector<Stand>> stands;
  std::map<std::string, double> braked_mps2;
  std::map<std::string, double> arrived_s;
  std::map<std::string, TripRecord> trips;
  std::vector<StopRecord> stops;
  std::vector<std::uint64_t> digests;
  TrafficCounters counters;
  double jump_m = 0;  // Farther than speed allows, from one step to the next.

  std::vector<StopRecord> Of(const std::string& vehicle) const {
    std::vector<StopRecord> of;
    std::ranges::copy_if(stops, std::back_inserter(of), [&](const StopRecord& stop) { return stop.vehicle == vehicle; });
    return of;
  }
  std::vector<StopOutcome> OutcomesOf(const std::string& vehicle) const {
    std::vector<StopOutcome> outcomes;
    for (const StopRecord& stop : Of(vehicle)) outcomes.push_back(stop.outcome);
    return outcomes;
  }
};

std::string Vehicle(const std::string& id, const std::string& type, const std::string& attributes, const std::string& edges,
                    const std::string& stops = "") {
  return "<vehicle id=\"" + id + "\" type=\"" + type + "\" " + attributes + "><route edges=\"" + edges + "\"/>" + stops + "</vehicle>";
}

Drive DriveFor(double seconds, const std::string& vehicles, std::uint32_t threads = 1) {
  const auto network = cloud::ParseSumoNetwork(kNetwork, "test.net.xml");
  EXPECT_TRUE(network.ok()) << network.status().message();
  const auto demand =
      ParseSumoDemand({{"test.rou.xml", std::string("<routes>") + kTypes + vehicles + "</routes>"}}, network.value());
  EXPECT_TRUE(demand.ok()) << demand.status().message();
  const StreetCity streets = MakeStreetCity(network.value(), StreetPart::kAll).value();
  TrafficConfig config = TrafficConfig::PerfectDrivers();
  config.vehicles = 100;
  config.threads = threads;
  Traffic traffic(streets.city, demand.value(), config);
  Drive drive;
  std::map<std::string, VehicleTruth> before;
  std::set<std::string> moved;
  for (int step = 0; step < static_cast<int>(seconds / kStepS) && !traffic.Finished(); ++step) {
    std::map<std::string, VehicleTruth> now;
    for (VehicleIndex i = 0; i < traffic.size(); ++i) {
      if (!traffic.OnRoad(i)) continue;
      const std::string& id = traffic.IdOf(i);
      const VehicleTruth truth = now[id] = traffic.Truth(i, traffic.time());
      drive.braked_mps2[id] = std::max(drive.braked_mps2[id], -truth.accel_mps2);
      const auto last = before.find(id);
      if (last != before.end()) {
        const double way_m = Norm(truth.position - last->second.position);
        drive.jump_m = std::max(drive.jump_m, way_m - kStepS * std::max(truth.speed_mps, last->second.speed_mps));
      }
      if (truth.speed_mps > 0.05) moved.insert(id);
      if (truth.speed_mps > 0.05 || !moved.contains(id)) continue;
      std::vector<Stand>& stands = drive.stands[id];
      if (last->second.speed_mps > 0.05) {
        const Vec2 at = truth.position - streets.network_origin;
        stands.push_back({at.x + truth.length_m / 2, at.y, step * kStepS, 0});
      }
      ++stands.back().steps;
    }
    before = std::move(now);
    traffic.AdvanceTo(traffic.time() + Traffic::kStep);
    if (step % 50 == 0) drive.digests.push_back(traffic.Digest());
    for (StopRecord& stop : traffic.TakeStops()) drive.stops.push_back(std::move(stop));
    for (TripRecord& trip : traffic.TakeFinished()) {
      drive.arrived_s[trip.id] = trip.arrival_s;
      drive.trips[trip.id] = trip;
    }
  }
  drive.counters = traffic.counters();
  EXPECT_EQ(drive.counters.collisions, 0u);
  EXPECT_LT(drive.jump_m, 0.02);
  EXPECT_EQ(drive.counters.stops_made + drive.counters.stops_missed, drive.stops.size());
  return drive;
}

using enum StopOutcome;
using Outcomes = std::vector<StopOutcome>;

TEST(Stops, AVehicleStandsWithItsFrontWithinTheStopOnItsLane) {
  // It enters on the other lane, and has to come back for its way.
  const Drive drive = DriveFor(200, Vehicle("bus", "bus", "depart=\"0\" departLane=\"1\"", "ab bc cd de",
                                            R"(<stop lane="ab_2" startPos="180" endPos="200" duration="15"/>
                                               <stop lane="bc_0" startPos="120" endPos="140" duration="10"/>)"));
  EXPECT_EQ(drive.OutcomesOf("bus"), (Outcomes{kMade, kMade}));
  const auto& stands = drive.stands.at("bus");
  ASSERT_EQ(stands.size(), 2u);
  EXPECT_GE(stands[0].front_m, 180);
  EXPECT_LE(stands[0].front_m, 200);
  EXPECT_NEAR(stands[0].north_m, 6.4, 0.1);
  EXPECT_GE(stands[1].front_m, 310 + 120);
  EXPECT_LE(stands[1].front_m, 310 + 140);
  EXPECT_NEAR(stands[1].north_m, 3.2, 0.1);
  EXPECT_LT(drive.braked_mps2.at("bus"), kComfortMps2);
  EXPECT_TRUE(drive.arrived_s.contains("bus"));
  EXPECT_FALSE(drive.trips.at("bus").strayed);
}

TEST(Stops, AVehicleStandsForItsDurationAndNotMuchLonger) {
  const Drive drive = DriveFor(200, Vehicle("bus", "bus", "depart=\"0\"", "ab bc cd de",
                                            R"(<stop lane="bc_0" startPos="80" endPos="100" duration="33.35"/>)"));
  const auto stops = drive.Of("bus");
  ASSERT_EQ(stops.size(), 1u);
  EXPECT_GE(stops[0].until_s - stops[0].from_s, 33.35 - 1e-6);
  EXPECT_LT(stops[0].until_s - stops[0].from_s, 33.35 + 0.11);
  const auto& stands = drive.stands.at("bus");
  ASSERT_EQ(stands.size(), 1u);
  EXPECT_NEAR(stands[0].steps * kStepS, 33.35, 1);
  EXPECT_NEAR(drive.trips.at("bus").stopped_s, 33.4, 0.11);
  EXPECT_LT(drive.trips.at("bus").waited_s, 1);
  EXPECT_LT(drive.trips.at("bus").lost_s(), 20);
}

TEST(Stops, NobodyGoesOnBeforeTheTimeThatTheStopHas) {
  const std::string stop = R"(<stop lane="ab_1" startPos="80" endPos="100" )";
  const Drive drive = DriveFor(300, Vehicle("time", "bus", "depart=\"0\"", "ab bc cd de", stop + R"(until="90"/>)") +
                                        Vehicle("both", "bus", "depart=\"100\"", "ab bc cd de", stop + R"(duration="20" until="170"/>)") +
                                        Vehicle("late", "bus", "depart=\"180\"", "ab bc cd de", stop + R"(duration="20" until="190"/>)"));
  for (const char* id : {"time", "both", "late"}) ASSERT_EQ(drive.OutcomesOf(id), (Outcomes{kMade})) << id;
  EXPECT_NEAR(drive.Of("time")[0].until_s, 90, 0.11);
  EXPECT_NEAR(drive.Of("both")[0].until_s, 170, 0.11);
  const StopRecord late = drive.Of("late")[0];
  EXPECT_GT(late.from_s, 190);
  EXPECT_NEAR(late.until_s - late.from_s, 20, 0.11);
  EXPECT_GE(drive.stands.at("time")[0].steps * kStepS + drive.stands.at("time")[0].from_s, 90 - 1e-6);
}

TEST(Stops, TheTimesOfAFlowMoveWithItsVehicles) {
  const Drive drive = DriveFor(400, R"(<flow id="line" type="bus" begin="0" end="300" period="100"><route edges="ab bc cd de"/>
                                          <stop lane="ab_1" startPos="80" endPos="100" until="60"/></flow>)");
  for (int i = 0; i < 3; ++i) {
    const auto stops = drive.Of("line." + std::to_string(i));
    ASSERT_EQ(stops.size(), 1u) << i;
    EXPECT_NEAR(stops[0].until_s, 100 * i + 60, 0.11) << i;
  }
}

TEST(Stops, TwoStopsOnOneStreetAreMadeOneAfterTheOther) {
  const Drive drive = DriveFor(300, Vehicle("bus", "bus", "depart=\"0\"", "ab bc cd de",
                                            R"(<stop lane="bc_0" startPos="20" endPos="40" duration="5"/>
                                               <stop lane="bc_0" startPos="45" endPos="60" duration="6"/>
                                               <stop lane="bc_1" startPos="110" endPos="130" duration="7"/>)"));
  EXPECT_EQ(drive.OutcomesOf("bus"), (Outcomes{kMade, kMade, kMade}));
  const auto& stands = drive.stands.at("bus");
  ASSERT_EQ(stands.size(), 3u);
  EXPECT_TRUE(stands[0].front_m >= 330 && stands[0].front_m <= 350) << stands[0].front_m;
  EXPECT_TRUE(stands[1].front_m >= 355 && stands[1].front_m <= 370) << stands[1].front_m;
  EXPECT_TRUE(stands[2].front_m >= 420 && stands[2].front_m <= 440) << stands[2].front_m;
  EXPECT_NEAR(stands[2].north_m, 6.4, 0.1);
  EXPECT_LT(drive.braked_mps2.at("bus"), kComfortMps2);
}

TEST(Stops, OneOnAStreetShorterThanTheVehicleAndOneAtAStreetsVeryBeginningAreMade) {
  const std::string stops = R"(<stop lane="cd_0" startPos="2" endPos="9" duration="10"/>
                               <stop lane="de_0" startPos="0" endPos="0" duration="11"/>
                               <stop lane="de_0" startPos="190" endPos="200" duration="12"/>)";
  const Drive drive = DriveFor(300, Vehicle("bus", "bus", "depart=\"0\"", "ab bc cd de", stops) +
                                        Vehicle("car", "car", "depart=\"0\"", "ab bc cd de", stops) +
                                        Vehicle("through", "car", "depart=\"5\"", "ab bc cd de"));
  for (const char* id : {"bus", "car"}) {
    EXPECT_EQ(drive.OutcomesOf(id), (Outcomes{kMade, kMade, kMade})) << id;
    EXPECT_LT(drive.braked_mps2.at(id), kComfortMps2) << id;
    EXPECT_TRUE(drive.arrived_s.contains(id)) << id;
  }
  const auto& stands = drive.stands.at("bus");
  ASSERT_GE(stands.size(), 3u);
  const auto stands_between = [&](double from_m, double to_m, double seconds) {
    return std::ranges::any_of(stands, [&](const Stand& stand) {
      return stand.front_m >= from_m && stand.front_m <= to_m && stand.steps * kStepS >= seconds - 1e-6;
    });
  };
  EXPECT_TRUE(stands_between(522, 529, 10));
  EXPECT_TRUE(stands_between(535 - 0.45, 535.1, 11));
  EXPECT_TRUE(stands_between(725, 735, 12));
  EXPECT_TRUE(drive.arrived_s.contains("through"));
}

TEST(Stops, OneThatCannotBeMadeIsCountedWithItsReasonAndTheVehicleDrivesOn) {
  const Drive drive = DriveFor(
      300, Vehicle("lane", "bus", "depart=\"0\"", "ab bc cd de",
                   R"(<stop lane="ab_0" startPos="100" endPos="120" duration="10"/>
                      <stop lane="bc_0" startPos="100" endPos="120" duration="10"/>)") +
               // Three metres after it has entered there is no changing lanes.
               Vehicle("near", "car", "depart=\"40\" departLane=\"1\" departPos=\"150\"", "ab bc cd de",
                       R"(<stop lane="ab_2" startPos="150" endPos="155" duration="10"/>)") +
               Vehicle("behind", "car", "depart=\"80\" departLane=\"1\" departPos=\"150\"", "ab bc cd de",
                       R"(<stop lane="ab_1" startPos="50" endPos="60" duration="10"/>
                          <stop lane="bc_0" startPos="100" endPos="120" duration="10"/>)"));
  EXPECT_EQ(drive.OutcomesOf("lane"), (Outcomes{kNoSuchLane, kMade}));
  EXPECT_EQ(drive.OutcomesOf("near"), (Outcomes{kWrongLane}));
  EXPECT_EQ(drive.OutcomesOf("behind"), (Outcomes{kPassed, kMade}));
  EXPECT_EQ(drive.counters.stops_missed, 3u);
  EXPECT_EQ(drive.counters.stops_made, 2u);
  for (const char* id : {"lane", "near", "behind"}) {
    EXPECT_TRUE(drive.arrived_s.contains(id)) << id;
    EXPECT_LT(drive.braked_mps2.at(id), kComfortMps2) << id;
  }
}

TEST(Stops, WhoIsOnADrawnRouteWithoutTheStopDrivesByAndItIsCounted) {
  const Drive drive = DriveFor(200, R"(<routeDistribution id="either"><route edges="ab bc cd de" probability="0"/>
                                         <route edges="ab bc cf" probability="1"/></routeDistribution>
                                       <vehicle id="bus" type="bus" depart="0" route="either">
                                         <stop lane="de_0" startPos="100" endPos="120" duration="10"/></vehicle>)");
  EXPECT_EQ(drive.OutcomesOf("bus"), (Outcomes{kOffWay}));
  EXPECT_TRUE(drive.arrived_s.contains("bus"));
}

// Where there is one lane.
TEST(Stops, WhoFollowsWaitsBehindAVehicleAtItsStop) {
  const Drive drive = DriveFor(300, Vehicle("bus", "bus", "depart=\"0\"", "ab bc cd de",
                                            R"(<stop lane="de_0" startPos="100" endPos="120" duration="40"/>)") +
                                        Vehicle("car", "car", "depart=\"4\"", "ab bc cd de"));
  EXPECT_EQ(drive.OutcomesOf("bus"), (Outcomes{kMade}));
  EXPECT_GT(drive.arrived_s.at("car"), drive.arrived_s.at("bus"));
  const auto& stands = drive.stands.at("car");
  ASSERT_FALSE(stands.empty());
  // Behind its tail.
  EXPECT_LT(stands.back().front_m, drive.stands.at("bus").front().front_m - 12);
  EXPECT_GT(stands.back().steps * kStepS, 20);
  EXPECT_LT(drive.braked_mps2.at("car"), kComfortMps2);
}

TEST(Stops, WhoFollowsOvertakesAVehicleAtItsStopOnTheOtherLane) {
  const Drive drive = DriveFor(300, Vehicle("bus", "bus", "depart=\"0\" departLane=\"1\"", "ab bc cd de",
                                            R"(<stop lane="ab_1" startPos="100" endPos="120" duration="60"/>)") +
                                        Vehicle("car", "car", "depart=\"8\" departLane=\"1\"", "ab bc cd de"));
  EXPECT_EQ(drive.OutcomesOf("bus"), (Outcomes{kMade}));
  EXPECT_LT(drive.arrived_s.at("car"), drive.Of("bus")[0].until_s);
  EXPECT_LT(drive.arrived_s.at("car"), drive.arrived_s.at("bus"));
}

// Of two who come together the second one waits until there is room; longer stops take both.
TEST(Stops, SeveralVehiclesMakeOneStop) {
  std::string vehicles;
  for (int i = 0; i < 6; ++i) {
    vehicles += Vehicle("bus" + std::to_string(i), "bus", "depart=\"" + std::to_string(5 * i) + "\"", "ab bc cd de",
                        "<stop lane=\"" + std::string(i < 3 ? "bc_0" : "de_0") + "\" startPos=\"100\" endPos=\"" +
                            (i < 3 ? "120" : "160") + "\" duration=\"20\"/>");
  }
  const Drive drive = DriveFor(400, vehicles);
  EXPECT_EQ(drive.counters.stops_made, 6u);
  EXPECT_EQ(drive.counters.stops_missed, 0u);
  for (const StopRecord& stop : drive.stops) EXPECT_GE(stop.until_s - stop.from_s, 20 - 1e-6) << stop.vehicle;
}

std::string Traffic300() {
  std::string vehicles;
  for (int i = 0; i < 60; ++i) {
    const std::string depart = "depart=\"" + std::to_string(4 * i) + "\" departLane=\"random\"";
    if (i % 3 > 0) {
      vehicles += Vehicle("car" + std::to_string(i), "car", depart, i % 2 == 0 ? "ab bc cd de" : "ab bc cf");
    } else {
      vehicles += Vehicle("bus" + std::to_string(i), "bus", depart, "ab bc cd de",
                          R"(<stop lane="ab_1" startPos="180" endPos="200" duration="12"/>
                             <stop lane="bc_0" startPos="150" endPos="170" duration="8"/>
                             <stop lane="de_0" startPos="60" endPos="90" duration="10"/>)");
    }
  }
  return vehicles;
}

TEST(Stops, AnyNumberOfThreadsGivesTheSameBits) {
  const Drive one = DriveFor(600, Traffic300(), 1);
  const Drive two = DriveFor(600, Traffic300(), 2);
  EXPECT_EQ(one.digests, two.digests);
  EXPECT_EQ(one.counters.stops_made, two.counters.stops_made);
  EXPECT_GT(one.counters.stops_made, 50u);
  EXPECT_EQ(one.counters.trips, 60u);
}

TEST(Stops, WhoHasNoneDrivesToTheBitAsIfThereWereNone) {
  // All of them are on a lane that nobody drives on.
  std::string vehicles = Traffic300();
  const auto replace = [&](const std::string& what, const std::string& with) {
    for (std::size_t at = 0; (at = vehicles.find(what, at)) != std::string::npos; at += with.size()) vehicles.replace(at, what.size(), with);
  };
  for (const char* lane : {"ab_1", "bc_0", "de_0"}) replace(lane, "ab_0");
  const Drive missed = DriveFor(400, vehicles);
  EXPECT_EQ(missed.counters.stops_missed, 60u);
  for (std::size_t at = 0; (at = vehicles.find("<stop")) != std::string::npos;) vehicles.erase(at, vehicles.find("/>", at) + 2 - at);
  const Drive none = DriveFor(400, vehicles);
  EXPECT_EQ(none.counters.stops_missed, 0u);
  EXPECT_EQ(missed.digests, none.digests);
  EXPECT_GT(none.digests.size(), 50u);
}

}  // namespace
}  // namespace starling::sim
