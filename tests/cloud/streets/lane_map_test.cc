#include "cloud/streets/lane_map.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cloud/streets/network_plane.h"
#include "common/geo/trigonometry.h"
#include "tests/cloud/streets/bend_network.h"

namespace starling::cloud {
namespace {

constexpr double kEast = kPi / 2;

class Lanes : public testing::Test {
 protected:
  static MotionState At(double x, double y, double heading_rad, double curvature = 0, double speed = 10) {
    return {{x, y}, heading_rad, speed, 0, curvature};
  }
  std::string EdgeAt(const MotionState& state) const {
    const LaneMap::Place place = lanes_.Find(state);
    return place.lane == kNone ? "" : network_.edges()[network_.lanes()[place.lane].edge].id;
  }
  // Where it is expected to be after some way.
  Pose After(const MotionState& state, double metres) const {
    return DriveAlong(state, lanes_.WayOf(state, 80), metres);
  }

  const StreetNetwork network_ = BendNetwork();
  const LaneMap lanes_{network_, [](Vec2 point) { return point; }};
};

TEST_F(Lanes, AreFoundByPositionHeadingAndBend) {
  EXPECT_EQ(EdgeAt(At(50, 0.5, kEast)), "in");
  EXPECT_EQ(EdgeAt(At(50, -3, kEast)), "turn");
  EXPECT_EQ(EdgeAt(At(50, 30, kEast)), "");
  EXPECT_EQ(EdgeAt(At(50, 0, -kEast)), "") << "nobody drives there in that direction";
  // Within the junction both ways begin on one line.
  EXPECT_EQ(EdgeAt(At(104, 0.3, kEast - 0.1, 0)), ":j_0");
  EXPECT_EQ(EdgeAt(At(104, 0.3, kEast - 0.1, -0.05)), ":j_1");
  const LaneMap::Place place = lanes_.Find(At(30, -0.7, kEast + 0.1));
  EXPECT_NEAR(place.along_m, 30, 1e-3);
  EXPECT_NEAR(place.right_m, 0.7, 1e-3);
}

TEST_F(Lanes, OneWhoTurnsStopsTurningWhereHisLaneDoes) {
  // In the middle of the turn.  By his curvature alone he would go on around; the street goes north.
  const double diagonal = 20 * std::sqrt(0.5);
  const MotionState state = At(100 + diagonal, 20 - diagonal, kPi / 4, -0.05);
  const Pose pose = After(state, 60);
  EXPECT_NEAR(pose.heading_rad, 0, 0.02);
  EXPECT_NEAR(pose.position.x, 120, 1.5);
  const Pose alone = DriveAlong(state, {}, 60);
  EXPECT_LT(alone.position.x, 100) << "and this is what it is for";
}

TEST_F(Lanes, HoldABendForWhomItHasBegunToBend) {
  const MotionState state = At(500, -50, kEast, 0);
  const Pose pose = After(state, 60);  // Of 78.5 m.
  const double turned = 60.0 / 50;
  EXPECT_NEAR(pose.position.x, 500 + 50 * std::sin(turned), 2.5);
  EXPECT_NEAR(pose.position.y, -50 * std::cos(turned), 2.5);
  EXPECT_NEAR(pose.heading_rad, kEast - turned, 0.06);
}

TEST_F(Lanes, LeadStraightOnUnlessTheyTurnOrHeHasBegunTo) {
  EXPECT_NEAR(After(At(70, 0, kEast), 75).position.y, 0, 0.3);
  EXPECT_NEAR(After(At(70, -4, kEast), 100).heading_rad, 0, 0.05) << "there is no other way from this lane";
  EXPECT_NEAR(After(At(95, 0, kEast, -0.04), 75).heading_rad, 0, 0.05) << "he has begun to turn";
  EXPECT_NEAR(After(At(50, 0, kEast, -0.04), 75).heading_rad, kEast, 0.05) << "far from the line he has not";
}

TEST_F(Lanes, ArePassedBesideTheirMiddleAndInLineWithThem) {
  const Pose offset = After(At(10, 0.9, kEast), 60);
  EXPECT_NEAR(offset.position.y, 0.9, 0.05);
  const MotionState askew = At(10, 0, kEast + 0.1);
  EXPECT_NEAR(After(askew, 60).heading_rad, kEast, 0.01);
  EXPECT_NEAR(After(askew, 5).heading_rad, kEast + 0.1, 1e-6) << "half a second he goes on as he does";
  EXPECT_GT(After(askew, 60).position.y, -1.5);
  EXPECT_LT(DriveAlong(askew, {}, 60).position.y, -5);
}

TEST_F(Lanes, OffTheStreetsThereIsNoWay) {
  EXPECT_TRUE(lanes_.WayOf(At(50, 40, kEast), 50).empty());
  EXPECT_TRUE(lanes_.WayOf(At(1e9, -1e9, kEast), 50).empty());
  EXPECT_TRUE(lanes_.WayOf(At(std::nan(""), 0, kEast), 50).empty());
}

TEST_F(Lanes, AnyNumberOfTurnsInAHeadingIsTheSame) {
  const PlannedPath one = lanes_.WayOf(At(70, -4, kEast + 0.05), 80);
  const PlannedPath other = lanes_.WayOf(At(70, -4, kEast + 0.05 + 4 * kPi), 80);
  ASSERT_EQ(one.size(), other.size());
  for (std::size_t i = 0; i < one.size(); ++i) {
    EXPECT_NEAR(one.arcs()[i].length_m, other.arcs()[i].length_m, 1e-6);
    EXPECT_NEAR(one.arcs()[i].curvature_per_m, other.arcs()[i].curvature_per_m, 1e-6);
  }
}

// Lanes as people draw them: corners, long pieces beside short ones.  `shapes` are of lanes that follow each other;
// between them lies the next one within a junction, and so on in turns.
StreetNetwork Row(const std::vector<std::string>& shapes, const std::string& turn = "s") {
  std::string lanes;
  std::string ways;
  const auto name = [](std::size_t i) { return (i % 2 == 0 ? std::string("e") : std::string(":j_")) + std::to_string(i); };
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    lanes += "<edge id=\"" + name(i);
    lanes += i % 2 == 0 ? "\" from=\"a\" to=\"a\" priority=\"1\">" : "\" function=\"internal\">";
    lanes += "<lane id=\"" + name(i);
    lanes += "_0\" index=\"0\" speed=\"14\" length=\"1\" shape=\"" + shapes[i];
    lanes += "\"/></edge>";
    if (i + 1 == shapes.size()) break;
    ways += "<connection from=\"" + name(i);
    ways += "\" to=\"" + name(i + 2 - i % 2);
    ways += "\" fromLane=\"0\" toLane=\"0\" ";
    if (i % 2 == 0) ways += "via=\"" + name(i + 1) + "_0\" ";
    ways += "dir=\"" + turn;
    ways += "\" state=\"M\"/>";
  }
  std::string text = "<net version=\"1.16\">" + lanes;
  text += "<junction id=\"a\" type=\"priority\" x=\"0\" y=\"0\" incLanes=\"\" intLanes=\"\" shape=\"\"/>" + ways;
  Result<StreetNetwork> network = ParseSumoNetwork(text + "</net>", "row.net.xml");
  STARLING_CHECK(network.ok());
  return std::move(network).value();
}

// The farthest that a way along lanes gets from their lines, in `metres` from a place on the first one.
double OffLine(const StreetNetwork& network, const MotionState& state, double metres) {
  const LaneMap lanes(network, [](Vec2 point) { return point; });
  const PlannedPath way = lanes.WayOf(state, metres);
  double worst = 0;
  for (double at_m = 0; at_m < metres; at_m += 0.5) {
    const Vec2 here = DriveAlong(state, way, at_m).position;
    double nearest = 1e9;
    for (LaneIndex lane = 0; lane < network.lanes().size(); ++lane) {
      for (std::size_t i = 0; i + 1 < network.shape(lane).size(); ++i) {
        const Vec2 a = network.shape(lane)[i];
        const Vec2 along = network.shape(lane)[i + 1] - a;
        const double share = std::clamp(Dot(here - a, along) / std::max(NormSquared(along), 1e-9), 0.0, 1.0);
        nearest = std::min(nearest, Norm(a + share * along - here));
      }
    }
    worst = std::max(worst, nearest);
  }
  return worst;
}

TEST(DrawnLanes, ALongPieceBesideACornerIsStraight) {
  const StreetNetwork network = Row({"0,0 100,0 110,5"});
  EXPECT_LT(OffLine(network, {{20, 0}, kEast, 14, 0, 0}, 78), 0.3) << "before the corner";
  const StreetNetwork after = Row({"-5,-10 0,0 0,80"});
  EXPECT_LT(OffLine(after, {{0, 10}, 0, 10, 0, 0}, 65), 0.3) << "and behind it";
}

TEST(DrawnLanes, ACornerIsTakenWithinTheWayThatItTakesToGetInLine) {
  EXPECT_LT(OffLine(Row({"0,0 60,0 120,20"}), {{30, 0}, kEast, 10, 0, 0}, 80), 1.8);
  // Behind a piece within a junction that is too short for an arc of its own.
  EXPECT_LT(OffLine(Row({"0,0 60,0", "60,0 60.8,0", "60.8,0 140,28"}), {{30, 0}, kEast, 10, 0, 0}, 100), 1.8);
}

TEST(DrawnLanes, AWayThroughAJunctionMayHaveNoLength) {
  EXPECT_LT(OffLine(Row({"0,0 60,0", "60,0 60,0", "60,0 120,20"}), {{30, 0}, kEast, 10, 0, 0}, 80), 1.8);
}

TEST_F(Lanes, NobodyIsExpectedToTurnAroundWhoNeedNot) {
  std::string text = BendNetworkText();
  const std::string way = "<connection from=\"in\" to=\"out_n\"";
  const std::size_t at = text.find(way);
  ASSERT_NE(at, std::string::npos);
  text.insert(at, "<connection from=\"in\" to=\"home\" via=\":j_t_0\" fromLane=\"0\" toLane=\"0\" dir=\"t\" state=\"m\"/>"
                  "<connection from=\":j_t\" to=\"home\" fromLane=\"0\" toLane=\"0\" dir=\"t\" state=\"M\"/>");
  text.insert(text.find("<edge id=\"in\""),
              "<edge id=\":j_t\" function=\"internal\"><lane id=\":j_t_0\" index=\"0\" speed=\"3\" length=\"6\" shape=\"" +
                  ArcShape({100, 2}, 2, -90, 90) + "\"/></edge><edge id=\"home\" from=\"j\" to=\"a\" priority=\"1\">"
                  "<lane id=\"home_0\" index=\"0\" speed=\"14\" length=\"30\" shape=\"100,4 0,4\"/></edge>");
  for (std::size_t row = text.find("\"000\""); row != std::string::npos; row = text.find("\"000\"")) text.insert(row + 1, 1, '0');
  text.insert(text.find("</junction>"), "<request index=\"3\" response=\"0000\" foes=\"0000\" cont=\"0\"/>");
  const Result<StreetNetwork> network = ParseSumoNetwork(text, "around.net.xml");
  ASSERT_TRUE(network.ok()) << network.status().message();
  const LaneMap lanes(network.value(), [](Vec2 point) { return point; });
  const MotionState state = At(95, 0, kEast, -0.04);
  EXPECT_NEAR(DriveAlong(state, lanes.WayOf(state, 80), 75).heading_rad, 0, 0.05);
}

// PROJ's own example: cs2cs of EPSG:32632's definition.
TEST(Plane, GoesToDegreesByTheNetworksProjection) {
  const auto plane = NetworkPlane::Create({"+proj=utm +zone=32 +ellps=WGS84 +datum=WGS84 +units=m +no_defs", {-500'000, -5'000'000}});
  ASSERT_TRUE(plane.ok()) << plane.status().message();
  const Result<GeoPoint> place = plane.value().ToGeo({0, 0});
  ASSERT_TRUE(place.ok());
  EXPECT_NEAR(place.value().lon_deg, 9, 1e-9) << "the zone's central meridian has 500 km";
  // Snyder 1987, equation 3-21: 5,000 km of northing over the scale 0.9996 are this latitude's arc.
  EXPECT_NEAR(place.value().lat_deg, 45.153, 2e-3);
  // 10 km to the east, by the local frame's projection, which is exact there.
  const LocalFrame frame({451'530'000, 90'000'000});
  const Result<GeoPoint> east = plane.value().ToGeo({10'000, 0});
  ASSERT_TRUE(east.ok());
  EXPECT_NEAR(Norm(frame.ToLocal(east.value()) - frame.ToLocal(place.value())) * 0.9996, 10'000, 0.1);
}

TEST(Plane, WithoutAProjectionOrFarFromTheCityItIsRefused) {
  EXPECT_EQ(NetworkPlane::Create({}).status().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(NetworkPlane::Create({"+proj=nonsense", {}}).status().code(), ErrorCode::kInvalidArgument);
  const LocalFrame frame({481'351'000, 115'820'000});
  const auto lanes = MakeLaneMap(BendNetwork(), frame);
  ASSERT_FALSE(lanes.ok());
  EXPECT_NE(std::string(lanes.status().message()).find("projection"), std::string::npos);
}

}  // namespace
}  // namespace starling::cloud
