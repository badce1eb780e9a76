// A real gateway with real TLS on a free port, a fleet of certificates, and a mock
// log.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "cloud/fleet_ca/fleet_ca.h"
#include "cloud/gateway/gateway.h"
#include "cloud/gateway/history_ledger.h"
#include "schemas/log/dead_letter_generated.h"
#include "schemas/log/telemetry_generated.h"
#include "tests/cloud/gateway/mock_log.h"
#include "tests/cloud/gateway/test_vehicle.h"

namespace starling::cloud {

class GatewayFixture : public testing::Test {
 protected:
  // Making keys is slow under sanitizers: one fleet for all tests.
  static const CertificateFolder& Certificates() {
    static const struct Folder {
      Folder() {
        std::string pattern = (std::filesystem::temp_directory_path() / "starling_gateway_XXXXXX").string();
        certificates.root = ::mkdtemp(pattern.data());
        FleetConfig fleet;
        fleet.vehicles = 4;
        EXPECT_TRUE(InitFleet(certificates, fleet, CloudNow(), nullptr).ok());
      }
      ~Folder() { std::filesystem::remove_all(certificates.root); }
      CertificateFolder certificates;
    } folder;
    return folder.certificates;
  }
  static VehicleId Name(std::size_t number) { return NumberedVehicle("veh-", number).value(); }
  static Credentials CredentialsOf(std::size_t number) {
    return LoadCredentials(Certificates().vehicle(Name(number)), Certificates().vehicle_key(Name(number))).value();
  }

  GatewayFixture() {
    config_.host = "127.0.0.1";
    config_.port = 0;
    config_.threads = 2;
  }

  void StartGateway() {
    gateway_.reset();
    gateway_ = std::make_unique<Gateway>(config_, &log_, &ledger_);
    const Status status = gateway_->Start(Certificates());
    ASSERT_TRUE(status.ok()) << status.message();
  }
  void SetUp() override { StartGateway(); }

  bool Connect(TestVehicle* vehicle, std::size_t number, SSL_SESSION* session = nullptr) {
    const Credentials credentials = CredentialsOf(number);
    return vehicle->Connect(gateway_->port(), Certificates().ca(), &credentials, session);
  }
  bool ConnectAndIntroduce(TestVehicle* vehicle, std::size_t number) {
    return Connect(vehicle, number) && vehicle->Introduce();
  }

  std::uint64_t Count(log::Verdict verdict) const {
    return gateway_->counters().verdicts[static_cast<std::size_t>(verdict)];
  }
  // Every frame that these vehicles sent, and the gateway has read, has exactly one
  // verdict.  REQUIRES: there were no other vehicles.
  void ExpectOneVerdictEach(std::initializer_list<const TestVehicle*> vehicles) const {
    std::uint64_t sent = 0;
    for (const TestVehicle* vehicle : vehicles) sent += vehicle->frames_sent();
    const GatewayCounters counters = gateway_->counters();
    std::uint64_t verdicts = 0;
    for (const std::uint64_t count : counters.verdicts) verdicts += count;
    EXPECT_EQ(verdicts, sent);
    EXPECT_EQ(counters.frames_in, sent);
  }
  // The bodies of one type in the telemetry log, as "vehicle".
  std::vector<std::string> Telemetry(log::TelemetryBody type) const {
    std::vector<std::string> vehicles;
    for (const MockLog::Stored& record : log_.Records(Topic::kTelemetry)) {
      if (log::GetTelemetry(record.words.data())->body_type() == type) vehicles.push_back(record.key);
    }
    return vehicles;
  }

  GatewayConfig config_;
  MockLog log_;
  HistoryLedger ledger_;
  std::unique_ptr<Gateway> gateway_;
};

}  // namespace starling::cloud
