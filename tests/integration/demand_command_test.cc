// starling-sim demand as people and scripts call it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/integration/child_process.h"
#include "tests/sim/demand/small_demand.h"

namespace starling {
namespace {

using testing::HasSubstr;

class DemandCommand : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(testing::TempDir()) / ("demand_" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
    Write("city.net.xml", cloud::kSmallCity);
    Write("city.rou.xml", sim::kSmallRoutes);
    Write("types.add.xml", sim::kSmallTypes);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string Path(const std::string& name) const { return (folder_ / name).string(); }
  void Write(const std::string& name, const std::string& text) { std::ofstream(Path(name)) << text; }

  // Its exit code; what it says is in output_.
  int Run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {STARLING_BIN "/starling-sim", "demand"});
    const int code = ChildProcess(arguments, Path("output")).Wait(std::chrono::seconds(60)).value_or(-1);
    std::ifstream file(Path("output"));
    output_.assign((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    return code;
  }

  std::filesystem::path folder_;
  std::string output_;
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
