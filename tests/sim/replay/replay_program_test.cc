// The whole program but its options, against a gateway in another thread.

#include "sim/replay/replay_program.h"

#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/json/src.hpp>
#include <filesystem>
#include <thread>

#include <gtest/gtest.h>

#include "cloud/fleet_ca/fleet_ca.h"
#include "tests/edge/uplink/fake_gateway.h"

namespace starling::sim {
namespace {

class Replay : public testing::Test {
 protected:
  Replay()
      : folder_{std::filesystem::temp_directory_path() /
                ("starling_replay_" + std::to_string(::getpid()))} {
    cloud::FleetConfig config;
    config.vehicles = 1;
    EXPECT_TRUE(cloud::InitFleet(folder_, config, CloudNow(), nullptr).ok());
    gateway_ = std::make_unique<edge::FakeGateway>(&context_, folder_);
    options_.shell.uplink.port = gateway_->port();
    for (int i = 0; i < 20; ++i) {
      Sample sample;
      sample.time = BootTime(i * milliseconds(i < 10 ? 10 : 12));
      sample.position = {45 + 1e-6 * i, 11};
      sample.speed_mps = 10;
      drive_.samples.push_back(sample);
    }
  }
  ~Replay() override {
    gateway_.reset();
    std::filesystem::remove_all(folder_.root);
  }

  boost::json::object Run() {
    const VehicleId vehicle = VehicleId::Parse("veh-00001").value();
    const auto tls = MakeClientContext(folder_.ca());
    const auto credentials = LoadCredentials(folder_.vehicle(vehicle), folder_.vehicle_key(vehicle));
    std::thread cloud([this] { context_.run(); });
    ReplayProgram program(options_, drive_, tls.value().get(), &credentials.value(), BootId{5});
    outcome_ = program.Run();
    context_.stop();
    cloud.join();
    return boost::json::parse(program.Report()).as_object();
  }

  const CertificateFolder folder_;
  boost::asio::io_context context_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{context_.get_executor()};
  std::unique_ptr<edge::FakeGateway> gateway_;
  ReplayOptions options_;
  Drive drive_;
  Status outcome_;
};

TEST_F(Replay, AtRecordedPaceBothLanesArriveAndTheErrorIsMeasured) {
  const auto report = Run();
  EXPECT_TRUE(outcome_.ok()) << outcome_.message();
  EXPECT_EQ(report.at("lanes").as_string(), "live and history");
  EXPECT_EQ(report.at("ledger").at("delivered").as_int64(), 20);
  EXPECT_GE(report.at("live_frames").as_int64(), 1);
  EXPECT_GT(report.at("prediction_error_m").at("count").as_int64(), 10);
}

TEST_F(Replay, AtOnceTheHistoryArrivesWholeWithItsSpacing) {
  options_.speed = 0;
  drive_.samples.back().time = BootTime(seconds(3600));  // would take an hour
  const auto report = Run();
  EXPECT_TRUE(outcome_.ok()) << outcome_.message();
  EXPECT_EQ(report.at("lanes").as_string(), "history");
  EXPECT_EQ(report.at("ledger").at("sampled").as_int64(), 20);
  EXPECT_EQ(report.at("ledger").at("delivered").as_int64(), 20);
  EXPECT_EQ(report.at("prediction_error_m").at("count").as_int64(), 0);
}

// Drained, because what was dropped does not wait; but not delivered.
TEST_F(Replay, DroppedSamplesAreAFailureThatSaysWhy) {
  options_.speed = 0;
  options_.shell.spool.bytes_max = 4096;
  for (int i = 20; i < 3000; ++i) {
    Sample sample = drive_.samples.back();
    sample.time += milliseconds(100);
    sample.position.lat_deg += 1e-5 * (i % 7);
    drive_.samples.push_back(sample);
  }
  const auto report = Run();
  const auto& ledger = report.at("ledger");
  const std::int64_t dropped = ledger.at("dropped_spool_full").as_int64();
  EXPECT_GT(dropped, 0);
  EXPECT_EQ(ledger.at("dropped_refused").as_int64(), 0);
  EXPECT_EQ(ledger.at("dropped_io").as_int64(), 0);
  EXPECT_EQ(ledger.at("in_flight").as_int64(), 0);
  EXPECT_EQ(ledger.at("delivered").as_int64(), 3000 - dropped);
  ASSERT_FALSE(outcome_.ok());
  EXPECT_EQ(outcome_.message(), "of 3000 samples, not delivered: " + std::to_string(dropped) +
                                    " dropped because the spool was full");
}

TEST_F(Replay, WithoutALinkItFailsAndSaysWhy) {
  gateway_->StopListening();
  options_.connect_max = seconds(0);
  Run();
  ASSERT_FALSE(outcome_.ok());
  EXPECT_NE(outcome_.message().find("no link within 0 s"), std::string::npos) << outcome_.message();
}

}  // namespace
}  // namespace starling::sim
