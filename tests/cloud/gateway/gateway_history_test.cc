// What is acknowledged, and when.  The log is a mock: the test says when it is
// durable and when it is full.

#include <gmock/gmock.h>

#include "schemas/log/history_generated.h"
#include "tests/cloud/gateway/gateway_fixture.h"

namespace starling::cloud {
namespace {

class GatewayHistory : public GatewayFixture {
 protected:
  void SetUp() override {
    StartGateway();
    ASSERT_TRUE(ConnectAndIntroduce(&vehicle_, 1));
  }
  // The frames of `type` that came up to the barrier.
  std::size_t CountUntilBarrier(FrameType type) {
    std::size_t count = 0;
    vehicle_.SendProbe();
    while (auto frame = vehicle_.Receive()) {
      if (frame->type == FrameType::kClockReply) return count;
      count += frame->type == type ? 1u : 0u;
    }
    return count;
  }

  TestVehicle vehicle_;
};

TEST_F(GatewayHistory, IsAcknowledgedWhenDurableAndNotBefore) {
  vehicle_.SendHistory(1, 10);
  EXPECT_EQ(CountUntilBarrier(FrameType::kHistoryAck), 0u);
  EXPECT_EQ(log_.Records(Topic::kHistory).size(), 1u);
  log_.MakeDurable();
  const auto ack = vehicle_.Receive(FrameType::kHistoryAck);
  ASSERT_TRUE(ack);
  EXPECT_EQ(ack->As<wire::HistoryAck>().boot_id(), 7u);
  EXPECT_EQ(ack->As<wire::HistoryAck>().first_sequence(), 1u);
  EXPECT_EQ(ack->As<wire::HistoryAck>().through_sequence(), 10u);
  EXPECT_FALSE(ack->As<wire::HistoryAck>().refused());
}

TEST_F(GatewayHistory, SentAgainItIsStoredOnceAndAcknowledgedAgain) {
  vehicle_.SendHistory(1, 10);
  log_.MakeDurable();
  ASSERT_TRUE(vehicle_.Barrier());
  log_.MakeDurable();
  vehicle_.SendHistory(1, 10);
  EXPECT_TRUE(vehicle_.Receive(FrameType::kHistoryAck));
  ASSERT_TRUE(vehicle_.Barrier());
  EXPECT_EQ(log_.Records(Topic::kHistory).size(), 1u);
  EXPECT_EQ(Count(log::Verdict::Duplicate), 1u);
  EXPECT_EQ(ledger_.totals().samples, 10u);
}

TEST_F(GatewayHistory, ADuplicateOfWhatIsNotDurableYetWaitsToo) {
  vehicle_.SendHistory(1, 10);
  vehicle_.SendHistory(1, 10);
  EXPECT_EQ(CountUntilBarrier(FrameType::kHistoryAck), 0u);
  log_.MakeDurable();
  EXPECT_TRUE(vehicle_.Receive(FrameType::kHistoryAck));
  EXPECT_TRUE(vehicle_.Receive(FrameType::kHistoryAck));
}

TEST_F(GatewayHistory, TheNextConnectionIsToldWhatIsHeld) {
  vehicle_.SendHistory(1, 10);
  vehicle_.SendHistory(11, 10);
  ASSERT_TRUE(vehicle_.Barrier());
  const auto acked_on_reconnect = [this] {
    if (!Connect(&vehicle_, 1)) return ~std::uint64_t{0};
    vehicle_.SendHello();
    const auto welcome = vehicle_.Receive(FrameType::kWelcome);
    return welcome ? welcome->As<wire::Welcome>().acked_through_sequence() : ~std::uint64_t{0};
  };
  EXPECT_EQ(acked_on_reconnect(), 0u);  // emitted, but not durable
  log_.MakeDurable();
  EXPECT_EQ(acked_on_reconnect(), 20u);
}

TEST_F(GatewayHistory, WithAFullLogItIsShedAndTheVehicleAskedToSlowDown) {
  log_.SetFull(true);
  vehicle_.SendHistory(1, 10);
  vehicle_.SendHistory(11, 10);
  // Each one is said: each one has to be sent again.
  EXPECT_THAT(vehicle_.NoticesUntilBarrier(),
              testing::ElementsAre(wire::NoticeCode::SlowHistory, wire::NoticeCode::SlowHistory));
  EXPECT_EQ(Count(log::Verdict::Shed), 2u);
  log_.SetFull(false);
  vehicle_.SendHistory(1, 10);
  ASSERT_TRUE(vehicle_.Barrier());
  log_.MakeDurable();
  const auto ack = vehicle_.Receive(FrameType::kHistoryAck);
  ASSERT_TRUE(ack);
  EXPECT_EQ(ack->As<wire::HistoryAck>().through_sequence(), 10u);
}

TEST_F(GatewayHistory, WhatCannotBeReadIsRefusedForGood) {
  const std::vector<std::uint8_t> nonsense(40, 0xEE);
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(wire::CreateHistory(builder, 7, 1, 10, builder.CreateVector(nonsense)));
  vehicle_.SendPayload(FrameType::kHistory,
                       std::as_bytes(std::span(builder.GetBufferPointer(), builder.GetSize())));
  const auto ack = vehicle_.Receive(FrameType::kHistoryAck);
  ASSERT_TRUE(ack);
  EXPECT_TRUE(ack->As<wire::HistoryAck>().refused());
  EXPECT_EQ(log_.Records(Topic::kHistory).size(), 0u);
  EXPECT_EQ(ledger_.totals().samples, 0u);
}

TEST_F(GatewayHistory, StatusesReachTheLogOnceAndAreAcknowledgedWhenDurable) {
  vehicle_.SendReport(1, 2);
  EXPECT_EQ(CountUntilBarrier(FrameType::kStatusAck), 0u);
  vehicle_.SendReport(1, 3);  // 1 and 2 again, with a new one
  ASSERT_TRUE(vehicle_.Barrier());
  std::vector<std::uint32_t> reports;
  for (const MockLog::Stored& record : log_.Records(Topic::kTelemetry)) {
    const auto* report = log::GetTelemetry(record.words.data())->body_as_CommandReport();
    if (report == nullptr) continue;
    for (const wire::CommandStatus* status : *report->statuses()) reports.push_back(status->report_sequence());
  }
  EXPECT_THAT(reports, testing::ElementsAre(1, 2, 3));
  log_.MakeDurable();
  const auto first = vehicle_.Receive(FrameType::kStatusAck);
  const auto second = vehicle_.Receive(FrameType::kStatusAck);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->As<wire::StatusAck>().through_report_sequence(), 2u);
  EXPECT_EQ(second->As<wire::StatusAck>().through_report_sequence(), 3u);
}

// The agent sends them again on a new connection.
TEST_F(GatewayHistory, AStatusWithoutRoomCutsTheConnection) {
  log_.SetFull(true);
  vehicle_.SendReport(1, 1);
  EXPECT_TRUE(vehicle_.AwaitClosed());
  log_.SetFull(false);
  ASSERT_TRUE(ConnectAndIntroduce(&vehicle_, 1));
  vehicle_.SendReport(1, 1);
  ASSERT_TRUE(vehicle_.Barrier());
  EXPECT_EQ(Telemetry(log::TelemetryBody::CommandReport).size(), 1u);
  EXPECT_GE(gateway_->counters().sessions_shed, 1u);
  ExpectOneVerdictEach({&vehicle_});
}

// Welcomed, it would stay, and the shard would never hear of it.
TEST_F(GatewayHistory, ASessionWithoutRoomIsNotWelcomedAndComesAgain) {
  TestVehicle other;
  log_.SetFull(true);
  ASSERT_TRUE(Connect(&other, 2));
  other.SendHello();
  EXPECT_FALSE(other.Receive());
  EXPECT_TRUE(other.AwaitClosed());
  EXPECT_EQ(Count(log::Verdict::Shed), 1u);
  EXPECT_EQ(gateway_->counters().sessions_shed, 1u);
  log_.SetFull(false);
  ASSERT_TRUE(ConnectAndIntroduce(&other, 2));
  EXPECT_THAT(Telemetry(log::TelemetryBody::Session), testing::ElementsAre("veh-00001", "veh-00002"));
  ExpectOneVerdictEach({&vehicle_, &other});
}

}  // namespace
}  // namespace starling::cloud
