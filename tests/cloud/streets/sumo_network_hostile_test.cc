// Files that are wrong, cut, or meant to hurt.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "cloud/streets/sumo_network.h"
#include "tests/cloud/streets/network_invariants.h"
#include "tests/cloud/streets/small_city.h"

namespace starling::cloud {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

struct Mistake {
  std::string from;  // replaced, where the city first has it
  std::string to;
  std::string expected;
  std::string at = "";   // on the line that the message names; empty: as `from`
};

std::string LineOf(const std::string& text, std::size_t at) {
  return std::to_string(1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
}

class WrongNetwork : public testing::TestWithParam<Mistake> {};

TEST_P(WrongNetwork, IsRefusedByFileLineAndWhatWasExpected) {
  const Mistake& mistake = GetParam();
  std::string text = kSmallCity;
  const std::size_t at = text.find(mistake.from);
  ASSERT_NE(at, std::string::npos) << mistake.from;
  const std::string line = LineOf(text, text.find(mistake.at.empty() ? mistake.from : mistake.at));
  text.replace(at, mistake.from.size(), mistake.to);
  const Result<StreetNetwork> read = ParseSumoNetwork(text, "city.net.xml");
  ASSERT_FALSE(read.ok()) << mistake.to;
  EXPECT_EQ(read.status().code(), ErrorCode::kCorruption);
  EXPECT_THAT(std::string(read.status().message()),
              AllOf(StartsWith("city.net.xml:" + line + ": expected "), HasSubstr(mistake.expected)));
}

INSTANTIATE_TEST_SUITE_P(
    Hostile, WrongNetwork,
    testing::Values(
        // XML
        Mistake{"</net>", "", "well-formed XML"}, Mistake{"<?xml", "PK", "XML, plain or compressed with gzip"},
        Mistake{"id=\"sc\"", "id=\"sc", "well-formed XML"},
        Mistake{"</net>", "</net><net/>", "the end of the file after </net>"},
        // Edges and lanes
        Mistake{"<edge id=\"sc\"", "<edge id=\"\"", "attribute id of <edge>"},
        Mistake{"<edge id=\"sc\"", "<edge id=\"wc\"", "another id than \"wc\""},
        Mistake{"<edge id=\"sc\"", "<edge id=\"sc\" function=\"flying\"", "function of <edge>, not \"flying\""},
        Mistake{"from=\"S\"", "from=\"Q\"", "a junction as from of <edge> that the network has, not \"Q\""},
        Mistake{"to=\"c\" priority=\"3\"", "", "attribute to of <edge>"},
        Mistake{"to=\"c\" priority=\"3\"", "to=\"c\" priority=\"1e9\"", "a number from -1e+06 to 1e+06 as priority"},
        Mistake{"bidi=\"ba\"", "bidi=\"no\"", "an edge as bidi of <edge> that the network has, not \"no\""},
        Mistake{"<lane id=\"sc_0\" index=\"0\" speed=\"13.89\" length=\"90\" shape=\"100,-100 100,-5\"/>", "",
                "a <lane> in <edge id=\"sc\">", "<edge id=\"sc\""},
        Mistake{"id=\"sc_0\" index=\"0\"", "id=\"sc_0\" index=\"1\"", "lane 0 as next one of <edge id=\"sc\">"},
        Mistake{"id=\"sc_0\" index=\"0\"", "id=\"sc_0\" index=\"-1\"", "a whole number from 0 to 65535 as index"},
        Mistake{"id=\"sc_0\" index=\"0\"", "id=\"wc_0\" index=\"0\"", "another id than \"wc_0\", which a lane has"},
        Mistake{"id=\"sc_0\" index", "index", "attribute id of <lane>"},
        Mistake{"speed=\"8.33\"", "speed=\"fast\"", "a number from 0 to 200 as speed of <lane>, not \"fast\""},
        Mistake{"speed=\"8.33\"", "speed=\"nan\"", "a number from 0 to 200 as speed of <lane>, not \"nan\""},
        Mistake{"speed=\"8.33\"", "speed=\"-1\"", "a number from 0 to 200 as speed of <lane>, not \"-1\""},
        Mistake{"speed=\"8.33\"", "", "a number from 0 to 200 as speed of <lane>, not \"\""},
        Mistake{"length=\"95.25\"", "length=\"inf\"", "a number from 0 to 1e+06 as length of <lane>, not \"inf\""},
        Mistake{"length=\"95.25\"", "length=\"1e999\"", "a number from 0 to 1e+06 as length of <lane>"},
        Mistake{"length=\"95.25\"", "length=\"95.25 m\"", "a number from 0 to 1e+06 as length of <lane>"},
        Mistake{"width=\"3.50\"", "width=\"0\"", "a number from 0.1 to 100 as width of <lane>, not \"0\""},
        Mistake{"shape=\"0,0 50,0 95,0\"", "shape=\"0,0\"", "at least two points as shape of <lane>"},
        Mistake{"shape=\"0,0 50,0 95,0\"", "", "at least two points as shape of <lane>"},
        Mistake{"shape=\"0,0 50,0", "shape=\"0,0 50", "points \"x,y\" in metres, not \"50\""},
        Mistake{"shape=\"0,0 50,0", "shape=\"0,0 50,", "points \"x,y\" in metres, not \"50,\""},
        Mistake{"shape=\"0,0 50,0", "shape=\"0,0 1,2,3,4", "points \"x,y\" in metres, not \"1,2,3,4\""},
        Mistake{"shape=\"0,0 50,0", "shape=\"0,0 1,2,high", "points \"x,y\" in metres, not \"1,2,high\""},
        Mistake{"shape=\"0,0 50,0", "shape=\"0,0 nan,0", "points \"x,y\" in metres, not \"nan,0\""},
        Mistake{"shape=\"0,0 50,0", "shape=\"0,0 1e300,0", "points \"x,y\" in metres, not \"1e300,0\""},
        Mistake{"netOffset=\"-600000.50,", "netOffset=\"west,", "points \"x,y\" in metres"},
        Mistake{"version=\"1.20\"", "version=\"new\"", "a number from 0 to 1000 as version of <net>"},
        // Junctions
        Mistake{"<junction id=\"r\"", "<junction id=\"c\"", "another id than \"c\", which a junction has"},
        Mistake{"x=\"200\" y=\"0\"", "x=\"200\"", "as y of <junction>, not \"\""},
        Mistake{"<request index=\"1\"", "<request index=\"7\"", "request 1 as next one of <junction id=\"c\">"},
        Mistake{"response=\"001\"", "response=\"01\"", "3 zeros and ones as response of <request>"},
        Mistake{"response=\"001\"", "response=\"0x1\"", "3 zeros and ones as response of <request>"},
        Mistake{"foes=\"110\"", "", "3 zeros and ones as foes of <request>"},
        Mistake{"incLanes=\"xr_0 ce_0\"", "incLanes=\"xr_0 no_0\"",
                "lanes as incLanes of <junction> that the network has"},
        Mistake{"incLanes=\"xr_0 ce_0\"", "incLanes=\"xr_0 sc_0\"", "lanes that end there, each once, as incLanes"},
        Mistake{"incLanes=\"xr_0 ce_0\"", "incLanes=\"xr_0 xr_0\"", "lanes that end there, each once, as incLanes"},
        Mistake{"<request index=\"0\" response=\"00\" foes=\"00\" cont=\"0\"/>\n    <request index=\"1\" response=\"00\" foes=\"00\"",
                "<request index=\"0\" response=\"0\" foes=\"0\"", "a <request> for each of the 2 connections",
                "<junction id=\"z\""},
        // Connections
        Mistake{"from=\"wc\" to=\"ce\"", "from=\"no\" to=\"ce\"",
                "an edge of <connection> that the network has, not \"no\""},
        Mistake{"from=\"wc\" to=\"ce\"", "from=\"wc\" to=\"ry\"", "an edge that begins where \"wc\" ends"},
        Mistake{"from=\"wc\" to=\"ce\"", "from=\"wc\" to=\":c_1\"", "an edge outside of junctions as to"},
        Mistake{"from=\"wc\" to=\"ce\"", "from=\"wc\"", "attribute to of <connection>"},
        Mistake{"fromLane=\"0\"", "fromLane=\"2\"",
                "a whole number from 0 to 1 as fromLane of <connection>, not \"2\""},
        Mistake{"fromLane=\"0\"", "fromLane=\"0.5\"", "a whole number from 0 to 1 as fromLane of <connection>"},
        Mistake{"fromLane=\"0\"", "fromLane=\"4294967296\"", "a whole number from 0 to 1 as fromLane of <connection>"},
        Mistake{"via=\":c_1_0\"", "via=\":q_0\"", "a lane as via of <connection> that the network has"},
        Mistake{"via=\":c_1_0\"", "via=\"ce_0\"", "a lane within a junction as via of <connection>, not \"ce_0\""},
        Mistake{"via=\":c_1_0\"", "via=\":c_0_0\"", "a via that leads to the same lane as <connection>"},
        Mistake{"<connection from=\":c_1\"", "<gone from=\":c_1\"", "from whose end one <connection> goes on, not 0",
                "<connection from=\"wc\" to=\"ce\""},
        Mistake{"<connection from=\":c_3\" to=\"cn\" fromLane=\"0\" toLane=\"0\"",
                "<connection from=\":c_3\" to=\"cn\" fromLane=\"0\" toLane=\"0\" via=\":c_2_0\"",
                "a via that leads out of the junction in at most 8 lanes", "<connection from=\"wc\" to=\"cn\""},
        Mistake{"tl=\"light\"", "tl=\"dark\"", "a signal that the network has as tl of <connection>, not \"dark\""},
        Mistake{"linkIndex=\"1\"", "linkIndex=\"3\"",
                "linkIndex below 3, the letters of programme \"0\" of signal \"light\""},
        Mistake{"linkIndex=\"1\"", "", "a whole number from 0 to 65535 as linkIndex"},
        Mistake{"dir=\"s\" state=\"o\"", "dir=\"up\" state=\"o\"", "as dir of <connection>, not \"up\""},
        Mistake{"dir=\"s\" state=\"o\"", "dir=\"s\"", "as state of <connection>, not \"\""},
        Mistake{"edges=\"yz zy\"", "edges=\"yz zz\"", "edges of <roundabout> that the network has, not \"zz\""},
        // Signals
        Mistake{"<tlLogic id=\"light\"", "<tlLogic id=\"\"", "attribute id of <tlLogic>"},
        Mistake{"offset=\"7.5\"", "offset=\"later\"", "as offset of <tlLogic>, not \"later\""},
        Mistake{"duration=\"31\"", "duration=\"-31\"", "a number from 0 to 1e+06 as duration of <phase>, not \"-31\""},
        Mistake{"state=\"Grr\"", "state=\"GrX\"", "letters r y g G s u o O as state of <phase>, not \"GrX\""},
        Mistake{"state=\"yrr\"", "state=\"yr\"", "3 letters as state, as in the programme's first phase, not 2"},
        Mistake{"<phase duration=\"31\" state=\"Grr\"/>\n    <phase duration=\"4\" state=\"yrr\"/>\n    <phase duration=\"25.5\" "
                "state=\"rGg\"/>\n    <phase duration=\"4\"",
                "<phase duration=\"0\"", "phases that last longer than 0 s together in <tlLogic id=\"light\">",
                "<tlLogic"},
        Mistake{"<junction id=\"c\"", "<tlLogic id=\"new\"/><junction id=\"c\"", "a <phase> in <tlLogic id=\"new\">"},
        Mistake{"<junction id=\"c\"",
                "<tlLogic id=\"light\" programID=\"0\"><phase duration=\"1\" state=\"ooo\"/></tlLogic>"
                "<junction id=\"c\"",
                "a programID that signal \"light\" has not, not \"0\""}));

std::string Refusal(const std::string& text) {
  const Result<StreetNetwork> read = ParseSumoNetwork(text, "city.net.xml");
  return read.ok() ? "" : std::string(read.status().message());
}

TEST(HostileNetwork, EveryTruncationIsRefused) {
  const std::size_t end = kSmallCity.rfind("</net>") + 6;
  for (std::size_t length = 0; length < end; ++length) {
    ASSERT_THAT(Refusal(kSmallCity.substr(0, length)), StartsWith("city.net.xml:")) << "at " << length;
  }
}

TEST(HostileNetwork, AnyByteMayBeAnother) {
  for (const char wrong : {'"', '<', '9'}) {
    for (std::size_t at = 0; at < kSmallCity.size(); ++at) {
      std::string text = kSmallCity;
      text[at] = wrong;
      const Result<StreetNetwork> read = ParseSumoNetwork(text, "city.net.xml");
      if (read.ok()) CheckInvariants(read.value());
    }
  }
}

TEST(HostileNetwork, OtherRootsSayWhereOpenStreetMapComesIn) {
  EXPECT_EQ(Refusal("<?xml version=\"1.0\"?>\n<osm/>"),
            "city.net.xml:2: expected element <net>, as netconvert writes it (netconvert --osm-files FILE -o "
            "NET.net.xml), not <osm>");
  EXPECT_EQ(Refusal("<net/>"), "city.net.xml:1: expected at least one <edge> in <net>");
  EXPECT_EQ(Refusal(""), "city.net.xml:1: expected XML, plain or compressed with gzip");
}

TEST(HostileNetwork, DepthCostsNoStack) {
  std::string deep = "<net>";
  for (int i = 0; i < 1'000'000; ++i) deep += "<a>";
  EXPECT_THAT(Refusal(deep), HasSubstr("well-formed XML"));
  for (int i = 0; i < 1'000'000; ++i) deep += "</a>";
  EXPECT_THAT(Refusal(deep + "</net>"), HasSubstr("at least one <edge>"));
}

TEST(HostileNetwork, TooManyElementsAreRefusedBeforeTheyCostMemory) {
  const Result<StreetNetwork> read = ParseSumoNetwork(std::string(50'000'001, '<'), "city.net.xml");
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.status().code(), ErrorCode::kExhausted);
  EXPECT_EQ(read.status().message(), "city.net.xml: more than 50000000 elements, attributes and lines");
}

TEST(HostileNetwork, InventedThingsAreCountedToALimit) {
  std::string text = kSmallCity;
  text.resize(text.rfind("</net>"));
  for (int i = 0; i < 5'000; ++i) text += "<x" + std::to_string(i) + "/>";
  const Result<StreetNetwork> read = ParseSumoNetwork(text + "</net>", "city.net.xml");
  ASSERT_TRUE(read.ok());
  EXPECT_LE(read.value().unsupported().size(), 1'001u);
  std::uint64_t count = 0;
  for (const Unsupported& thing : read.value().unsupported()) count += thing.count;
  EXPECT_GT(count, 5'000u);
}

// A message is for a terminal.
TEST(HostileNetwork, MessagesAreShortAndPrintable) {
  std::string text = kSmallCity;
  text.replace(text.find("8.33"), 4, "\x1b[2J" + std::string(10'000, 'x'));
  const std::string refusal = Refusal(text);
  EXPECT_THAT(refusal, HasSubstr("not \"?[2Jxxx"));
  EXPECT_LT(refusal.size(), 200u);
}

class WrongSignals : public testing::Test {
 protected:
  // `message`: after file and line.
  void ExpectRefusal(const std::string& text, const std::string& message) {
    Result<StreetNetwork> network = ParseSumoNetwork(kSmallCity, "city.net.xml");
    const Status status = ParseSumoSignals(text, "plans.add.xml", &network.value());
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.message(), "plans.add.xml:" + message);
    EXPECT_EQ(network.value().signals()[0].programmes.size(), 1u) << "unchanged";
    EXPECT_EQ(network.value().signals()[0].in_force().id, "0");
  }
};

TEST_F(WrongSignals, AreRefusedAndTheNetworkStays) {
  const auto programme = [](const std::string& signal, const std::string& id, const std::string& state) {
    return "<tlLogic id=\"" + signal + "\" programID=\"" + id + "\"><phase duration=\"1\" state=\"" + state +
           "\"/></tlLogic>\n";
  };
  const auto file = [](const std::string& logics) { return "<additional>\n" + logics + "</additional>"; };
  const std::string good = programme("light", "a", "GGG");
  ExpectRefusal("<net/>", "1: expected element <additional>, not <net>");
  ExpectRefusal(file(good + programme("q", "1", "G")), "3: expected a signal of the network as id, not \"q\"");
  ExpectRefusal(file(good + good), "3: expected a programID that signal \"light\" has not, not \"a\"");
  ExpectRefusal(file(good + programme("light", "b", "GG")),
                "3: expected at least 3 letters in each state of signal \"light\", as its connections need, not 2");
  ExpectRefusal(file("<tlLogic id=\"light\" programID=\"b\"/>"), "2: expected a <phase> in <tlLogic id=\"light\">");
  std::string many;
  for (int i = 0; i < 200; ++i) many += programme("light", std::to_string(1000 + i), "GGG");
  ExpectRefusal(file(many), "101: expected at most 100 programmes of signal \"light\"");
}

}  // namespace
}  // namespace starling::cloud
