// A collection plan, from its text to what came of it, by the programs themselves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "tests/integration/scene.h"

namespace starling {
namespace {

using ::testing::HasSubstr;

class PlanPrograms : public Scene {
 protected:
  void WritePlan(const std::string& text) { std::ofstream(Path("plan.toml")) << text; }
  std::optional<int> Plan(const std::string& command, const std::vector<std::string>& arguments) {
    std::vector<std::string> all = {Program("starling"), "plan", command};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return Outcome(all);
  }
};

constexpr const char* kPlan = R"(name = "brakes"
version = 3
priority = "urgent"
[[signal]]
name = "accel_mps2"
every = 100
[[window]]
signal = "speed_mps"
seconds = 1
aggregates = ["max"]
[[trigger]]
name = "brake"
when = "brake_mps2 > 4 for 0.2 s"
before_s = 0.3
after_s = 0.3
)";

TEST_F(PlanPrograms, AMistakeIsNamedWithFileLineAndColumn) {
  WritePlan("name = \"a\"\nversion = 0\n");
  EXPECT_EQ(Plan("check", {Path("plan.toml")}), 1);
  EXPECT_THAT(Read("output.log"), HasSubstr("plan.toml:2:11: version is 0, must be 1 or more"));
  EXPECT_EQ(Plan("check", {Path("plan.toml"), "--json"}), 1);
  EXPECT_THAT(Read("output.log"), HasSubstr(R"("line":2,"column":11)"));
}

TEST_F(PlanPrograms, WhatIsPushedIsInForceAndWhatCameOfItCanBeRead) {
  MakeCertificates(1);
  StartCloud();
  ASSERT_FALSE(HasFailure());
  const std::string data = CloudCommand(0, 0)[4];
  WritePlan(kPlan);
  ASSERT_EQ(Plan("push", {Path("plan.toml"), "--data", data, "--all"}), 0) << Read("output.log");
  EXPECT_EQ(Plan("push", {Path("plan.toml"), "--data", data, "--vehicle", "veh-00001"}), 1);
  EXPECT_THAT(Read("output.log"), HasSubstr("never rolled back"));

  // Five seconds of driving; from the third second on it brakes for half a one.
  const std::string drive =
      "i=0; while [ $i -lt 50 ]; do a=0; [ $i -ge 30 ] && [ $i -lt 35 ] && a=-5; "
      "echo \"{\\\"lat_deg\\\":48.1351,\\\"lon_deg\\\":11.582,\\\"heading_deg\\\":0,\\\"speed_mps\\\":6,\\\"accel_mps2\\\":$a}\"; "
      "i=$((i+1)); sleep 0.1; done | " + Program("starling-edge") + " --connect 127.0.0.1:" + std::to_string(port_) +
      " --certs " + Path("certs") + " --name veh-00001";
  ASSERT_EQ(Outcome({"/bin/sh", "-c", drive}), 0) << Read("output.log");
  EXPECT_THAT(Read("output.log"), HasSubstr(R"("event":"plan","verdict":"applied","version":3)"));
  EXPECT_THAT(Read("output.log"), HasSubstr(R"("plan_captures":1)"));
  EXPECT_THAT(Read("output.log"), testing::Not(HasSubstr(R"("values_decimated":0)")));

  const std::optional<std::string> vehicle = Get("/v1/vehicles/veh-00001");
  ASSERT_TRUE(vehicle.has_value());
  EXPECT_THAT(*vehicle, HasSubstr(R"("said":{"verdict":"applied","version":"3")"));
  EXPECT_THAT(*vehicle, HasSubstr(R"("in_force":{"version":"3")"));
  EXPECT_EQ(Stat("plans", "in_force"), 1);

  // Which vehicle has which: by the log, and by what vehicles say.
  std::ofstream(Path("own.toml")) << "name = \"own\"\nversion = 9\n";
  ASSERT_EQ(Plan("push", {Path("own.toml"), "--data", data, "--vehicle", "veh-00009"}), 0);
  const std::string http = "127.0.0.1:" + std::to_string(http_port_);
  for (const std::vector<std::string>& more : {std::vector<std::string>(), {"--http", http}}) {
    std::filesystem::remove(Path("output.log"));
    std::vector<std::string> arguments = {"--data", data};
    arguments.insert(arguments.end(), more.begin(), more.end());
    ASSERT_EQ(Plan("status", arguments), 0) << Read("output.log");
    EXPECT_THAT(Read("output.log"), HasSubstr("\nveh-00001  in_force  3 "));
    EXPECT_THAT(Read("output.log"), HasSubstr("\nveh-00009  behind    9 "));
    EXPECT_THAT(Read("output.log"), HasSubstr("\n1 in_force  1 behind\n"));
    EXPECT_THAT(Read("output.log"), HasSubstr(more.empty() ? "Z  -\n" : "Z  applied\n"));
  }
  ASSERT_EQ(Plan("status", {"--data", data, "--json", "--vehicle", "veh-00001"}), 0);
  EXPECT_THAT(Read("output.log"), HasSubstr(R"("vehicle":"veh-00001","state":"in_force")"));
  EXPECT_EQ(Plan("status", {"--data", data, "--http", "127.0.0.1:1"}), 1);
  EXPECT_THAT(Read("output.log"), HasSubstr("no answer from http://127.0.0.1:1/: Connection refused"));
  EXPECT_EQ(Plan("status", {"--data", data, "--http", "here"}), 2);

  std::filesystem::remove(Path("output.log"));
  cloud_->Signal(SIGTERM);
  EXPECT_EQ(cloud_->Wait(std::chrono::seconds(20)), 0);
  ASSERT_EQ(Plan("results", {"--data", data}), 0) << Read("output.log");
  EXPECT_THAT(Read("output.log"), HasSubstr(R"("plan_name":"brakes","window":0,"signal":"speed_mps")"));
  EXPECT_THAT(Read("output.log"), HasSubstr(R"("trigger":0,"name":"brake")"));
  EXPECT_THAT(Read("output.log"), HasSubstr(R"("accel_mps2":-5E0)"));
  const std::string all = Read("output.log");
  EXPECT_EQ(Plan("results", {"--data", data, "--vehicle", "veh-00002"}), 0);
  EXPECT_EQ(Read("output.log"), all);  // Nothing was added.
}

}  // namespace
}  // namespace starling
