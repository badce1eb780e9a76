// The shard as its log sees it: leases, outbox, sessions, time to live.
#include <gtest/gtest.h>

#include "cloud/shard/shard_config.h"
#include "schemas/cloud_to_edge/downlink_generated.h"
#include "schemas/log/commands_generated.h"
#include "tests/cloud/shard/traffic_log.h"

namespace starling::cloud {
namespace {

const wire::Command& Decode(const ShardOutputs::Command& command) {
  return *flatbuffers::GetRoot<wire::Command>(command.wire_command.data());
}

class ShardTest : public testing::Test {
 protected:
  // Two cars that will meet at a crossing at right angles in 1.4 s.
  void Collide(double at_s) {
    driver_.Fix(MakeCar("east", -21, 0, 90, 15), at_s);
    driver_.Fix(MakeCar("north", 0, -21, 0, 15), at_s);
  }
  std::size_t AuditRecords(log::AuditBody type) {
    std::size_t count = 0;
    for (const auto& record : driver_.outputs().records) {
      if (record.topic != Topic::kCommands) continue;
      if (log::GetAudit(record.value.data())->body_type() == type) ++count;
    }
    return count;
  }
  void Report(std::string_view vehicle, std::uint64_t id, double at_s,
              wire::CommandOutcome outcome = wire::CommandOutcome::Applied) {
    const std::vector<wire::CommandStatus> statuses = {
        wire::CommandStatus(id, 1, 0, 1, 1, 7, outcome, wire::RejectReason::None)};
    driver_.Apply(driver_.encoder().Report(vehicle, 1, statuses), at_s);
  }

  ShardConfig config_;
  ShardDriver driver_{config_};
};

TEST_F(ShardTest, FindsAVehicleWhereItIsPredicted) {
  driver_.Fix(MakeCar("a", 100, 200, 90, 10), 0);
  const auto view = driver_.shard().Find(Name("a"), ShardDriver::At(2));
  ASSERT_TRUE(view);
  EXPECT_NEAR(view->pose.position.x, 120, 0.05);
  EXPECT_NEAR(view->pose.position.y, 200, 0.05);
  EXPECT_DOUBLE_EQ(view->fix_age_s, 2);
}

TEST_F(ShardTest, AnImminentCollisionSendsBothVehiclesAnAvoidance) {
  Collide(0);
  const auto& commands = driver_.outputs().commands;
  ASSERT_EQ(commands.size(), 2u);
  EXPECT_NE(commands[0].vehicle, commands[1].vehicle);
  for (const auto& command : commands) {
    EXPECT_EQ(Decode(command).kind(), wire::CommandKind::Avoidance);
    EXPECT_EQ(Decode(command).region(), ToNumber(kRegion));
    EXPECT_EQ(Decode(command).cause_vehicle()->str(), "north");
    EXPECT_EQ(Decode(command).cause_sequence(), 2u);
  }
  EXPECT_EQ(driver_.shard().counters().episodes, 1u);
  ASSERT_EQ(driver_.shard().Conflicts().size(), 1u);
}

TEST_F(ShardTest, LeaseExpiresOnTheVehiclesOwnClock) {
  driver_.Fix(MakeCar("east", -21, 0, 90, 15), 0);
  driver_.Fix(MakeCar("north", 0, -19.5, 0, 15), 0.1);
  for (const auto& command : driver_.outputs().commands) {
    // Boot clocks read 100 s at log time 0; the lease is 2 s from the record.
    EXPECT_EQ(Decode(command).expires_boot_time_ns(), 102'100'000'000u);
  }
  EXPECT_EQ(driver_.outputs().commands.size(), 2u);
}

TEST_F(ShardTest, AStatusClosesACommandOnceAndTheSecondChangesNothing) {
  Collide(0);
  const auto& first = driver_.outputs().commands.front();
  const std::uint64_t id = Decode(first).command_id();
  EXPECT_EQ(driver_.shard().counters().outbox_open, 2u);
  EXPECT_EQ(AuditRecords(log::AuditBody::CommandIssued), 2u);
  Report(first.vehicle.view(), id, 0.01);
  EXPECT_EQ(driver_.shard().counters().closed_applied, 1u);
  EXPECT_EQ(driver_.shard().counters().outbox_open, 1u);
  EXPECT_EQ(AuditRecords(log::AuditBody::CommandClosed), 1u);
  Report(first.vehicle.view(), id, 0.02, wire::CommandOutcome::Expired);
  EXPECT_EQ(driver_.shard().counters().closed_applied, 1u);
  EXPECT_EQ(driver_.shard().counters().closed_expired, 0u);
  EXPECT_EQ(driver_.shard().counters().closed_twice, 1u);
  EXPECT_EQ(AuditRecords(log::AuditBody::CommandClosed), 1u);
}

}  // namespace
}  // namespace starling::cloud
