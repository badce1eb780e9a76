// The programs over a real broker: a gateway and two shards, of which one owns the
// region and the other stands by.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
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

constexpr int kVehicles = 200;
constexpr int kSamplesPerSecond = 10;
constexpr std::chrono::seconds kPatience{60};

class KafkaFleet : public Scene {
 protected:
  struct Shard {
    std::string node;
    std::uint16_t http = 0;
    std::unique_ptr<ChildProcess> process;
  };

  void SetUp() override {
    Scene::SetUp();
    const char* broker = std::getenv("STARLING_KAFKA");
    if (broker == nullptr || *broker == '\0') {
      GTEST_SKIP() << "STARLING_KAFKA=host:port names no broker; ./run test starts one";
    }
    broker_ = broker;
    prefix_ = "roles-" + std::to_string(::getpid()) + "-" +
              testing::UnitTest::GetInstance()->current_test_info()->name() + ".";
    if (prefix_.size() > 64) prefix_ = prefix_.substr(0, 63) + ".";
    ASSERT_EQ(Outcome({Program("starling"), "topics", "apply", "--regions", std::to_string(regions_), "--bootstrap",
                       broker_, "--prefix", prefix_}),
              0);
    MakeCertificates(kVehicles);
    StartShard(&a_);
    ASSERT_TRUE(Eventually(kPatience, [&] { return Owns(a_); }));
    StartShard(&b_);
    StartGateway();
  }

  void TearDown() override {
    if (HasFailure()) {
      for (const char* log : {"a.log", "b.log"}) std::printf("---- %s\n%s\n", log, Read(log).c_str());
    }
    a_.process.reset();
    b_.process.reset();
    Scene::TearDown();
  }

  std::vector<std::string> Kafka() const {
    return {"--log", "kafka", "--kafka", broker_, "--kafka-prefix", prefix_};
  }

  void StartShard(Shard* shard) {
    std::filesystem::remove(folder_ / (shard->node + ".json"));
    std::vector<std::string> command = {Program("starling-cloud"), "--role", "shard", "--node", shard->node,
                                        "--data", Path(shard->node), "--http", "127.0.0.1:0",
                                        "--port-file", Path(shard->node + ".json"), "--regions",
                                        regions_ == 1 ? "0" : "0-" + std::to_string(regions_ - 1)};
    for (const std::string& each : Kafka()) command.push_back(each);
    shard->process = std::make_unique<ChildProcess>(command, Path(shard->node + ".log"));
    ASSERT_TRUE(Eventually(kPatience, [&] {
      return !shard->process->Running() || std::filesystem::exists(folder_ / (shard->node + ".json"));
    }));
    ASSERT_TRUE(shard->process->Running());
    shard->http = json::parse(Read(shard->node + ".json")).at("http").to_number<std::uint16_t>();
  }

  void StartGateway() {
    std::vector<std::string> command = {Program("starling-cloud"), "--role", "gateway", "--certs", Path("certs"),
                                        "--data", Path("gateway"), "--listen", "127.0.0.1:0",
                                        "--http", "127.0.0.1:0", "--port-file", Path("gateway.json")};
    for (const std::string& each : Kafka()) command.push_back(each);
    cloud_ = std::make_unique<ChildProcess>(command, Path("cloud.log"));
    ASSERT_TRUE(Eventually(kPatience, [&] {
      return !cloud_->Running() || std::filesystem::exists(folder_ / "gateway.json");
    }));
    ASSERT_TRUE(cloud_->Running());
    const json::value ports = json::parse(Read("gateway.json"));
    port_ = ports.at("listen").to_number<std::uint16_t>();
    gateway_http_ = http_port_ = ports.at("http").to_number<std::uint16_t>();
  }

  std::optional<double> StatOf(const Shard& shard, const std::string& group, const std::string& name) {
    http_port_ = shard.http;
    const std::optional<double> value = Stat(group, name);
    http_port_ = gateway_http_;
    return value;
  }

  bool Owns(const Shard& shard) { return StatOf(shard, "runner", "owner") == static_cast<double>(regions_); }

  void Drive(int drive_seconds) {
    simulator_ = std::make_unique<ChildProcess>(
        std::vector<std::string>{
            Program("starling-sim"), "--connect", "127.0.0.1:" + std::to_string(port_), "--http",
            "127.0.0.1:" + std::to_string(gateway_http_), "127.0.0.1:" + std::to_string(a_.http),
            "127.0.0.1:" + std::to_string(b_.http), "--certs", Path("certs"), "--vehicles",
            std::to_string(kVehicles), "--seconds", std::to_string(drive_seconds), "--seed", "7", "--headless",
            "--report", Path("report.json")},
        Path("sim.log"));
    samples_ = kVehicles * kSamplesPerSecond * drive_seconds;
  }

  // The cloud holds so many of a hundred samples.
  bool AwaitHeld(double percent) {
    return Eventually(kPatience, [&] {
      return Stat("ledger", "samples").value_or(0) >= percent / 100 * samples_ || !simulator_->Running();
    }) && simulator_->Running();
  }

  // Nothing lost, nothing twice, nothing late, and commands came from `owner`.
  void ExpectWholeReport(const Shard& owner) {
    ASSERT_TRUE(simulator_->Wait(std::chrono::seconds(120)).has_value());
    const json::value report = json::parse(Read("report.json"));
    const json::value& ledger = report.at("ledger");
    EXPECT_EQ(ledger.at("sampled").to_number<double>(), samples_);
    EXPECT_EQ(ledger.at("delivered").to_number<double>(), samples_);
    EXPECT_EQ(Stat("ledger", "samples"), samples_);
    const json::value& commands = report.at("commands");
    EXPECT_EQ(commands.at("acted_late").to_number<int>(), 0);
    EXPECT_EQ(commands.at("acted_twice").to_number<int>(), 0);
    EXPECT_EQ(commands.at("in_flight").to_number<int>(), 0);
    EXPECT_GT(commands.at("applied").to_number<int>(), 0);
    EXPECT_TRUE(Owns(owner));
    EXPECT_GT(StatOf(owner, "runner", "commands_delivered").value_or(0), 0);
    EXPECT_GT(Stat("dispatch", "received").value_or(0), 0);
  }

  int regions_ = 1;
  std::string broker_;
  std::string prefix_;
  std::uint16_t gateway_http_ = 0;
  double samples_ = 0;
  Shard a_{"a", 0, nullptr};
  Shard b_{"b", 0, nullptr};
  std::unique_ptr<ChildProcess> simulator_;
};

TEST_F(KafkaFleet, StandbyTakesOverFromAKilledOwnerAndTheFormerOwnerReturnsAsStandby) {
  if (HasFailure()) return;
  EXPECT_FALSE(Owns(b_));
  Drive(20);
  ASSERT_TRUE(AwaitHeld(30));
  a_.process->Signal(SIGKILL);
  ASSERT_EQ(a_.process->Wait(std::chrono::seconds(5)), 128 + SIGKILL);
  ASSERT_TRUE(Eventually(kPatience, [&] { return Owns(b_); }));
  StartShard(&a_);
  ASSERT_FALSE(HasFailure());
  ExpectWholeReport(b_);
  EXPECT_FALSE(Owns(a_));
  EXPECT_EQ(StatOf(a_, "checkpoint", "digest_mismatches"), 0.0);
  EXPECT_EQ(StatOf(b_, "checkpoint", "digest_mismatches"), 0.0);
}

TEST_F(KafkaFleet, RegionMovesToTheNodeThatAnOperatorNames) {
  if (HasFailure()) return;
  Drive(15);
  ASSERT_TRUE(AwaitHeld(30));
  EXPECT_EQ(Outcome({Program("starling"), "regions", "move", "--region", "0", "--to", "b", "--bootstrap", broker_,
                     "--prefix", prefix_}),
            0);
  ASSERT_TRUE(Eventually(kPatience, [&] { return Owns(b_) && !Owns(a_); }));
  EXPECT_TRUE(a_.process->Running());
  ExpectWholeReport(b_);
  EXPECT_EQ(Outcome({Program("starling"), "regions", "show", "--bootstrap", broker_, "--prefix", prefix_}), 0);
  EXPECT_THAT(Read("output.log"), testing::ContainsRegex("0 +b "));
}

TEST_F(KafkaFleet, OneSwitchStopsCommandsEverywhereAndHoldsUnderTheNextOwner) {
  if (HasFailure()) return;
  const auto commands = [this](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {Program("starling"), "commands"});
    arguments.insert(arguments.end(), {"--bootstrap", broker_, "--prefix", prefix_});
    return Outcome(arguments).value_or(-1);
  };
  Drive(60);
  ASSERT_TRUE(Eventually(kPatience, [&] { return Stat("dispatch", "received").value_or(0) > 0; }));
  ASSERT_EQ(commands({"stop", "--by", "ana", "--reason", "an exercise"}), 0) << Read("output.log");
  EXPECT_THAT(Read("output.log"), testing::HasSubstr("region 0 acts by it since"));
  // The audit trail has said that the shard acts by it: from there on nothing is on its way.
  const std::optional<double> before = Stat("dispatch", "received");
  ASSERT_TRUE(Eventually(kPatience, [&] { return StatOf(a_, "commands", "stopped").value_or(0) > 0; }));
  ASSERT_TRUE(simulator_->Running());
  a_.process->Signal(SIGKILL);
  ASSERT_EQ(a_.process->Wait(std::chrono::seconds(5)), 128 + SIGKILL);
  ASSERT_TRUE(Eventually(kPatience, [&] { return Owns(b_); }));
  const double at_takeover = StatOf(b_, "commands", "stopped").value_or(0);
  EXPECT_GT(at_takeover, 0) << "a standby decides, too";
  ASSERT_TRUE(Eventually(kPatience, [&] { return StatOf(b_, "commands", "stopped").value_or(0) > at_takeover; }));
  EXPECT_EQ(Stat("dispatch", "received"), before);
  EXPECT_EQ(commands({"status"}), 0);
  EXPECT_THAT(Read("output.log"), testing::HasSubstr("stopped    every command  (by ana"));
  ASSERT_TRUE(simulator_->Wait(std::chrono::seconds(120)).has_value());
  EXPECT_EQ(Outcome({Program("starling"), "audit", "verify", "--bootstrap", broker_, "--prefix", prefix_}), 0)
      << Read("output.log");
  EXPECT_EQ(StatOf(b_, "checkpoint", "digest_mismatches"), 0.0);
}

// Three regions have owners; at first all of the world is region 0.
class KafkaRegions : public KafkaFleet {
 protected:
  KafkaRegions() { regions_ = 3; }

  int Regions(std::vector<std::string> command) {
    command.insert(command.begin(), {Program("starling"), "regions"});
    command.insert(command.end(), {"--bootstrap", broker_, "--prefix", prefix_});
    return Outcome(command).value_or(-1);
  }
  // Audit records of a region's, as its owner says.
  double Decided(int region) {
    http_port_ = a_.http;
    const auto page = Get("/v1/audit");
    http_port_ = gateway_http_;
    if (!page) return 0;
    const json::value document = json::parse(*page);
    for (const json::value& head : document.at("heads").as_array()) {
      if (head.at("region").to_number<int>() == region) return head.at("index").to_number<double>();
    }
    return 0;
  }
};

TEST_F(KafkaRegions, ARunningFleetIsGivenAMapAndAHotRegionIsSplit) {
  if (HasFailure()) return;
  // The east of the city; the gateway has not heard of any region but 0.
  std::ofstream(Path("map.json")) << R"({"version": 1, "default_region": 0,
                        "tiles": [{"region": 1, "x": 0, "y": -100, "columns": 100, "rows": 200}]})";
  Drive(20);
  ASSERT_TRUE(AwaitHeld(10));
  EXPECT_EQ(Stat("gateway", "ghosts"), 0.0);
  ASSERT_EQ(Regions({"map", Path("map.json")}), 0);
  EXPECT_EQ(Regions({"map", Path("map.json")}), 2) << "version 1 is there already";
  ASSERT_TRUE(Eventually(kPatience, [&] { return Stat("gateway", "ghosts").value_or(0) > 0; }));
  ASSERT_TRUE(Eventually(kPatience, [&] { return Decided(1) > 0; }));
  EXPECT_EQ(Decided(2), 0);
  ASSERT_EQ(Regions({"split", "--region", "1", "--into", "2"}), 0);
  ASSERT_TRUE(Eventually(kPatience, [&] { return Decided(2) > 0; }));
  EXPECT_EQ(Regions({"split", "--region", "1", "--into", "3"}), 2) << "nobody owns region 3";
  ExpectWholeReport(a_);
  EXPECT_EQ(Regions({"map"}), 0);
  EXPECT_THAT(Read("output.log"), testing::HasSubstr("\"version\": 2"));
}

TEST_F(KafkaFleet, AGatewaySaysThatShardsAnswerElsewhere) {
  if (HasFailure()) return;
  EXPECT_TRUE(Get("/readyz").has_value());
  EXPECT_FALSE(Get("/v1/conflicts").has_value());
  http_port_ = b_.http;  // Stands by, and has the picture all the same.
  EXPECT_TRUE(Get("/readyz").has_value());
  EXPECT_TRUE(Get("/v1/conflicts").has_value());
}

}  // namespace
}  // namespace starling
