// A vehicle that has more than one gateway to go to.
#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "edge/uplink/uplink.h"
#include "tests/edge/uplink/uplink_fixture.h"

namespace starling::edge {
namespace {

using ::testing::StartsWith;

class SeveralAddresses : public UplinkTest {
 protected:
  SeveralAddresses() : second_(&context_, *ours_) { config_.others = {{"127.0.0.1", second_.port()}}; }

  void AwaitWelcomeBy(const FakeGateway& gateway, std::size_t hellos) {
    RunUntil([&] { return agent_->welcomed() && gateway.frames(FrameType::kHello) == hellos; });
    EXPECT_EQ(uplink_->endpoint().port, gateway.port());
  }
  void ExpectAllDelivered() {
    ASSERT_TRUE(agent_->Flush().ok());
    uplink_->Pump();
    RunUntil([this] { return agent_->drained(); });
    EXPECT_EQ(agent_->ledger().delivered, driven_);
  }

  FakeGateway second_;
};

TEST_F(SeveralAddresses, TheFirstIsTakenWhileItWorks) {
  Connect();
  EXPECT_EQ(gateway_.accepted(), 1u);
  EXPECT_EQ(second_.accepted(), 0u);
}

// Backoffs of an hour: whoever waited for one would not come.
TEST_F(SeveralAddresses, AFirstOneThatIsDeadCostsNoBackoff) {
  config_.backoff_max = milliseconds(3'600'000);
  gateway_.StopListening();
  MakeUplink();
  AwaitWelcomeBy(second_, 1);
  EXPECT_EQ(uplink_->counters().failures, 1u);
  EXPECT_EQ(uplink_->backoff(), milliseconds(0));
  EXPECT_EQ(uplink_->last_failure(),
            "127.0.0.1:" + std::to_string(gateway_.port()) + ": cannot connect: Connection refused");
}

TEST_F(SeveralAddresses, WhenTheWorkingOneDiesTheOtherTakesOverAndNothingIsLost) {
  Connect();
  Drive(150);
  SendSpeedAdvice();
  RunUntil([this] { return actions_.size() == 1; });
  gateway_.StopListening();
  gateway_.Drop();
  RunUntil([this] { return !uplink_->connected(); });
  Drive(150);
  AwaitWelcomeBy(second_, 1);
  Drive(50);
  ExpectAllDelivered();
  EXPECT_EQ(uplink_->counters().resumed, 1u);  // They share the tickets' key.
  EXPECT_EQ(actions_.size(), 1u);
}

TEST_F(SeveralAddresses, AConnectionThatLastedComesBackToWhereItWas) {
  gateway_.StopListening();
  MakeUplink();
  AwaitWelcomeBy(second_, 1);
  gateway_.ListenAgain();
  now_ += config_.backoff_max;
  uplink_->Cut();
  AwaitWelcomeBy(second_, 2);
  EXPECT_EQ(gateway_.frames(FrameType::kHello), 0u);
}

TEST_F(SeveralAddresses, OnlyWhenAllHaveFailedIsTheBackoffWaitedFor) {
  gateway_.StopListening();
  second_.StopListening();
  MakeUplink();
  RunUntil([this] { return uplink_->counters().failures == 1; });
  EXPECT_EQ(uplink_->backoff(), milliseconds(0));
  RunUntil([this] { return uplink_->counters().failures == 2; });
  EXPECT_EQ(uplink_->backoff(), milliseconds(1));
  RunUntil([this] { return uplink_->counters().failures == 3; });
  EXPECT_EQ(uplink_->backoff(), milliseconds(1));
  RunUntil([this] { return uplink_->counters().failures == 4; });
  EXPECT_EQ(uplink_->backoff(), milliseconds(2));
  gateway_.ListenAgain();
  RunUntil([this] { return agent_->welcomed(); });
}

// As two processes with one certificate do to each other: two addresses are no way round it.
TEST_F(SeveralAddresses, ConnectionsThatEndSoonAfterTheirWelcomeBackOff) {
  Connect();
  for (const int expected_ms : {1, 2, 4, 8, 16, 20}) {
    gateway_.Drop();
    second_.Drop();
    RunUntil([this] { return !uplink_->connected(); });
    EXPECT_EQ(uplink_->backoff(), milliseconds(expected_ms));
    RunUntil([this] { return agent_->welcomed(); });
  }
}

TEST_F(SeveralAddresses, OneThatDoesNotAnswerIsLeftForTheNext) {
  config_.connect_timeout = milliseconds(100);
  gateway_.SetAccepting(false);
  MakeUplink();
  AwaitWelcomeBy(second_, 1);
  EXPECT_EQ(uplink_->counters().failures, 1u);
}

TEST_F(SeveralAddresses, ANameThatIsNoneIsLeftForTheNext) {
  config_.host = "gateway.invalid";  // RFC 6761: there never is one
  MakeUplink();
  AwaitWelcomeBy(second_, 1);
  EXPECT_THAT(uplink_->last_failure(), StartsWith("gateway.invalid:"));
}

TEST_F(SeveralAddresses, SixteenAreTheMost) {
  UplinkConfig config;
  config.others.assign(UplinkConfig::kOthersMax, {"a", 1});
  EXPECT_TRUE(config.Validate().ok());
  config.others.push_back({"b", 1});
  EXPECT_FALSE(config.Validate().ok());
  config.others = {{"", 1}};
  EXPECT_FALSE(config.Validate().ok());
  config.others = {{"a", 0}};
  EXPECT_FALSE(config.Validate().ok());
}

}  // namespace
}  // namespace starling::edge
