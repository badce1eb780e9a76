// A real agent behind a real uplink, and a gateway on the same io_context.
#pragma once

#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cloud/fleet_ca/fleet_ca.h"
#include "edge/spool/memory_spool.h"
#include "edge/uplink/uplink.h"
#include "tests/edge/uplink/fake_gateway.h"

namespace starling::edge {

inline constexpr BootId kBoot{77};

inline CertificateFolder MakeFolder(const std::string& name) {
  const CertificateFolder folder{std::filesystem::temp_directory_path() /
                                 ("starling_uplink_" + name + "_" + std::to_string(::getpid()))};
  cloud::FleetConfig config;
  config.vehicles = 1;
  EXPECT_TRUE(cloud::InitFleet(folder, config, CloudNow(), nullptr).ok());
  return folder;
}

class UplinkTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    ours_ = new CertificateFolder(MakeFolder("ours"));
    theirs_ = new CertificateFolder(MakeFolder("theirs"));
  }
  static void TearDownTestSuite() {
    for (const auto* folder : {ours_, theirs_}) {
      std::filesystem::remove_all(folder->root);
      delete folder;
    }
  }

  UplinkTest()
      : gateway_(&context_, *ours_), tls_(MakeClientContext(ours_->ca()).value()) {
    config_.port = gateway_.port();
    config_.backoff_min = milliseconds(1);
    config_.backoff_max = milliseconds(20);
  }

  void MakeUplink(const CertificateFolder& vehicle_of = *ours_, bool raw = false) {
    const VehicleId vehicle = VehicleId::Parse("veh-00001").value();
    credentials_ = LoadCredentials(vehicle_of.vehicle(vehicle), vehicle_of.vehicle_key(vehicle)).value();
    AgentConfig agent_config;
    agent_config.raw = raw;
    agent_.emplace(agent_config, kBoot, std::make_unique<MemorySpool>(MemorySpoolConfig{}), &codec_);
    uplink_.emplace(config_, &context_, tls_.get(), &credentials_, &*agent_,
                    [this] { return now_ += nanoseconds(1); },
                    [this](const ControlAction& action, BootTime) { actions_.push_back(action); }, 1);
    uplink_->Start();
  }

  template <typename Condition>
  void RunUntil(Condition condition) {
    while (!condition()) {
      ASSERT_GT(context_.run_one_for(std::chrono::seconds(20)), 0u) << uplink_->last_failure();
    }
  }
  void Connect() {
    MakeUplink();
    AwaitLiveLane();
  }
  // The agent sends fixes once the cloud can tell their time.
  void AwaitLiveLane() {
    RunUntil([this] { return agent_->welcomed() && gateway_.frames(FrameType::kClockReport) > 0; });
  }

  void SendSpeedAdvice() { SendCommand(wire::CommandKind::SpeedAdvice); }

  void SendCommand(wire::CommandKind kind) {
    flatbuffers::FlatBufferBuilder command;
    wire::CommandBuilder builder(command);
    builder.add_command_id(4711);
    builder.add_kind(kind);
    builder.add_epoch(1);
    builder.add_sequence(1);
    builder.add_episode_id(5);
    builder.add_boot_id(ToNumber(kBoot));
    builder.add_expires_boot_time_ns(ToNs(now_ + seconds(4)));
    builder.add_speed_ceiling_cmps(830);
    builder.add_decel_cmps2(150);
    command.Finish(builder.Finish());
    gateway_.SendCommand(command);
  }

  void Drive(std::size_t samples) {
    for (std::size_t i = 0; i < samples; ++i) {
      now_ += kSampleInterval;
      Sample sample;
      sample.time = now_;
      sample.position = {37.7209977 + 1e-5 * static_cast<double>(++driven_), -122.4723053};
      sample.speed_mps = 11.1;
      ASSERT_TRUE(agent_->OnSample(sample, now_).ok());
      agent_->OnTimer(now_);
      uplink_->Pump();
    }
  }

  static inline CertificateFolder* ours_ = nullptr;
  static inline CertificateFolder* theirs_ = nullptr;

  boost::asio::io_context context_;
  FakeGateway gateway_;
  SslContextPtr tls_;
  UplinkConfig config_;
  Credentials credentials_;
  PayloadCodec codec_;
  BootTime now_ = BootTimeFromNs(1'000'000'000);
  std::size_t driven_ = 0;
  std::vector<ControlAction> actions_;
  std::optional<Agent> agent_;
  std::optional<Uplink> uplink_;
};

}  // namespace starling::edge
