// The programs' security as an operator meets it: secrets stay in their files, changed
// certificates are taken over, and the audit trail is checked beside a running
// orchestrator.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include "tests/integration/scene.h"

namespace starling {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using testing::HasSubstr;
using testing::Not;

constexpr int kVehicles = 200;
constexpr std::chrono::seconds kPatience{20};

class Security : public Scene {
 protected:
  // What it printed.
  std::string Run(const std::vector<std::string>& arguments, int expected = 0) {
    std::vector<std::string> command{Program("starling")};
    command.insert(command.end(), arguments.begin(), arguments.end());
    const std::size_t before = Read("output.log").size();  // Of the commands before it.
    const auto outcome = Outcome(command);
    const std::string printed = Read("output.log").substr(before);
    EXPECT_EQ(outcome, expected) << printed;
    outputs_ += printed;
    return printed;
  }
  // Every line of a key's PEM, and the ticket key as hexadecimal.
  std::vector<std::string> Secrets() const {
    std::vector<std::string> secrets;
    for (const auto& entry : fs::recursive_directory_iterator(Path("certs"))) {
      if (entry.path().extension() != ".key") continue;
      std::ifstream file(entry.path(), std::ios::binary);
      if (entry.path().filename().string().starts_with("ticket")) {
        const std::string bytes{std::istreambuf_iterator<char>(file), {}};
        secrets.push_back(bytes.substr(0, 16));
        std::string hex;
        for (const char c : bytes.substr(16, 16)) {
          constexpr std::string_view kDigits = "0123456789abcdef";
          hex += kDigits[static_cast<unsigned char>(c) >> 4];
          hex += kDigits[static_cast<unsigned char>(c) & 15];
        }
        secrets.push_back(hex);
        continue;
      }
      std::string line;
      while (std::getline(file, line)) {
        if (!line.starts_with("-----")) secrets.push_back(line);
      }
    }
    return secrets;
  }

  std::string outputs_;
};

TEST_F(Security, NoSecretIsInAnyOutput) {
  MakeCertificates(3);
  const std::vector<std::string> before = Secrets();
  StartCloud();
  ASSERT_FALSE(HasFailure());
  Run({"tickets", Path("certs")});
  Run({"revoke", Path("certs"), "veh-00002"});
  Run({"crl", Path("certs")});
  Run({"init", Path("certs"), "--vehicles", "4"});
  Run({"request", "taxi-7", "--out", Path("certs")});
  Run({"sign", Path("certs"), "--request", Path("certs/taxi-7.csr")});
  ASSERT_TRUE(Eventually(kPatience, [&] { return Stat("certificates", "revoked") == 1; }));
  // Broken in the middle, and not what its certificate needs: both are named.
  const std::string key = Read("certs/server.key");
  std::ofstream(Path("certs/server.key")) << key.substr(0, key.size() / 2) << "\n" << key.substr(key.size() / 2);
  cloud_->Signal(SIGHUP);
  fs::copy_file(Path("certs/ca.key"), Path("certs/server.key"), fs::copy_options::overwrite_existing);
  cloud_->Signal(SIGHUP);
  ASSERT_TRUE(Eventually(kPatience, [&] { return Stat("certificates", "reloads_refused").value_or(0) >= 1; }));
  for (const char* page : {"/metrics", "/v1/stats", "/v1/audit", "/", "/readyz", "/v1/vehicles"}) {
    outputs_ += Get(page).value_or("");
  }
  cloud_->Signal(SIGTERM);
  EXPECT_EQ(cloud_->Wait(kPatience), 0);
  cloud_.reset();
  outputs_ += Read("cloud.log");
  // A start that fails on a key says which, not what.
  EXPECT_EQ(Outcome(CloudCommand(0, 0)), 1);
  outputs_ += Read("output.log");
  EXPECT_THAT(Read("output.log"), HasSubstr("server.key is not the key of"));

  ASSERT_GT(outputs_.size(), 1000u);
  std::vector<std::string> secrets = Secrets();
  secrets.insert(secrets.end(), before.begin(), before.end());
  EXPECT_GT(secrets.size(), 20u);
  for (const std::string& secret : secrets) EXPECT_THAT(outputs_, Not(HasSubstr(secret)));
  EXPECT_THAT(outputs_, Not(HasSubstr("PRIVATE KEY")));
}

TEST_F(Security, ARevokedVehicleAndANewTicketKeyTakeEffectWithoutARestart) {
  MakeCertificates(2);
  StartCloud();
  ASSERT_FALSE(HasFailure());
  EXPECT_EQ(Stat("certificates", "crl_number"), 0);
  EXPECT_GT(Stat("certificates", "server_seconds_left").value_or(0), 800 * 86'400);
  EXPECT_THAT(Run({"revoke", Path("certs"), "veh-00001"}), HasSubstr("revoked 1 certificates"));
  EXPECT_TRUE(Eventually(kPatience, [&] { return Stat("certificates", "crl_number") == 1; }));
  EXPECT_THAT(Run({"crl", Path("certs"), "--renew"}), HasSubstr("list 2"));
  EXPECT_TRUE(Eventually(kPatience, [&] { return Stat("certificates", "crl_number") == 2; }));
  const double reloads = Stat("certificates", "reloads").value_or(0);
  cloud_->Signal(SIGHUP);
  EXPECT_TRUE(Eventually(kPatience, [&] { return Stat("certificates", "reloads") == reloads + 1; }));
  EXPECT_THAT(Run({"revoke", Path("certs"), "nobody"}, 1), HasSubstr("--serial"));
  EXPECT_THAT(Run({"revoke", Path("certs")}, 2), HasSubstr("name a vehicle"));
}

TEST_F(Security, TheAuditTrailOfARunningCityIsWholeAndItsHeadIsFoundAgain) {
  MakeCertificates(kVehicles);
  StartCloud();
  ASSERT_FALSE(HasFailure());
  ChildProcess simulator({Program("starling-sim"), "--connect", "127.0.0.1:" + std::to_string(port_), "--http",
                          "127.0.0.1:" + std::to_string(http_port_), "--certs", Path("certs"), "--vehicles",
                          std::to_string(kVehicles), "--seconds", "15", "--seed", "7", "--headless", "--report",
                          Path("report.json")},
                         Path("sim.log"));
  const auto head = [&] {
    const auto heads = json::parse(Get("/v1/audit").value_or(R"({"heads": [{"index": 0, "head": ""}]})"));
    const auto& document = heads.at("heads").at(0);
    return std::pair(document.at("index").to_number<std::uint64_t>(), std::string(document.at("head").as_string()));
  };
  ASSERT_TRUE(Eventually(std::chrono::seconds(60), [&] { return head().first > 0 || !simulator.Running(); }));
  const auto noted = head();
  ASSERT_GT(noted.first, 0u);
  const std::string expected = noted.second + "@" + std::to_string(noted.first);
  for (int look = 0; look < 10; ++look) {
    const std::string text = Run({"audit", "verify", "--data", Path("data"), "--expect", expected});
    EXPECT_THAT(text, HasSubstr("expected     found"));
  }
  EXPECT_EQ(simulator.Wait(std::chrono::seconds(120)), 0);
  const auto last = head();
  cloud_->Signal(SIGTERM);
  EXPECT_EQ(cloud_->Wait(kPatience), 0);
  const auto report = json::parse(Run({"audit", "verify", "--data", Path("data"), "--json", "--expect", expected}));
  EXPECT_TRUE(report.at("whole").as_bool());
  EXPECT_GE(report.at("last_index").to_number<std::uint64_t>(), last.first);
  Run({"audit", "verify", "--data", Path("data"), "--expect", std::string(64, '0')}, 1);
  Run({"audit", "verify"}, 2);
  EXPECT_THAT(Run({"audit", "show", "--data", Path("data"), "--vehicle", "veh-00001"}), HasSubstr("commands to veh-00001"));
}

}  // namespace
}  // namespace starling
