// starling-sim --virtual and starling-sim experiment as people and scripts call them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <csignal>

#include "tests/integration/command_fixture.h"

namespace starling {
namespace {

using testing::HasSubstr;

constexpr const char* kTown =
    "name = \"town\"\nseconds = 12\n[city]\nside_m = 1000\n"
    "[traffic]\nvehicles = 120\nwarm_up_s = 10\n[link]\nmodel = \"cellular\"\n";

class VirtualCommand : public CommandTest {
 protected:
  void SetUp() override {
    CommandTest::SetUp();
    Write("town.toml", kTown);
  }

  int Run(const std::vector<std::string>& more) {
    std::filesystem::remove(Path("output"));
    return Call({STARLING_BIN "/starling-sim"}, more);
  }
  int Drive(std::vector<std::string> more) {
    more.insert(more.begin(), {"--virtual", "--scenario", Path("town.toml")});
    return Run(more);
  }
  int Compare(std::vector<std::string> more) {
    more.insert(more.begin(), {"experiment", Path("town.toml"), "--pairs", "2", "--report", Path("pairs.json")});
    return Run(more);
  }
  boost::json::value Json(const std::string& name) const { return boost::json::parse(Text(name)); }
  bool Exists(const std::string& name) const { return std::filesystem::exists(Path(name)); }

  // A run that goes on for hours, interrupted once it has written `sign`.
  int Interrupt(std::vector<std::string> arguments, const std::string& sign, int signal) {
    std::filesystem::remove(Path("output"));
    arguments.insert(arguments.begin(), STARLING_BIN "/starling-sim");
    ChildProcess child(arguments, Path("output"));
    EXPECT_TRUE(Eventually(std::chrono::seconds(60), [&] { return Text("output").find(sign) != std::string::npos; }));
    EXPECT_TRUE(child.Running()) << Text("output");
    child.Signal(signal);
    const int code = child.Wait(std::chrono::seconds(60)).value_or(-1);
    output_ = Text("output");
    return code;
  }
};

TEST_F(VirtualCommand, WritesTheSameReportEachTime) {
  ASSERT_EQ(Drive({"--seed", "7", "--threads", "1", "--report", Path("one.json")}), 0) << output_;
  EXPECT_THAT(output_, HasSubstr("town: 120 vehicles, 12 s, seed 7"));
  EXPECT_THAT(output_, HasSubstr("\npassed\n"));
  EXPECT_THAT(output_, HasSubstr("report        " + Path("one.json")));
  ASSERT_EQ(Drive({"--seed", "7", "--threads", "2", "--report", Path("two.json")}), 0) << output_;
  EXPECT_EQ(Text("one.json"), Text("two.json"));
  ASSERT_EQ(Drive({"--seed", "8", "--report", Path("other.json")}), 0) << output_;
  EXPECT_NE(Text("one.json"), Text("other.json"));
  EXPECT_EQ(Json("one.json").at("passed"), true);
  EXPECT_EQ(Json("one.json").at("scenario"), "town");
  EXPECT_EQ(Json("one.json").at("interrupted"), false);
}

TEST_F(VirtualCommand, ItsJsonIsTheReport) {
  ASSERT_EQ(Drive({"--json", "--no-obey", "--vehicles", "80", "--seconds", "5", "--report", Path("report.json")}), 0)
      << output_;
  EXPECT_THAT(output_, HasSubstr(Text("report.json")));
  const boost::json::value report = Json("report.json");
  EXPECT_EQ(report.at("vehicles").to_number<int>(), 80);
  EXPECT_EQ(report.at("seconds").to_number<int>(), 5);
  EXPECT_EQ(report.at("driven_s").to_number<double>(), 5);
  EXPECT_EQ(report.at("obey"), false);
  EXPECT_EQ(report.at("fleet").at("complying").to_number<int>(), 0);
}

// Longer than what standard output keeps back.
TEST_F(VirtualCommand, ItsJsonStaysInOnePieceBesideWhatElseIsSaid) {
  ASSERT_EQ(Drive({"--json", "--threads", "1", "--vehicles", "2", "--seconds", "4000", "--report",
                   Path("report.json")}),
            0)
      << output_;
  ASSERT_GT(Text("report.json").size(), 4096u);
  EXPECT_THAT(output_, HasSubstr(Text("report.json")));
}

TEST_F(VirtualCommand, WithoutAScenarioItDrivesACity) {
  ASSERT_EQ(Run({"--virtual", "--vehicles", "50", "--seconds", "3", "--json"}), 0) << output_;
  const boost::json::value report = boost::json::parse(output_.substr(output_.find("{\n")));
  EXPECT_EQ(report.at("scenario"), "city");
  EXPECT_EQ(report.at("vehicles").to_number<int>(), 50);
}

TEST_F(VirtualCommand, HelpNamesWhatItTakes) {
  EXPECT_EQ(Run({"--help"}), 0);
  for (const char* each : {"--virtual", "--scenario", "--threads", "--json", "docs/formats/scenario.md"}) {
    EXPECT_THAT(output_, HasSubstr(each));
  }
  EXPECT_EQ(Run({"experiment", "--help"}), 0);
  for (const char* each : {"--seed", "--pairs", "--jobs", "--report", "Exit codes"}) {
    EXPECT_THAT(output_, HasSubstr(each));
  }
}

TEST_F(VirtualCommand, ExitCodesSayWhoWasWrong) {
  EXPECT_EQ(Run({"--scenario", Path("town.toml")}), 2);
  EXPECT_THAT(output_, HasSubstr("--virtual"));
  EXPECT_EQ(Drive({"--threads", "65"}), 2);
  EXPECT_THAT(output_, HasSubstr("threads must be within 1 and 64"));
  EXPECT_EQ(Drive({"--seconds", "0"}), 2);
  EXPECT_THAT(output_, HasSubstr("seconds must be within 1 and 86400"));
  EXPECT_EQ(Drive({"--vehicles", "90000"}), 2);
  EXPECT_THAT(output_, HasSubstr("the city has room for"));
  EXPECT_EQ(Drive({"--network", Path("none.net.xml")}), 2);
  EXPECT_THAT(output_, HasSubstr("none.net.xml"));
  EXPECT_EQ(Run({"--virtual", "--scenario", Path("none.toml")}), 2);
  EXPECT_THAT(output_, HasSubstr(Path("none.toml") + ": No such file"));
  Write("town.toml", std::string(kTown) + "loss = 7\n");
  EXPECT_EQ(Drive({}), 2);
  EXPECT_THAT(output_, HasSubstr(Path("town.toml") + ":10: [link]: link loss is 7, not in 0 to 0.5\n"));
  Write("town.toml", kTown);
  Write("file", "");
  EXPECT_EQ(Drive({"--seconds", "1", "--report", Path("file/report.json")}), 1);
  EXPECT_THAT(output_, HasSubstr("file/report.json"));
}

TEST_F(VirtualCommand, EndedEarlyItWritesWhatItHas) {
  EXPECT_EQ(Interrupt({"--virtual", "--scenario", Path("town.toml"), "--seconds", "86400", "--report",
                       Path("report.json")},
                      "times real time", SIGINT),
            130)
      << output_;
  EXPECT_THAT(output_, HasSubstr(", ended early\n"));
  const boost::json::value report = Json("report.json");
  EXPECT_EQ(report.at("interrupted"), true);
  EXPECT_EQ(report.at("passed"), true);
  EXPECT_GT(report.at("driven_s").to_number<double>(), 0);
  EXPECT_LT(report.at("driven_s").to_number<double>(), 86400);
  EXPECT_EQ(report.at("fleet").at("ledger").at("in_flight").to_number<int>(), 0);
}

TEST_F(VirtualCommand, AnExperimentWritesPlanFiguresAndPage) {
  ASSERT_EQ(Compare({"--seed", "5", "--jobs", "2"}), 0) << output_;
  EXPECT_THAT(output_, HasSubstr("collisions"));
  EXPECT_THAT(output_, HasSubstr("report " + Path("pairs.json")));
  const boost::json::value report = Json("pairs.json");
  EXPECT_EQ(report.at("scenario"), "town");
  EXPECT_EQ(report.at("seeds"), boost::json::value({5, 6}));
  EXPECT_EQ(Json("pairs.plan.json").at("seeds"), boost::json::value({5, 6}));
  ASSERT_EQ(report.at("figures").as_array().size(), Json("pairs.plan.json").at("figures").as_array().size());
  EXPECT_THAT(Text("pairs.html"), testing::StartsWith("<!DOCTYPE html>"));
  EXPECT_THAT(Text("pairs.html"), HasSubstr("</html>"));
  const std::string once = Text("pairs.json");
  ASSERT_EQ(Compare({"--seed", "5", "--jobs", "1"}), 0) << output_;
  EXPECT_EQ(Text("pairs.json"), once);
}

TEST_F(VirtualCommand, AnExperimentsExitCodesSayWhoWasWrong) {
  EXPECT_EQ(Run({"experiment"}), 2);
  EXPECT_EQ(Run({"experiment", Path("none.toml")}), 2);
  EXPECT_THAT(output_, HasSubstr(Path("none.toml")));
  EXPECT_EQ(Run({"experiment", Path("town.toml"), "--pairs", "1", "--report", Path("pairs.json")}), 2);
  EXPECT_THAT(output_, HasSubstr("pairs must be within 2 and 1000"));
  EXPECT_EQ(Compare({"--jobs", "65"}), 2);
  EXPECT_THAT(output_, HasSubstr("jobs must be within 1 and 64"));
  EXPECT_FALSE(Exists("pairs.plan.json"));
  EXPECT_EQ(Compare({"--vehicles", "90000"}), 2);
  EXPECT_THAT(output_, HasSubstr("the city has room for"));
  Write("town.toml", "name = \"town\"\n\n[city]\nside = 1000\n");
  EXPECT_EQ(Compare({}), 2);
  EXPECT_THAT(output_, HasSubstr(Path("town.toml") + ":4: unknown key side in [city]; there are: block_m, "));
}

TEST_F(VirtualCommand, AnExperimentEndedBeforeTwoPairsHasOnlyItsPlan) {
  EXPECT_EQ(Interrupt({"experiment", Path("town.toml"), "--seconds", "86400", "--report", Path("pairs.json")},
                      "the plan is in", SIGTERM),
            130)
      << output_;
  EXPECT_THAT(output_, HasSubstr("ended before two pairs were complete"));
  EXPECT_TRUE(Exists("pairs.plan.json"));
  EXPECT_FALSE(Exists("pairs.json"));
}

TEST_F(VirtualCommand, AnExperimentEndedEarlyHasThePairsThatAreComplete) {
  EXPECT_EQ(Interrupt({"experiment", Path("town.toml"), "--pairs", "1000", "--jobs", "1", "--seconds", "3", "--report",
                       Path("pairs.json")},
                      "5 of 2000", SIGINT),
            130)
      << output_;
  const std::size_t seeds = Json("pairs.json").at("seeds").as_array().size();
  EXPECT_GE(seeds, 2u);
  EXPECT_LT(seeds, 1000u);
  EXPECT_EQ(Json("pairs.plan.json").at("seeds").as_array().size(), 1000u);
  EXPECT_THAT(Text("pairs.html"), HasSubstr("</html>"));
}

}  // namespace
}  // namespace starling
