// Commands of operators: records of the partition, issued once, with who sent them.
#include "cloud/shard/operator_command.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "cloud/shard/audit_chain.h"
#include "cloud/shard/command_settings.h"
#include "cloud/shard/shard_config.h"
#include "schemas/log/commands_generated.h"
#include "tests/cloud/shard/traffic_log.h"

namespace starling::cloud {
namespace {

OperatorCommand Limit(std::uint64_t request = 77, const char* vehicle = "taxi-1") {
  OperatorCommand command;
  command.vehicle = Name(vehicle);
  command.request = request;
  command.kind = wire::CommandKind::SpeedAdvice;
  command.speed_ceiling_cmps = 830;
  command.decel_cmps2 = 150;
  command.lease = milliseconds(4'000);
  command.by = "ana@ops";
  command.reason = "ice on the bridge";
  command.asked_ns = kStartNs;
  return command;
}

OperatorCommand Brake(std::uint64_t request = 78) {
  OperatorCommand command = Limit(request);
  command.kind = wire::CommandKind::Avoidance;
  command.speed_ceiling_cmps = 0;
  command.decel_cmps2 = 350;
  return command;
}

class OperatorCommands : public testing::Test {
 protected:
  void SetUp() override { driver_.Fix(MakeCar("taxi-1", 0, 0, 90, 12), 0); }
  void Ask(const OperatorCommand& command, double at_s = 0.1) {
    driver_.Apply(OperatorCommandRecord(command, kRegion), at_s);
  }
  const std::vector<ShardOutputs::Command>& sent() { return driver_.outputs().commands; }
  const wire::Command& Sent(std::size_t i) {
    return *flatbuffers::GetRoot<wire::Command>(driver_.outputs().commands.at(i).wire_command.data());
  }
  std::vector<const log::Audit*> Trail() {
    std::vector<const log::Audit*> trail;
    for (const auto& record : driver_.outputs().records) {
      if (record.topic == Topic::kCommands) trail.push_back(log::GetAudit(record.value.data()));
    }
    return trail;
  }
  void Say(CommandId id, wire::CommandOutcome outcome, double at_s) {
    const wire::CommandStatus status(ToNumber(id), Sent(0).sequence(), 0, 1, 1, ToNumber(kRegion), outcome,
                                     wire::RejectReason::None);
    driver_.Apply(driver_.encoder().Report("taxi-1", 1, {status}), at_s);
  }
  const ShardCounters& counters() { return driver_.shard().counters(); }

  ShardDriver driver_{ShardConfig{}};
};

TEST_F(OperatorCommands, IsSentAsALeaseAndTheTrailSaysWhoseAndWhy) {
  Ask(Limit());
  ASSERT_EQ(sent().size(), 1u);
  const wire::Command& command = Sent(0);
  EXPECT_EQ(command.command_id(), ToNumber(Limit().Id()));
  EXPECT_EQ(command.kind(), wire::CommandKind::SpeedAdvice);
  EXPECT_EQ(command.speed_ceiling_cmps(), 830);
  EXPECT_EQ(command.decel_cmps2(), 150);
  // 100.1 s of the vehicle's clock, and the lease.
  EXPECT_EQ(command.expires_boot_time_ns(), 104'100'000'000u);
  ASSERT_NE(command.issuer(), nullptr);
  EXPECT_EQ(command.issuer()->str(), "ana@ops");
  ASSERT_EQ(Trail().size(), 1u);
  const log::CommandIssued* issued = Trail()[0]->body_as_CommandIssued();
  ASSERT_NE(issued, nullptr);
  EXPECT_EQ(issued->command()->issuer()->str(), "ana@ops");
  EXPECT_EQ(issued->reason()->str(), "ice on the bridge");
  EXPECT_EQ(counters().operator_issued, 1u);
  EXPECT_EQ(counters().speed_advice_issued, 1u);
}

TEST_F(OperatorCommands, AskedAgainNothingIsSentWhetherItIsOpenOrClosed) {
  Ask(Limit());
  Ask(Limit(), 0.2);
  EXPECT_EQ(sent().size(), 1u);
  Say(Limit().Id(), wire::CommandOutcome::Applied, 0.3);
  Ask(Limit(), 0.4);
  EXPECT_EQ(sent().size(), 1u);
  EXPECT_EQ(Trail().size(), 2u) << "issued and closed";
  EXPECT_EQ(counters().operator_issued, 1u);
  EXPECT_EQ(counters().closed_applied, 1u);
}

TEST_F(OperatorCommands, ANewOwnerFromTheStateIssuesItUnderItsIdWithItsIssuer) {
  Ask(Limit());
  const std::uint64_t sequence = Sent(0).sequence();
  auto standby = std::make_unique<Shard>(ShardConfig{}, kRegion, kOrigin);
  driver_.shard().Save([&](std::span<const std::byte> key, std::span<const std::byte> value) {
    ASSERT_TRUE(standby->RestoreEntry(key, value).ok());
  });
  ASSERT_TRUE(standby->FinishRestore().ok());
  ShardOutputs outputs;
  RecordEncoder encoder;
  standby->Apply({Offset{50}, ShardDriver::At(0.5), {}, encoder.Ownership("second", 9)}, &outputs);
  ASSERT_EQ(outputs.commands.size(), 1u);
  const auto& again = *flatbuffers::GetRoot<wire::Command>(outputs.commands[0].wire_command.data());
  EXPECT_EQ(again.command_id(), ToNumber(Limit().Id()));
  EXPECT_EQ(again.sequence(), sequence);
  EXPECT_EQ(again.epoch(), 9u);
  EXPECT_EQ(again.issuer()->str(), "ana@ops");
  outputs.Clear();
  // Who asked has not heard, and asks the new owner.
  const std::vector<std::byte> record = OperatorCommandRecord(Limit(), kRegion);
  standby->Apply({Offset{51}, ShardDriver::At(0.6), {}, record}, &outputs);
  EXPECT_TRUE(outputs.commands.empty());
  EXPECT_TRUE(outputs.records.empty());
  EXPECT_EQ(standby->counters().operator_issued, 1u);
}

TEST_F(OperatorCommands, WhatTheSwitchStopsIsRecordedWithItsIssuerAndSentToNobody) {
  CommandSettings settings;
  settings.version = 1;
  CommandRule rule;
  rule.mode = CommandMode::Shadow;
  rule.by = "ben";
  settings.rules.push_back(rule);
  settings.by = "ben";
  driver_.Apply(CommandSettingsRecord(settings, kRegion), 0.05);
  Ask(Brake());
  EXPECT_TRUE(sent().empty());
  ASSERT_EQ(Trail().size(), 2u);
  const log::CommandWithheld* withheld = Trail()[1]->body_as_CommandWithheld();
  ASSERT_NE(withheld, nullptr);
  EXPECT_EQ(withheld->mode(), log::CommandMode::Shadow);
  EXPECT_EQ(withheld->command()->issuer()->str(), "ana@ops");
  EXPECT_EQ(withheld->reason()->str(), "ice on the bridge");
}

TEST_F(OperatorCommands, AVehicleThatIsNotHereIsRefusedAndTheTrailSaysSo) {
  Ask(Limit(5, "taxi-2"));
  EXPECT_TRUE(sent().empty());
  ASSERT_EQ(Trail().size(), 1u);
  const log::CommandRefused* refused = Trail()[0]->body_as_CommandRefused();
  ASSERT_NE(refused, nullptr);
  EXPECT_EQ(refused->why(), log::Refusal::NotHere);
  EXPECT_EQ(refused->by()->str(), "ana@ops");
  EXPECT_EQ(refused->command_id(), ToNumber(Limit(5, "taxi-2").Id()));
  EXPECT_EQ(counters().operator_refused, 1u);
}

// Brokers that were away take what waited for them when they are back: a brake of minutes ago is none for now.
TEST_F(OperatorCommands, OneThatTheLogTookLongAfterItWasAskedForIsRefused) {
  OperatorCommand late = Brake(6);
  late.asked_ns = kStartNs - OperatorCommand::kLateMax.count() - nanoseconds(seconds(60)).count();
  Ask(late);
  EXPECT_TRUE(sent().empty());
  ASSERT_EQ(Trail().size(), 1u);
  ASSERT_NE(Trail()[0]->body_as_CommandRefused(), nullptr);
  EXPECT_EQ(Trail()[0]->body_as_CommandRefused()->why(), log::Refusal::TooLate);
}

TEST_F(OperatorCommands, MoreThanTheOutboxHoldsAreRefused) {
  const std::size_t most = ShardConfig{}.outbox_per_vehicle_max;
  for (std::uint64_t i = 1; i <= most + 1; ++i) Ask(Limit(i));
  EXPECT_EQ(sent().size(), most);
  EXPECT_EQ(Trail().back()->body_as_CommandRefused()->why(), log::Refusal::OutboxFull);
}

TEST_F(OperatorCommands, AllOfAVehicleAreOneEpisodeSoThatTheNewestCounts) {
  Ask(Limit());
  Ask(Brake(), 0.2);
  OperatorCommand release = Limit(79);
  release.kind = wire::CommandKind::Release;
  release.speed_ceiling_cmps = release.decel_cmps2 = 0;
  Ask(release, 0.3);
  ASSERT_EQ(sent().size(), 3u);
  EXPECT_EQ(Sent(0).episode_id(), Sent(1).episode_id());
  EXPECT_EQ(Sent(1).episode_id(), Sent(2).episode_id());
  EXPECT_LT(Sent(0).sequence(), Sent(1).sequence());
  EXPECT_LT(Sent(1).sequence(), Sent(2).sequence());
  EXPECT_EQ(Sent(1).kind(), wire::CommandKind::Avoidance);
  EXPECT_EQ(Sent(2).kind(), wire::CommandKind::Release);
}

TEST_F(OperatorCommands, TheTrailIsAChainWithThem) {
  Ask(Limit());
  Say(Limit().Id(), wire::CommandOutcome::Applied, 0.2);
  Ask(Limit(5, "taxi-2"), 0.3);
  Ask(Brake(), 0.4);
  AuditVerifier verifier;
  for (const auto& record : driver_.outputs().records) {
    if (record.topic == Topic::kCommands) verifier.Add(record.key, record.value);
  }
  verifier.Finish();
  EXPECT_FALSE(verifier.first_break().has_value());
  EXPECT_EQ(verifier.records(), 4u);
}

TEST_F(OperatorCommands, WhatIsOutsideTheLimitsChangesNothing) {
  const std::vector<void (*)(OperatorCommand*)> wrongs = {
      [](OperatorCommand* c) { c->request = 0; },
      [](OperatorCommand* c) { c->kind = wire::CommandKind::None; },
      [](OperatorCommand* c) { c->kind = wire::CommandKind{9}; },
      [](OperatorCommand* c) { c->lease = milliseconds(0); },
      [](OperatorCommand* c) { c->lease = milliseconds(8'001); },
      [](OperatorCommand* c) { c->speed_ceiling_cmps = 0; },
      [](OperatorCommand* c) { c->speed_ceiling_cmps = 12'001; },
      [](OperatorCommand* c) { c->decel_cmps2 = 0; },
      [](OperatorCommand* c) { c->decel_cmps2 = 301; },
      [](OperatorCommand* c) { c->by = ""; },
      [](OperatorCommand* c) { c->by = std::string(65, 'a'); },
      [](OperatorCommand* c) { c->reason = ""; },
      [](OperatorCommand* c) { c->reason = std::string(201, 'a'); },
      [](OperatorCommand* c) { c->reason = "two\nlines"; },
      [](OperatorCommand* c) { c->kind = wire::CommandKind::Avoidance; },
      [](OperatorCommand* c) { c->kind = wire::CommandKind::Release; },
  };
  ASSERT_TRUE(Limit().Validate().ok());
  ASSERT_TRUE(Brake().Validate().ok());
  for (std::size_t i = 0; i < wrongs.size(); ++i) {
    OperatorCommand command = Limit();
    wrongs[i](&command);
    EXPECT_FALSE(command.Validate().ok()) << i;
    Ask(command);
    EXPECT_EQ(counters().records_refused, i + 1) << i;
  }
  OperatorCommand hard = Brake();
  hard.decel_cmps2 = 801;
  EXPECT_FALSE(hard.Validate().ok());
  EXPECT_TRUE(sent().empty());
  EXPECT_TRUE(Trail().empty());
}

TEST(OperatorCommandId, FollowsFromTheRequestAndTheVehicleAlone) {
  OperatorCommand other = Limit();
  other.by = "ben";
  other.asked_ns += 5;
  EXPECT_EQ(other.Id(), Limit().Id());
  EXPECT_NE(Limit(78).Id(), Limit().Id());
  EXPECT_NE(Limit(77, "taxi-2").Id(), Limit().Id());
}

}  // namespace
}  // namespace starling::cloud
