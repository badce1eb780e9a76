// The same of an orchestrator on Kafka: against the broker that STARLING_KAFKA names.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "tests/integration/scene.h"
#include "tests/operations/operations_page.h"

namespace starling {
namespace {

using ::testing::IsEmpty;

constexpr std::chrono::seconds kPatience{60};

std::set<std::string> Without(const std::set<std::string>& all, const std::set<std::string>& those) {
  std::set<std::string> rest;
  std::set_difference(all.begin(), all.end(), those.begin(), those.end(), std::inserter(rest, rest.end()));
  return rest;
}

TEST_F(Scene, OnKafkaThePageListsExactlyTheMetricsThatAreGiven) {
  const char* const broker = std::getenv("STARLING_KAFKA");
  if (broker == nullptr || *broker == '\0') {
    GTEST_SKIP() << "STARLING_KAFKA=host:port names no broker; ./run test starts one";
  }
  const std::string prefix = "operations-" + std::to_string(::getpid()) + ".";
  ASSERT_EQ(Outcome({Program("starling"), "topics", "apply", "--bootstrap", broker, "--prefix", prefix}), 0);
  MakeCertificates(1);
  ASSERT_EQ(Outcome({Program("starling"), "crl", Path("certs"), "--renew"}), 0);
  std::ofstream(Path("keys")) << "first " << std::string(64, '5') << "\n";
  std::filesystem::permissions(Path("keys"), std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  StartCloud({"--key-file", Path("keys"), "--log", "kafka", "--kafka", broker, "--kafka-prefix", prefix});
  ASSERT_FALSE(HasFailure());
  // librdkafka's own figures come with its first statistics.
  EXPECT_TRUE(Eventually(kPatience, [&] { return Stat("kafka", "brokers_up").value_or(0) >= 1; }));
  EXPECT_GE(Stat("kafka", "statistics_age_s").value_or(-1), 0);
  EXPECT_TRUE(Eventually(kPatience, [&] { return Get("/readyz") == "ready\n"; }));

  const std::string page = ReadSource("docs/operations.md");
  std::set<std::string> listed = MetricsOnPage(page, PageEngine::kAny);
  listed.merge(MetricsOnPage(page, PageEngine::kKafka));
  const std::set<std::string> given = MetricFamilies(Get("/metrics").value_or(""));
  const std::set<std::string> sometimes = MetricsOnPage(page, PageEngine::kSometimes);
  EXPECT_THAT(Without(Without(given, listed), sometimes), IsEmpty()) << "given, and docs/operations.md has no row for it";
  EXPECT_THAT(Without(listed, given), IsEmpty()) << "docs/operations.md has a row, and it is not given";
}

}  // namespace
}  // namespace starling
