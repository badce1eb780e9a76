// A gateway whose city has several regions.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "schemas/cloud_to_edge/downlink_generated.h"
#include "tests/cloud/gateway/gateway_fixture.h"

namespace starling::cloud {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr RegionId Region(std::uint32_t number) { return RegionId{number}; }

// One cell for each of a row of regions from south to north, 1, 2, ... 40; 0 around.
RegionMap Rows() {
  std::vector<RegionTile> tiles;
  for (std::int32_t row = 0; row < 40; ++row) {
    tiles.push_back({{-20, row}, 40, 1, Region(static_cast<std::uint32_t>(row) + 1)});
  }
  return RegionMap::Make(1, Region(0), std::move(tiles)).value();
}

class GatewayRegionsTest : public GatewayFixture {
 protected:
  void SetUp() override {}
  void Start(RegionMap map) {
    config_.region_map = std::move(map);
    StartGateway();
  }
  // "region:name", of the records of one type, in the log's order.
  std::vector<std::string> Routed(log::TelemetryBody type) const {
    std::vector<std::string> found;
    for (const MockLog::Stored& record : log_.Records(Topic::kTelemetry)) {
      const log::Telemetry* telemetry = log::GetTelemetry(record.words.data());
      EXPECT_EQ(telemetry->region(), static_cast<std::uint32_t>(record.partition));
      if (telemetry->body_type() != type) continue;
      std::string line = std::to_string(telemetry->region()) + ":";
      if (const auto* fix = telemetry->body_as_Fix()) {
        line += std::to_string(fix->fix()->sequence());
        if (fix->role() == log::Role::Ghost) line += " of " + std::to_string(fix->owner_region());
        if (fix->leaves()) line += " leaves";
      }
      if (const auto* session = telemetry->body_as_Session()) line += session->connected() ? "in" : "out";
      if (const auto* report = telemetry->body_as_CommandReport()) line += std::to_string(report->statuses()->size());
      found.push_back(line);
    }
    return found;
  }
  ShardOutputs::Command Command(std::size_t vehicle, RegionId region, Epoch epoch) {
    flatbuffers::FlatBufferBuilder builder;
    wire::CommandBuilder command(builder);
    command.add_command_id(1);
    command.add_region(ToNumber(region));
    command.add_epoch(ToNumber(epoch));
    builder.ForceDefaults(true);
    command.add_emitted_time_ns(0);
    builder.Finish(command.Finish());
    const auto bytes = std::as_bytes(std::span(builder.GetBufferPointer(), builder.GetSize()));
    return {Name(vehicle), {bytes.begin(), bytes.end()}};
  }
};

TEST_F(GatewayRegionsTest, AFixGoesToItsRegionAndAsAGhostToThoseInReach) {
  // The test's vehicles are at the origin; where it is, 0 and 1 meet.
  Start(Rows());
  TestVehicle vehicle;
  ASSERT_TRUE(ConnectAndIntroduce(&vehicle, 1));
  ASSERT_TRUE(vehicle.Barrier());
  EXPECT_THAT(Routed(log::TelemetryBody::Session), IsEmpty());  // Nobody knows where it is.
  vehicle.SendFix(1, {}, 1);
  ASSERT_TRUE(vehicle.Barrier());
  const std::vector<std::string> fixes = Routed(log::TelemetryBody::Fix);
  ASSERT_GE(fixes.size(), 2u);
  EXPECT_EQ(fixes[0], "1:1");
  EXPECT_EQ(fixes[1], "0:1 of 1");
  const std::vector<std::string> sessions = Routed(log::TelemetryBody::Session);
  ASSERT_EQ(sessions.size(), fixes.size());
  EXPECT_EQ(sessions[0], "1:in");
  EXPECT_EQ(sessions[1], "0:in");
  vehicle.Close();
  while (gateway_->counters().connections != 0) std::this_thread::yield();
  EXPECT_EQ(Routed(log::TelemetryBody::Session).size(), 2 * sessions.size());
  EXPECT_EQ(gateway_->counters().ghosts, fixes.size() - 1);
}

TEST_F(GatewayRegionsTest, WhereThereIsOneRegionARecordHasNothingMore) {
  Start(RegionMap(Region(0)));
  TestVehicle vehicle;
  ASSERT_TRUE(ConnectAndIntroduce(&vehicle, 1));
  vehicle.SendFix(1);
  ASSERT_TRUE(vehicle.Barrier());
  EXPECT_THAT(Routed(log::TelemetryBody::Fix), ElementsAre("0:1"));
  const auto records = log_.Records(Topic::kTelemetry);
  const auto* fix = static_cast<const flatbuffers::Table*>(log::GetTelemetry(records.back().words.data())->body());
  EXPECT_FALSE(fix->CheckField(log::Fix::VT_ROLE));
  EXPECT_FALSE(fix->CheckField(log::Fix::VT_OWNER_REGION));
}

TEST_F(GatewayRegionsTest, StatusesGoToTheRegionsThatCommanded) {
  Start(Rows());
  TestVehicle vehicle;
  ASSERT_TRUE(ConnectAndIntroduce(&vehicle, 1));
  std::vector<wire::CommandStatus> statuses;
  for (const std::uint32_t region : {3u, 1u, 3u, 999u}) {
    statuses.emplace_back(1, 1, 1, 1, static_cast<std::uint32_t>(statuses.size()) + 1, region,
                          wire::CommandOutcome::Applied, wire::RejectReason::None);
  }
  flatbuffers::FlatBufferBuilder builder;
  const auto list = builder.CreateVectorOfStructs(statuses);
  builder.Finish(wire::CreateCommandReport(builder, 7, list));
  vehicle.SendPayload(FrameType::kCommandReport,
                      std::as_bytes(std::span(builder.GetBufferPointer(), builder.GetSize())));
  ASSERT_TRUE(vehicle.Barrier());
  EXPECT_THAT(Routed(log::TelemetryBody::CommandReport), ElementsAre("0:1", "1:1", "3:2"));
  log_.MakeDurable();
  const auto ack = vehicle.Receive(FrameType::kStatusAck);
  ASSERT_TRUE(ack);
  EXPECT_EQ(ack->As<wire::StatusAck>().through_report_sequence(), 4u);
}

TEST_F(GatewayRegionsTest, OfTwoOwnersOfARegionOnlyTheNewerOneIsHeard) {
  Start(Rows());
  TestVehicle vehicle;
  ASSERT_TRUE(ConnectAndIntroduce(&vehicle, 1));
  gateway_->SetEpoch(Region(1), Epoch{7});
  gateway_->SetEpoch(Region(2), Epoch{100});
  gateway_->SetEpoch(Region(1), Epoch{5});  // Comes late: changes nothing.
  std::vector<ShardOutputs::Command> commands = {Command(1, Region(1), Epoch{6}), Command(1, Region(1), Epoch{7}),
                                                 Command(1, Region(2), Epoch{99}), Command(1, Region(3), Epoch{1})};
  gateway_->Deliver(commands);
  const auto first = vehicle.Receive(FrameType::kCommand);
  const auto second = vehicle.Receive(FrameType::kCommand);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->As<wire::Command>().epoch(), 7u);
  EXPECT_EQ(second->As<wire::Command>().region(), 3u);
  EXPECT_EQ(gateway_->counters().commands_fenced, 2u);
}

TEST_F(GatewayRegionsTest, ARegionThatCommandedAnAbsentVehicleHearsOfItsReturn) {
  Start(Rows());
  TestVehicle vehicle;
  ASSERT_TRUE(Connect(&vehicle, 1));
  vehicle.Close();
  std::vector<ShardOutputs::Command> commands = {Command(1, Region(30), Epoch{1})};
  while (gateway_->Connected(Name(1))) std::this_thread::yield();
  gateway_->Deliver(commands);
  EXPECT_EQ(gateway_->counters().commands_unroutable, 1u);
  TestVehicle again;
  ASSERT_TRUE(ConnectAndIntroduce(&again, 1));
  again.SendFix(1, {}, 1);
  ASSERT_TRUE(again.Barrier());
  EXPECT_THAT(Routed(log::TelemetryBody::Session), ::testing::Contains("30:in"));
}

TEST_F(GatewayRegionsTest, ANewMapRoutesFromTheNextFixOn) {
  const RegionMap one = RegionMap::Uniform(1, {-20, -20}, 40, 40, 1, 1).value();
  Start(one);
  TestVehicle vehicle;
  ASSERT_TRUE(ConnectAndIntroduce(&vehicle, 1));
  vehicle.SendFix(1, {}, 1);
  ASSERT_TRUE(vehicle.Barrier());
  EXPECT_THAT(Routed(log::TelemetryBody::Fix), ElementsAre("0:1"));
  gateway_->SetRegionMap(one.Split(Region(0), Region(1)).value());  // East of the origin.
  gateway_->SetRegionMap(one);                                      // An older one: nothing.
  vehicle.SendFix(2, {}, 1);
  ASSERT_TRUE(vehicle.Barrier());
  const std::vector<std::string> fixes = Routed(log::TelemetryBody::Fix);
  ASSERT_EQ(fixes.size(), 3u);
  EXPECT_THAT((std::vector<std::string>{fixes[1], fixes[2]}), ElementsAre("1:2", "0:2 of 1"));
}

}  // namespace
}  // namespace starling::cloud
