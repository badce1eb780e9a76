// Files that are wrong, cut, or meant to hurt.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "sim/demand/departure_stream.h"
#include "tests/sim/demand/demand_invariants.h"
#include "tests/sim/demand/small_demand.h"

namespace starling::sim {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

struct Mistake {
  std::string from;  // replaced, where the file first has it
  std::string to;
  std::string expected;
};

class WrongDemand : public testing::TestWithParam<Mistake> {};

TEST_P(WrongDemand, IsRefusedByFileLineAndWhatWasExpected) {
  const Mistake& mistake = GetParam();
  std::vector<NamedText> files = {{"city.rou.xml", kSmallRoutes}, {"types.add.xml", kSmallTypes}};
  NamedText& file = files[kSmallRoutes.find(mistake.from) == std::string::npos];
  const std::size_t at = file.text.find(mistake.from);
  ASSERT_NE(at, std::string::npos) << mistake.from;
  const auto line = 1 + std::count(file.text.begin(), file.text.begin() + static_cast<std::ptrdiff_t>(at), '\n');
  file.text.replace(at, mistake.from.size(), mistake.to);
  const std::string name = file.name;
  const Result<Demand> read = ParseSumoDemand(files, SmallCity());
  ASSERT_FALSE(read.ok()) << mistake.to;
  EXPECT_EQ(read.status().code(), ErrorCode::kCorruption);
  EXPECT_THAT(std::string(read.status().message()),
              AllOf(StartsWith(name + ":" + std::to_string(line) + ": expected "), HasSubstr(mistake.expected)));
}

INSTANTIATE_TEST_SUITE_P(
    Hostile, WrongDemand,
    testing::Values(
        // XML
        Mistake{"</routes>", "", "well-formed XML"}, Mistake{"<routes ", "PK", "XML, plain or compressed with gzip"},
        Mistake{"</routes>", "</routes><routes/>", "the end of the file after </routes>"},
        // Types
        Mistake{"id=\"line\"", "id=\"\"", "attribute id of <vType>"},
        Mistake{"id=\"line\"", "id=\"quick\"", "another id than \"quick\", which a vehicle type has"},
        Mistake{"id=\"both\"", "id=\"line\"", "another id than \"line\", which a vehicle type has"},
        Mistake{"vClass=\"bus\"", "vClass=\"broom\"", "a vehicle class of SUMO's as vClass of <vType>, not \"broom\""},
        Mistake{"vClass=\"bus\"", "vClass=\"\"", "a vehicle class of SUMO's"},
        Mistake{"vClass=\"bus\"", "vClass=\"all\"", "a vehicle class of SUMO's"},
        Mistake{"length=\"18\"", "length=\"0\"", "a number from 0.1 to 1000 as length of <vType>, not \"0\""},
        Mistake{"length=\"18\"", "length=\"nan\"", "as length of <vType>, not \"nan\""},
        Mistake{"decel=\"8\"", "decel=\"-8\"", "as decel of <vType>, not \"-8\""},
        Mistake{"decel=\"8\"", "minGap=\"-1\"", "as minGap of <vType>, not \"-1\""},
        Mistake{"sigma=\"0.1\"", "sigma=\"1.1\"", "a number from 0 to 1 as sigma"},
        Mistake{"probability=\".75\"", "probability=\"often\"", "as probability of <vType>, not \"often\""},
        Mistake{"normc(1.1,0.2,0.8,1.5)", "normc(1.1,0.2,0.8)", "normc(mean,deviation,low,high)"},
        Mistake{"normc(1.1,0.2,0.8,1.5)", "normc(1.1,0.2,1.5,0.8)", "normc(mean,deviation,low,high)"},
        Mistake{"normc(1.1,0.2,0.8,1.5)", "normc(1.1,0.2,0.8,1.5", "normc(mean,deviation,low,high)"},
        Mistake{"normc(1.1,0.2,0.8,1.5)", "normc(", "normc(mean,deviation,low,high)"},
        Mistake{"norm(1.0, 0.3)", "norm(1.0, -0.3)", "as speedFactor of <vType>"},
        Mistake{"norm(1.0, 0.3)", "", "as speedFactor of <vType>, not \"\""},
        Mistake{"probabilities=\"3 1\"", "probabilities=\"3\"", "2 numbers from 0 to 1e+09 as probabilities"},
        Mistake{"probabilities=\"3 1\"", "probabilities=\"3 one\"", "2 numbers from 0 to 1e+09 as probabilities"},
        Mistake{"probabilities=\"3 1\"", "probabilities=\"3 1 1\"", "2 numbers from 0 to 1e+09 as probabilities"},
        Mistake{"probabilities=\"3 1\"", "probabilities=\"0 0\"", "that are more than 0 together"},
        Mistake{"vTypes=\"slow quick\"", "vTypes=\"slow qu\"", "a <vType> that the files have in vTypes, not \"qu\""},
        Mistake{"vTypes=\"slow quick\"", "vTypes=\"slow cars\"", "a <vType> that the files have in vTypes"},
        Mistake{"vTypes=\"slow quick\" probabilities=\"3 1\"", "", "that are more than 0 together"},
        // Stops
        Mistake{"lane=\"ce_0\"", "lane=\"ce_1\"",
                "a lane that the network has outside of junctions as lane of <busStop>"},
        Mistake{"lane=\"ce_0\"", "lane=\"ce\"", "as lane of <busStop>, not \"ce\""},
        Mistake{"lane=\"ce_0\"", "lane=\":c_0_0\"", "as lane of <busStop>, not \":c_0_0\""},
        Mistake{"lane=\"ce_0\"", "", "as lane of <busStop>, not \"\""},
        Mistake{"startPos=\"10\"", "startPos=\"far\"", "as startPos of <busStop>, not \"far\""},
        Mistake{"busStop=\"halt\"", "busStop=\"hall\"", "a stop that the files have as busStop, not \"hall\""},
        Mistake{"lane=\"yz_0\"", "lane=\"sc_0\"",
                "a stop on the route of \"bus\", after the one before, not on \"sc\""},
        Mistake{"lane=\"yz_0\"", "lane=\"wc_0\"", "after the one before, not on \"wc\""},
        Mistake{"duration=\"20\"", "duration=\"-20\"", "as duration of <stop>, not \"-20\""},
        // Routes
        Mistake{"<route id=\"west\"", "<route id=\"\"", "attribute id of <route>"},
        Mistake{"<route id=\"west\"", "<route id=\"north\"", "another id than \"north\", which a route has already"},
        Mistake{"id=\"ways\"", "id=\"west\"", "another id than \"west\", which a route has already"},
        Mistake{"edges=\"wc cn\"", "edges=\"\"", "attribute edges of <route>"},
        Mistake{"edges=\"wc cn\"", "edges=\"wc nowhere\"",
                "edges of <route> that the network has outside of junctions, not \"nowhere\""},
        Mistake{"edges=\"wc cn\"", "edges=\"wc :c_2\"", "edges of <route> that the network has outside of junctions"},
        Mistake{"repeat=\"2\"", "repeat=\"-2\"", "a whole number from 0 to 1000000 as repeat"},
        Mistake{"routes=\"north west\"", "routes=\"north ways\"",
                "a <route> that the files have in routes, not \"ways\""},
        Mistake{"probabilities=\"1 4\"", "probabilities=\"1 -4\"", "2 numbers from 0 to 1e+09 as probabilities"},
        // Ways that are not there: for anybody, for this class, for one type of a mix
        Mistake{"<vehicle id=\"first\" depart=\"0\"><route edges=\"xr ry yz zo\"",
                "<vehicle id=\"first\" depart=\"0\"><route edges=\"xr yz\"",
                "a connection from \"xr\" to \"yz\" for vehicle class \"passenger\", on the route of \"first\""},
        Mistake{"<vehicle id=\"first\" depart=\"0\"><route edges=\"xr ry yz zo\"",
                "<vehicle id=\"first\" depart=\"0\"><route edges=\"wc ce\"",
                "a connection from \"wc\" to \"ce\" for vehicle class \"passenger\""},
        Mistake{"<vehicle id=\"first\" depart=\"0\"><route edges=\"xr ry yz zo\"",
                "<vehicle id=\"first\" depart=\"0\"><route edges=\"ab\"",
                "a lane of edge \"ab\" for vehicle class \"passenger\""},
        Mistake{"<trip id=\"trip\" type=\"line\"", "<trip id=\"trip\" type=\"both\"",
                "a way from \"wc\" to \"zo\" for vehicle class \"passenger\", on the route of \"trip\""},
        Mistake{"<flow id=\"even\" type=\"cars\" route=\"ways\"",
                "<flow id=\"even\" type=\"DEFAULT_RAILTYPE\" route=\"ways\"",
                "a lane of edge \"wc\" for vehicle class \"rail\", on the route of \"even\""},
        // Vehicles
        Mistake{"id=\"round\"", "id=\"first\"", "another id than \"first\", which a vehicle has already"},
        Mistake{"id=\"late\"", "", "attribute id of <vehicle>"},
        Mistake{"type=\"quick\"", "type=\"quicker\"", "a vehicle type that the files have as type, not \"quicker\""},
        Mistake{"route=\"north\" depart=\"99.5\"", "route=\"south\" depart=\"1\"",
                "a route that the files have as route, not \"south\""},
        Mistake{"route=\"north\" depart=\"99.5\"", "depart=\"1\"", "a route, or edges as from and to, of <vehicle>"},
        Mistake{"depart=\"99.5\"", "", "a number from 0 to 1e+07 as depart of <vehicle>, not \"\""},
        Mistake{"depart=\"99.5\"", "depart=\"-1\"", "as depart of <vehicle>, not \"-1\""},
        Mistake{"depart=\"99.5\"", "depart=\"inf\"", "as depart of <vehicle>, not \"inf\""},
        Mistake{"depart=\"99.5\"", "depart=\"soon\"", "as depart of <vehicle>, not \"soon\""},
        Mistake{"0:01:30.5", "01:30", "seconds, or DAYS:HH:MM:SS, from 0 to 1e+07 s as depart of <vehicle>"},
        Mistake{"0:01:30.5", "1:2:3:4:5", "seconds, or DAYS:HH:MM:SS"},
        Mistake{"0:01:30.5", "0:-1:30", "seconds, or DAYS:HH:MM:SS"},
        Mistake{"0:01:30.5", "::", "seconds, or DAYS:HH:MM:SS"},
        Mistake{"0:01:30.5", "999999:0:0:0", "seconds, or DAYS:HH:MM:SS"},
        Mistake{"departLane=\"0\"", "departLane=\"2\"",
                "a whole number from 0 to 1 as departLane of <vehicle>, not \"2\""},
        Mistake{"departLane=\"0\"", "departLane=\"middle\"", "as departLane of <vehicle>, not \"middle\""},
        Mistake{"departPos=\"12.5\"", "departPos=\"96\"", "a number from -95.25 to 95.25 as departPos"},
        Mistake{"departSpeed=\"5\"", "departSpeed=\"-5\"", "as departSpeed of <vehicle>, not \"-5\""},
        Mistake{"arrivalPos=\"-1\"", "arrivalPos=\"there\"", "as arrivalPos of <vehicle>, not \"there\""},
        Mistake{"from=\"xr\"", "from=\"no\"", "an edge as from that the network has outside of junctions, not \"no\""},
        Mistake{"via=\"zy\"", "via=\"zy no\"", "edges as via that the network has outside of junctions, not \"no\""},
        Mistake{"via=\"zy\"", "via=\"sc\"", "a way from \"xr\" to \"sc\" for vehicle class \"passenger\""},
        // Flows
        Mistake{"id=\"each\"", "id=\"even\"", "another id than \"even\", which a flow has already"},
        Mistake{"end=\"40\" number=\"3\"", "end=\"40\"",
                "number, or one of period, vehsPerHour and probability, of <flow id=\"even\">"},
        Mistake{"period=\"12\"", "period=\"12\" probability=\"1\"",
                "number, or one of period, vehsPerHour and probability"},
        Mistake{"end=\"40\" number=\"3\"", "end=\"9\" number=\"3\"",
                "an end of <flow id=\"even\"> that is not before its begin"},
        Mistake{"number=\"3\"", "number=\"-3\"", "a whole number from 0 to 1000000000 as number"},
        Mistake{"number=\"3\"", "number=\"4294967296\"", "a whole number from 0 to 1000000000 as number"},
        Mistake{"period=\"12\"", "period=\"0\"", "a number from 0.001 to 1e+07 as period"},
        Mistake{"vehsPerHour=\"360\"", "vehsPerHour=\"0\"", "as vehsPerHour of <flow>, not \"0\""},
        Mistake{"probability=\"0.25\"", "probability=\"1.25\"", "as probability of <flow>, not \"1.25\""},
        Mistake{"exp(0.5)", "exp(0)", "a rate from 1e-09 to 1000 in period of <flow>"},
        Mistake{"exp(0.5)", "exp(x)", "a rate from 1e-09 to 1000 in period of <flow>"}));

// Every cut of the files is refused, or keeps what a demand promises.
TEST(HostileDemand, EveryCutIsRefusedOrWhole) {
  const cloud::StreetNetwork network = SmallCity();
  for (std::size_t length = 0; length < kSmallRoutes.size(); ++length) {
    const auto read = ParseSumoDemand({{"cut", kSmallRoutes.substr(0, length)}, {"types", kSmallTypes}}, network);
    if (read.ok()) {
      CheckInvariants(read.value(), network);
      EXPECT_GE(length, kSmallRoutes.rfind("</routes>") + 9);
    }
  }
}

TEST(HostileDemand, EveryByteThatIsAnotherOneIsRefusedOrKeepsThePromises) {
  const cloud::StreetNetwork network = SmallCity();
  for (std::size_t i = 0; i < kSmallTypes.size(); ++i) {
    for (const char other : {'"', '0', '-', ' ', '9', '\xff'}) {
      std::string text = kSmallTypes;
      text[i] = other;
      const auto read = ParseSumoDemand({{"routes", kSmallRoutes}, {"types", text}}, network);
      if (read.ok()) CheckInvariants(read.value(), network);
    }
  }
}

// Memory goes with the file: flows stay flows.
TEST(HostileDemand, AFlowOfABillionIsOneFlow) {
  const cloud::StreetNetwork network = SmallCity();
  const auto read = ParseSumoDemand(
      {{"a.xml", "<routes><flow id='all' from='sc' to='cn' begin='0' end='1000' number='1000000000'/></routes>"}},
      network);
  ASSERT_TRUE(read.ok()) << read.status().message();
  EXPECT_EQ(read.value().flows.size(), 1u);
  DepartureStream stream(read.value(), 1);
  for (int i = 0; i < 1'000; ++i) ASSERT_TRUE(stream.Next());
  EXPECT_EQ(stream.Next()->id(), "all.1000");
}

// 10^6 times 200 edges in 100 bytes.
TEST(HostileDemand, RoutesThatMultiplyAreRefusedAtTheLimit) {
  std::string edges;
  for (int i = 0; i < 101; ++i) edges += "yz zy ";
  const auto read = ParseSumoDemand(
      {{"a.xml", "<routes><route id='r' repeat='1000000' edges='" + edges + "'/></routes>"}}, SmallCity());
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.status().message(), "a.xml:1: expected at most 200000000 edges of all routes");
}

}  // namespace
}  // namespace starling::sim
