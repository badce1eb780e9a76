// 200 vehicles with real agents, TLS and processes: the orchestrator is killed in the
// middle and links are cut, and still no sample is lost.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <string>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include "tests/integration/scene.h"

namespace starling {
namespace {

namespace json = boost::json;

constexpr int kVehicles = 200;
constexpr int kSeconds = 15;
constexpr int kSamplesPerSecond = 10;

class City : public Scene {
 protected:
  void StartSimulator(const std::vector<std::string>& more) {
    std::vector<std::string> command = {
        Program("starling-sim"), "--connect", "127.0.0.1:" + std::to_string(port_),
        "--http", "127.0.0.1:" + std::to_string(http_port_), "--certs", Path("certs"),
        "--vehicles", std::to_string(kVehicles), "--seconds", std::to_string(kSeconds),
        "--seed", "7", "--headless", "--report", Path("report.json")};
    command.insert(command.end(), more.begin(), more.end());
    simulator_ = std::make_unique<ChildProcess>(command, Path("sim.log"));
  }

  // The cloud holds so many samples of history.
  bool AwaitHeld(double samples) {
    return Eventually(std::chrono::seconds(60), [&] {
      return Stat("ledger", "samples").value_or(0) >= samples || !simulator_->Running();
    }) && simulator_->Running();
  }

  std::unique_ptr<ChildProcess> simulator_;
};

std::uint64_t Count(const json::value& value) { return value.to_number<std::uint64_t>(); }

TEST_F(City, LosesNothingWhenTheOrchestratorIsKilledAndLinksAreCut) {
  MakeCertificates(kVehicles);
  StartCloud();
  ASSERT_FALSE(HasFailure());
  StartSimulator({"--cut-at", "4", "--cut-vehicles", "10"});

  // Half of all samples: links were cut before that, and there is time to recover.
  ASSERT_TRUE(AwaitHeld(0.5 * kVehicles * kSeconds * kSamplesPerSecond));
  cloud_->Signal(SIGKILL);
  ASSERT_EQ(cloud_->Wait(std::chrono::seconds(5)), 128 + SIGKILL);
  StartCloud();
  ASSERT_FALSE(HasFailure());

  ASSERT_EQ(simulator_->Wait(std::chrono::seconds(120)), 0);
  const json::value report = json::parse(Read("report.json"));
  const json::value& ledger = report.at("ledger");
  std::uint64_t dropped = 0;
  for (const auto& reason : ledger.at("dropped").as_object()) dropped += Count(reason.value());
  EXPECT_EQ(Count(ledger.at("sampled")), static_cast<std::uint64_t>(kVehicles * kSeconds * kSamplesPerSecond));
  EXPECT_EQ(Count(ledger.at("sampled")),
            Count(ledger.at("delivered")) + dropped + Count(ledger.at("in_flight")));
  EXPECT_EQ(dropped, 0u);
  EXPECT_EQ(Count(ledger.at("in_flight")), 0u);

  // The agents' books and the cloud's agree, though the cloud was killed.
  EXPECT_EQ(Stat("ledger", "samples"), static_cast<double>(Count(ledger.at("delivered"))));

  const json::value& commands = report.at("commands");
  EXPECT_EQ(Count(commands.at("acted_late")), 0u);
  EXPECT_EQ(Count(commands.at("acted_twice")), 0u);
  EXPECT_EQ(Count(commands.at("in_flight")), 0u);

  cloud_->Signal(SIGTERM);
  EXPECT_EQ(cloud_->Wait(std::chrono::seconds(20)), 0);
}

}  // namespace
}  // namespace starling
