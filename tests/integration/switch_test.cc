// The switch that stops commands, on real processes: a fleet drives, an operator stops
// its commands, and neither a kill -9 nor a start brings one back.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include "cloud/dispatch/settings_file.h"
#include "cloud/log/stored_log.h"
#include "cloud/shard/command_settings.h"
#include "schemas/log/commands_generated.h"
#include "tests/integration/scene.h"

namespace starling {
namespace {

namespace json = boost::json;
using testing::HasSubstr;

constexpr int kVehicles = 280;
constexpr std::chrono::seconds kPatience{60};
constexpr std::int64_t kSecondNs = 1'000'000'000;

// What an audit trail says, in its order.
struct Entry {
  enum class What : std::uint8_t { kIssued, kShadow, kStopped, kTaken } what{};
  std::int64_t time_ns = 0;         // when the log took it
  std::string by;                   // of settings
  bool stops = false;
};

class Switch : public Scene {
 protected:
  int Commands(std::vector<std::string> arguments) {
    std::vector<std::string> command = {Program("starling"), "commands"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    command.insert(command.end(), {"--data", Path("data")});
    return Outcome(command).value_or(-1);
  }
  void Drive(int seconds) {
    simulator_ = std::make_unique<ChildProcess>(
        std::vector<std::string>{Program("starling-sim"), "--connect", "127.0.0.1:" + std::to_string(port_), "--http",
                                 "127.0.0.1:" + std::to_string(http_port_), "--certs", Path("certs"), "--vehicles",
                                 std::to_string(kVehicles), "--seconds", std::to_string(seconds), "--seed", "7",
                                 "--headless", "--report", Path("report.json"), "--journal", Path("journal")},
        Path("sim.log"));
  }
  double Count(const std::string& name) { return Stat("commands", name).value_or(-1); }
  bool AwaitCount(const std::string& group, const std::string& name, double above) {
    return Eventually(kPatience, [&] { return Stat(group, name).value_or(0) > above || !simulator_->Running(); }) &&
           simulator_->Running();
  }
  double Issued() {
    return Stat("shard", "avoidance_issued").value_or(0) + Stat("shard", "speed_advice_issued").value_or(0);
  }

  // Of a folder that no orchestrator has open.
  std::vector<Entry> Trail() {
    std::vector<Entry> trail;
    const Status status = cloud::ReadStoredLog(
        Path("data"), cloud::Topic::kCommands, cloud::Partition{0}, {}, [&trail](const cloud::LogRecord& record) {
          const log::Audit& audit = *log::GetAudit(record.value.data());
          Entry entry;
          entry.time_ns = ToNs(record.time);
          if (audit.body_as_CommandIssued() != nullptr) {
            entry.what = Entry::What::kIssued;
          } else if (const auto* withheld = audit.body_as_CommandWithheld()) {
            entry.what = withheld->mode() == log::CommandMode::Stop ? Entry::What::kStopped : Entry::What::kShadow;
          } else if (const auto* taken = audit.body_as_CommandSettingsTaken()) {
            entry.what = Entry::What::kTaken;
            entry.by = taken->settings()->by()->str();
            entry.stops = taken->settings()->rules()->size() > 0;
            entry.time_ns = taken->taken_ns();
          } else {
            return true;
          }
          trail.push_back(entry);
          return true;
        });
    EXPECT_TRUE(status.ok()) << status.message();
    return trail;
  }
  // When vehicles were handed commands, by the simulator's own record.
  std::vector<std::int64_t> Handed() {
    std::vector<std::int64_t> times;
    std::istringstream journal(Read("journal"));
    for (std::string line; std::getline(journal, line);) {
      if (!line.starts_with("handed ")) continue;
      times.push_back(std::stoll(line.substr(line.rfind(' ') + 1)));
    }
    return times;
  }
  void StopCloud() {
    cloud_->Signal(SIGTERM);
    EXPECT_EQ(cloud_->Wait(kPatience), 0);
    cloud_.reset();
  }

  std::unique_ptr<ChildProcess> simulator_;
};

TEST_F(Switch, StopsEveryCommandWithinASecondAndTheAuditTrailSaysWhoThrewIt) {
  MakeCertificates(kVehicles);
  StartCloud();
  ASSERT_FALSE(HasFailure());
  Drive(40);
  ASSERT_TRUE(Eventually(kPatience, [&] { return Issued() > 5 || !simulator_->Running(); }));
  ASSERT_TRUE(simulator_->Running()) << "too few commands to show anything";
  const std::int64_t thrown_ns = ToNs(CloudNow());
  ASSERT_EQ(Commands({"stop", "--by", "ana", "--reason", "an exercise"}), 0) << Read("output.log");
  EXPECT_THAT(Read("output.log"), HasSubstr("stopped    every command  (by ana"));
  EXPECT_THAT(Read("output.log"), HasSubstr("region 0 acts by it since"));
  EXPECT_EQ(Commands({"status"}), 0);
  EXPECT_THAT(Read("output.log"), HasSubstr("an exercise"));
  // The fleet drives on, and is decided for.
  ASSERT_TRUE(AwaitCount("commands", "stopped", 5));
  ASSERT_TRUE(simulator_->Wait(std::chrono::seconds(120)).has_value());
  StopCloud();

  const std::vector<Entry> trail = Trail();
  const auto taken = std::find_if(trail.begin(), trail.end(),
                                  [](const Entry& entry) { return entry.what == Entry::What::kTaken; });
  ASSERT_NE(taken, trail.end());
  EXPECT_EQ(taken->by, "ana");
  EXPECT_LE(taken->time_ns, thrown_ns + kSecondNs);
  const auto is = [](Entry::What what) { return [what](const Entry& entry) { return entry.what == what; }; };
  EXPECT_GT(std::count_if(trail.begin(), taken, is(Entry::What::kIssued)), 5);
  EXPECT_EQ(std::count_if(taken, trail.end(), is(Entry::What::kIssued)), 0);
  EXPECT_GT(std::count_if(taken, trail.end(), is(Entry::What::kStopped)), 5);
  const std::vector<std::int64_t> handed = Handed();
  EXPECT_GT(handed.size(), 3u);
  EXPECT_EQ(std::count_if(handed.begin(), handed.end(),
                          [&](std::int64_t at_ns) { return at_ns > thrown_ns + kSecondNs; }),
            0);
  EXPECT_EQ(Outcome({Program("starling"), "audit", "verify", "--data", Path("data")}), 0) << Read("output.log");
  EXPECT_THAT(Read("output.log"), HasSubstr("whole"));
}

TEST_F(Switch, SurvivesAKillAndAStartAndIsLiftedByName) {
  MakeCertificates(kVehicles);
  StartCloud();
  ASSERT_FALSE(HasFailure());
  ASSERT_EQ(Commands({"stop", "--by", "ana"}), 0) << Read("output.log");
  ASSERT_EQ(Commands({"shadow", "--kind", "advice", "--by", "ben"}), 0) << Read("output.log");
  cloud_->Signal(SIGKILL);
  ASSERT_EQ(cloud_->Wait(kPatience), 128 + SIGKILL);
  StartCloud();
  ASSERT_FALSE(HasFailure());
  Drive(30);
  ASSERT_TRUE(AwaitCount("commands", "stopped", 3));
  EXPECT_EQ(Issued(), 0);
  EXPECT_EQ(Commands({"start", "--kind", "avoidance"}), 2) << "nothing was stopped by that scope";
  ASSERT_EQ(Commands({"start", "--by", "cy"}), 0) << Read("output.log");
  EXPECT_THAT(Read("output.log"), HasSubstr("in shadow  kind advice  (by ben"));
  ASSERT_TRUE(AwaitCount("shard", "avoidance_issued", 1));
  EXPECT_EQ(Stat("shard", "speed_advice_issued"), 0.0);
  simulator_.reset();
  StopCloud();
  EXPECT_EQ(Outcome({Program("starling"), "audit", "verify", "--data", Path("data")}), 0) << Read("output.log");
  const std::vector<Entry> trail = Trail();
  std::vector<std::string> by;
  for (const Entry& entry : trail) {
    if (entry.what == Entry::What::kTaken && (by.empty() || by.back() != entry.by)) by.push_back(entry.by);
  }
  EXPECT_EQ(by, (std::vector<std::string>{"ana", "ben", "cy"}));
}

TEST_F(Switch, ThrownBeforeAStartItHoldsFromTheFirstRecordAndADamagedFileIsNoStart) {
  MakeCertificates(kVehicles);
  std::filesystem::create_directory(Path("data"));
  ASSERT_EQ(Commands({"stop"}), 0) << Read("output.log");
  EXPECT_THAT(Read("output.log"), HasSubstr("no starling-cloud runs on this folder"));
  StartCloud();
  ASSERT_FALSE(HasFailure());
  Drive(30);
  ASSERT_TRUE(AwaitCount("commands", "stopped", 0));
  EXPECT_EQ(Issued(), 0);
  simulator_.reset();
  StopCloud();
  std::ofstream(Path("data/commands.settings"), std::ios::binary | std::ios::app) << "x";
  EXPECT_EQ(Outcome(CloudCommand(0, 0)), 1);
  EXPECT_THAT(Read("output.log"), HasSubstr("commands.settings is damaged"));
}

TEST_F(Switch, AStopIsLiftedBeforeTheShadowBeneathIt) {
  std::filesystem::create_directory(Path("data"));
  ASSERT_EQ(Commands({"shadow"}), 0) << Read("output.log");
  ASSERT_EQ(Commands({"stop"}), 0) << Read("output.log");
  const auto rules = [this] {
    return cloud::ReadCommandSettings(cloud::CommandSettingsFile(Path("data"))).value()->rules;
  };
  ASSERT_EQ(Commands({"start"}), 0) << Read("output.log");
  ASSERT_EQ(rules().size(), 1u);
  EXPECT_EQ(rules()[0].mode, cloud::CommandMode::Shadow);
  ASSERT_EQ(Commands({"start"}), 0) << Read("output.log");
  EXPECT_TRUE(rules().empty());
}

TEST_F(Switch, OneRuleIsKeptFreeForStoppingEverything) {
  std::filesystem::create_directory(Path("data"));
  for (std::size_t i = 1; i < cloud::CommandSettings::kRulesMax; ++i) {
    ASSERT_EQ(Commands({"shadow", "--region", std::to_string(i)}), 0) << Read("output.log");
  }
  EXPECT_EQ(Commands({"shadow", "--region", "0"}), 2);
  EXPECT_THAT(Read("output.log"), HasSubstr("kept free for stopping everything"));
  EXPECT_EQ(Commands({"stop"}), 0) << Read("output.log");
  EXPECT_THAT(Read("output.log"), HasSubstr("stopped    every command"));
}

TEST_F(Switch, ADamagedFileIsWrittenAnewByWhoStopsEverythingAlone) {
  std::filesystem::create_directory(Path("data"));
  ASSERT_EQ(Commands({"stop"}), 0) << Read("output.log");
  std::ofstream(Path("data/commands.settings"), std::ios::binary | std::ios::app) << "x";
  EXPECT_EQ(Commands({"shadow", "--fleet", "x-"}), 1);
  EXPECT_EQ(Commands({"start", "--all"}), 1);
  EXPECT_THAT(Read("output.log"), HasSubstr("is damaged"));
  EXPECT_EQ(Commands({"stop"}), 0) << Read("output.log");
  EXPECT_EQ(Commands({"status"}), 0) << Read("output.log");
  EXPECT_THAT(Read("output.log"), HasSubstr("stopped    every command"));
}

TEST_F(Switch, WhatCannotBeMeantIsWrongUsage) {
  std::filesystem::create_directory(Path("data"));
  EXPECT_EQ(Commands({"stop", "--area", "1,2,3"}), 2);
  EXPECT_THAT(Read("output.log"), HasSubstr("X,Y,COLUMNS,ROWS"));
  EXPECT_EQ(Commands({"stop", "--area", "1,2,0,4"}), 2);
  EXPECT_EQ(Commands({"stop", "--kind", "release"}), 2);
  EXPECT_EQ(Commands({"stop", "--fleet", "a b"}), 2);
  EXPECT_EQ(Commands({"start", "--all", "--region", "1"}), 2);
  EXPECT_EQ(Commands({"start"}), 2);
  EXPECT_EQ(Outcome({Program("starling"), "commands", "stop"}), 2);
  EXPECT_EQ(Outcome({Program("starling"), "commands", "stop", "--data", Path("nowhere")}), 2);
  EXPECT_EQ(Commands({"status"}), 0);
  EXPECT_THAT(Read("output.log"), HasSubstr("every command is sent"));
}

}  // namespace
}  // namespace starling
