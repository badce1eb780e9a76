// starling-sim drive as people and scripts call it.
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

class DriveCommand : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(testing::TempDir()) / ("drive_" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
    std::ofstream(Path("city.net.xml")) << cloud::kSmallCity;
    std::ofstream(Path("city.rou.xml")) << sim::kSmallRoutes;
    std::ofstream(Path("types.add.xml")) << sim::kSmallTypes;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string Path(const std::string& name) const { return (folder_ / name).string(); }
  std::string Text(const std::string& name) const {
    std::ifstream file(Path(name));
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }

  // Its exit code; what it says is in output_.
  int Drive(std::vector<std::string> more) {
    std::vector<std::string> arguments = {STARLING_BIN "/starling-sim", "drive", "--network", Path("city.net.xml"),
                                          "--routes", Path("city.rou.xml") + "," + Path("types.add.xml")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const int code = ChildProcess(arguments, Path("output")).Wait(std::chrono::seconds(60)).value_or(-1);
    output_ = Text("output");
    return code;
  }

  std::filesystem::path folder_;
  std::string output_;
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
