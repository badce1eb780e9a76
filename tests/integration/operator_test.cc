// The operator's command against an orchestrator that runs: it shows what is there, and explains
// every command of a small city.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "cloud/log/stored_log.h"
#include "schemas/log/commands_generated.h"
#include "schemas/log/conflicts_generated.h"
#include "tests/integration/scene.h"

namespace starling {
namespace {

namespace json = boost::json;
using testing::HasSubstr;

constexpr int kVehicles = 280;
constexpr int kSeconds = 25;
constexpr std::chrono::seconds kPatience{120};

class Operator : public Scene {
 protected:
  // Its exit code; what it printed is in output_.
  int Call(std::vector<std::string> arguments, bool ask = true) {
    std::vector<std::string> command = {Program("starling")};
    command.insert(command.end(), arguments.begin(), arguments.end());
    if (ask) command.insert(command.end(), {"--server", "http://127.0.0.1:" + std::to_string(http_port_)});
    std::filesystem::remove(Path("output.log"));  // It is written on.
    const int code = Outcome(command).value_or(-1);
    output_ = Read("output.log");
    return code;
  }
  json::object Document() { return json::parse(output_).as_object(); }

  void Drive() {
    simulator_ = std::make_unique<ChildProcess>(
        std::vector<std::string>{Program("starling-sim"), "--connect", "127.0.0.1:" + std::to_string(port_), "--http",
                                 "127.0.0.1:" + std::to_string(http_port_), "--certs", Path("certs"), "--vehicles",
                                 std::to_string(kVehicles), "--seconds", std::to_string(kSeconds), "--seed", "7",
                                 "--headless", "--report", Path("report.json")},
        Path("sim.log"));
  }

  // Every command that the orchestrator lists, page by page.
  std::vector<json::object> ListCommands() {
    std::vector<json::object> commands;
    std::string before;
    for (int page = 0; page < 1'000; ++page) {
      const std::optional<std::string> text = Get("/v1/commands?count=100" + before);
      EXPECT_TRUE(text);
      if (!text) break;
      const json::value document = json::parse(*text);
      for (const json::value& each : document.at("commands").as_array()) commands.push_back(each.as_object());
      if (document.at("next").is_null()) break;
      before = "&before=" + std::to_string(document.at("next").to_number<std::uint64_t>());
    }
    return commands;
  }

  std::string output_;
  std::unique_ptr<ChildProcess> simulator_;
};

TEST_F(Operator, ShowsAFleetThatRunsAndExplainsEachOfItsCommands) {
  MakeCertificates(kVehicles);
  StartCloud();
  ASSERT_FALSE(HasFailure());
  Drive();
  ASSERT_TRUE(Eventually(kPatience, [&] {
    return Stat("shard", "avoidance_issued").value_or(0) > 3 || !simulator_->Running();
  }));
  ASSERT_TRUE(simulator_->Running()) << "too few commands to show anything";

  EXPECT_EQ(Call({"vehicle", "veh-00001"}), 0) << output_;
  EXPECT_THAT(output_, HasSubstr("streaming   yes"));
  EXPECT_EQ(Call({"vehicle", "nobody"}), 1);
  EXPECT_THAT(output_, HasSubstr("neither known, nor connected"));
  ASSERT_EQ(Call({"vehicles", "--limit", "600", "--json"}), 0) << output_;
  EXPECT_EQ(Document().at("vehicles").as_array().size(), std::size_t{kVehicles});
  ASSERT_EQ(Call({"vehicles", "--fleet", "veh-0001", "--limit", "7"}), 0) << output_;
  EXPECT_THAT(output_, HasSubstr("7 shown of 280; --first 7 goes on"));
  // A busy machine may be late; that it is looked at is what counts here.
  EXPECT_GE(Call({"status", "--json"}), 0);
  EXPECT_EQ(Document().at("steps").as_array().size(), 12u);
  EXPECT_GE(Call({"top", "--rounds", "1", "--interval", "0.3"}), 0);
  EXPECT_THAT(output_, HasSubstr("decided "));
  EXPECT_EQ(output_.find('\x1b'), std::string::npos) << "plain where it is no terminal";
  EXPECT_EQ(Call({"cells", "--limit", "3"}), 0);
  EXPECT_THAT(output_, HasSubstr("congestion"));
  EXPECT_EQ(Call({"conflicts", "--json"}), 0);
  EXPECT_TRUE(Document().contains("conflicts"));
  EXPECT_EQ(Call({"commands", "--kind", "avoidance", "--limit", "3"}), 0);
  EXPECT_THAT(output_, HasSubstr("avoidance"));
  EXPECT_EQ(Call({"tail", "conflicts", "--once", "--last", "4"}), 0);
  const auto lines = std::count(output_.begin(), output_.end(), '\n');
  EXPECT_TRUE(lines >= 1 && lines <= 4) << output_;
  EXPECT_EQ(Call({"tail", "letters"}), 1);
  EXPECT_THAT(output_, HasSubstr("there is no topic of that name"));
  EXPECT_EQ(Call({"explain", "12x"}), 2);
  EXPECT_EQ(Call({"explain", "42"}), 1);
  EXPECT_THAT(output_, HasSubstr("holds no such command"));

  ASSERT_TRUE(simulator_->Wait(kPatience).has_value());
  const std::vector<json::object> commands = ListCommands();
  ASSERT_GT(commands.size(), 10u);
  std::map<std::string, json::object> explanations;
  std::vector<double> took_ms;
  std::size_t reproduced = 0;
  for (const json::object& command : commands) {
    const std::string id(command.at("id").as_string());
    const auto began = std::chrono::steady_clock::now();
    std::optional<std::string> text;
    ASSERT_TRUE(Eventually(kPatience, [&] { return (text = Get("/v1/commands/" + id)).has_value(); })) << id;
    took_ms.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - began).count());
    json::object explanation = json::parse(*text).as_object();
    EXPECT_EQ(explanation.at("command"), command) << "the list and the explanation are of one record";
    const bool again = explanation.at("replay").at("reproduced").as_bool();
    EXPECT_TRUE(again) << id << ": " << json::serialize(explanation.at("replay"));
    reproduced += again ? 1 : 0;
    EXPECT_FALSE(again && explanation.at("samples").as_array().empty()) << id;
    explanations[id] = std::move(explanation);
  }
  std::sort(took_ms.begin(), took_ms.end());
  std::printf("%zu commands explained, %zu decided again; median %.0f ms, p99 %.0f ms, longest %.0f ms\n", commands.size(),
              reproduced, took_ms[took_ms.size() / 2], took_ms[took_ms.size() * 99 / 100], took_ms.back());

  cloud_->Signal(SIGTERM);
  EXPECT_EQ(cloud_->Wait(kPatience), 0);
  cloud_.reset();
  EXPECT_EQ(Call({"doctor", "--json"}), 1);
  EXPECT_EQ(Document().at("first_wrong").as_string(), "connection");

  // The figures are those of the records.
  std::map<std::string, std::vector<json::object>> phases;
  std::size_t issued_records = 0;
  const auto newest = commands.front().at("offset").to_number<std::uint64_t>();
  ASSERT_TRUE(cloud::ReadStoredLog(Path("data"), cloud::Topic::kCommands, cloud::Partition{0}, {},
                                   [&](const cloud::LogRecord& record) {
                                     // What came after they were listed.
                                     if (static_cast<std::uint64_t>(record.offset) > newest) return true;
                                     const log::Audit& audit = *log::GetAudit(record.value.data());
                                     if (const log::CommandIssued* issued = audit.body_as_CommandIssued()) {
                                       const auto found = explanations.find(std::to_string(issued->command()->command_id()));
                                       EXPECT_NE(found, explanations.end());
                                       if (found == explanations.end()) return true;
                                       const json::object& command = found->second.at("command").as_object();
                                       ++issued_records;
                                       EXPECT_EQ(command.at("vehicle").as_string(), issued->vehicle()->c_str());
                                       EXPECT_EQ(command.at("recorded_ns").to_number<std::int64_t>(), ToNs(record.time));
                                       if (issued->command()->kind() != wire::CommandKind::Release) {
                                         EXPECT_NEAR(command.at("decel_mps2").to_number<double>(),
                                                     issued->command()->decel_cmps2() * 0.01, 1e-9);
                                         EXPECT_NEAR(command.at("ceiling_mps").to_number<double>(),
                                                     issued->command()->speed_ceiling_cmps() * 0.01, 1e-9);
                                       }
                                     }
                                     return true;
                                   })
                  .ok());
  EXPECT_EQ(issued_records, commands.size());
  std::map<std::string, std::pair<double, double>> opened;  // TTC and DRAC by episode
  ASSERT_TRUE(cloud::ReadStoredLog(Path("data"), cloud::Topic::kConflicts, cloud::Partition{0}, {},
                                   [&](const cloud::LogRecord& record) {
                                     const log::Conflict& conflict = *log::GetConflict(record.value.data());
                                     if (conflict.phase() != log::EpisodePhase::Opened) return true;
                                     opened[std::to_string(conflict.episode_id())] = {conflict.ttc_ms() * 1e-3,
                                                                                      conflict.drac_cmps2() * 0.01};
                                     return true;
                                   })
                  .ok());
  std::size_t compared = 0;
  for (const auto& [id, explanation] : explanations) {
    const json::object* decision = explanation.at("decision").if_object();
    if (decision == nullptr || decision->at("moment").as_string() != "opened") continue;
    const auto record = opened.find(std::string(explanation.at("command").at("episode").as_string()));
    ASSERT_NE(record, opened.end()) << id;
    const json::value& met = decision->at("evaluations").as_array().back().at("met");
    EXPECT_NEAR(met.at("ttc_s").to_number<double>(), record->second.first, 0.0006) << id;
    EXPECT_NEAR(met.at("drac_mps2").to_number<double>(), record->second.second, 0.006) << id;
    ++compared;
  }
  EXPECT_GT(compared, 2u);

  // From the folder it is the same explanation.
  std::size_t offline = 0;
  for (const auto& [id, explanation] : explanations) {
    if (offline == 5) break;
    ++offline;
    ASSERT_EQ(Call({"explain", id, "--data", Path("data"), "--json"}, false), 0) << output_;
    for (const char* part : {"command", "pair", "samples", "decision", "legs"}) {
      EXPECT_EQ(Document().at(part), explanation.at(part)) << id << " " << part;
    }
    ASSERT_EQ(Call({"explain", id, "--data", Path("data")}, false), 0);
    EXPECT_THAT(output_, HasSubstr("and decided the same command"));
  }
}

}  // namespace
}  // namespace starling
