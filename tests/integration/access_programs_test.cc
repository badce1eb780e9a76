// The HTTP port as people and programs meet it: closed but for health, opened by a token or a
// certificate, shut again when that is revoked; and an operator's command that a real vehicle acts on once.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include "cloud/log/stored_log.h"
#include "cloud/starling/http_get.h"
#include "schemas/log/commands_generated.h"
#include "tests/integration/scene.h"

namespace starling {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;
using testing::HasSubstr;
using testing::Not;

constexpr std::chrono::seconds kPatience{30};

class AccessScene : public Scene {
 protected:
  // What it printed.
  std::string Run(const std::vector<std::string>& arguments, int expected = 0) {
    std::vector<std::string> command{Program("starling")};
    command.insert(command.end(), arguments.begin(), arguments.end());
    const std::size_t before = Read("output.log").size();
    const auto outcome = Outcome(command);
    std::string printed = Read("output.log").substr(before);
    EXPECT_EQ(outcome, expected) << printed;
    return printed;
  }
  // A token, in a file of its own.
  std::string MakeToken(const std::string& name, const std::string& role) {
    const std::string printed = Run({"tokens", "create", name, "--role", role, "--file", Path("tokens")});
    const std::size_t at = printed.find("\nst_");
    EXPECT_NE(at, std::string::npos) << printed;
    const std::string token = printed.substr(at + 1, printed.find('\n', at + 1) - at - 1);
    std::ofstream(Path(name + ".token")) << token << "\n";
    return token;
  }
  std::vector<std::string> Https() const {
    return {"--http-tokens", Path("tokens"), "--http-cert", Path("certs/server.pem"), "--http-key",
            Path("certs/server.key"), "--http-client-ca", Path("certs/ca.pem")};
  }
  cloud::HttpServer Server(const std::string& token = "") const {
    cloud::HttpServer server;
    server.address = (encrypted_ ? "https://127.0.0.1:" : "127.0.0.1:") + std::to_string(http_port_);
    server.token = token;
    server.ca = encrypted_ ? Path("certs/ca.pem") : "";
    return server;
  }
  // 0: nobody answered.
  int Ask(const cloud::HttpServer& server, const std::string& method, const std::string& target,
          const std::string& body = "") {
    const Result<cloud::HttpAnswer> answer = cloud::HttpRequest(server, method, target, body);
    last_ = answer.ok() ? answer.value().body : std::string(answer.status().message());
    return answer.ok() ? answer.value().status : 0;
  }
  json::object Document(const cloud::HttpServer& server, const std::string& target) {
    EXPECT_EQ(Ask(server, "GET", target), 200) << last_;
    return json::parse(last_).as_object();
  }

  // One that stands and says so ten times a second; its standard output is in edge.log.
  void StartVehicle() {
    const std::string drive =
        "while true; do echo '{\"lat_deg\":48.1351,\"lon_deg\":11.582,\"heading_deg\":0,\"speed_mps\":0}'; sleep 0.1; done"
        " | exec " + Program("starling-edge") + " --connect 127.0.0.1:" + std::to_string(port_) + " --certs " +
        Path("certs") + " --name veh-00001";
    vehicle_ = std::make_unique<ChildProcess>(std::vector<std::string>{"/bin/sh", "-c", drive}, Path("edge.log"));
  }
  std::size_t Lines(const std::string& file, const std::string& with) const {
    std::size_t count = 0;
    std::istringstream lines(Read(file));
    for (std::string line; std::getline(lines, line);) count += line.find(with) != std::string::npos ? 1 : 0;
    return count;
  }

  bool encrypted_ = false;
  std::string last_;
  std::unique_ptr<ChildProcess> vehicle_;
};

TEST_F(AccessScene, AnOpenPortOnTheNetworkIsNoStartAndTheReasonSaysWhatToDo) {
  MakeCertificates(1);
  std::vector<std::string> command = CloudCommand(0, 0);
  std::ofstream(Path("cloud.json")) << "{}";
  std::replace(command.begin(), command.end(), std::string("127.0.0.1:0"), std::string("0.0.0.0:0"));
  EXPECT_EQ(Outcome(command), 2);
  EXPECT_THAT(Read("output.log"), HasSubstr("nobody would be asked who they are"));
  EXPECT_THAT(Read("output.log"), HasSubstr("starling tokens create NAME --role viewer --file tokens"));
  EXPECT_THAT(Read("output.log"), HasSubstr("--http-tokens"));
  EXPECT_FALSE(std::filesystem::exists(Path("data")));
  command.insert(command.end(), {"--http-tokens", Path("nothing")});
  EXPECT_EQ(Outcome(command), 1);
  EXPECT_THAT(Read("output.log"), HasSubstr("nothing cannot be read"));
}

TEST_F(AccessScene, OverTlsEachRoleMayWhatItMayUntilItIsRevoked) {
  encrypted_ = true;
  MakeCertificates(1);
  const std::string viewer = MakeToken("vic", "viewer");
  const std::string operators = MakeToken("ana", "operator");
  const std::string admin = MakeToken("ada", "admin");
  Run({"tokens", "certificate", "cert-op", "--role", "operator", "--certs", Path("certs"), "--out", Path("people")});
  StartCloud(Https());
  ASSERT_FALSE(HasFailure());
  cloud::HttpServer plain = Server();
  plain.address = "127.0.0.1:" + std::to_string(http_port_);
  EXPECT_EQ(Ask(plain, "GET", "/healthz"), 0) << "it speaks TLS alone";
  cloud::HttpServer unknown = Server(viewer);
  unknown.ca = "";
  EXPECT_EQ(Ask(unknown, "GET", "/healthz"), 0) << "and is believed by its authority alone";
  EXPECT_EQ(Ask(Server(), "GET", "/healthz"), 200) << last_;
  EXPECT_EQ(Ask(Server(), "GET", "/readyz"), 200) << last_;
  const std::string release = R"({"vehicle": "veh-00001", "kind": "release", "reason": "a test"})";
  for (const char* path : {"/", "/metrics", "/v1/stats", "/v1/heatmap", "/v1/conflicts", "/v1/audit", "/v1/vehicles",
                           "/v1/openapi.json", "/v1/session", "/v1/switch"}) {
    EXPECT_EQ(Ask(Server(), "GET", path), 401) << path;
    EXPECT_EQ(Ask(Server("st_wrong"), "GET", path), 401) << path;
    EXPECT_EQ(Ask(Server(viewer), "GET", path), 200) << path << last_;
  }
  EXPECT_EQ(Ask(Server(), "POST", "/v1/commands", release), 401);
  EXPECT_EQ(Ask(Server(viewer), "POST", "/v1/commands", release), 403);
  EXPECT_EQ(Ask(Server(operators), "POST", "/v1/commands", release), 404) << "no such vehicle yet: " << last_;
  EXPECT_EQ(Ask(Server(operators), "GET", "/v1/access"), 403);
  EXPECT_EQ(Ask(Server(admin), "GET", "/v1/access"), 200);

  cloud::HttpServer person = Server();
  person.certificate = Path("people/cert-op.pem");
  person.key = Path("people/cert-op.key");
  EXPECT_EQ(Document(person, "/v1/session").at("name").as_string(), "cert-op");
  EXPECT_EQ(Ask(person, "POST", "/v1/switch", R"({"mode": "shadow", "kind": "advice", "reason": "look first"})"), 200) << last_;
  EXPECT_EQ(Document(Server(viewer), "/v1/switch").at("by").as_string(), "cert-op");
  cloud::HttpServer vehicle = Server();
  vehicle.certificate = Path("certs/vehicles/veh-00001.pem");
  vehicle.key = Path("certs/vehicles/veh-00001.key");
  EXPECT_EQ(Ask(vehicle, "GET", "/v1/stats"), 401) << "a vehicle is nobody here";

  Run({"tokens", "revoke", "vic", "--file", Path("tokens")});
  EXPECT_TRUE(Eventually(kPatience, [&] { return Ask(Server(viewer), "GET", "/v1/stats") == 401; }));
  EXPECT_EQ(Ask(Server(operators), "GET", "/v1/stats"), 200);
  EXPECT_THAT(Run({"tokens", "list", "--file", Path("tokens")}), Not(HasSubstr("vic")));

  // A new certificate is shown without a restart.
  std::filesystem::remove(Path("certs/server.pem"));
  std::filesystem::remove(Path("certs/server.key"));
  Run({"init", Path("certs"), "--vehicles", "1"});
  EXPECT_TRUE(Eventually(kPatience, [&] {
    return Ask(Server(admin), "GET", "/v1/stats") == 200 &&
           json::parse(last_).at("access").at("reloads").to_number<int>() >= 2;
  })) << last_;
  cloud_->Signal(SIGTERM);
  EXPECT_EQ(cloud_->Wait(kPatience), 0);
  for (const std::string& token : {viewer, operators, admin}) {
    EXPECT_THAT(Read("cloud.log"), Not(HasSubstr(token.substr(3))));
    EXPECT_THAT(Read("tokens"), Not(HasSubstr(token.substr(3))));
  }
}

TEST_F(AccessScene, ARevokedTokenCutsTheConnectionThatItOpened) {
  MakeCertificates(1);
  const std::string token = MakeToken("vic", "viewer");
  StartCloud({"--http-tokens", Path("tokens")});
  ASSERT_FALSE(HasFailure());
  asio::io_context context;
  asio::ip::tcp::socket socket(context);
  socket.connect({asio::ip::make_address("127.0.0.1"), http_port_});
  asio::write(socket, asio::buffer("GET /v1/session HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + token + "\r\n\r\n"));
  std::string answer;
  boost::system::error_code failure;
  while (!failure && answer.find('}') == std::string::npos) {
    char part[4096];
    const std::size_t count = socket.read_some(asio::buffer(part), failure);
    answer.append(part, count);
  }
  ASSERT_THAT(answer, HasSubstr("\"vic\""));
  EXPECT_THAT(answer, HasSubstr("Content-Security-Policy: default-src 'none'"));
  EXPECT_THAT(answer, HasSubstr("frame-ancestors 'none'"));
  EXPECT_THAT(answer, HasSubstr("X-Content-Type-Options: nosniff"));
  EXPECT_THAT(answer, Not(HasSubstr("Strict-Transport-Security"))) << "not without TLS";
  Run({"tokens", "revoke", "vic", "--file", Path("tokens")});
  answer.clear();
  asio::read(socket, asio::dynamic_buffer(answer), failure);  // Long before the connection would be idle.
  EXPECT_EQ(answer, "");
  EXPECT_EQ(Ask(Server(token), "GET", "/v1/stats"), 401);
}

TEST_F(AccessScene, AnOperatorsCommandActsOnceOnARealVehicleAndTheTrailSaysWhoSentIt) {
  MakeCertificates(1);
  const std::string token = MakeToken("ana", "operator");
  MakeToken("vic", "viewer");
  StartCloud({"--http-tokens", Path("tokens")});
  ASSERT_FALSE(HasFailure());
  StartVehicle();
  ASSERT_TRUE(Eventually(kPatience, [&] { return Ask(Server(token), "GET", "/v1/vehicles/veh-00001") == 200; }));
  ASSERT_TRUE(Eventually(kPatience, [&] {
    return Ask(Server(token), "GET", "/v1/vehicles/veh-00001") == 200 && json::parse(last_).at("known").as_bool();
  }));
  const std::string http = "127.0.0.1:" + std::to_string(http_port_);
  const std::vector<std::string> to = {"--http", http, "--token-file", Path("ana.token")};
  const auto send = [&](std::vector<std::string> arguments, int expected) {
    arguments.insert(arguments.begin(), {"send", "veh-00001"});
    arguments.insert(arguments.end(), to.begin(), to.end());
    return Run(arguments, expected);
  };
  EXPECT_THAT(send({"--speed", "8.3", "--reason", "ice"}, 2), HasSubstr("--yes"));
  const std::string said = send({"--speed", "8.3", "--for", "4", "--reason", "ice", "--request-id", "first", "--yes"}, 0);
  EXPECT_THAT(said, HasSubstr("the vehicle says: Applied"));
  ASSERT_THAT(said, HasSubstr("command "));
  const std::string id = said.substr(said.find("command ") + 8, said.find(" to veh") - said.find("command ") - 8);
  ASSERT_TRUE(Eventually(kPatience, [&] { return Lines("edge.log", id) == 1; })) << Read("edge.log");
  // Asked again, by this process and by one that has forgotten, nothing is sent.
  EXPECT_THAT(send({"--speed", "8.3", "--for", "4", "--reason", "ice", "--request-id", "first", "--yes"}, 0), HasSubstr(id));
  cloud_->Signal(SIGKILL);
  EXPECT_EQ(cloud_->Wait(kPatience), 128 + SIGKILL);
  StartCloud({"--http-tokens", Path("tokens")});
  ASSERT_FALSE(HasFailure());
  ASSERT_TRUE(Eventually(kPatience, [&] {
    return Ask(Server(token), "GET", "/v1/vehicles/veh-00001") == 200 && json::parse(last_).at("known").as_bool() &&
           json::parse(last_).at("connected").as_bool();
  }));
  EXPECT_THAT(send({"--speed", "8.3", "--for", "4", "--reason", "ice", "--request-id", "first", "--yes"}, 0), HasSubstr(id));
  EXPECT_EQ(Lines("edge.log", id), 1u) << Read("edge.log");
  EXPECT_THAT(send({"--brake", "--reason", "an obstacle", "--yes"}, 0), HasSubstr("Applied"));
  // What is stopped is recorded, and not sent.
  EXPECT_EQ(Ask(Server(token), "POST", "/v1/switch", R"({"mode": "stop", "reason": "an exercise"})"), 200) << last_;
  EXPECT_THAT(send({"--brake", "--reason", "held back", "--yes"}, 1), HasSubstr("NOT sent: commands are stopped"));
  EXPECT_THAT(Run({"send", "veh-00009", "--release", "--reason", "x", "--yes", "--http", http, "--token-file", Path("ana.token")}, 1),
              HasSubstr("no region of this process has veh-00009"));
  EXPECT_THAT(Run({"send", "veh-00001", "--release", "--reason", "x", "--yes", "--http", http, "--token-file", Path("vic.token")}, 1),
              HasSubstr("takes the role operator"));
  vehicle_.reset();
  cloud_->Signal(SIGTERM);
  EXPECT_EQ(cloud_->Wait(kPatience), 0);
  cloud_.reset();

  std::size_t issued = 0;
  std::string reasons;
  std::vector<std::string> by;
  const Status read = cloud::ReadStoredLog(
      Path("data"), cloud::Topic::kCommands, cloud::Partition{0}, {}, [&](const cloud::LogRecord& record) {
        const log::Audit& audit = *log::GetAudit(record.value.data());
        if (const auto* each = audit.body_as_CommandIssued()) {
          if (std::to_string(each->command()->command_id()) == id && each->reason() != nullptr) ++issued;
          if (each->reason() != nullptr) reasons += each->reason()->str() + ";";
          if (each->command()->issuer() != nullptr) by.push_back(each->command()->issuer()->str());
        } else if (const auto* withheld = audit.body_as_CommandWithheld()) {
          reasons += "withheld " + withheld->reason()->str() + ";";
          by.push_back(withheld->command()->issuer()->str());
        } else if (const auto* taken = audit.body_as_CommandSettingsTaken()) {
          by.push_back("switch " + taken->settings()->by()->str());
        }
        return true;
      });
  EXPECT_TRUE(read.ok()) << read.message();
  EXPECT_EQ(issued, 1u);
  EXPECT_EQ(reasons, "ice;an obstacle;withheld held back;");
  EXPECT_EQ(std::count(by.begin(), by.end(), "switch ana"), 1);
  EXPECT_EQ(std::count(by.begin(), by.end(), "ana"), static_cast<std::ptrdiff_t>(by.size()) - 1);
  EXPECT_THAT(Run({"audit", "verify", "--data", Path("data")}), HasSubstr("whole"));
  const std::string shown = Run({"audit", "show", "--data", Path("data"), "--vehicle", "veh-00001"});
  EXPECT_THAT(shown, HasSubstr("ana: ice"));
  EXPECT_THAT(shown, HasSubstr("not sent: stopped"));
}

TEST_F(AccessScene, TheDescriptionIsWhatARunningOrchestratorAnswers) {
  MakeCertificates(1);
  MakeToken("ada", "admin");
  StartCloud({"--http-tokens", Path("tokens")});
  ASSERT_FALSE(HasFailure());
  StartVehicle();
  cloud::HttpServer server = Server();
  server.token_file = Path("ada.token");
  ASSERT_TRUE(Eventually(kPatience, [&] {
    return Ask(server, "GET", "/v1/vehicles/veh-00001") == 200 && json::parse(last_).at("known").as_bool();
  }));
  EXPECT_EQ(Outcome({"/usr/bin/env", "python3", STARLING_SOURCE_DIR "/tests/integration/openapi_check.py",
                     "http://127.0.0.1:" + std::to_string(http_port_), Path("ada.token"), "veh-00001",
                     STARLING_SOURCE_DIR "/cloud/console/openapi.json"}),
            0)
      << Read("output.log");
  EXPECT_THAT(Read("output.log"), HasSubstr("every path is as described"));
}

}  // namespace
}  // namespace starling
