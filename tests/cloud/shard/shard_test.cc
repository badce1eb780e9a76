// The shard as its log sees it: leases, outbox, sessions, time to live.
#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "cloud/shard/shard_config.h"
#include "cloud/shard/vehicle_table.h"
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
              wire::CommandOutcome outcome = wire::CommandOutcome::Applied, std::uint32_t report = 1) {
    const std::vector<wire::CommandStatus> statuses = {
        wire::CommandStatus(id, 1, 0, 1, report, 7, outcome, wire::RejectReason::None)};
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

TEST_F(ShardTest, TheMomentOfEmissionCanBeWrittenIntoTheFinishedCommand) {
  Collide(0);
  auto& command = driver_.outputs().commands.front();
  EXPECT_EQ(Decode(command).emitted_time_ns(), 0);
  EXPECT_TRUE(flatbuffers::GetMutableRoot<wire::Command>(command.wire_command.data())
                  ->mutate_emitted_time_ns(42));
  EXPECT_EQ(Decode(command).emitted_time_ns(), 42);
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
  EXPECT_EQ(driver_.shard().counters().closed_again, 0u);
  EXPECT_EQ(AuditRecords(log::AuditBody::CommandClosed), 1u);
}

TEST_F(ShardTest, AStatusThatIsToldAgainIsNoSecondOne) {
  Collide(0);
  const auto& first = driver_.outputs().commands.front();
  const std::uint64_t id = Decode(first).command_id();
  Report(first.vehicle.view(), id, 0.01, wire::CommandOutcome::Applied, 9);
  // By the number of a new report, as an agent does that is asked for it after it was acknowledged.
  Report(first.vehicle.view(), id, 0.02, wire::CommandOutcome::Applied, 10);
  EXPECT_EQ(driver_.shard().counters().closed_again, 1u);
  EXPECT_EQ(driver_.shard().counters().closed_twice, 0u);
  EXPECT_EQ(driver_.shard().counters().closed_applied, 1u);
  EXPECT_EQ(AuditRecords(log::AuditBody::CommandClosed), 1u);
}

TEST_F(ShardTest, ANewBootThatRefusesWhatIsUnknownAlreadyContradictsNothing) {
  Collide(0);
  const auto& commands = driver_.outputs().commands;
  const auto of_east = std::ranges::find_if(commands, [](const auto& each) { return each.vehicle.view() == "east"; });
  ASSERT_NE(of_east, commands.end());
  const std::uint64_t id = Decode(*of_east).command_id();
  driver_.Apply(driver_.encoder().Session("east", 2, true), 0.01);
  ASSERT_EQ(driver_.shard().counters().closed_unknown, 1u);
  Report("east", id, 0.02, wire::CommandOutcome::Rejected);
  EXPECT_EQ(driver_.shard().counters().closed_twice, 0u);
  EXPECT_EQ(driver_.shard().counters().closed_again, 1u);
  EXPECT_EQ(AuditRecords(log::AuditBody::CommandClosed), 1u);
}

TEST_F(ShardTest, AStatusForAnUnknownCommandIsKeptAndCountedApart) {
  Collide(0);
  Report("east", 12345, 0.1);
  EXPECT_EQ(driver_.shard().counters().closed_unmatched, 1u);
  EXPECT_EQ(driver_.shard().counters().outbox_open, 2u);
  EXPECT_EQ(AuditRecords(log::AuditBody::CommandClosed), 1u);
}

TEST_F(ShardTest, AStatusOfAVehicleWithoutAFixIsKeptInTheAuditTrail) {
  Report("nobody", 12345, 0.1);
  EXPECT_EQ(driver_.shard().counters().closed_unmatched, 1u);
  ASSERT_EQ(AuditRecords(log::AuditBody::CommandClosed), 1u);
  const auto* audit = log::GetAudit(driver_.outputs().records.back().value.data());
  EXPECT_EQ(audit->body_as_CommandClosed()->status()->command_id(), 12345u);
  Report("../nobody", 12346, 0.2);  // Not a name: nothing can be filed under it.
  EXPECT_EQ(driver_.shard().counters().closed_unmatched, 2u);
  EXPECT_EQ(AuditRecords(log::AuditBody::CommandClosed), 1u);
}

TEST_F(ShardTest, ACommandOfAnotherVehicleIsNotClosed) {
  Collide(0);
  const auto& first = driver_.outputs().commands[0];
  const auto& second = driver_.outputs().commands[1];
  Report(second.vehicle.view(), Decode(first).command_id(), 0.1);
  EXPECT_EQ(driver_.shard().counters().outbox_open, 2u);
}

TEST_F(ShardTest, ReconnectingEmitsTheOpenCommandsAgainByteForByte) {
  Collide(0);
  const auto commands = driver_.outputs().commands;
  driver_.outputs().Clear();
  driver_.Apply(driver_.encoder().Session("east", 1, false), 1);
  EXPECT_TRUE(driver_.outputs().commands.empty());
  driver_.Apply(driver_.encoder().Session("east", 1, true), 30);  // Expired by now, all the same.
  ASSERT_EQ(driver_.outputs().commands.size(), 1u);
  for (const auto& command : commands) {
    if (command.vehicle.view() != "east") continue;
    EXPECT_EQ(driver_.outputs().commands[0].wire_command, command.wire_command);
  }
  EXPECT_EQ(driver_.shard().counters().commands_reemitted, 1u);
}

TEST_F(ShardTest, ARebootClosesTheOlderBootsCommandsAsUnknown) {
  Collide(0);
  driver_.Apply(driver_.encoder().Session("east", 2, true), 1);
  EXPECT_EQ(driver_.shard().counters().closed_unknown, 1u);
  EXPECT_EQ(driver_.shard().counters().commands_reemitted, 0u);
  Car north = MakeCar("north", 0, 0, 0, 0);  // This one's first fix says it.
  north.boot_id = 9;
  driver_.Fix(north, 2);
  EXPECT_EQ(driver_.shard().counters().closed_unknown, 2u);
  EXPECT_EQ(driver_.shard().counters().outbox_open, 0u);
}

TEST_F(ShardTest, AVehicleLeavesAfterTenMinutesAndItsCommandsEndAsUnknown) {
  Collide(0);
  for (int second = 1; second < 600; ++second) driver_.Tick(second);
  EXPECT_EQ(driver_.shard().vehicles(), 2u);
  for (int i = 0; i < 20; ++i) driver_.Tick(601 + 0.1 * i);
  EXPECT_EQ(driver_.shard().vehicles(), 0u);
  EXPECT_EQ(driver_.shard().counters().vehicles_expired, 2u);
  const ShardCounters& counters = driver_.shard().counters();
  EXPECT_EQ(counters.closed_unknown,
            counters.avoidance_issued + counters.releases_issued);
  EXPECT_FALSE(driver_.shard().Find(Name("east"), ShardDriver::At(700)));
}

TEST_F(ShardTest, SequencesGrowAcrossEpochsAndLostStates) {
  driver_.Apply(driver_.encoder().Ownership("a"), 0);
  EXPECT_EQ(driver_.shard().epoch(), Epoch{0});
  Collide(0.01);
  std::uint64_t highest = 0;
  for (const auto& command : driver_.outputs().commands) {
    highest = std::max(highest, Decode(command).sequence());
    EXPECT_EQ(Decode(command).epoch(), 0u);
  }
  driver_.Apply(driver_.encoder().Ownership("b"), 0.02);
  EXPECT_EQ(driver_.shard().epoch(), Epoch{3});
  ShardDriver without_state(config_);
  without_state.Apply(without_state.encoder().Ownership("c", 4), 0.03);
  for (ShardDriver* driver : {&driver_, &without_state}) {
    driver->outputs().Clear();
    driver->Fix(MakeCar("east2", -21, 500, 90, 15), 0.04);
    driver->Fix(MakeCar("north2", 0, 479, 0, 15), 0.04);
    ASSERT_EQ(driver->outputs().commands.size(), 2u);
    for (const auto& command : driver->outputs().commands) {
      EXPECT_GT(Decode(command).sequence(), highest);
      EXPECT_EQ(Decode(command).epoch(), ToNumber(driver->shard().epoch()));
    }
  }
}

TEST_F(ShardTest, ANewOwnerIssuesLiveCommandsAgainUnderItsEpochWithTheirIds) {
  driver_.Apply(driver_.encoder().Ownership("a", 10), 0);
  Collide(0.01);
  const auto former = driver_.outputs().commands;
  ASSERT_EQ(former.size(), 2u);
  driver_.outputs().Clear();
  driver_.Apply(driver_.encoder().Ownership("b", 20), 0.5);
  const auto& again = driver_.outputs().commands;
  ASSERT_EQ(again.size(), 2u);
  EXPECT_EQ(AuditRecords(log::AuditBody::CommandIssued), 2u);
  for (std::size_t i = 0; i < 2; ++i) {
    const auto same = std::find_if(former.begin(), former.end(),
                                   [&](const auto& command) { return command.vehicle == again[i].vehicle; });
    ASSERT_TRUE(same != former.end());
    EXPECT_EQ(Decode(again[i]).epoch(), 20u);
    EXPECT_EQ(Decode(again[i]).command_id(), Decode(*same).command_id());
    EXPECT_EQ(Decode(again[i]).sequence(), Decode(*same).sequence());
    EXPECT_EQ(Decode(again[i]).expires_boot_time_ns(), Decode(*same).expires_boot_time_ns());
    EXPECT_EQ(Decode(again[i]).speed_ceiling_cmps(), Decode(*same).speed_ceiling_cmps());
    EXPECT_EQ(Decode(again[i]).cause_vehicle()->str(), Decode(*same).cause_vehicle()->str());
  }
  EXPECT_EQ(driver_.shard().counters().commands_reissued, 2u);
  EXPECT_EQ(driver_.shard().counters().outbox_open, 2u);
  Report(former[0].vehicle.view(), Decode(former[0]).command_id(), 0.6);
  EXPECT_EQ(driver_.shard().counters().closed_applied, 1u);
}

TEST_F(ShardTest, ACommandWhoseLeaseIsOverIsNotIssuedAgainButSentForItsStatus) {
  driver_.Apply(driver_.encoder().Ownership("a", 10), 0);
  Collide(0.01);
  driver_.outputs().Clear();
  driver_.Apply(driver_.encoder().Ownership("b", 20), 30);
  EXPECT_EQ(driver_.shard().counters().commands_reissued, 0u);
  EXPECT_EQ(driver_.shard().counters().commands_reemitted, 2u);
  EXPECT_EQ(AuditRecords(log::AuditBody::CommandIssued), 0u);
  ASSERT_EQ(driver_.outputs().commands.size(), 2u);
  for (const auto& command : driver_.outputs().commands) EXPECT_EQ(Decode(command).epoch(), 20u);
  EXPECT_EQ(driver_.shard().counters().outbox_open, 2u);
}

TEST_F(ShardTest, AnOwnershipThatIsNotNewerChangesNothing) {
  driver_.Apply(driver_.encoder().Ownership("a", 10), 0);
  Collide(0.01);
  driver_.outputs().Clear();
  for (const std::uint64_t epoch : {10u, 9u}) driver_.Apply(driver_.encoder().Ownership("b", epoch), 0.02);
  EXPECT_EQ(driver_.shard().epoch(), Epoch{10});
  EXPECT_EQ(driver_.shard().counters().ownerships_ignored, 2u);
  EXPECT_TRUE(driver_.outputs().commands.empty());
  EXPECT_TRUE(driver_.outputs().records.empty());
}

TEST_F(ShardTest, RenewalsOfTwoTicksHaveDifferentIdsAndAReplayHasTheSame) {
  ShardDriver replay(config_);
  std::vector<std::vector<std::uint64_t>> ids(2);
  ShardDriver* const drivers[] = {&driver_, &replay};
  for (std::size_t i = 0; i < 2; ++i) {
    std::vector<Car> cars = {MakeCar("first", -60, 0, 90, 15), MakeCar("second", 0, -61, 0, 15)};
    drivers[i]->Apply(drivers[i]->encoder().Ownership("a", 10 + i), 0);  // The epoch is not in an id.
    DriveOn(drivers[i], &cars, 0, 3.4);
    for (const auto& command : drivers[i]->outputs().commands) ids[i].push_back(Decode(command).command_id());
  }
  EXPECT_EQ(ids[0], ids[1]);
  EXPECT_GT(ids[0].size(), 3u);
  EXPECT_EQ(std::set<std::uint64_t>(ids[0].begin(), ids[0].end()).size(), ids[0].size());
}

TEST_F(ShardTest, StaleFixesAreCountedAndChangeNothing) {
  driver_.Fix(MakeCar("a", 0, 0, 0, 0), 1);
  const auto stale = driver_.encoder().Fix(MakeCar("a", 50, 0, 0, 0), 99, 50'000'000'000, kStartNs);
  driver_.Apply(stale, 1.1);
  EXPECT_EQ(driver_.shard().counters().fixes_stale, 1u);
  EXPECT_NEAR(driver_.shard().Find(Name("a"), ShardDriver::At(1.1))->pose.position.x, 0, 0.02);
}

TEST_F(ShardTest, WhatCannotBeReadIsRefusedAndChangesNothing) {
  driver_.Fix(MakeCar("a", 0, 0, 0, 0), 1);
  const auto good = driver_.encoder().Fix(MakeCar("a", 0, 0, 0, 5), 9, 200'000'000'000, kStartNs);
  std::vector<std::uint64_t> words((good.size() + 7) / 8);
  std::memcpy(words.data(), good.data(), good.size());
  const auto bytes = std::as_bytes(std::span(words));
  std::uint64_t refused = 0;
  for (std::size_t size = 0; size < good.size(); ++size) {  // Cut at every byte.
    driver_.Apply(bytes.first(size), 1);
    refused = driver_.shard().counters().records_refused;
  }
  EXPECT_GE(refused, good.size() - 8);  // The last bytes may be padding.
  EXPECT_EQ(driver_.shard().vehicles(), 1u);
  // From another century, by its clock.
  driver_.Apply(driver_.encoder().Fix(MakeCar("b", 0, 0, 0, 5), 9, 1, 0), 1);
  EXPECT_EQ(driver_.shard().vehicles(), 1u);
}

TEST_F(ShardTest, LimitsAreKeptAndCounted) {
  ShardConfig config;
  config.vehicles_max = 3;
  config.outbox_per_vehicle_max = 1;
  ShardDriver driver(config);
  for (std::uint64_t i = 0; i < 5; ++i) {
    driver.Fix(MakeCar(Numbered("v", i), 1000.0 * static_cast<double>(i), 0, 0, 0), 0);
  }
  EXPECT_EQ(driver.shard().vehicles(), 3u);
  EXPECT_EQ(driver.shard().counters().vehicles_refused, 2u);
  EXPECT_EQ(driver.shard().List(1, 10, ShardDriver::At(0)).size(), 2u);
}

TEST_F(ShardTest, VehiclesWhoseNamesHaveTheSameHashAreToldApart) {
  const std::string victim = "veh-00001";
  const std::string twin = "mgfnrsmhkru5fGvlNDHcVvEK";  // Found by inverting MixHash.
  ASSERT_EQ(Name(victim).Hash(), Name(twin).Hash());
  driver_.Fix(MakeCar(twin, 0, 0, 0, 0), 0);
  driver_.Fix(MakeCar(victim, 1000, 0, 0, 0), 0.1);
  EXPECT_EQ(driver_.shard().vehicles(), 2u);
  EXPECT_EQ(driver_.shard().counters().vehicles_refused, 0u);
  EXPECT_NEAR(driver_.shard().Find(Name(twin), ShardDriver::At(1))->pose.position.x, 0, 0.02);
  EXPECT_NEAR(driver_.shard().Find(Name(victim), ShardDriver::At(1))->pose.position.x, 1000, 0.02);
}

TEST(VehicleTable, NamesOfOneHashLeaveInAnyOrder) {
  const VehicleId names[] = {Name("veh-00001"), Name("mgfnrsmhkru5fGvlNDHcVvEK")};
  for (const std::size_t leaves : {0u, 1u}) {
    VehicleTable table(10);
    const Slot slots[] = {table.Insert(names[0]), table.Insert(names[1])};
    table.Remove(slots[leaves]);
    EXPECT_EQ(table.Find(names[leaves]), kNoSlot);
    EXPECT_EQ(table.Find(names[1 - leaves]), slots[1 - leaves]);
    EXPECT_EQ(table.Insert(names[leaves]), slots[leaves]);
    EXPECT_EQ(table.Find(names[leaves]), slots[leaves]);
    table.Remove(slots[1 - leaves]);
    EXPECT_EQ(table.Find(names[leaves]), slots[leaves]);
    table.Remove(slots[leaves]);
    EXPECT_EQ(table.Find(names[leaves]), kNoSlot);
    EXPECT_EQ(table.size(), 0u);
  }
}

TEST_F(ShardTest, ConfigurationNamesTheFieldThatIsWrong) {
  ShardConfig config;
  EXPECT_TRUE(config.Validate().ok());
  config.planner.renew_before = seconds(9);
  ASSERT_FALSE(config.Validate().ok());
  EXPECT_NE(config.Validate().message().find("planner.renew_before"), std::string_view::npos);
}

}  // namespace
}  // namespace starling::cloud
