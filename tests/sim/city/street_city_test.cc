#include "sim/city/street_city.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "cloud/streets/sumo_network.h"
#include "common/geo/trigonometry.h"
#include "sim/demand/sumo_routes.h"
#include "sim/traffic/traffic.h"

namespace starling::sim {
namespace {

namespace fs = std::filesystem;

// Two one-way loops that cross at c, where those from the north yield to those from the west:
//
//        ┌───────────┐
//        │     e1    │
//   ┌────c───────────┘
//   │ e2 │
//   └────┘
std::string FigureOfEight(const std::string& connection_signal) {
  return R"(<net version="1.20">
  <edge id=":c_0" function="internal"><lane id=":c_0_0" index="0" speed="10" length="20" shape="-1.6,10 -1.6,-10"/></edge>
  <edge id=":c_1" function="internal"><lane id=":c_1_0" index="0" speed="10" length="20" shape="-10,-1.6 10,-1.6"/></edge>
  <edge id="e1" from="c" to="c" priority="1"><lane id="e1_0" index="0" speed="10" length="683" shape="10,-1.6 200,-1.6 200,150 -1.6,150 -1.6,10"/></edge>
  <edge id="e2" from="c" to="c" priority="1"><lane id="e2_0" index="0" speed="10" length="679" shape="-1.6,-10 -1.6,-150 -200,-150 -200,-1.6 -10,-1.6"/></edge>
  <edge id="out" from="c" to="D" priority="1"><lane id="out_0" index="0" speed="10" length="90" shape="10,-4.8 100,-4.8"/></edge>
  <tlLogic id="t" type="static" programID="0" offset="5">
    <phase duration="20" state="Gr"/><phase duration="3" state="yr"/><phase duration="2" state="rr"/>
    <phase duration="20" state="rG"/><phase duration="3" state="ry"/><phase duration="2" state="rr"/>
  </tlLogic>
  <junction id="c" type="priority" x="0" y="0" incLanes="e1_0 e2_0" intLanes=":c_0_0 :c_1_0">
    <request index="0" response="10" foes="10" cont="0"/>
    <request index="1" response="00" foes="01" cont="0"/>
  </junction>
  <junction id="D" type="dead_end" x="100" y="-4.8" incLanes="out_0" intLanes=""/>
  <connection from="e1" to="e2" fromLane="0" toLane="0" via=":c_0_0" dir="s" state="m" )" +
         (connection_signal.empty() ? "" : connection_signal + R"( linkIndex="0")") + R"(/>
  <connection from="e2" to="e1" fromLane="0" toLane="0" via=":c_1_0" dir="s" state="M" )" +
         (connection_signal.empty() ? "" : connection_signal + R"( linkIndex="1")") + R"(/>
  <connection from=":c_0" to="e2" fromLane="0" toLane="0" dir="s" state="M"/>
  <connection from=":c_1" to="e1" fromLane="0" toLane="0" dir="s" state="M"/>
</net>)";
}

StreetCity Made(const std::string& text) {
  const Result<cloud::StreetNetwork> network = cloud::ParseSumoNetwork(text, "test");
  EXPECT_TRUE(network.ok()) << network.status().message();
  Result<StreetCity> made = MakeStreetCity(network.value());
  EXPECT_TRUE(made.ok()) << made.status().message();
  return std::move(made).value();
}

double DistanceTo(std::span<const Vec2> line, Vec2 point) {
  double nearest_m = 1e9;
  for (std::size_t i = 1; i < line.size(); ++i) {
    const Vec2 along = line[i] - line[i - 1];
    const double length2 = NormSquared(along);
    const double at = length2 > 0 ? std::clamp(Dot(point - line[i - 1], along) / length2, 0.0, 1.0) : 0;
    nearest_m = std::min(nearest_m, Norm(point - (line[i - 1] + at * along)));
  }
  return nearest_m;
}

TEST(RoundCorners, CutsACornerByAtMostWhatItMay) {
  const std::vector<Vec2> points{{0, 0}, {0, 10}, {0, 20}, {20, 20}};
  const RoundedLine line = RoundCorners(points, 0.25);
  EXPECT_DOUBLE_EQ(line.heading_rad, 0);
  // The tangent's length is 0.25 m / tan(90° / 4), and the radius the same.
  const double tangent_m = 0.25 / std::tan(kPi / 8);
  ASSERT_EQ(line.arcs.size(), 3u);
  EXPECT_NEAR(line.arcs[0].length_m, 20 - tangent_m, 1e-9);
  EXPECT_NEAR(line.arcs[1].curvature_per_m, 1 / tangent_m, 1e-9);
  EXPECT_NEAR(line.arcs[2].length_m, 20 - tangent_m, 1e-9);
  Pose pose{points[0], line.heading_rad, 0};
  for (const PathArc& arc : line.arcs) {
    const Pose middle = DriveArc(pose, arc.length_m / 2, arc.curvature_per_m);
    EXPECT_LE(DistanceTo(points, middle.position), 0.25 + 1e-9);
    pose = DriveArc(pose, arc.length_m, arc.curvature_per_m);
  }
  EXPECT_LT(Norm(pose.position - points.back()), 1e-9);
}

TEST(StreetCity, HasTheNetworksLanesRulesAndCourses) {
  const StreetCity made = Made(FigureOfEight(""));
  const City& city = made.city;
  ASSERT_EQ(city.lanes().size(), 2u);
  EXPECT_EQ(made.lanes_left_out, 1u);           // Nobody comes back from D.
  EXPECT_NEAR(made.metres_left_out, 90, 1e-9);
  ASSERT_EQ(city.connections().size(), 2u);
  // Each corner of 90° is cut by twice the tangent, less the quarter of a circle.
  const double tangent_m = 0.4 / std::tan(kPi / 8);
  const double cut_m = 3 * (2 - kPi / 2) * tangent_m;
  EXPECT_NEAR(city.track(0).length_m, 190 + 151.6 + 201.6 + 140 - cut_m, 1e-6);
  EXPECT_NEAR(city.track(1).length_m, 140 + 198.4 + 148.4 + 190 - cut_m, 1e-6);
  // The courses cross 11.6 m and 8.4 m from the lines, and touch 2.5 m before and behind that.
  const ConflictZone* north = city.Zone(0, 1);
  const ConflictZone* west = city.Zone(1, 0);
  ASSERT_TRUE(north != nullptr && west != nullptr);
  EXPECT_TRUE(north->yields);
  EXPECT_FALSE(west->yields);
  EXPECT_NEAR((north->enter_m + north->leave_m) / 2, 11.6, 0.6);
  EXPECT_NEAR((west->enter_m + west->leave_m) / 2, 8.4, 0.6);
  EXPECT_NEAR(north->leave_m - north->enter_m, 5, 1.5);
  EXPECT_EQ(city.connection(0).signal, kNoSignal);
}

TEST(StreetCity, ShowsTheLightsOfTheNetworksProgramme) {
  const StreetCity made = Made(FigureOfEight(R"(tl="t")"));
  const City& city = made.city;
  ASSERT_EQ(city.connections().size(), 2u);
  const Signal& north = city.signal(city.connection(0).signal);
  const Signal& west = city.signal(city.connection(1).signal);
  EXPECT_EQ(north.cycle_s, 50);
  EXPECT_EQ(north.green_s(), 20);
  // The programme is 5 s behind.
  EXPECT_EQ(LightAt(north, 4).light, Light::kRed);
  EXPECT_EQ(LightAt(north, 6).light, Light::kGreen);
  EXPECT_EQ(LightAt(north, 26).light, Light::kYellow);
  EXPECT_EQ(LightAt(west, 29).light, Light::kRed);
  EXPECT_EQ(LightAt(west, 31).light, Light::kGreen);
}

// g gives way by the junction's rules, G does not; both are green.
TEST(StreetCity, AGreenLightMayGoFirstForAPartOfItsTime) {
  std::string text = FigureOfEight(R"(tl="t")");
  const std::string green = R"(<phase duration="20" state="Gr"/>)";
  text.replace(text.find(green), green.size(), R"(<phase duration="12" state="gr"/><phase duration="8" state="Gr"/>)");
  const StreetCity made = Made(text);
  const Signal& north = made.city.signal(made.city.connection(0).signal);
  EXPECT_TRUE(made.city.connection(0).yields);
  EXPECT_EQ(north.green_s(), 20);
  EXPECT_EQ(LightAt(north, 5 + 11).light, Light::kGreen);
  EXPECT_FALSE(LightAt(north, 5 + 11).first);
  EXPECT_EQ(LightAt(north, 5 + 13).light, Light::kGreen);
  EXPECT_TRUE(LightAt(north, 5 + 13).first);
  EXPECT_FALSE(LightAt(north, 5 + 21).first);
}

// A street of two lanes, the right one of which ends `ends_m` before the next street; the limit through the junction is
// `through_mps`, the turn there `turn`.
std::string LaneThatEnds(double ends_m, double through_mps, bool turn) {
  const std::string end = std::to_string(100 + ends_m);
  const std::string next = turn ? end + ",-13 " + end + ",-200" : end + ",3.2 300,3.2";
  return R"(<net version="1.20">
  <edge id=":B_0" function="internal"><lane id=":B_0_0" index="0" speed=")" + std::to_string(through_mps) +
         R"(" length="9" shape="100,3.2 )" + next.substr(0, next.find(' ')) + R"("/></edge>
  <edge id="ab" from="A" to="B" priority="1">
    <lane id="ab_0" index="0" speed="14" length="100" shape="0,0 100,0"/>
    <lane id="ab_1" index="1" speed="14" length="100" shape="0,3.2 100,3.2"/>
  </edge>
  <edge id="bc" from="B" to="C" priority="1"><lane id="bc_0" index="0" speed="14" length="190" shape=")" + next + R"("/></edge>
  <junction id="A" type="dead_end" x="0" y="0" incLanes="" intLanes=""/>
  <junction id="B" type="priority" x="100" y="0" incLanes="ab_0 ab_1" intLanes=":B_0_0">
    <request index="0" response="0" foes="0" cont="0"/>
  </junction>
  <junction id="C" type="dead_end" x="300" y="0" incLanes="bc_0" intLanes=""/>
  <connection from="ab" to="bc" fromLane="1" toLane="0" via=":B_0_0" dir="s" state="M"/>
  <connection from=":B_0" to="bc" fromLane="0" toLane="0" dir="s" state="M"/>
</net>)";
}

cloud::StreetNetwork NetworkOf(const std::string& text) {
  Result<cloud::StreetNetwork> network = cloud::ParseSumoNetwork(text, "test");
  EXPECT_TRUE(network.ok()) << network.status().message();
  return std::move(network).value();
}

TEST(StreetCity, WhoIsOnALaneThatEndsJoinsTheOneBesideIt) {
  const StreetCity made = MakeStreetCity(NetworkOf(LaneThatEnds(10, 14, false)), StreetPart::kAll).value();
  const City& city = made.city;
  EXPECT_EQ(made.lanes_left_out, 0u);
  ASSERT_EQ(city.lanes().size(), 3u);
  ASSERT_EQ(city.connections().size(), 2u);
  EXPECT_TRUE(city.connection(0).joins);
  EXPECT_FALSE(city.connection(1).joins);
  EXPECT_EQ(city.connection(0).to_lane, city.connection(1).to_lane);
  // In turns: nobody has to wait for a gap.
  EXPECT_FALSE(city.connection(0).yields);
  EXPECT_FALSE(city.connection(1).yields);
  EXPECT_NE(city.Zone(0, 1), nullptr);
}

TEST(StreetCity, ALaneThatEndsTooNearIsLeftOut) {
  const StreetCity made = MakeStreetCity(NetworkOf(LaneThatEnds(4, 14, false)), StreetPart::kAll).value();
  EXPECT_EQ(made.lanes_left_out, 1u);
  EXPECT_EQ(made.city.connections().size(), 1u);
}

TEST(StreetCity, NobodyStandsForEverWhereALaneEnds) {
  const cloud::StreetNetwork network = NetworkOf(LaneThatEnds(10, 14, false));
  std::string routes = "<routes><vType id=\"car\" length=\"5\"/>";
  for (int i = 0; i < 60; ++i) {
    routes += "<vehicle id=\"" + std::to_string(i) + "\" type=\"car\" depart=\"" + std::to_string(i) + "\" departLane=\"" +
              std::to_string(i % 2) + "\"><route edges=\"ab bc\"/></vehicle>";
  }
  const Result<Demand> demand = ParseSumoDemand({{"test", routes + "</routes>"}}, network, {});
  ASSERT_TRUE(demand.ok()) << demand.status().message();
  const StreetCity made = MakeStreetCity(network, StreetPart::kAll).value();
  TrafficConfig config = TrafficConfig::PerfectDrivers();
  config.vehicles = 100;
  Traffic traffic(made.city, demand.value(), config);
  traffic.AdvanceTo(SimTime(seconds(300)));
  EXPECT_TRUE(traffic.Finished()) << traffic.on_road() << " on the road, " << traffic.Waiting() << " wait";
  EXPECT_EQ(traffic.counters().trips, 60u);
  EXPECT_EQ(traffic.counters().collisions, 0u);
}

TEST(StreetCity, AWayThroughAJunctionIsAsFastAsTheNetworkSays) {
  const auto limit_mps = [](double through_mps) {
    const StreetCity made = MakeStreetCity(NetworkOf(LaneThatEnds(16, through_mps, true)), StreetPart::kAll).value();
    return made.city.track(made.city.TrackOf(static_cast<ConnectionIndex>(made.city.connections().size() - 1))).speed_limit_mps;
  };
  const double course_mps = limit_mps(0.5);  // What the course allows by itself.
  EXPECT_LT(course_mps, 10);
  EXPECT_NEAR(limit_mps(course_mps + 1), course_mps + 1, 1e-5);
}

// A street that turns by 90° to the right at J within two metres, and its other direction; `more` may be a second lane.
std::string Corner(const std::string& more) {
  return R"(<net version="1.20">
  <edge id="wj" from="W" to="J" priority="1"><lane id="wj_0" index="0" speed="14" length="60" shape="0,-60 0,0"/>)" + more + R"(</edge>
  <edge id="je" from="J" to="E" priority="1"><lane id="je_0" index="0" speed="14" length="90" shape="1.8,-1 91.8,-1"/></edge>
  <edge id="ej" from="E" to="J" priority="1"><lane id="ej_0" index="0" speed="14" length="90" shape="90,2.2 0,2.2"/></edge>
  <edge id="jw" from="J" to="W" priority="1"><lane id="jw_0" index="0" speed="14" length="60" shape="-3.2,0 -3.2,-60"/></edge>
  <junction id="J" type="priority" x="0" y="0" incLanes="wj_0 ej_0" intLanes="">
    <request index="0" response="00" foes="00" cont="0"/><request index="1" response="00" foes="00" cont="0"/>
  </junction>
  <junction id="W" type="dead_end" x="0" y="-60" incLanes="jw_0" intLanes=""/>
  <junction id="E" type="dead_end" x="90" y="0" incLanes="je_0" intLanes=""/>
  <connection from="wj" to="je" fromLane="0" toLane="0" dir="r" state="M"/>
  <connection from="ej" to="jw" fromLane="0" toLane="0" dir="l" state="M"/>
</net>)";
}

TEST(StreetCity, ABendThatNoCarCanFollowBeginsBeforeTheStreetsEnd) {
  const auto tightest_m = [](const City& city, ConnectionIndex way) {
    double radius_m = 1e9;
    for (const TrackArc& piece : city.arcs(city.TrackOf(way))) {
      radius_m = std::min(radius_m, 1 / std::max(std::abs(piece.arc.curvature_per_m), 1e-9));
    }
    return radius_m;
  };
  const City city = MakeStreetCity(NetworkOf(Corner("")), StreetPart::kAll).value().city;
  EXPECT_NEAR(tightest_m(city, 0), 5, 0.01);
  EXPECT_NEAR(city.track(0).length_m, 60 - 6, 0.01);    // The lines meet a metre before the end, and the bend takes 5 m of each.
  EXPECT_NEAR(city.track(1).length_m, 90 - 3.2, 0.01);
  // Beside another lane it stays as it is.
  const City wide = MakeStreetCity(NetworkOf(Corner(
      R"(<lane id="wj_1" index="1" speed="14" length="60" shape="-0.1,-60 -0.1,0"/>)")), StreetPart::kAll).value().city;
  EXPECT_NEAR(wide.track(0).length_m, 60, 0.01);
}

TEST(StreetCity, RefusesWhatNobodyCanDriveInForEver) {
  const std::string street = R"(<net version="1.20">
  <edge id="ab" from="A" to="B" priority="1"><lane id="ab_0" index="0" speed="10" length="90" shape="0,0 90,0"/></edge>
  <junction id="A" type="dead_end" x="0" y="0" incLanes="" intLanes=""/>
  <junction id="B" type="dead_end" x="90" y="0" incLanes="ab_0" intLanes=""/>
</net>)";
  const Result<cloud::StreetNetwork> network = cloud::ParseSumoNetwork(street, "test");
  ASSERT_TRUE(network.ok()) << network.status().message();
  const Result<StreetCity> made = MakeStreetCity(network.value());
  ASSERT_FALSE(made.ok());
  EXPECT_NE(made.status().message().find("lead to each other"), std::string_view::npos);
}

TEST(StreetCity, RefusesAChainOfStreetsWithoutAWayBack) {
  const std::string streets = R"(<net version="1.20">
  <edge id="ab" from="A" to="B" priority="1"><lane id="ab_0" index="0" speed="10" length="90" shape="0,0 90,0"/></edge>
  <edge id="bc" from="B" to="C" priority="1"><lane id="bc_0" index="0" speed="10" length="50" shape="90,0 140,0"/></edge>
  <junction id="A" type="dead_end" x="0" y="0" incLanes="" intLanes=""/>
  <junction id="B" type="priority" x="90" y="0" incLanes="ab_0" intLanes="">
    <request index="0" response="0" foes="0" cont="0"/>
  </junction>
  <junction id="C" type="dead_end" x="140" y="0" incLanes="bc_0" intLanes=""/>
  <connection from="ab" to="bc" fromLane="0" toLane="0" dir="s" state="M"/>
</net>)";
  const Result<cloud::StreetNetwork> network = cloud::ParseSumoNetwork(streets, "test");
  ASSERT_TRUE(network.ok()) << network.status().message();
  EXPECT_FALSE(MakeStreetCity(network.value()).ok());
}

TEST(RoundCorners, OfOnePointIsAShortStraightPiece) {
  const std::vector<Vec2> points{{3, 4}, {3, 4}};
  const RoundedLine line = RoundCorners(points, 0.25);
  ASSERT_EQ(line.arcs.size(), 1u);
  EXPECT_GT(line.arcs[0].length_m, 0);
  EXPECT_EQ(line.arcs[0].curvature_per_m, 0);
}

class DriveInStreets : public testing::TestWithParam<const char*> {};

TEST_P(DriveInStreets, LawfulDriversCrossAndNeitherCollideNorRunALight) {
  const StreetCity made = Made(FigureOfEight(GetParam()));
  TrafficConfig config = TrafficConfig::PerfectDrivers();
  config.vehicles = 40;
  config.places = 2;
  config.warm_up_s = 30;
  Traffic traffic(made.city, config);
  traffic.AdvanceTo(SimTime(seconds(600)));
  EXPECT_EQ(traffic.counters().collisions, 0u);
  EXPECT_EQ(traffic.counters().red_light_runs, 0u);
  EXPECT_GT(traffic.MeanSpeed(), 1);
  EXPECT_GT(traffic.counters().trips, 100u);
}
INSTANTIATE_TEST_SUITE_P(WithAndWithoutSignal, DriveInStreets, testing::Values("", R"(tl="t")"));

TEST(RealStreets, LanesFollowTheNetworksAndLawfulTrafficFlows) {
  const char* const data = std::getenv("STARLING_DATA");
  const fs::path folder = data != nullptr ? fs::path(data) : fs::path(STARLING_SOURCE_DIR) / "../shared/data";
  const fs::path file = folder / "bologna/joined_buslanes.net.xml.gz";
  if (!fs::exists(file)) GTEST_SKIP() << file << " is not there; STARLING_DATA names the folder that holds it";
  const Result<cloud::StreetNetwork> network = cloud::ReadSumoNetwork(file.string());
  ASSERT_TRUE(network.ok()) << network.status().message();
  const Result<StreetCity> made = MakeStreetCity(network.value());
  ASSERT_TRUE(made.ok()) << made.status().message();
  const City& city = made.value().city;
  EXPECT_GT(city.lanes().size(), 150u);
  for (LaneIndex lane = 0; lane < city.lanes().size(); ++lane) {
    std::vector<Vec2> shape;
    for (const Vec2 point : network.value().shape(made.value().lane_of[lane])) {
      shape.push_back(point + made.value().network_origin);
    }
    for (double at_m = 0; at_m <= city.track(lane).length_m; at_m += 1) {
      EXPECT_LT(DistanceTo(shape, city.PoseAt(lane, at_m).position), 0.46) << "lane " << lane << " at " << at_m;
    }
  }
  for (ConnectionIndex i = 0; i < city.connections().size(); ++i) {
    const TrackIndex track = city.TrackOf(i);
    const Pose end = city.PoseAt(track, city.track(track).length_m);
    EXPECT_LT(Norm(end.position - city.PoseAt(city.connection(i).to_lane, 0).position), 0.31) << "connection " << i;
  }
  TrafficConfig config = TrafficConfig::PerfectDrivers();
  config.vehicles = 250;
  config.places = 32;
  config.warm_up_s = 30;
  Traffic traffic(city, config);
  for (int second = 1; second <= 240; ++second) {
    traffic.AdvanceTo(SimTime(seconds(second)));
    for (VehicleIndex i = 0; i < traffic.size(); ++i) {
      // What an agent takes at most.
      EXPECT_LT(std::abs(traffic.Truth(i, traffic.time()).yaw_rate_radps), 3.2) << "vehicle " << i << " at " << second << ", speed " << traffic.Truth(i, traffic.time()).speed_mps;
    }
  }
  EXPECT_EQ(traffic.counters().collisions, 0u);
  EXPECT_EQ(traffic.counters().red_light_runs, 0u);
  EXPECT_GT(traffic.MeanSpeed(), 2);
}

}  // namespace
}  // namespace starling::sim
