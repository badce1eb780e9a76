#include "edge/uplink/uplink.h"

#include <boost/asio/steady_timer.hpp>
#include <vector>

#include <gtest/gtest.h>

#include "edge/agent/clock_filter.h"
#include "tests/edge/uplink/uplink_fixture.h"

namespace starling::edge {
namespace {

TEST_F(UplinkTest, ConnectsAndIsWelcomed) {
  Connect();
  EXPECT_TRUE(uplink_->connected());
  EXPECT_EQ(uplink_->counters().connects, 1u);
  EXPECT_EQ(uplink_->counters().resumed, 0u);
  EXPECT_EQ(uplink_->counters().failures, 0u);
  EXPECT_EQ(gateway_.frames(FrameType::kHello), 1u);
  EXPECT_TRUE(agent_->clock_offset().has_value());
}

TEST_F(UplinkTest, DeliversEverySample) {
  Connect();
  Drive(250);
  ASSERT_TRUE(agent_->Flush().ok());
  uplink_->Pump();
  RunUntil([this] { return agent_->drained(); });
  EXPECT_EQ(agent_->ledger().delivered, 250u);
  EXPECT_GE(gateway_.frames(FrameType::kHistory), 3u);
  EXPECT_GE(gateway_.frames(FrameType::kLive), 1u);
}

TEST_F(UplinkTest, ACutLinkResumesItsSessionAndLosesNothing) {
  Connect();
  Drive(150);
  uplink_->Cut();
  EXPECT_FALSE(uplink_->connected());
  EXPECT_FALSE(agent_->welcomed());
  Drive(150);
  RunUntil([this] { return agent_->welcomed(); });
  ASSERT_TRUE(agent_->Flush().ok());
  uplink_->Pump();
  RunUntil([this] { return agent_->drained(); });
  EXPECT_EQ(agent_->ledger().delivered, 300u);
  EXPECT_EQ(uplink_->counters().connects, 2u);
  EXPECT_EQ(uplink_->counters().resumed, 1u);
  EXPECT_EQ(gateway_.resumed(), 1u);
}

// The jitter's seed is fixed; of a minute's spread a fraction of a second is not drawn.
TEST_F(UplinkTest, AVehicleTakesItsTimeToComeBackToAGatewayThatWent) {
  gateway_.SetReconnectSpread(milliseconds(60'000));
  Connect();
  uplink_->Cut();  // The way was lost, not the gateway.
  RunUntil([this] { return agent_->welcomed() && uplink_->counters().connects == 2; });
  gateway_.Drop();
  RunUntil([this] { return !uplink_->connected(); });
  context_.run_for(std::chrono::milliseconds(300));
  EXPECT_EQ(gateway_.accepted(), 2u);
}

TEST_F(UplinkTest, OneThatOnlyHasASpeedAdviceTakesItsTimeToo) {
  gateway_.SetReconnectSpread(milliseconds(60'000));
  Connect();
  SendSpeedAdvice();
  RunUntil([this] { return !actions_.empty(); });
  gateway_.Drop();
  RunUntil([this] { return !uplink_->connected(); });
  context_.run_for(std::chrono::milliseconds(300));
  EXPECT_EQ(gateway_.accepted(), 1u);
}

TEST_F(UplinkTest, OneThatAvoidsSomebodyComesBackAtOnce) {
  gateway_.SetReconnectSpread(milliseconds(60'000));
  Connect();
  SendCommand(wire::CommandKind::Avoidance);
  RunUntil([this] { return !actions_.empty(); });
  gateway_.Drop();
  RunUntil([this] { return !uplink_->connected(); });
  RunUntil([this] { return agent_->welcomed() && uplink_->counters().connects == 2; });
}

TEST_F(UplinkTest, AKilledGatewayIsResumedTimeAndAgain) {
  Connect();
  for (std::uint64_t kill = 1; kill <= 5; ++kill) {
    gateway_.Drop();
    RunUntil([this] { return !uplink_->connected(); });
    RunUntil([this] { return agent_->welcomed(); });
    EXPECT_EQ(uplink_->counters().resumed, kill);
  }
}

TEST_F(UplinkTest, RetriesUntilAGatewayIsThere) {
  gateway_.StopListening();
  MakeUplink();
  RunUntil([this] { return uplink_->counters().failures == 3; });
  EXPECT_EQ(uplink_->last_failure(), "cannot connect: Connection refused");
  gateway_.ListenAgain();
  RunUntil([this] { return agent_->welcomed(); });
}

TEST_F(UplinkTest, AGatewayThatWasAwayForAWhileIsResumed) {
  Connect();
  const std::uint16_t port = gateway_.port();
  gateway_.StopListening();
  gateway_.Drop();
  RunUntil([this] { return uplink_->counters().failures == 3; });
  gateway_.ListenAgain();
  ASSERT_EQ(gateway_.port(), port);
  RunUntil([this] { return agent_->welcomed(); });
  EXPECT_EQ(uplink_->counters().resumed, 1u);
}

TEST_F(UplinkTest, AGatewayThatSaysNothingIsGivenUp) {
  config_.connect_timeout = milliseconds(20);
  gateway_.SetAccepting(false);
  MakeUplink();
  RunUntil([this] { return uplink_->counters().failures == 1; });
  EXPECT_EQ(uplink_->last_failure(), "no connection within 20 ms");
  gateway_.SetAccepting(true);
  RunUntil([this] { return agent_->welcomed(); });
}

TEST_F(UplinkTest, AGatewayThatShakesHandsButDoesNotWelcomeIsGivenUp) {
  config_.connect_timeout = milliseconds(100);
  gateway_.SetSilent(true);
  MakeUplink();
  RunUntil([this] { return uplink_->last_failure() == "no welcome within 100 ms"; });
  EXPECT_FALSE(uplink_->connected());
  EXPECT_GE(uplink_->counters().connects, 1u);
  EXPECT_GE(uplink_->counters().failures, 1u);
  gateway_.SetSilent(false);
  RunUntil([this] { return agent_->welcomed(); });
}

TEST_F(UplinkTest, AWelcomedConnectionOutlivesTheConnectTimeout) {
  config_.connect_timeout = milliseconds(100);
  Connect();
  const std::uint64_t connects = uplink_->counters().connects;
  // Set later than the uplink's own timer, so it expires after it.
  bool expired = false;
  boost::asio::steady_timer timer(context_, config_.connect_timeout);
  timer.async_wait([&expired](const boost::system::error_code&) { expired = true; });
  RunUntil([&expired] { return expired; });
  EXPECT_TRUE(uplink_->connected());
  EXPECT_EQ(uplink_->counters().connects, connects);
}

TEST_F(UplinkTest, AGatewayThatFallsSilentIsGivenUp) {
  Connect();
  gateway_.SetSilent(true);
  Drive(340);
  EXPECT_TRUE(uplink_->connected());
  Drive(20);
  EXPECT_FALSE(uplink_->connected());
  EXPECT_EQ(uplink_->last_failure(), "the cloud was silent for 35000 ms");
  EXPECT_EQ(uplink_->counters().failures, 0u);
  gateway_.SetSilent(false);
  RunUntil([this] { return agent_->welcomed(); });
  EXPECT_EQ(uplink_->counters().connects, 2u);
}

TEST_F(UplinkTest, AGatewayThatAnswersProbesIsNotGivenUp) {
  Connect();
  for (int i = 0; i < 12; ++i) {
    const std::uint64_t heard = uplink_->counters().records_down;
    now_ += ClockFilter::kInterval;
    agent_->OnTimer(now_);
    uplink_->Pump();
    RunUntil([this, heard] { return uplink_->counters().records_down > heard; });
  }
  EXPECT_TRUE(uplink_->connected());
  EXPECT_EQ(uplink_->counters().connects, 1u);
}

// As two processes with one certificate do to each other.
TEST_F(UplinkTest, ConnectionsThatEndSoonAfterTheirWelcomeBackOff) {
  Connect();
  for (const int expected_ms : {1, 2, 4, 8, 16, 20, 20}) {
    gateway_.Drop();
    RunUntil([this] { return !uplink_->connected(); });
    EXPECT_EQ(uplink_->backoff(), milliseconds(expected_ms));
    RunUntil([this] { return agent_->welcomed(); });
  }
  EXPECT_EQ(uplink_->counters().failures, 0u);
}

TEST_F(UplinkTest, AfterAConnectionThatLastedTheFirstRetryIsSoon) {
  Connect();
  for (int i = 0; i < 4; ++i) {
    uplink_->Cut();
    RunUntil([this] { return agent_->welcomed(); });
  }
  ASSERT_EQ(uplink_->backoff(), milliseconds(8));
  now_ += config_.backoff_max;
  uplink_->Cut();
  EXPECT_EQ(uplink_->backoff(), config_.backoff_min);
}

TEST_F(UplinkTest, AGatewayOfAnotherNameIsRefused) {
  config_.server_name = "someone-else";
  MakeUplink();
  RunUntil([this] { return uplink_->counters().failures == 2; });
  EXPECT_EQ(uplink_->last_failure(), "TLS: the gateway's certificate is not believed: hostname mismatch");
  EXPECT_EQ(uplink_->counters().strangers, 2u);
  EXPECT_EQ(uplink_->counters().connects, 0u);
  EXPECT_EQ(gateway_.frames(FrameType::kHello), 0u);
}

TEST_F(UplinkTest, AGatewayOfAnotherFleetIsRefused) {
  tls_ = MakeClientContext(theirs_->ca()).value();
  MakeUplink();
  RunUntil([this] { return uplink_->counters().failures == 1; });
  EXPECT_EQ(uplink_->last_failure(), 
            "TLS: the gateway's certificate is not believed: self-signed certificate in certificate chain");
}

// TLS 1.3: the client has connected before it hears that its certificate was
// refused.
TEST_F(UplinkTest, AVehicleOfAnotherFleetLearnsThatItIsRefused) {
  MakeUplink(*theirs_);
  RunUntil([this] { return uplink_->counters().connects == 3; });
  EXPECT_EQ(uplink_->last_failure(), "TLS: tlsv1 alert unknown ca");
  EXPECT_EQ(uplink_->counters().failures, 2u);  // the third is still under way
  EXPECT_FALSE(agent_->welcomed());
  EXPECT_EQ(gateway_.frames(FrameType::kHello), 0u);
}

TEST_F(UplinkTest, ANameIsResolved) {
  config_.host = "localhost";
  config_.server_name = "localhost";
  Connect();
  EXPECT_TRUE(uplink_->connected());
}

TEST_F(UplinkTest, GarbageFromTheCloudEndsTheConnection) {
  Connect();
  gateway_.SendGarbage();
  RunUntil([this] { return !uplink_->connected(); });
  EXPECT_NE(uplink_->last_failure(), "");
  RunUntil([this] { return agent_->welcomed(); });
  EXPECT_EQ(uplink_->counters().connects, 2u);
}

TEST_F(UplinkTest, StopIsTheEndUntilStartedAgain) {
  Connect();
  uplink_->Stop();
  EXPECT_FALSE(uplink_->connected());
  EXPECT_FALSE(agent_->welcomed());
  uplink_->Cut();
  while (context_.run_one_for(std::chrono::milliseconds(30)) > 0) {
  }
  EXPECT_EQ(uplink_->counters().connects, 1u);
  uplink_->Start();
  RunUntil([this] { return agent_->welcomed(); });
  EXPECT_EQ(uplink_->counters().resumed, 1u);
}

// A gateway that does not read: what does not fit waits in the agent, where newer
// fixes replace it, and the newest one arrives in the end.
TEST_F(UplinkTest, ASlowLinkConflatesInTheAgent) {
  config_.silence_max = std::chrono::hours(1);  // its half hour is driven at once
  MakeUplink(*ours_, /*raw=*/true);
  AwaitLiveLane();
  gateway_.SetReading(false);
  context_.poll();
  Drive(20'000);
  EXPECT_GT(agent_->counters().live_conflated, 10'000u);
  gateway_.SetReading(true);
  RunUntil([this] { return gateway_.last_live_sequence() == 20'000; });
  EXPECT_LT(gateway_.frames(FrameType::kLive), 10'000u);
}

TEST_F(UplinkTest, ACommandReachesTheControllerAndItsStatusTheCloud) {
  Connect();
  SendSpeedAdvice();
  RunUntil([this] { return !gateway_.outcomes().empty(); });
  ASSERT_EQ(actions_.size(), 1u);
  EXPECT_EQ(ToNumber(actions_[0].command), 4711u);
  EXPECT_EQ(gateway_.outcomes()[0], wire::CommandOutcome::Applied);
}

TEST_F(UplinkTest, BytesAreCountedAtTheSocketAcrossConnections) {
  Connect();
  const UplinkCounters before = uplink_->counters();
  EXPECT_GT(before.bytes_up, 500u);    // a full handshake with certificates
  EXPECT_GT(before.bytes_down, 500u);
  uplink_->Cut();
  EXPECT_EQ(uplink_->counters().bytes_up, before.bytes_up);
  RunUntil([this] { return agent_->welcomed(); });
  const std::uint64_t resumed_up = uplink_->counters().bytes_up - before.bytes_up;
  EXPECT_GT(resumed_up, 0u);
  EXPECT_LT(resumed_up, before.bytes_up + 200);
  EXPECT_LT(uplink_->counters().bytes_down - before.bytes_down, before.bytes_down);
}

TEST(UplinkConfig, EveryLimitIsChecked) {
  EXPECT_TRUE(UplinkConfig{}.Validate().ok());
  const std::vector<void (*)(UplinkConfig*)> breaks = {
      [](UplinkConfig* config) { config->host = ""; },
      [](UplinkConfig* config) { config->port = 0; },
      [](UplinkConfig* config) { config->server_name = ""; },
      [](UplinkConfig* config) { config->connect_timeout = milliseconds(0); },
      [](UplinkConfig* config) { config->link_timeout = milliseconds(0); },
      [](UplinkConfig* config) { config->silence_max = milliseconds(19'999); },
      [](UplinkConfig* config) { config->backoff_min = milliseconds(0); },
      [](UplinkConfig* config) { config->backoff_max = config->backoff_min - milliseconds(1); },
      [](UplinkConfig* config) { config->write_bytes_max = 0; },
  };
  for (std::size_t i = 0; i < breaks.size(); ++i) {
    UplinkConfig config;
    breaks[i](&config);
    EXPECT_FALSE(config.Validate().ok()) << i;
  }
}

}  // namespace
}  // namespace starling::edge
