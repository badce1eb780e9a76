// starling-sim accuracy as people and scripts call it, and on recorded traffic that nobody of us made.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "tests/integration/command_fixture.h"

namespace starling {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class AccuracyCommand : public CommandTest {
 protected:
  // 15 m/s towards one that stands: they touch at 5.05 s.
  void SetUp() override {
    CommandTest::SetUp();
    std::string fcd = "timestep_time;vehicle_id;vehicle_x;vehicle_y;vehicle_angle;vehicle_speed;vehicle_type\n";
    for (int step = 0; step <= 120; ++step) {
      char rows[200];
      std::snprintf(rows, sizeof rows, "%.1f;fast;%.2f;0.00;90.00;15.00;car\n%.1f;still;80.75;0.00;90.00;0.00;car\n",
                    step * 0.1, step * 1.5, step * 0.1);
      fcd += rows;
    }
    Write("fcd.csv", fcd);
    Write("types.txt", "car 5 1.8\n");
  }

  int Measure(std::vector<std::string> more) {
    more.insert(more.begin(),
                {"accuracy", "--fcd", Path("fcd.csv"), "--types", Path("types.txt"), "--report", Path("report.json")});
    return Call({STARLING_BIN "/starling-sim"}, more);
  }
  boost::json::value Report() const { return boost::json::parse(Text("report.json")); }
};

TEST_F(AccuracyCommand, WritesTableReportAndPage) {
  ASSERT_EQ(Measure({"--plot", Path("page.html")}), 0) << output_;
  EXPECT_THAT(output_, HasSubstr("by trajectories\n"));
  EXPECT_THAT(output_, HasSubstr("report " + Path("report.json")));
  EXPECT_THAT(output_, HasSubstr("page " + Path("page.html")));
  EXPECT_EQ(Report().at("points").at(0).at("scores").at("trajectories").at("recall").at("share").to_number<double>(),
            1);
  EXPECT_THAT(Text("page.html"), HasSubstr("</html>"));
  const std::string once = Text("report.json");
  ASSERT_EQ(Measure({}), 0) << output_;
  EXPECT_EQ(Text("report.json"), once);
}

TEST_F(AccuracyCommand, VariantsAreAdded) {
  ASSERT_EQ(Measure({"--noise", "0,2", "--paths", "--sweep", "--no-reference"}), 0) << output_;
  EXPECT_EQ(Report().at("points").as_array().size(), 4u);
  EXPECT_EQ(Report().at("sweep").as_array().size(), 22u);
  EXPECT_EQ(Report().at("references").as_array().size(), 0u);
  EXPECT_EQ(Report().at("points").at(3).at("noise_m").to_number<double>(), 2);
  EXPECT_EQ(Report().at("points").at(3).at("planned_paths"), true);
}

TEST_F(AccuracyCommand, ExitCodesSayWhoWasWrong) {
  EXPECT_EQ(Call({STARLING_BIN "/starling-sim"}, {"accuracy", "--help"}), 0);
  EXPECT_THAT(output_, HasSubstr("Exit codes"));
  EXPECT_THAT(output_, HasSubstr("--contacts"));
  EXPECT_EQ(Call({STARLING_BIN "/starling-sim"}, {"accuracy", "--report", Path("report.json")}), 2);
  EXPECT_THAT(output_, HasSubstr("--fcd is required"));
  EXPECT_EQ(Measure({"--ttc", "0"}), 2);
  EXPECT_THAT(output_, HasSubstr("must be above 0 and up to 3 s"));
  EXPECT_EQ(Measure({"--ssm", Path("none.xml")}), 2);
  EXPECT_THAT(output_, HasSubstr(Path("none.xml") + ": No such file"));
  Write("contacts.csv", "begin_s,end_s,id_a,id_b\n1,x,a,b\n");
  EXPECT_EQ(Measure({"--contacts", Path("contacts.csv")}), 2);
  EXPECT_THAT(output_, HasSubstr("contacts.csv:2: expected seconds"));
  Write("types.txt", "car 5\n");
  EXPECT_EQ(Measure({}), 2);
  EXPECT_THAT(output_, HasSubstr("types.txt:1: expected"));
  Write("types.txt", "car 5 1.8\n");
  Write("fcd.csv", "timestep_time;vehicle_id\n");
  EXPECT_EQ(Measure({}), 2);
  EXPECT_THAT(output_, HasSubstr("fcd.csv:1: expected a column vehicle_x"));
}

TEST_F(AccuracyCommand, AReportThatCannotBeWrittenIsAFailure) {
  Write("file", "");
  EXPECT_EQ(Call({STARLING_BIN "/starling-sim"},
                 {"accuracy", "--fcd", Path("fcd.csv"), "--no-reference", "--report", Path("file/report.json")}),
            1);
  EXPECT_THAT(output_, HasSubstr("file/report.json"));
}

// SUMO's Bologna, 60 s of a morning.  How good the horizon is there, docs/horizon.md says; here it is that the tool
// reads it all, and that its truth is near those of others.
TEST_F(AccuracyCommand, ReadsBolognaAndAgreesWithItsContacts) {
  const char* const data = std::getenv("STARLING_DATA");
  const fs::path folder =
      (data != nullptr ? fs::path(data) : fs::path(STARLING_SOURCE_DIR) / "../shared/data") / "bologna";
  if (!fs::exists(folder / "bologna_fcd.xml.xz")) {
    GTEST_SKIP() << folder << " is not there; STARLING_DATA names the folder that holds it";
  }
  ASSERT_EQ(Call({STARLING_BIN "/starling-sim"},
                 {"accuracy", "--fcd", (folder / "bologna_fcd.xml.xz").string(), "--ssm",
                  (folder / "bologna_ssm.xml.xz").string(), "--contacts", (folder / "bologna_contacts.csv").string(),
                  "--types", (folder / "dims.txt").string(), "--no-reference", "--report", Path("report.json")}),
            0)
      << output_;
  const boost::json::value report = Report();
  EXPECT_EQ(report.at("recording").at("rows").to_number<int>(), 464014);
  EXPECT_EQ(report.at("recording").at("vehicles").to_number<int>(), 927);
  EXPECT_EQ(report.at("recording").at("degrees"), true);
  EXPECT_TRUE(report.at("recording").at("types_without_size").as_object().empty());
  // UTM 32's north is off by 1.64 degrees here: (11.34 - 9) sin 44.5.
  EXPECT_NEAR(report.at("recording").at("headings_turned_rad").to_number<double>(), 0.02862, 0.0010);
  EXPECT_EQ(report.at("sources").at(1).at("rows").to_number<int>(), 4468);
  EXPECT_EQ(report.at("sources").at(2).at("rows").to_number<int>(), 17);
  const boost::json::value& point = report.at("points").at(0);
  EXPECT_EQ(point.at("refused").to_number<int>(), 0);
  EXPECT_EQ(point.at("streams_broken").to_number<int>(), 0);
  // Each contact of the table is a touch of ours, but for those that a box is turned out of.
  int found = 0;
  for (const boost::json::value& contact : point.at("encounters").at("contacts").as_array()) {
    for (const boost::json::value& own : point.at("encounters").at("trajectories").as_array()) {
      found +=
          own.at("a") == contact.at("a") && own.at("b") == contact.at("b") && own.at("ttc_s").to_number<double>() == 0;
    }
  }
  EXPECT_GE(found, 12);
  EXPECT_GE(point.at("scores").at("contacts").at("recall").at("of").to_number<int>(), 13);
}

}  // namespace
}  // namespace starling
