#include "cloud/streets/sumo_network.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "tests/cloud/streets/network_invariants.h"
#include "tests/cloud/streets/small_city.h"

namespace starling::cloud {
namespace {

using testing::ElementsAre;

std::string With(const std::string& from, const std::string& to) {
  std::string text = kSmallCity;
  const std::size_t at = text.find(from);
  STARLING_CHECK(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

class SumoNetwork : public testing::Test {
 protected:
  void Read(const std::string& text) {
    Result<StreetNetwork> read = ParseSumoNetwork(text, "city.net.xml");
    ASSERT_TRUE(read.ok()) << read.status().message();
    network_ = std::move(read).value();
    CheckInvariants(network_);
  }
  void SetUp() override { Read(kSmallCity); }

  const StreetEdge& Edge(const std::string& id) const { return network_.edges()[network_.FindEdge(id).value()]; }
  LaneIndex LaneNumber(const std::string& edge, std::uint32_t lane) const { return Edge(edge).lane_first + lane; }
  const StreetLane& Lane(const std::string& edge, std::uint32_t lane) const {
    return network_.lanes()[LaneNumber(edge, lane)];
  }
  // The only way on, or that to an edge.
  const StreetConnection& Way(const std::string& edge, std::uint32_t lane, const std::string& to) const {
    for (const StreetConnection& way : network_.ways_on(LaneNumber(edge, lane))) {
      if (network_.edges()[network_.lanes()[way.to].edge].id == to) return way;
    }
    ADD_FAILURE() << edge << " does not lead to " << to;
    return network_.connections().front();
  }
  const StreetRequest& Request(const StreetConnection& way) const {
    return network_.requests()[network_.junctions()[way.junction].request_first + way.request];
  }
  std::map<std::string, std::uint64_t> Unsupported() const {
    std::map<std::string, std::uint64_t> counts;
    for (const auto& thing : network_.unsupported()) counts[thing.what] = thing.count;
    return counts;
  }

  StreetNetwork network_;
};

TEST_F(SumoNetwork, LanesHaveWidthLimitLengthAndShape) {
  const StreetLane& bus = Lane("wc", 0);
  EXPECT_EQ(bus.width_m, 3.5);
  EXPECT_EQ(bus.speed_mps, 13.89);
  EXPECT_EQ(bus.length_m, 94.5);
  EXPECT_THAT(network_.shape(LaneNumber("wc", 0)), ElementsAre(Vec2{0, 0}, Vec2{50, 0}, Vec2{95, 0}));
  EXPECT_EQ(Lane("wc", 1).width_m, 3.2) << "SUMO's default";
  EXPECT_EQ(Edge("wc").priority, 3);
  EXPECT_EQ(Edge(":c_2").function, EdgeFunction::kInternal);
  EXPECT_EQ(network_.junctions()[Edge("wc").to].id, "c");
  EXPECT_EQ(network_.junctions()[Edge("wc").to].position, (Vec2{100, 0}));
}

TEST_F(SumoNetwork, LanesSayWhoMayDrive) {
  EXPECT_EQ(Lane("wc", 0).allowed, kBus | kTaxi);
  EXPECT_EQ(Lane("wc", 1).allowed, kAllClasses & ~(kPedestrian | kRail)) << "a coach is one of many other classes";
  EXPECT_EQ(Lane("sc", 0).allowed, kAllClasses);
  EXPECT_EQ(Lane("ab", 0).allowed, kRail);
  Read(With("allow=\"bus taxi\"", "allow=\"all\" disallow=\"bus\""));
  EXPECT_EQ(Lane("wc", 0).allowed, kAllClasses) << "allow goes first";
  Read(With("allow=\"bus taxi\"", "disallow=\"tram\""));
  EXPECT_EQ(Lane("wc", 0).allowed, kAllClasses) << "other trains may";
  Read(With("allow=\"bus taxi\"", "allow=\"bus hovercraft\""));
  EXPECT_EQ(Lane("wc", 0).allowed, kBus);
  EXPECT_EQ(Unsupported()["vehicle class \"hovercraft\""], 1u);
}

// Two streets that cross at a signal.
TEST_F(SumoNetwork, ConnectionsHaveRequestsSignalsAndWaysThrough) {
  const StreetConnection& north = Way("sc", 0, "cn");
  const StreetConnection& east = Way("wc", 0, "ce");
  const StreetConnection& left = Way("wc", 1, "cn");
  EXPECT_EQ(north.request, 0u) << "by incoming lane, not by line";
  EXPECT_EQ(east.request, 1u);
  EXPECT_EQ(left.request, 2u);
  EXPECT_THAT(Request(north).response, ElementsAre(false, false, false));
  EXPECT_THAT(Request(north).foes, ElementsAre(false, true, true));
  EXPECT_THAT(Request(left).response, ElementsAre(true, false, false));
  EXPECT_TRUE(Request(left).waits_inside);
  EXPECT_FALSE(Request(east).waits_inside);

  EXPECT_EQ(network_.signals()[east.signal].id, "light");
  EXPECT_EQ(east.signal_link, 1u);
  EXPECT_EQ(east.right_of_way, RightOfWay::kSignal);
  EXPECT_EQ(east.turn, Turn::kStraight);
  EXPECT_EQ(left.turn, Turn::kLeft);
  EXPECT_TRUE(east.keep_clear);
  EXPECT_FALSE(north.keep_clear);

  EXPECT_EQ(left.via, LaneNumber(":c_2", 0));
  EXPECT_EQ(Way(":c_2", 0, "cn").via, LaneNumber(":c_3", 0));
  EXPECT_EQ(Way(":c_3", 0, "cn").via, kNone);
  EXPECT_EQ(Way(":c_3", 0, "cn").to, LaneNumber("cn", 0));
  EXPECT_EQ(Way(":c_3", 0, "cn").junction, kNone);
}

TEST_F(SumoNetwork, RightGoesBeforeLeft) {
  const StreetConnection& right = Way("xr", 0, "ry");
  const StreetConnection& left = Way("ce", 0, "ry");
  EXPECT_EQ(network_.junctions()[right.junction].kind, JunctionKind::kRightBeforeLeft);
  EXPECT_EQ(right.right_of_way, RightOfWay::kEqual);
  EXPECT_EQ(right.turn, Turn::kPartRight);
  EXPECT_EQ(left.turn, Turn::kPartLeft);
  EXPECT_FALSE(Request(right).response[left.request]);
  EXPECT_TRUE(Request(left).response[right.request]);
  EXPECT_EQ(right.signal, kNone);
}

TEST_F(SumoNetwork, RoundaboutIsARingThatGoesFirst) {
  ASSERT_EQ(network_.roundabouts().size(), 1u);
  EXPECT_THAT(network_.roundabouts()[0].edges, ElementsAre(network_.FindEdge("yz"), network_.FindEdge("zy")));
  EXPECT_TRUE(Edge("yz").roundabout);
  EXPECT_FALSE(Edge("ry").roundabout);
  EXPECT_EQ(Way("zy", 0, "yz").right_of_way, RightOfWay::kMajor);
  EXPECT_EQ(Way("ry", 0, "yz").right_of_way, RightOfWay::kMinor);
  EXPECT_TRUE(Request(Way("ry", 0, "yz")).response[Way("zy", 0, "yz").request]);
  // A junction without lanes of its own.
  EXPECT_EQ(Way("yz", 0, "zo").via, kNone);
  EXPECT_EQ(Way("yz", 0, "zo").request, 0u);
  EXPECT_EQ(Way("yz", 0, "zy").request, 1u);
}

TEST_F(SumoNetwork, SignalHasItsProgramme) {
  ASSERT_EQ(network_.signals().size(), 1u);
  const StreetSignal& signal = network_.signals()[0];
  ASSERT_EQ(signal.programmes.size(), 1u);
  EXPECT_EQ(signal.links, 3u);
  EXPECT_EQ(signal.in_force().id, "0");
  EXPECT_EQ(signal.in_force().offset_s, 7.5);
  ASSERT_EQ(signal.in_force().phases.size(), 4u);
  EXPECT_EQ(signal.in_force().phases[2].duration_s, 25.5);
  EXPECT_EQ(signal.in_force().phases[2].state, "rGg");
  EXPECT_EQ(signal.in_force().phases[3].state, "ryy");
}

TEST_F(SumoNetwork, TracksShareTheirGround) {
  EXPECT_EQ(Edge("ab").bidi, network_.FindEdge("ba"));
  EXPECT_EQ(Edge("ba").bidi, network_.FindEdge("ab"));
  EXPECT_EQ(Edge("wc").bidi, kNone);
  const StreetConnection& turn = Way("ba", 0, "ab");
  EXPECT_EQ(turn.right_of_way, RightOfWay::kSignal);
  EXPECT_EQ(turn.signal, kNone) << "a railway's";
  EXPECT_EQ(Way("ab", 0, "ba").right_of_way, RightOfWay::kDeadEnd);
  EXPECT_EQ(Way("ab", 0, "ba").turn, Turn::kTurnAround);
}

TEST_F(SumoNetwork, KnowsItsProjectionAndItsSide) {
  EXPECT_EQ(network_.projection().proj, "+proj=utm +zone=32");
  EXPECT_EQ(network_.projection().offset, (Vec2{-600000.5, -5300000.25}));
  EXPECT_FALSE(network_.left_hand());
  Read(With("<net ", "<net lefthand=\"true\" "));
  EXPECT_TRUE(network_.left_hand());
  Read(With("+proj=utm +zone=32", "!"));
  EXPECT_EQ(network_.projection().proj, "");
}

TEST_F(SumoNetwork, EveryKindOfJunction) {
  const std::pair<std::string, JunctionKind> kinds[] = {
      {"priority", JunctionKind::kPriority},
      {"traffic_light", JunctionKind::kTrafficLight},
      {"traffic_light_right_on_red", JunctionKind::kTrafficLight},
      {"left_before_right", JunctionKind::kLeftBeforeRight},
      {"priority_stop", JunctionKind::kStop},
      {"allway_stop", JunctionKind::kAllwayStop},
      {"zipper", JunctionKind::kZipper},
      {"unregulated", JunctionKind::kUnregulated},
      {"rail_crossing", JunctionKind::kOther},
  };
  for (const auto& [word, kind] : kinds) {
    Read(With("type=\"right_before_left\"", "type=\"" + word + "\""));
    EXPECT_EQ(network_.junctions()[Edge("ce").to].kind, kind) << word;
    EXPECT_EQ(Unsupported().count("junctions of type \"" + word + "\""), kind == JunctionKind::kOther ? 1u : 0u);
  }
  const std::pair<std::string, RightOfWay> rights[] = {
      {"M", RightOfWay::kMajor},      {"m", RightOfWay::kMinor},  {"s", RightOfWay::kStop},
      {"w", RightOfWay::kAllwayStop}, {"Z", RightOfWay::kZipper},
  };
  for (const auto& [letter, right] : rights) {
    Read(With("dir=\"R\" state=\"=\"", "dir=\"R\" state=\"" + letter + "\""));
    EXPECT_EQ(Way("xr", 0, "ry").right_of_way, right) << letter;
  }
}

TEST_F(SumoNetwork, WhatIsNotTakenOverIsCounted) {
  const std::map<std::string, std::uint64_t> expected = {
      {"<param> in <lane>", 1},
      {"<prohibition> in <net>", 1},
      {"<restriction> in <type>", 1},
      {"attribute acceleration of <lane>", 1},
      {"attribute visibility of <connection>", 1},
      {"connections with a railway's signal", 1},
      {"edges with function \"walkingarea\"", 1},
      {"heights of lanes", 1},
      {"junctions of type \"rail_signal\"", 1},
  };
  EXPECT_EQ(Unsupported(), expected);
  Read(With("type=\"static\"", "type=\"actuated\""));
  EXPECT_EQ(Unsupported()["signal programmes of type \"actuated\", taken as static"], 1u);
  Read(With("version=\"1.20\"", "version=\"0.27\""));
  EXPECT_EQ(Unsupported()["version 0.27 of the file, read as 1.0"], 1u);
}

// Pedestrians' ways that cross nothing are no requests: SUMO's numbering skips them.
TEST_F(SumoNetwork, WaysOntoWalkingAreasHaveNoRequest) {
  Read(With("  <connection from=\"sc\"", R"(
  <connection from="sc" to=":S_w0" fromLane="0" toLane="0" dir="s" state="M"/>
  <connection from="sc")"));
  EXPECT_EQ(Way("sc", 0, ":S_w0").request, kNone);
  EXPECT_EQ(Way("sc", 0, "cn").request, 0u);
}

// Files as people edit them.
TEST_F(SumoNetwork, CommentsByteOrderMarksAndEntitiesAreFine) {
  Read("\xef\xbb\xbf" + kSmallCity);
  Read(With("id=\"W\"", "id='W'"));
  Read(With("id=\"residential\"", "id=\"a &amp; b\""));
  Read(With("</net>", "</net>\n<!-- the end -->\n"));
}

TEST_F(SumoNetwork, AddedProgrammeIsInForce) {
  const std::string plans = R"(<additional>
    <tlLogic id="light" type="static" programID="evening" offset="3"><phase duration="9" state="GGGr"/></tlLogic>
    <busStop id="stop"/>
  </additional>)";
  ASSERT_TRUE(ParseSumoSignals(plans, "plans.add.xml", &network_).ok());
  CheckInvariants(network_);
  ASSERT_EQ(network_.signals()[0].programmes.size(), 2u);
  EXPECT_EQ(network_.signals()[0].programmes[0].id, "0");
  EXPECT_EQ(network_.signals()[0].in_force().id, "evening");
  EXPECT_EQ(network_.signals()[0].in_force().phases[0].state, "GGGr");
  EXPECT_EQ(Unsupported()["<busStop> in <additional>"], 1u);
  EXPECT_EQ(Unsupported()["<param> in <lane>"], 1u) << "the network's own stay";
}

TEST_F(SumoNetwork, ProgrammeWithoutPhasesMovesTheOffset) {
  const std::string plans = "<additional><tlLogic id=\"light\" programID=\"0\" offset=\"-12\"/></additional>";
  ASSERT_TRUE(ParseSumoSignals(plans, "plans.add.xml", &network_).ok());
  ASSERT_EQ(network_.signals()[0].programmes.size(), 1u);
  EXPECT_EQ(network_.signals()[0].in_force().offset_s, -12);
  EXPECT_EQ(network_.signals()[0].in_force().phases.size(), 4u);
}

TEST_F(SumoNetwork, SeveralProgrammesOfTheFileItself) {
  const std::string more = R"(<tlLogic id="light" programID="night"><phase duration="1" state="ooo"/></tlLogic>
    <tlLogic id="light" programID="off" type="off"/>)";
  Read(With("<junction id=\"c\"", more + "<junction id=\"c\""));
  ASSERT_EQ(network_.signals()[0].programmes.size(), 2u);
  EXPECT_EQ(network_.signals()[0].in_force().id, "night");
  EXPECT_EQ(Unsupported()["signal programmes of type \"off\""], 1u);
}

}  // namespace
}  // namespace starling::cloud
