// What happens to a vehicle in its long life, by the programs themselves: its certificate is
// renewed while it drives, its orchestrator goes and comes back elsewhere, and it keeps its
// collection plan while it is off.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include "common/tls/tls_context.h"
#include "tests/integration/scene.h"

namespace starling {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
namespace json = boost::json;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::chrono::seconds kPatience{30};

// Ten samples a second to the agent's socket, for as long as it lives.
class Driver {
 public:
  explicit Driver(const std::string& socket) : thread_([this, socket] { Drive(socket); }) {}
  ~Driver() {
    stop_ = true;
    thread_.join();
  }

 private:
  void Drive(const std::string& path) {
    asio::io_context context;
    asio::local::stream_protocol::socket socket(context);
    boost::system::error_code failure;
    socket.connect(asio::local::stream_protocol::endpoint(path), failure);
    const std::string line = "{\"lat_deg\":48.1351,\"lon_deg\":11.582,\"heading_deg\":0,\"speed_mps\":0}\n";
    while (!stop_ && !failure) {
      asio::write(socket, asio::buffer(line), failure);
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }

  std::atomic<bool> stop_{false};  // stored by the test, read by the thread; orders nothing else
  std::thread thread_;
};

class UplinkPrograms : public Scene {
 protected:
  // The vehicle's files, apart from the authority's.
  void Provide() {
    MakeCertificates(1);
    fs::create_directory(Path("vehicle"));
    fs::copy_file(Path("certs/ca.pem"), Path("vehicle/ca.pem"));
    fs::copy_file(Path("certs/vehicles/veh-00001.pem"), Path("vehicle/me.pem"));
    fs::copy_file(Path("certs/vehicles/veh-00001.key"), Path("vehicle/me.key"));
  }
  // A new key and certificate for it, not in their places yet.
  void Sign(const std::string& days) {
    ASSERT_EQ(Outcome({Program("starling"), "request", "veh-00001", "--out", Path("vehicle")}), 0);
    ASSERT_EQ(Outcome({Program("starling"), "sign", Path("certs"), "--request", Path("vehicle/veh-00001.csr"),
                       "--replace", "--days", days}), 0) << Read("output.log");
  }
  void Put(const std::string& from, const std::string& to) {
    fs::copy_file(Path(from), Path(to + ".new"));
    fs::rename(Path(to + ".new"), Path(to));
  }

  std::string Here(std::uint16_t port) const { return "127.0.0.1:" + std::to_string(port); }
  void StartVehicle(const std::vector<std::string>& more) { StartVehicle(Here(port_), more); }
  void StartVehicle(const std::string& connect, const std::vector<std::string>& more) {
    fs::remove(Path("edge.sock"));
    std::vector<std::string> command = {Program("starling-edge"), "--connect", connect, "--ca",
                                        Path("vehicle/ca.pem"), "--cert", Path("vehicle/me.pem"), "--key",
                                        Path("vehicle/me.key"), "--listen-unix", Path("edge.sock"), "--verbose",
                                        "--report", Path("report.json")};
    command.insert(command.end(), more.begin(), more.end());
    vehicle_ = std::make_unique<ChildProcess>(command, Path("edge.log"));
    ASSERT_TRUE(Eventually(kPatience, [&] { return fs::exists(Path("edge.sock")); })) << Read("edge.log");
    driver_ = std::make_unique<Driver>(Path("edge.sock"));
  }
  bool Says(const std::string& text) {
    return Eventually(kPatience, [&] { return Read("edge.log").find(text) != std::string::npos; });
  }
  std::uint64_t Held() { return static_cast<std::uint64_t>(Stat("ledger", "samples").value_or(0)); }
  // Frames go on arriving, of which a greeting is but two: one live fix a second of a vehicle that stands.
  bool Streams() {
    if (!Eventually(kPatience, [&] { return Stat("gateway", "connections") == 1; })) return false;
    const double before = Stat("gateway", "frames_in").value_or(0);
    return Eventually(kPatience, [&] { return Stat("gateway", "frames_in").value_or(0) > before + 3; });
  }
  // Ends it, and holds its ledger beside the cloud's; that also has what a run that was killed had sent.
  json::object EndBalanced(bool only_run = true) {
    driver_.reset();
    vehicle_->Signal(SIGTERM);
    EXPECT_EQ(vehicle_->Wait(kPatience), 0) << Read("edge.log");
    json::object report = json::parse(Read("report.json")).as_object();
    const json::object& ledger = report.at("ledger").as_object();
    EXPECT_GT(ledger.at("sampled").to_number<std::uint64_t>(), 0u);
    EXPECT_EQ(ledger.at("delivered"), ledger.at("sampled"));
    EXPECT_TRUE(Eventually(kPatience, [&] { return Held() >= ledger.at("sampled").to_number<std::uint64_t>(); }));
    if (only_run) {
      EXPECT_EQ(Held(), ledger.at("sampled").to_number<std::uint64_t>());
    }
    return report;
  }
  static std::uint64_t Of(const json::object& report, const char* group, const char* name) {
    return report.at(group).at(name).to_number<std::uint64_t>();
  }

  void TearDown() override {
    driver_.reset();
    vehicle_.reset();
    if (HasFailure()) std::printf("---- edge.log\n%s\n", Read("edge.log").c_str());
    Scene::TearDown();
  }

  std::unique_ptr<ChildProcess> vehicle_;
  std::unique_ptr<Driver> driver_;
};

std::string SerialOf(const std::string& file) {
  const auto certificate = LoadCertificate(file);
  if (!certificate.ok()) return "";
  BIGNUM* const number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate.value().get()), nullptr);
  char* const text = BN_bn2hex(number);
  std::string serial = text;
  OPENSSL_free(text);
  BN_free(number);
  return serial;
}

TEST_F(UplinkPrograms, ACertificateIsRenewedWhileTheVehicleDrives) {
  Provide();
  StartCloud();
  ASSERT_FALSE(HasFailure());
  StartVehicle({"--renew-spread", "0"});
  ASSERT_TRUE(Streams());
  const std::string former = SerialOf(Path("vehicle/me.pem"));

  // As docs/vehicle.md says: a key and a request of the vehicle's own, signed where the authority is.
  Sign("800");
  ASSERT_FALSE(HasFailure());
  const std::string renewed = SerialOf(Path("certs/vehicles/veh-00001.pem"));
  ASSERT_NE(former, renewed);

  Put("certs/vehicles/veh-00001.pem", "vehicle/me.pem");
  ASSERT_TRUE(Says("is not the key of"));  // The former key, until the new one comes.
  EXPECT_THAT(Read("edge.log"), Not(HasSubstr(R"("event":"certificate")")));
  Put("vehicle/veh-00001.key", "vehicle/me.key");
  ASSERT_TRUE(Says(R"("event":"certificate_in_use")"));

  // The gateway has seen the new one: whoever has the former is out.
  ASSERT_EQ(Outcome({Program("starling"), "revoke", Path("certs"), "--serial", former}), 0) << Read("output.log");
  ASSERT_TRUE(Eventually(kPatience, [&] { return Stat("certificates", "revoked") == 1; }));
  EXPECT_TRUE(Streams());
  const json::object report = EndBalanced();
  EXPECT_EQ(Of(report, "uplink", "connects"), 2u);
  EXPECT_EQ(Of(report, "uplink", "resumed"), 0u);
  EXPECT_EQ(Of(report, "uplink", "failures"), 0u);
  EXPECT_EQ(Of(report, "uplink", "renewals"), 1u);
}

TEST_F(UplinkPrograms, AtSighupACertificateIsReadAndShownAtOnce) {
  Provide();
  StartCloud();
  ASSERT_FALSE(HasFailure());
  StartVehicle({"--renew-spread", "3600"});
  ASSERT_TRUE(Streams());
  Sign("20");
  ASSERT_FALSE(HasFailure());
  Put("certs/vehicles/veh-00001.pem", "vehicle/me.pem");
  Put("vehicle/veh-00001.key", "vehicle/me.key");
  vehicle_->Signal(SIGHUP);
  ASSERT_TRUE(Says(R"("event":"certificate_in_use")"));
  ASSERT_TRUE(Says(R"("event":"certificate_expires")"));
  EXPECT_THAT(Read("edge.log"), HasSubstr(R"("days":19)"));
  // Another fleet's certificate is refused, and what is in use goes on.
  ASSERT_EQ(Outcome({Program("starling"), "init", Path("foreign"), "--vehicles", "1"}), 0);
  Put("foreign/vehicles/veh-00001.pem", "vehicle/me.pem");
  Put("foreign/vehicles/veh-00001.key", "vehicle/me.key");
  vehicle_->Signal(SIGHUP);
  ASSERT_TRUE(Says("is not of an authority in"));
  EXPECT_TRUE(Streams());
  EXPECT_EQ(Of(EndBalanced(), "uplink", "connects"), 2u);
}

TEST_F(UplinkPrograms, AtSighupACertificateThatWasReadAlreadyIsShownAtOnce) {
  Provide();
  StartCloud();
  ASSERT_FALSE(HasFailure());
  StartVehicle({"--renew-spread", "3600"});
  ASSERT_TRUE(Streams());
  Sign("800");
  ASSERT_FALSE(HasFailure());
  Put("certs/vehicles/veh-00001.pem", "vehicle/me.pem");
  Put("vehicle/veh-00001.key", "vehicle/me.key");
  ASSERT_TRUE(Says(R"("shown_within_s":3600)"));
  vehicle_->Signal(SIGHUP);
  ASSERT_TRUE(Says(R"("shown_within_s":0)"));
  ASSERT_TRUE(Says(R"("event":"certificate_in_use")"));
  EXPECT_EQ(Of(EndBalanced(), "uplink", "renewals"), 1u);
}

// The vehicle believes both authorities, the gateway only one: what no file says.
TEST_F(UplinkPrograms, WhatTheGatewayRefusesGivesWayToTheFormerCertificate) {
  Provide();
  StartCloud();
  ASSERT_FALSE(HasFailure());
  StartVehicle({"--renew-spread", "0"});
  ASSERT_TRUE(Streams());
  ASSERT_EQ(Outcome({Program("starling"), "init", Path("foreign"), "--vehicles", "1"}), 0);
  std::ofstream(Path("vehicle/ca.pem"), std::ios::app) << Read("foreign/ca.pem");
  Put("foreign/vehicles/veh-00001.pem", "vehicle/me.pem");
  Put("foreign/vehicles/veh-00001.key", "vehicle/me.key");
  ASSERT_TRUE(Says(R"("event":"certificate_refused","by":"the gateway")"));
  EXPECT_TRUE(Streams());
  EXPECT_EQ(Of(EndBalanced(), "uplink", "renewals_refused"), 1u);
}

// The same orchestrator, by its log, at the other address.
TEST_F(UplinkPrograms, AnOrchestratorThatComesBackAtTheOtherAddressIsFoundAndNothingIsLost) {
  Provide();
  StartCloud();
  ASSERT_FALSE(HasFailure());
  std::uint16_t other = 0;
  {
    asio::io_context context;
    const asio::ip::tcp::acceptor free(context, {asio::ip::address_v4::loopback(), 0});
    other = free.local_endpoint().port();
  }
  // The first one is dead, as nobody listens there yet.
  std::ofstream(Path("edge.toml")) << "connect = [\"" << Here(other) << "\", \"" << Here(port_) << "\"]\n";
  StartVehicle(Here(other) + "," + Here(port_), {});
  ASSERT_TRUE(Streams());
  EXPECT_TRUE(Says(R"("connected":true,"to":")" + Here(port_)));

  cloud_->Signal(SIGKILL);
  cloud_->Wait(kPatience);
  port_ = other;
  StartCloud();
  ASSERT_FALSE(HasFailure());
  EXPECT_TRUE(Streams());
  EXPECT_TRUE(Says(R"("connected":true,"to":")" + Here(other)));
  EndBalanced();

  // A list in the file is the same, and the doctor looks at both.
  EXPECT_EQ(Outcome({Program("starling-edge"), "doctor", "--config", Path("edge.toml"), "--ca", Path("vehicle/ca.pem"),
                     "--cert", Path("vehicle/me.pem"), "--key", Path("vehicle/me.key")}), 1);
  EXPECT_THAT(Read("output.log"), HasSubstr(Here(other) + ": connected to"));
  EXPECT_THAT(Read("output.log"), HasSubstr(": Connection refused"));
  const auto refused = [this](const std::string& connect) {
    return Outcome({Program("starling-edge"), "--connect", connect, "--certs", Path("certs"), "--name", "veh-00001"});
  };
  EXPECT_EQ(refused("a:1,b"), 2);
  EXPECT_THAT(Read("output.log"), HasSubstr("--connect: b is not HOST:PORT"));
  EXPECT_EQ(refused("a:1,a:1"), 2);
  EXPECT_THAT(Read("output.log"), HasSubstr("--connect: a:1 stands there twice"));
}

TEST_F(UplinkPrograms, APlanOutlivesThePowerCutAndTheOrchestrator) {
  Provide();
  StartCloud();
  ASSERT_FALSE(HasFailure());
  const auto push = [this](int version) {
    std::ofstream(Path("plan.toml")) << "name = \"kept\"\nversion = " << version
                                     << "\n[[signal]]\nname = \"accel_mps2\"\nevery = 100\n";
    return Outcome({Program("starling"), "plan", "push", Path("plan.toml"), "--data", Path("data"), "--all"});
  };
  ASSERT_EQ(push(5), 0) << Read("output.log");
  StartVehicle({"--spool", Path("spool")});
  ASSERT_TRUE(Says(R"("event":"plan","verdict":"applied","version":5)"));
  ASSERT_TRUE(Eventually(kPatience, [&] { return fs::exists(Path("spool/kept.plan")); }));
  driver_.reset();
  vehicle_->Signal(SIGKILL);
  vehicle_->Wait(kPatience);
  cloud_->Signal(SIGKILL);
  cloud_->Wait(kPatience);

  // Nobody is there who could send it again, and it is in force before the first sample.
  fs::remove(Path("edge.log"));
  StartVehicle({"--spool", Path("spool")});
  ASSERT_TRUE(Says(R"("event":"plan","verdict":"applied","version":5)"));
  EXPECT_THAT(Read("edge.log"), HasSubstr(R"("event":"plan_restored")"));

  // An orchestrator that lost its plans cannot take the vehicle back.
  fs::remove_all(Path("data/plans"));
  StartCloud();
  ASSERT_FALSE(HasFailure());
  ASSERT_EQ(push(4), 0) << Read("output.log");
  ASSERT_TRUE(Streams());
  const auto told = [this](const std::string& what) {
    return Eventually(kPatience, [&] {
      return Get("/v1/vehicles/veh-00001").value_or("").find(what) != std::string::npos;
    });
  };
  EXPECT_TRUE(told(R"("in_force":{"version":"5")"));
  ASSERT_EQ(push(6), 0) << Read("output.log");
  ASSERT_TRUE(Says(R"("event":"plan","verdict":"applied","version":6)"));
  EndBalanced(false);

  // A file that is damaged is said, and ignored.
  std::fstream file(Path("spool/kept.plan"), std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(40).put('\x7f');
  file.close();
  fs::remove(Path("edge.log"));
  StartVehicle({"--spool", Path("spool")});
  ASSERT_TRUE(Says(R"("event":"plan_ignored")"));
  EXPECT_THAT(Read("edge.log"), HasSubstr("kept.plan is damaged"));
  ASSERT_TRUE(Says(R"("event":"plan","verdict":"applied","version":6)"));  // The cloud has it.
}

}  // namespace
}  // namespace starling
