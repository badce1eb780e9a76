// The agent as a library, beside a gateway that the test drives.
#include "edge/client/client.h"

#include <unistd.h>

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cloud/fleet_ca/fleet_ca.h"
#include "edge/uplink/boot_clock.h"
#include "tests/edge/uplink/fake_gateway.h"

namespace starling::edge {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class ClientTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new CertificateFolder{fs::temp_directory_path() / ("starling_client_" + std::to_string(::getpid()))};
    cloud::FleetConfig config;
    config.vehicles = 1;
    ASSERT_TRUE(cloud::InitFleet(*folder_, config, CloudNow(), nullptr).ok());
  }
  static void TearDownTestSuite() {
    fs::remove_all(folder_->root);
    delete folder_;
  }
  void SetUp() override {
    const VehicleId vehicle = VehicleId::Parse("veh-00001").value();
    options_.connect = {"127.0.0.1:" + std::to_string(gateway_.port())};
    options_.ca = folder_->ca();
    options_.certificate = folder_->vehicle(vehicle);
    options_.key = folder_->vehicle_key(vehicle);
  }
  void TearDown() override {
    client_.reset();
    fs::remove_all(folder_->root / "spool");
  }

  void Start() {
    std::string why;
    client_ = Client::Start(options_, callbacks_, &why);
    ASSERT_NE(client_, nullptr) << why;
  }
  void Connect() {
    Start();
    RunUntil([this] { return client_->counters().connected && gateway_.frames(FrameType::kClockReport) > 0; });
  }
  // The gateway lives on the test's thread.
  void RunUntil(const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!condition()) {
      ASSERT_LT(std::chrono::steady_clock::now(), end);
      context_.run_for(std::chrono::milliseconds(5));
    }
  }
  ClientSample Next() {
    ClientSample sample;
    sample.boot_time_ns = ToNs(BootNow());
    sample.lat_deg = 48.1351;
    sample.lon_deg = 11.582;
    sample.speed_mps = 10;
    return sample;
  }
  void Drive(int samples) {
    for (int i = 0; i < samples; ++i) {
      ASSERT_EQ(client_->Push(Next()), PushResult::kTaken);
      context_.run_for(std::chrono::milliseconds(2));
    }
  }
  // While the gateway answers.
  bool Drained(double seconds) {
    std::atomic<int> over{-1};  // stored by the waiter, read by the test; orders nothing else
    std::thread waiter([&] { over = client_->Drain(seconds) ? 1 : 0; });
    RunUntil([&] { return over != -1; });
    waiter.join();
    return over == 1;
  }
  void SendCommand(std::uint64_t id, std::uint64_t boot, wire::CommandKind kind = wire::CommandKind::SpeedAdvice,
                   nanoseconds lease = seconds(4)) {
    flatbuffers::FlatBufferBuilder command;
    wire::CommandBuilder builder(command);
    builder.add_command_id(id);
    builder.add_kind(kind);
    builder.add_epoch(1);
    builder.add_sequence(id);
    builder.add_episode_id(5);
    builder.add_boot_id(boot);
    builder.add_expires_boot_time_ns(ToNs(BootNow() + lease));
    builder.add_speed_ceiling_cmps(kind == wire::CommandKind::Release ? 0 : 830);
    builder.add_decel_cmps2(kind == wire::CommandKind::Release ? 0 : 150);
    command.Finish(builder.Finish());
    gateway_.SendCommand(command);
  }

  static inline CertificateFolder* folder_ = nullptr;
  boost::asio::io_context context_;
  // A gateway that does not listen leaves nothing to do, and the context would end.
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{context_.get_executor()};
  FakeGateway gateway_{&context_, *folder_};
  ClientOptions options_;
  ClientCallbacks callbacks_;
  std::unique_ptr<Client> client_;
};

TEST_F(ClientTest, DeliversWhatIsPushedAndItsLedgerIsBalanced) {
  Connect();
  Drive(150);
  EXPECT_TRUE(Drained(10));
  const ClientCounters counters = client_->counters();
  EXPECT_EQ(counters.sampled, 150u);
  EXPECT_EQ(counters.delivered, 150u);
  EXPECT_EQ(counters.dropped + counters.in_flight + counters.samples_refused, 0u);
  EXPECT_EQ(counters.connects, 1u);
}

TEST_F(ClientTest, ACommandIsCalledBackOnceWithWhatItAsksFor) {
  std::vector<ClientCommand> commands;
  std::atomic<std::size_t> count{0};  // published after each push_back
  callbacks_.on_command = [&](const ClientCommand& command) {
    commands.push_back(command);
    ++count;
  };
  Connect();
  SendCommand(1, gateway_.boot_id());
  SendCommand(1, gateway_.boot_id());
  SendCommand(2, gateway_.boot_id(), wire::CommandKind::Release);
  RunUntil([&] { return count == 2 && gateway_.outcomes().size() >= 2; });
  client_->Stop();
  ASSERT_EQ(commands.size(), 2u);
  EXPECT_EQ(commands[0].id, 1u);
  EXPECT_EQ(commands[0].episode, 5u);
  EXPECT_EQ(commands[0].kind, ClientCommand::Kind::kSpeedAdvice);
  EXPECT_DOUBLE_EQ(commands[0].speed_ceiling_mps, 8.3);
  EXPECT_DOUBLE_EQ(commands[0].decel_mps2, 1.5);
  EXPECT_GT(commands[0].expires_boot_time_ns, 0u);
  EXPECT_EQ(commands[1].kind, ClientCommand::Kind::kRelease);
}

TEST_F(ClientTest, WithoutACallbackCommandsWaitToBeTaken) {
  Connect();
  SendCommand(1, gateway_.boot_id());
  std::optional<ClientCommand> taken;
  RunUntil([&] { return (taken = client_->TakeCommand()).has_value(); });
  EXPECT_EQ(taken->id, 1u);
  EXPECT_FALSE(client_->TakeCommand().has_value());
  RunUntil([&] { return client_->counters().commands_applied == 1; });
}

TEST_F(ClientTest, WhatIsVetoedIsNotHandedOverAndTheCloudIsTold) {
  callbacks_.veto = [](const ClientCommand& command) { return command.id == 1; };
  Connect();
  SendCommand(1, gateway_.boot_id());
  RunUntil([&] { return !gateway_.outcomes().empty(); });
  EXPECT_EQ(gateway_.outcomes().front(), wire::CommandOutcome::Rejected);
  RunUntil([&] { return client_->counters().commands_rejected == 1; });
  EXPECT_FALSE(client_->TakeCommand().has_value());
}

TEST_F(ClientTest, ASampleThatCannotBeIsRefused) {
  Start();
  const double bad = std::numeric_limits<double>::quiet_NaN();
  for (double ClientSample::*field : {&ClientSample::lat_deg, &ClientSample::lon_deg, &ClientSample::heading_deg,
                                      &ClientSample::speed_mps, &ClientSample::accel_mps2, &ClientSample::yaw_rate_dps,
                                      &ClientSample::accuracy_m}) {
    ClientSample sample = Next();
    sample.*field = bad;
    EXPECT_EQ(client_->Push(sample), PushResult::kInvalid);
  }
  ClientSample ahead = Next();
  ahead.boot_time_ns += 5'000'000'000;
  EXPECT_EQ(client_->Push(ahead), PushResult::kInvalid);
  ahead.boot_time_ns = std::numeric_limits<std::uint64_t>::max();
  EXPECT_EQ(client_->Push(ahead), PushResult::kInvalid);
}

TEST_F(ClientTest, OneThatIsNotLaterThanTheOneBeforeIsCounted) {
  Start();
  const ClientSample sample = Next();
  EXPECT_EQ(client_->Push(sample), PushResult::kTaken);
  EXPECT_EQ(client_->Push(sample), PushResult::kTaken);
  RunUntil([&] { return client_->counters().samples_refused == 1; });
  EXPECT_EQ(client_->counters().sampled, 1u);
}

TEST_F(ClientTest, AQueueThatNobodyEmptiesIsFull) {
  options_.queue_samples_max = 3;
  std::atomic<bool> go{false};  // stored by the test, read by the client's thread; orders nothing else
  std::atomic<bool> held{false};
  callbacks_.on_event = [&](const std::string&) {  // The connection's: it keeps the thread.
    held = true;
    while (!go) std::this_thread::yield();
  };
  Start();
  RunUntil([&] { return held.load(); });
  for (int i = 0; i < 3; ++i) EXPECT_EQ(client_->Push(Next()), PushResult::kTaken);
  EXPECT_EQ(client_->Push(Next()), PushResult::kFull);
  go = true;
  RunUntil([&] { return client_->counters().sampled == 3; });
}

TEST_F(ClientTest, WithoutACloudDrainingEndsInItsTimeAndStoppingAtOnce) {
  gateway_.StopListening();
  Start();
  Drive(5);
  EXPECT_FALSE(client_->Drain(0.3));
  EXPECT_EQ(client_->counters().in_flight, 5u);
  client_->Stop();
  client_->Stop();
  EXPECT_EQ(client_->Push(Next()), PushResult::kStopped);
  EXPECT_FALSE(client_->Drain(10));
}

TEST_F(ClientTest, WhatASpoolOnDiskHoldsTheNextOneSends) {
  options_.spool = (folder_->root / "spool").string();
  gateway_.StopListening();
  Start();
  Drive(30);
  EXPECT_FALSE(client_->Drain(0.2));
  std::string why;
  EXPECT_EQ(Client::Start(options_, {}, &why), nullptr);
  EXPECT_THAT(why, HasSubstr("is used by another process"));
  client_.reset();
  gateway_.ListenAgain();
  Connect();
  EXPECT_TRUE(Drained(10));
  EXPECT_EQ(client_->counters().sampled, 30u);
  EXPECT_EQ(client_->counters().delivered, 30u);
}

TEST_F(ClientTest, WhoStopsWithoutDrainingLosesNothingThatWasPushed) {
  options_.spool = (folder_->root / "spool").string();
  gateway_.StopListening();
  Start();
  for (int i = 0; i < 40; ++i) {
    ASSERT_EQ(client_->Push(Next()), PushResult::kTaken);
    context_.run_for(std::chrono::milliseconds(1));
  }
  client_.reset();
  gateway_.ListenAgain();
  Connect();
  EXPECT_TRUE(Drained(10));
  EXPECT_EQ(client_->counters().sampled, 40u);
  EXPECT_EQ(client_->counters().delivered, 40u);
}

TEST_F(ClientTest, WhatASpoolInMemoryHadNoRoomForIsNotCalledDelivered) {
  options_.spool_bytes_max = 4096;
  gateway_.StopListening();
  Start();
  for (int i = 0; client_->counters().dropped == 0; ++i) {
    ASSERT_LT(i, 100'000);
    if (client_->Push(Next()) == PushResult::kFull || i % 500 == 0) context_.run_for(std::chrono::milliseconds(100));
  }
  gateway_.ListenAgain();
  EXPECT_FALSE(Drained(20));
  EXPECT_EQ(client_->counters().in_flight, 0u);
  // What comes after is judged by itself.
  Drive(5);
  EXPECT_TRUE(Drained(10));
}

TEST_F(ClientTest, AReportThatTheCloudHasNotAcknowledgedIsNoSample) {
  Connect();
  Drive(5);
  gateway_.SetAcknowledgingReports(false);
  SendCommand(1, gateway_.boot_id());
  RunUntil([&] { return !gateway_.outcomes().empty(); });
  EXPECT_TRUE(Drained(1));
}

TEST_F(ClientTest, AReleaseOutlastsAQueueThatNobodyEmpties) {
  Connect();
  for (std::uint64_t id = 1; id <= 70; ++id) {
    // Short, because the inbox takes no more commands than it can remember.
    SendCommand(id, gateway_.boot_id(), id == 1 ? wire::CommandKind::Release : wire::CommandKind::SpeedAdvice,
                milliseconds(200));
    context_.run_for(std::chrono::milliseconds(5));
    RunUntil([&] { return gateway_.outcomes().size() == id; });
    ASSERT_EQ(gateway_.outcomes().back(), wire::CommandOutcome::Applied);
  }
  const std::optional<ClientCommand> first = client_->TakeCommand();
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->kind, ClientCommand::Kind::kRelease);
}

TEST_F(ClientTest, WhoHasStoppedIsHandedNoCommand) {
  Connect();
  SendCommand(1, gateway_.boot_id());
  RunUntil([&] { return !gateway_.outcomes().empty(); });
  client_->Stop();
  EXPECT_FALSE(client_->TakeCommand().has_value());
}

TEST_F(ClientTest, SamplesOfNowThatSeveralThreadsPushAreAllTaken) {
  options_.queue_samples_max = 65'536;
  Start();
  const auto push = [&] {
    ClientSample sample = Next();
    sample.boot_time_ns = 0;
    for (int i = 0; i < 2000; ++i) (void)client_->Push(sample);
  };
  std::thread other(push);
  push();
  other.join();
  RunUntil([&] { return client_->counters().sampled + client_->counters().samples_refused == 4000; });
  EXPECT_EQ(client_->counters().samples_refused, 0u);
}

TEST_F(ClientTest, ACertificateThatExpiresSoonIsSaid) {
  const CertificateFolder soon{folder_->root / "soon"};
  cloud::FleetConfig config;
  config.vehicles = 1;
  config.days = 20;
  ASSERT_TRUE(cloud::InitFleet(soon, config, CloudNow(), nullptr).ok());
  const VehicleId vehicle = VehicleId::Parse("veh-00001").value();
  options_.certificate = soon.vehicle(vehicle);
  options_.key = soon.vehicle_key(vehicle);
  std::atomic<int> said{0};  // counted by the client's thread, read by the test; orders nothing else
  callbacks_.on_event = [&](const std::string& event) {
    if (event.starts_with("certificate expires in 19 days: ")) ++said;
  };
  Start();
  RunUntil([&] { return said == 1; });
  client_->Stop();
  EXPECT_EQ(said, 1);
}

TEST_F(ClientTest, OptionsThatCannotBeAreSaid) {
  const std::vector<std::pair<std::function<void(ClientOptions*)>, std::string>> cases = {
      {[](ClientOptions* options) { options->connect.clear(); }, "there is no address"},
      {[](ClientOptions* options) { options->connect = {"cloud"}; }, "cloud is not HOST:PORT"},
      {[](ClientOptions* options) { options->connect.push_back(options->connect.front()); }, "stands there twice"},
      {[](ClientOptions* options) { options->ca = "/missing/ca.pem"; }, "cannot read /missing/ca.pem"},
      {[](ClientOptions* options) { options->key = options->ca; }, "holds no private key"},
      {[](ClientOptions* options) { options->length_m = 0; }, "length_m"},
      {[](ClientOptions* options) { options->queue_samples_max = 0; }, "queue_samples_max"},
      {[](ClientOptions* options) { options->renew_spread_s = -1; }, "renew_spread_s"},
      {[](ClientOptions* options) { options->renew_spread_s = std::nan(""); }, "renew_spread_s"},
      {[](ClientOptions* options) { options->spool = "/missing/folder/spool"; }, "/missing/folder/spool"},
  };
  for (const auto& [change, expected] : cases) {
    ClientOptions options = options_;
    change(&options);
    std::string why;
    EXPECT_EQ(Client::Start(options, {}, &why), nullptr) << expected;
    EXPECT_THAT(why, HasSubstr(expected));
  }
}

}  // namespace
}  // namespace starling::edge
