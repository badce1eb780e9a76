// starling-sim demand as people and scripts call it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "tests/integration/command_fixture.h"
#include "tests/sim/demand/small_demand.h"

namespace starling {
namespace {

using testing::HasSubstr;

class DemandCommand : public CommandTest {
 protected:
  void SetUp() override {
    CommandTest::SetUp();
    Write("city.net.xml", cloud::kSmallCity);
    Write("city.rou.xml", sim::kSmallRoutes);
    Write("types.add.xml", sim::kSmallTypes);
  }

  int Run(const std::vector<std::string>& arguments) {
    return Call({STARLING_BIN "/starling-sim", "demand"}, arguments);
  }
};

TEST_F(DemandCommand, ShowsWhoWouldDriveAndWhatIsNotSupported) {
  const std::string routes = Path("city.rou.xml") + "," + Path("types.add.xml");
  EXPECT_EQ(Run({"--network", Path("city.net.xml"), "--routes", routes}), 0);
  EXPECT_THAT(output_, HasSubstr("vehicles       6 one by one; 6 flows\n"));
  EXPECT_THAT(output_, HasSubstr("         1  <person> in <routes>\n"));
}

TEST_F(DemandCommand, CountsWithinASpan) {
  EXPECT_EQ(Run({"--network", Path("city.net.xml"), "--routes", Path("city.rou.xml"), Path("types.add.xml"), "--json",
                 "--begin", "50", "--end", "51"}),
            0);
  const boost::json::value json = boost::json::parse(output_);
  EXPECT_EQ(json.at("begin_s").to_number<double>(), 50);
  EXPECT_LT(json.at("departures").to_number<int>(), 10);
}

TEST_F(DemandCommand, ExitCodesSayWhoWasWrong) {
  Write("wrong.rou.xml", "<routes>\n<vehicle id=\"a\" depart=\"0\"><route edges=\"xr zo\"/></vehicle>\n</routes>");
  const std::vector<std::string> wrong = {"--network", Path("city.net.xml"), "--routes", Path("wrong.rou.xml")};
  EXPECT_EQ(Run(wrong), 1);
  EXPECT_EQ(output_, "starling-sim: " + Path("wrong.rou.xml") + ":2: expected a connection from \"xr\" to \"zo\" for "
                     "vehicle class \"passenger\", on the route of \"a\"\n");
  std::vector<std::string> lenient = wrong;
  lenient.push_back("--skip-broken");
  EXPECT_EQ(Run(lenient), 0);
  EXPECT_THAT(output_, HasSubstr("         1  <vehicle> whose route has a gap\n"));
  EXPECT_EQ(Run({"--network", Path("city.net.xml"), "--routes", Path("nothing.rou.xml")}), 1);
  EXPECT_THAT(output_, HasSubstr("No such file or directory"));
  EXPECT_EQ(Run({"--network", Path("city.net.xml")}), 2);
  EXPECT_EQ(Run({"--help"}), 0);
  EXPECT_THAT(output_, HasSubstr("starling-sim demand --network city.net.xml.gz"));
}

}  // namespace
}  // namespace starling
