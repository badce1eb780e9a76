// What a running orchestrator gives, against what operators are told of it; and Debian's
// Prometheus on a running city, against every dashboard and every alert.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include "sim/chaos/fault_control.h"
#include "tests/integration/scene.h"
#include "tests/operations/operations_page.h"

namespace starling {
namespace {

namespace json = boost::json;
using ::testing::IsEmpty;

constexpr int kVehicles = 120;
constexpr std::chrono::seconds kPatience{60};

std::set<std::string> Without(const std::set<std::string>& all, const std::set<std::string>& those) {
  std::set<std::string> rest;
  std::set_difference(all.begin(), all.end(), those.begin(), those.end(), std::inserter(rest, rest.end()));
  return rest;
}

std::string Escaped(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    char code[4];
    std::snprintf(code, sizeof code, "%%%02X", static_cast<unsigned>(static_cast<unsigned char>(c)));
    escaped += std::isalnum(static_cast<unsigned char>(c)) != 0 ? std::string(1, c) : std::string(code);
  }
  return escaped;
}

class Operations : public Scene {
 protected:
  // Encrypted and with a revocation list, so that nothing that is optional is missing.
  void StartCloudWithEverything() {
    MakeCertificates(kVehicles);
    ASSERT_EQ(Outcome({Program("starling"), "crl", Path("certs"), "--renew"}), 0) << Read("output.log");
    std::ofstream(Path("keys")) << "first " << std::string(64, '5') << "\n";
    using std::filesystem::perms;
    std::filesystem::permissions(Path("keys"), perms::owner_read | perms::owner_write);
    StartCloud({"--key-file", Path("keys")});
  }

  void StartSimulator() {
    simulator_ = std::make_unique<ChildProcess>(
        std::vector<std::string>{Program("starling-sim"), "--connect", "127.0.0.1:" + std::to_string(port_), "--http",
                                 "127.0.0.1:" + std::to_string(http_port_), "--certs", Path("certs"), "--vehicles",
                                 std::to_string(kVehicles), "--seconds", "600", "--seed", "7", "--headless", "--report",
                                 Path("report.json")},
        Path("sim.log"));
  }

  void TearDown() override {
    if (HasFailure()) std::printf("---- prometheus.log\n%s\n", Read("prometheus.log").c_str());
    simulator_.reset();
    prometheus_.reset();
    Scene::TearDown();
  }

  std::set<std::string> Given() { return MetricFamilies(Get("/metrics").value_or("")); }

  std::unique_ptr<ChildProcess> simulator_;
  std::unique_ptr<ChildProcess> prometheus_;
};

TEST_F(Operations, ThePageListsExactlyTheMetricsThatAreGiven) {
  ASSERT_NO_FATAL_FAILURE(StartCloudWithEverything());
  const std::string page = ReadSource("docs/operations.md");
  std::set<std::string> listed = MetricsOnPage(page, PageEngine::kAny);
  listed.merge(MetricsOnPage(page, PageEngine::kEmbedded));
  const std::set<std::string> given = Given();
  ASSERT_GT(given.size(), 100u);
  const std::set<std::string> sometimes = MetricsOnPage(page, PageEngine::kSometimes);
  EXPECT_THAT(Without(Without(given, listed), sometimes), IsEmpty()) << "given, and docs/operations.md has no row for it";
  EXPECT_THAT(Without(listed, given), IsEmpty()) << "docs/operations.md has a row, and it is not given";
}

TEST_F(Operations, NoVehicleIsALabel) {
  ASSERT_NO_FATAL_FAILURE(StartCloudWithEverything());
  StartSimulator();
  ASSERT_TRUE(Eventually(kPatience, [&] { return Stat("runner", "vehicles") == kVehicles; }));
  const std::string metrics = Get("/metrics").value();
  EXPECT_EQ(metrics.find("veh-"), std::string::npos);
  // As many lines with a fleet as without one.
  EXPECT_LT(std::count(metrics.begin(), metrics.end(), '\n'), 1'500);
}

// Whoever is woken by StarlingDown looks there first.
TEST_F(Operations, AFullDiskEndsItInOrderAndIsNamedOnStandardError) {
  MakeCertificates(1);
  const sim::FaultControl healthy;
  std::ofstream(Path("faults"), std::ios::binary).write(reinterpret_cast<const char*>(&healthy), sizeof healthy);
  ::setenv("LD_PRELOAD", STARLING_BIN "/libstarling-faults.so", 1);
  ::setenv(sim::kFaultFileVariable, Path("faults").c_str(), 1);
  ::setenv(sim::kFaultFolderVariable, Path("data").c_str(), 1);
  StartCloud();
  ::unsetenv("LD_PRELOAD");
  ASSERT_FALSE(HasFailure());
  EXPECT_GT(Stat("disk", "free_bytes").value_or(0), 0);
  constexpr std::uint32_t kYes = 1;
  std::fstream faults(Path("faults"), std::ios::binary | std::ios::in | std::ios::out);
  faults.seekp(offsetof(sim::FaultControl, disk_full)).write(reinterpret_cast<const char*>(&kYes), sizeof kYes).flush();
  EXPECT_EQ(cloud_->Wait(kPatience), 1);
  EXPECT_NE(Read("cloud.log").find("No space left on device"), std::string::npos) << Read("cloud.log");
}

// Debian's Prometheus with the rules as they are shipped, scraping a running city.
class Watched : public Operations {
 protected:
  void SetUp() override {
    Operations::SetUp();
    ASSERT_NO_FATAL_FAILURE(StartCloudWithEverything());
    StartSimulator();
    std::ofstream(Path("prometheus.yaml"))
        << "global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
        << "rule_files: [\"" STARLING_SOURCE_DIR "/cloud/deploy/prometheus/rules.yaml\"]\n"
        << "scrape_configs:\n  - job_name: starling\n    static_configs: [{targets: [\"127.0.0.1:" << http_port_
        << "\"]}]\n";
    // As it has no way to be given any free port: one that this process has just been given.
    prometheus_port_ = FreePort();
    prometheus_ = std::make_unique<ChildProcess>(
        std::vector<std::string>{"/usr/bin/prometheus", "--config.file=" + Path("prometheus.yaml"),
                                 "--storage.tsdb.path=" + Path("prometheus"),
                                 "--web.listen-address=127.0.0.1:" + std::to_string(prometheus_port_)},
        Path("prometheus.log"));
    // The first commands, and then long enough for a rate.
    for (const char* const expression :
         {"starling_runner_vehicles > 0", "rate(starling_shard_closed_applied_total[1m]) > 0",
          "starling:decision_slow:ratio6h >= 0"}) {
      ASSERT_TRUE(Eventually(kPatience, [&] { return !Values(expression).empty(); })) << expression;
    }
  }

  std::uint16_t FreePort();

  // By HTTP/1.0: long answers then come in one piece.
  std::optional<std::string> Ask(const std::string& path) {
    boost::asio::io_context context;
    boost::asio::ip::tcp::socket socket(context);
    boost::system::error_code failure;
    socket.connect({boost::asio::ip::make_address("127.0.0.1"), prometheus_port_}, failure);
    if (failure) return std::nullopt;
    boost::asio::write(socket, boost::asio::buffer("GET " + path + " HTTP/1.0\r\n\r\n"), failure);
    std::string answer;
    boost::asio::read(socket, boost::asio::dynamic_buffer(answer), failure);
    const std::size_t body = answer.find("\r\n\r\n");
    if (answer.find(" 200 ") != 8 || body == std::string::npos) return std::nullopt;
    return answer.substr(body + 4);
  }

  // What an expression gives now; an expression that is wrong is a failure.
  json::array Values(const std::string& expression) {
    const std::optional<std::string> answer = Ask("/api/v1/query?query=" + Escaped(expression));
    if (!answer) return {};
    const json::value document = json::parse(*answer);
    EXPECT_EQ(document.at("status").as_string(), "success") << expression;
    return document.at("data").at("result").as_array();
  }

  // What is there to be read: metrics and recorded series.
  std::set<std::string> Known() {
    std::set<std::string> known = Given();
    // kafka_operations_test sees these.
    known.merge(MetricsOnPage(ReadSource("docs/operations.md"), PageEngine::kKafka));
    known.merge(NamesInRules(ReadSource("cloud/deploy/prometheus/rules.yaml"), "record"));
    return known;
  }

  std::uint16_t prometheus_port_ = 0;
};

std::uint16_t Watched::FreePort() {
  boost::asio::io_context context;
  boost::asio::ip::tcp::acceptor acceptor(context, {boost::asio::ip::make_address("127.0.0.1"), 0});
  return acceptor.local_endpoint().port();
}

// Panels whose query is rightly empty on an orchestrator with the embedded log and a fleet
// that does nothing wrong; of all others no query may be.
bool MayBeEmpty(const std::set<std::string>& metrics) {
  const std::set<std::string> kafka = MetricsOnPage(ReadSource("docs/operations.md"), PageEngine::kKafka);
  return !metrics.empty() && std::all_of(metrics.begin(), metrics.end(), [&](const std::string& metric) {
    return kafka.contains(metric);
  });
}

TEST_F(Watched, EveryPanelOfEveryDashboardHasData) {
  const std::set<std::string> known = Known();
  std::size_t queries = 0;
  for (const auto& file : std::filesystem::directory_iterator(STARLING_SOURCE_DIR "/cloud/deploy/grafana")) {
    const std::string name = file.path().filename().string();
    const json::value dashboard = json::parse(ReadSource("cloud/deploy/grafana/" + name));
    for (const json::value& panel : dashboard.at("panels").as_array()) {
      for (const json::value& target : panel.at("targets").as_array()) {
        const std::string expression(target.at("expr").as_string());
        const std::string where = name + ", " + std::string(panel.at("title").as_string()) + ": " + expression;
        const std::set<std::string> metrics = MetricsInExpression(expression);
        EXPECT_THAT(Without(metrics, known), IsEmpty()) << where;
        if (!MayBeEmpty(metrics)) {
          EXPECT_FALSE(Values(expression).empty()) << where;
        }
        ++queries;
      }
    }
  }
  EXPECT_GT(queries, 80u);
}

TEST_F(Watched, EveryAlertReadsWhatThereIsAndAHealthyCityWakesNobody) {
  const std::set<std::string> known = Known();
  const std::optional<std::string> rules = Ask("/api/v1/rules");
  ASSERT_TRUE(rules.has_value());
  std::set<std::string> alerts;
  const json::value document = json::parse(*rules);
  for (const json::value& group : document.at("data").at("groups").as_array()) {
    for (const json::value& rule : group.at("rules").as_array()) {
      const std::string name(rule.at("name").as_string());
      const std::string expression(rule.at("query").as_string());
      EXPECT_EQ(rule.at("health").as_string(), "ok") << name;
      EXPECT_THAT(Without(MetricsInExpression(expression), known), IsEmpty()) << name << ": " << expression;
      if (rule.at("type").as_string() == "alerting") {
        alerts.insert(name);
        EXPECT_NE(rule.at("state").as_string(), "firing") << name << ": " << expression;
      } else {
        EXPECT_FALSE(Values(name).empty()) << name << " is recorded, and has no value";
      }
    }
  }
  EXPECT_EQ(alerts, NamesInRules(ReadSource("cloud/deploy/prometheus/rules.yaml"), "alert"));
}

}  // namespace
}  // namespace starling
