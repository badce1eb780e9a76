// 200 vehicles with real agents, TLS and processes: the orchestrator is killed in the
// middle and links are cut, and still no sample is lost.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include "cloud/log/embedded_log.h"
#include "cloud/options.h"
#include "cloud/shard/shard.h"
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

  // What one shard that was never interrupted writes for the telemetry that the log
  // holds, against what the processes have written: record for record, byte for byte.
  // So nothing is missing for any input that was emitted, and nothing is there twice.
  void ExpectOutputsOfOneUninterruptedShard();

  std::unique_ptr<ChildProcess> simulator_;
};

void City::ExpectOutputsOfOneUninterruptedShard() {
  using Records = std::vector<std::pair<std::vector<std::byte>, std::vector<std::byte>>>;
  cloud::CloudOptions options;
  options.log.directory = Path("data");
  auto log = cloud::EmbeddedLog::Open(options.log);
  ASSERT_TRUE(log.ok()) << log.status().message();
  ASSERT_EQ(log.value()->RangeOf(cloud::Topic::kTelemetry, cloud::Partition{0}).first, cloud::Offset{0});
  cloud::Shard shard(options.shard, RegionId{0}, options.origin);
  std::array<Records, cloud::kTopicCount> expected;
  cloud::ShardOutputs outputs;
  ASSERT_TRUE(log.value()
                  ->Read(cloud::Topic::kTelemetry, cloud::Partition{0}, cloud::Offset{0},
                         [&](const cloud::LogRecord& record) {
                           outputs.Clear();
                           shard.Apply(record, &outputs);
                           for (auto& output : outputs.records) {
                             expected[static_cast<std::size_t>(output.topic)].emplace_back(output.key, output.value);
                           }
                           return true;
                         })
                  .ok());
  for (const cloud::Topic topic : {cloud::Topic::kCommands, cloud::Topic::kConflicts, cloud::Topic::kHeatmap}) {
    const Records& should = expected[static_cast<std::size_t>(topic)];
    std::size_t at = 0;
    std::size_t wrong = 0;
    ASSERT_TRUE(log.value()
                    ->Read(topic, cloud::Partition{0}, cloud::Offset{0},
                           [&](const cloud::LogRecord& record) {
                             const bool same = at < should.size() && std::ranges::equal(record.key, should[at].first) &&
                                               std::ranges::equal(record.value, should[at].second);
                             if (!same) ++wrong;
                             ++at;
                             return true;
                           })
                    .ok());
    EXPECT_EQ(at, should.size()) << TopicName(topic);
    EXPECT_EQ(wrong, 0u) << TopicName(topic);
    EXPECT_GT(at, 0u) << TopicName(topic);
  }
}

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

  // The second process began with the first one's state, not with the last seconds.
  EXPECT_THAT(Read("cloud.log"), testing::HasSubstr("shard began with state"));
  EXPECT_EQ(Stat("checkpoint", "digest_mismatches"), 0.0);

  cloud_->Signal(SIGTERM);
  EXPECT_EQ(cloud_->Wait(std::chrono::seconds(20)), 0);
  ExpectOutputsOfOneUninterruptedShard();
}

}  // namespace
}  // namespace starling
