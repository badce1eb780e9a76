// A backup taken while a city drives, and an orchestrator that begins again with it: what came after the cut is lost,
// and counted to the sample; nothing of that time is commanded again.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include "tests/integration/scene.h"

namespace starling {
namespace {

namespace json = boost::json;
using testing::HasSubstr;

constexpr int kVehicles = 200;
constexpr int kSeconds = 24;
constexpr std::chrono::seconds kPatience{60};

class BackupOfACity : public Scene {
 protected:
  int Starling(const std::vector<std::string>& arguments) {
    std::vector<std::string> command = {Program("starling")};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return Outcome(command).value_or(-1);
  }
  void Drive(int seconds) {
    simulator_ = std::make_unique<ChildProcess>(
        std::vector<std::string>{Program("starling-sim"), "--connect", "127.0.0.1:" + std::to_string(port_), "--http",
                                 "127.0.0.1:" + std::to_string(http_port_), "--certs", Path("certs"), "--vehicles",
                                 std::to_string(kVehicles), "--seconds", std::to_string(seconds), "--seed", "7",
                                 "--headless", "--report", Path("report.json")},
        Path("sim.log"));
  }
  bool AwaitHeld(double samples) {
    return Eventually(kPatience, [&] {
             return Stat("ledger", "samples").value_or(0) >= samples || !simulator_->Running();
           }) &&
           simulator_->Running();
  }
  void Kill() {
    cloud_->Signal(SIGKILL);
    ASSERT_EQ(cloud_->Wait(std::chrono::seconds(5)), 128 + SIGKILL);
  }
  void Stop() {
    cloud_->Signal(SIGTERM);
    EXPECT_EQ(cloud_->Wait(kPatience), 0);
    cloud_.reset();
  }

  std::unique_ptr<ChildProcess> simulator_;
};

TEST_F(BackupOfACity, BeginsAgainWithTheCutAndCountsEverySampleThatIsInNoPlace) {
  MakeCertificates(kVehicles);
  ASSERT_EQ(Starling({"keys", "init", Path("fleet.keys")}), 0);
  const std::vector<std::string> keys = {"--key-file", Path("fleet.keys")};
  StartCloud(keys);
  ASSERT_FALSE(HasFailure());
  Drive(kSeconds);
  ASSERT_TRUE(AwaitHeld(0.2 * kVehicles * kSeconds * 10));
  ASSERT_EQ(Starling({"backup", "--data", Path("data"), "--to", Path("backup"), "--rate", "0"}), 0) << Read("output.log");
  EXPECT_THAT(Read("output.log"), HasSubstr("made and verified"));
  EXPECT_THAT(Read("output.log"), HasSubstr("the key file is not in the backup"));
  EXPECT_EQ(Stat("backup", "done"), 1.0);
  const double held_at_cut = Stat("ledger", "samples").value_or(0);
  // Some more is told to be durable, and deleted by the vehicles; then the machine is lost.
  ASSERT_TRUE(AwaitHeld(held_at_cut + 0.2 * kVehicles * kSeconds * 10));
  const double epoch_before = Stat("runner", "epoch").value_or(0);
  Kill();
  std::filesystem::rename(Path("data"), Path("lost"));

  EXPECT_EQ(Starling({"restore", "--from", Path("backup"), "--verify-only"}), 0) << Read("output.log");
  ASSERT_EQ(Starling({"restore", "--from", Path("backup"), "--data", Path("data")}), 0) << Read("output.log");
  EXPECT_THAT(Read("output.log"), HasSubstr("Commands of that time are"));
  EXPECT_EQ(Starling({"restore", "--from", Path("backup"), "--data", Path("data")}), 2);
  StartCloud(keys);
  ASSERT_FALSE(HasFailure());
  EXPECT_THAT(Read("cloud.log"), HasSubstr("this folder was put back from a backup"));
  EXPECT_GT(Stat("runner", "epoch").value_or(0), epoch_before + 1e12);

  // The simulator sees that the cloud holds less than it was told, and says so.
  ASSERT_EQ(simulator_->Wait(std::chrono::seconds(120)), 1);
  EXPECT_THAT(Read("cloud.log"), HasSubstr("shard began with state"));
  const json::value report = json::parse(Read("report.json"));
  const auto count = [](const json::value& value) { return value.to_number<double>(); };
  const json::value& ledger = report.at("ledger");
  const double delivered = count(ledger.at("delivered"));
  const double missing = Stat("restore", "samples_missing").value_or(-1);
  EXPECT_GT(missing, 0);
  EXPECT_EQ(Stat("restore", "samples_missing_at_start"), 0.0);
  EXPECT_EQ(Stat("ledger", "samples").value_or(0) + missing, delivered) << "every one of them is held or counted";
  EXPECT_EQ(count(ledger.at("sampled")), delivered) << "the vehicles dropped none";
  // Vehicles take commands again, and none of before a second time.
  const json::value& commands = report.at("commands");
  EXPECT_EQ(count(commands.at("acted_twice")), 0);
  EXPECT_EQ(count(commands.at("acted_late")), 0);
  EXPECT_GT(Stat("shard", "closed_applied").value_or(0), 0);
  EXPECT_EQ(Stat("shard", "closed_rejected"), 0.0) << "epochs of the lost log were above the new ones";
  Stop();
  EXPECT_EQ(Starling({"audit", "verify", "--data", Path("data"), "--key-file", Path("fleet.keys")}), 0)
      << Read("output.log");

  // What is counted is kept, and so are the epochs.
  StartCloud(keys);
  ASSERT_FALSE(HasFailure());
  EXPECT_EQ(Stat("restore", "samples_missing"), missing);
  EXPECT_GT(Stat("runner", "epoch").value_or(0), epoch_before + 1e12);
  // At rest it is copied by the program itself, and that copy remembers, too.
  Stop();
  ASSERT_EQ(Starling({"backup", "--data", Path("data"), "--to", Path("second")}), 0) << Read("output.log");
  EXPECT_TRUE(std::filesystem::exists(Path("second/settings/restored.mark")));

  // History as files: the same samples are read from them as from the log.
  const std::vector<std::string> archive = {"archive", "--data", Path("data"), "--key-file", Path("fleet.keys"), "--to",
                                            Path("archive")};
  EXPECT_EQ(Starling(archive), 2) << "an encrypted log's archive is plain, which has to be meant";
  std::vector<std::string> meant = archive;
  meant.push_back("--plain");
  ASSERT_EQ(Starling(meant), 0) << Read("output.log");
  const auto history = [&](const std::vector<std::string>& from) {
    std::filesystem::remove(Path("output.log"));
    std::vector<std::string> command = {"history", "veh-00001"};
    command.insert(command.end(), from.begin(), from.end());
    EXPECT_EQ(Starling(command), 0);
    return Read("output.log");
  };
  const std::string of_log = history({"--data", Path("data"), "--key-file", Path("fleet.keys")});
  EXPECT_THAT(of_log, HasSubstr("\"sequence\":1,"));
  EXPECT_EQ(history({"--archive", Path("archive")}), of_log);
  EXPECT_EQ(history({"--archive", Path("archive"), "--data", Path("data"), "--key-file", Path("fleet.keys")}), of_log);
  EXPECT_EQ(history({"--archive", Path("archive"), "--to", "2020-01-01T00:00:00Z"}), "");
}

TEST_F(BackupOfACity, OneThatWasAlteredPutsNothingBackAndTheFileIsNamed) {
  MakeCertificates(10);
  StartCloud();
  ASSERT_FALSE(HasFailure());
  ASSERT_EQ(Starling({"backup", "--data", Path("data"), "--to", Path("backup")}), 0) << Read("output.log");
  EXPECT_EQ(Starling({"backup", "--data", Path("data"), "--to", Path("backup")}), 1) << "it is there already";
  EXPECT_THAT(Read("output.log"), HasSubstr("there already"));
  Stop();
  std::ofstream(Path("backup/log/CURRENT"), std::ios::app) << "x";
  EXPECT_EQ(Starling({"restore", "--from", Path("backup"), "--data", Path("again")}), 1);
  EXPECT_THAT(Read("output.log"), HasSubstr("log/CURRENT has "));
  EXPECT_EQ(Starling({"restore", "--from", Path("backup"), "--verify-only"}), 1);
  EXPECT_FALSE(std::filesystem::exists(Path("again")));
  EXPECT_EQ(Starling({"restore", "--from", Path("nowhere"), "--verify-only"}), 1);
  EXPECT_EQ(Starling({"restore", "--from", Path("backup")}), 2);
  EXPECT_EQ(Starling({"backup", "--data", Path("certs"), "--to", Path("third")}), 2);
  EXPECT_THAT(Read("output.log"), HasSubstr("holds no embedded log"));
}

}  // namespace
}  // namespace starling
