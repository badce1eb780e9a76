// starling-sim drive as people and scripts call it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>

#include "tests/integration/command_fixture.h"
#include "tests/sim/demand/small_demand.h"

namespace starling {
namespace {

using testing::HasSubstr;

class DriveCommand : public CommandTest {
 protected:
  void SetUp() override {
    CommandTest::SetUp();
    Write("city.net.xml", cloud::kSmallCity);
    Write("city.rou.xml", sim::kSmallRoutes);
    Write("types.add.xml", sim::kSmallTypes);
  }

  int Drive(const std::vector<std::string>& more) {
    return Call({STARLING_BIN "/starling-sim", "drive", "--network", Path("city.net.xml"), "--routes",
                 Path("city.rou.xml") + "," + Path("types.add.xml")},
                more);
  }
};

TEST_F(DriveCommand, WritesWhatHappened) {
  ASSERT_EQ(Drive({"--end", "60", "--json", "--trips", Path("trips.xml"), "--fcd", Path("fcd.xml"), "--ssm",
                   Path("ssm.xml")}),
            0)
      << output_;
  const boost::json::value json = boost::json::parse(output_.substr(output_.find('{')));
  EXPECT_NEAR(json.at("simulated_s").to_number<double>(), 60, 1e-6);
  const auto trips = json.at("trips").to_number<std::uint64_t>();
  EXPECT_GT(trips, 0u);
  const std::string written = Text("trips.xml");
  std::uint64_t rows = 0;
  for (std::size_t at = written.find("<tripinfo "); at != std::string::npos; at = written.find("<tripinfo ", at + 1)) ++rows;
  EXPECT_EQ(rows, trips);
  EXPECT_THAT(written, HasSubstr("</tripinfos>"));
  EXPECT_THAT(Text("fcd.xml"), HasSubstr("<timestep time=\"59.90\">"));
  EXPECT_THAT(Text("fcd.xml"), HasSubstr("lane=\"sc_0\""));
  EXPECT_THAT(Text("ssm.xml"), HasSubstr("</SSMLog>"));
}

// Written for those who want to drive the same demand elsewhere.
TEST_F(DriveCommand, NamesThoseWhoDoNotDrive) {
  ASSERT_EQ(Drive({"--end", "90", "--json", "--left-out", Path("left_out.txt")}), 0) << output_;
  const boost::json::value json = boost::json::parse(output_.substr(output_.find('{')));
  const std::string names = Text("left_out.txt");
  EXPECT_EQ(std::count(names.begin(), names.end(), '\n'), json.at("not_for_cars").to_number<std::int64_t>());
  EXPECT_FALSE(names.empty());
}

// Whoever comes onto a street leaves it, arrives there, or is still there.
TEST_F(DriveCommand, StreetsLoseNobody) {
  ASSERT_EQ(Drive({"--end", "90", "--json", "--edges", Path("edges.xml")}), 0) << output_;
  const boost::json::value json = boost::json::parse(output_.substr(output_.find('{')));
  const std::string written = Text("edges.xml");
  const auto sum = [&](const std::string& name) {
    std::int64_t total = 0;
    const std::string wanted = " " + name + "=\"";
    for (std::size_t at = written.find(wanted); at != std::string::npos; at = written.find(wanted, at + 1)) {
      total += std::stoll(written.substr(at + wanted.size()));
    }
    return total;
  };
  EXPECT_GT(sum("left"), 0);
  EXPECT_EQ(sum("left"), sum("entered"));
  EXPECT_EQ(sum("arrived"), json.at("trips").to_number<std::int64_t>());
  EXPECT_EQ(sum("departed") - sum("arrived"), json.at("on_road").to_number<std::int64_t>());
}

TEST_F(DriveCommand, TheSameSeedGivesTheSameFilesWithAnyNumberOfThreads) {
  ASSERT_EQ(Drive({"--end", "40", "--fcd", Path("one.xml")}), 0) << output_;
  ASSERT_EQ(Drive({"--end", "40", "--fcd", Path("two.xml"), "--threads", "2"}), 0) << output_;
  ASSERT_EQ(Drive({"--end", "40", "--fcd", Path("other.xml"), "--seed", "2"}), 0) << output_;
  EXPECT_FALSE(Text("one.xml").empty());
  EXPECT_EQ(Text("one.xml"), Text("two.xml"));
  EXPECT_NE(Text("one.xml"), Text("other.xml"));
}

TEST_F(DriveCommand, ExitCodesSayWhoWasWrong) {
  EXPECT_EQ(Drive({"--fcd", Path("no/such/folder.xml")}), 1);
  EXPECT_THAT(output_, HasSubstr("no/such/folder.xml"));
  EXPECT_EQ(Drive({"--vehicles", "0"}), 1);
  EXPECT_THAT(output_, HasSubstr("traffic vehicles is 0"));
  EXPECT_EQ(Drive({"--unknown"}), 2);
}

}  // namespace
}  // namespace starling
