#include "cloud/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace starling::cloud {
namespace {

using ::testing::HasSubstr;

std::string MistakeIn(std::string_view text) {
  CloudOptions options;
  const Status status = ReadConfiguration(text, &options);
  return status.ok() ? "" : std::string(status.message());
}

TEST(Configuration, ReadsFieldsOfEverySectionAndKeepsTheOthers) {
  CloudOptions options;
  const Status status = ReadConfiguration(R"({
    "gateway": {"connections_max": 220, "idle_timeout_ms": 1500, "jump_base_m": 12.5},
    "log": {"commit_interval_min_ms": 0.2, "topics": {"dead-letter": {"bytes_max": 67108864}}},
    "shard": {"vehicles_max": 5, "planner": {"lease_ms": 1500}, "heatmap": {"advice_ahead_s": 4}},
    "cost": {"link_per_gb": 0.09, "storage_per_gb_month": 0.1},
    "console": {"host": "::1", "access": {"tokens": "people", "requests_burst": 7, "session_ms": 90000}}})", &options);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(options.gateway.connections_max, 220u);
  EXPECT_EQ(options.gateway.idle_timeout, milliseconds(1500));
  EXPECT_EQ(options.gateway.jump_base_m, 12.5);
  EXPECT_EQ(options.gateway.handshakes_max, GatewayConfig().handshakes_max);
  EXPECT_EQ(options.log.commit_interval_min, std::chrono::microseconds(200));
  EXPECT_EQ(options.log.topics[static_cast<std::size_t>(Topic::kDeadLetter)].bytes_max, 67108864u);
  EXPECT_EQ(options.shard.vehicles_max, 5u);
  EXPECT_EQ(options.shard.planner.lease, milliseconds(1500));
  EXPECT_EQ(options.shard.heatmap.advice_ahead_s, 4);
  EXPECT_EQ(options.console.host, "::1");
  EXPECT_EQ(options.cost.link_per_gb, 0.09);
  EXPECT_EQ(options.cost.processor_per_core_hour, 0);
  EXPECT_EQ(options.console.access.tokens, "people");
  EXPECT_EQ(options.console.access.requests_burst, 7);
  EXPECT_EQ(options.console.access.session, seconds(90));
}

TEST(Configuration, NamesTheUnknownKeyWithItsPath) {
  EXPECT_EQ(MistakeIn(R"({"gatewy": {}})"), "gatewy is unknown");
  EXPECT_EQ(MistakeIn(R"({"gateway": {"thread": 1}})"), "gateway.thread is unknown");
  EXPECT_EQ(MistakeIn(R"({"gateway": {"idle_timeout": 1}})"), "gateway.idle_timeout is unknown");
  EXPECT_EQ(MistakeIn(R"({"log": {"topics": {"history": {"x": 1}}}})"), "log.topics.history.x is unknown");
}

TEST(Configuration, NamesTheKeyWhoseValueIsOfTheWrongKind) {
  EXPECT_THAT(MistakeIn(R"({"gateway": {"port": 65536}})"), HasSubstr("gateway.port"));
  EXPECT_THAT(MistakeIn(R"({"gateway": {"port": -1}})"), HasSubstr("gateway.port"));
  EXPECT_THAT(MistakeIn(R"({"gateway": {"threads": 1.5}})"), HasSubstr("gateway.threads"));
  EXPECT_THAT(MistakeIn(R"({"gateway": {"host": 7}})"), HasSubstr("gateway.host"));
  EXPECT_THAT(MistakeIn(R"({"gateway": {"fixes_burst": "many"}})"), HasSubstr("gateway.fixes_burst"));
  EXPECT_THAT(MistakeIn(R"({"gateway": {"idle_timeout_ms": -5}})"), HasSubstr("gateway.idle_timeout_ms"));
  EXPECT_EQ(MistakeIn(R"({"gateway": 1})"), "gateway is not an object");
  EXPECT_EQ(MistakeIn("[]"), "the file is not an object");
  EXPECT_THAT(MistakeIn(R"({"gateway": )"), HasSubstr("not JSON"));
  EXPECT_THAT(MistakeIn(""), HasSubstr("not JSON"));
}

TEST(Regions, AreNumbersAndRangesThatRise) {
  const auto numbers = [](std::string_view text) {
    const Result<std::vector<RegionId>> regions = ParseRegions(text);
    std::vector<std::uint32_t> read;
    if (regions.ok()) {
      for (const RegionId region : regions.value()) read.push_back(ToNumber(region));
    }
    return read;
  };
  EXPECT_THAT(numbers("0"), testing::ElementsAre(0));
  EXPECT_THAT(numbers("0-3,7"), testing::ElementsAre(0, 1, 2, 3, 7));
  for (const char* const text : {"", "x", "3-1", "1,1", "2,1", "1,", "-1", "0-10000", "1-", "1 2"}) {
    EXPECT_FALSE(ParseRegions(text).ok()) << text;
  }
}

TEST(CloudOptionsTest, TheEmbeddedLogIsOneProcesss) {
  CloudOptions options;
  options.log.directory = options.data = "data";
  options.state.directory = "data/state";
  EXPECT_TRUE(options.Validate().ok()) << options.Validate().message();
  options.role = CloudRole::kShard;
  EXPECT_FALSE(options.Validate().ok());
  options.log_kind = LogKind::kKafka;
  options.kafka.bootstrap = "127.0.0.1:9092";
  EXPECT_TRUE(options.Validate().ok());
}

TEST(HostPort, TakesNamesAndBracketedAddresses) {
  std::string host;
  std::uint16_t port = 0;
  ASSERT_TRUE(ParseHostPort("0.0.0.0:7443", &host, &port).ok());
  EXPECT_EQ(host, "0.0.0.0");
  EXPECT_EQ(port, 7443);
  ASSERT_TRUE(ParseHostPort("[::1]:0", &host, &port).ok());
  EXPECT_EQ(host, "::1");
  EXPECT_EQ(port, 0);
}

TEST(HostPort, RefusesEverythingElse) {
  std::string host;
  std::uint16_t port = 0;
  for (const char* text : {"", ":", "7443", "a:", ":7443", "a:65536", "a:-1", "a:1x", "::1:7443", "[]:1"}) {
    EXPECT_FALSE(ParseHostPort(text, &host, &port).ok()) << text;
  }
}

TEST(Origin, IsInTheWiresUnit) {
  const Result<FrameOrigin> origin = ParseOrigin("48.1351,-11.582");
  ASSERT_TRUE(origin.ok());
  EXPECT_EQ(origin.value(), (FrameOrigin{481'351'000, -115'820'000}));
}

TEST(Origin, RefusesWhatIsNoPlaceOrTooFarNorth) {
  for (const char* text : {"", "48", "48,", ",11", "70.1,0", "0,181", "nan,0", "0,inf", "48;11", "48, 11"}) {
    EXPECT_FALSE(ParseOrigin(text).ok()) << text;
  }
}

TEST(CloudOptionsTest, FilesCoverEveryConnection) {
  CloudOptions options;
  options.gateway.connections_max = 10'000;
  options.console.connections_max = 64;
  EXPECT_GT(options.OpenFilesNeeded(), 10'064u);
}

TEST(CloudOptionsTest, ReadsAnnouncedLoadsAndNamesTheOneThatIsWrong) {
  CloudOptions options;
  ASSERT_TRUE(ReadConfiguration(R"({"scaling": {"capacity_fixes_per_second": 20000, "cool_down_ms": 600000, "announced": [
                                    {"from": "2026-11-28T17:00", "to": "2026-11-28T18:30", "fixes_per_second": 5000},
                                    {"from": "2026-12-05T17:00", "to": "2026-12-05T18:30", "fixes_per_second": 6000}]}})",
                                &options)
                  .ok());
  EXPECT_EQ(options.scaling.capacity_fixes_per_second, 20'000);
  EXPECT_EQ(options.scaling.cool_down, std::chrono::minutes(10));
  ASSERT_EQ(options.scaling.announced.size(), 2u);
  EXPECT_EQ(options.scaling.announced[1].fixes_per_second, 6'000);
  EXPECT_EQ(options.scaling.Extra(options.scaling.announced[0].begin), 5'000);
  EXPECT_EQ(options.scaling.Extra(options.scaling.announced[0].end), 0);
  const Status status = ReadConfiguration(
      R"({"scaling": {"announced": [{"from": "2026-11-28T17:00", "to": "half past six"}]}})", &options);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.message(), "scaling.announced[0].to 'half past six' is not a time as in 2026-11-28T17:00");
  EXPECT_FALSE(ReadConfiguration(R"({"scaling": {"announced": [{"from": "2026-11-28T17:00", "too": ""}]}})", &options).ok());
  EXPECT_FALSE(ReadConfiguration(R"({"scaling": {"announced": {}}})", &options).ok());
}

}  // namespace
}  // namespace starling::cloud
