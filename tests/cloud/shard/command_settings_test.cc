// Commands that are stopped, or in shadow: decided as ever, recorded as such, sent to
// nobody.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <vector>

#include "cloud/shard/audit_chain.h"
#include "cloud/shard/command_settings.h"
#include "cloud/shard/shard_config.h"
#include "schemas/log/commands_generated.h"
#include "schemas/log/vehicle_state_generated.h"
#include "tests/cloud/shard/recorded_partition.h"

namespace starling::cloud {
namespace {

CommandSettings Settings(std::uint64_t version, std::vector<CommandRule> rules) {
  CommandSettings settings;
  settings.version = version;
  settings.rules = std::move(rules);
  settings.by = "ana@ops";
  settings.reason = "false brakes";
  settings.set_ns = kStartNs;
  return settings;
}

CommandRule Rule(CommandMode mode, const CommandScope& scope = {}) { return {mode, scope, "ana@ops", "why", kStartNs}; }

CommandScope Fleet(const char* stem) {
  CommandScope scope;
  scope.fleet = stem;
  return scope;
}
CommandScope Area(CommandArea area) {
  CommandScope scope;
  scope.area = area;
  return scope;
}
CommandScope Kind(wire::CommandKind kind) {
  CommandScope scope;
  scope.kind = kind;
  return scope;
}
CommandScope Region(RegionId region) {
  CommandScope scope;
  scope.region = region;
  return scope;
}

class CommandSwitch : public testing::Test {
 protected:
  void Take(const CommandSettings& settings, double at_s = 0) {
    driver_.Apply(CommandSettingsRecord(settings, kRegion), at_s);
  }
  // Two cars that will meet at a crossing at right angles in 1.4 s.
  void Collide(double at_s = 0) { Collide(&driver_, at_s); }
  static void Collide(ShardDriver* driver, double at_s = 0) {
    driver->Fix(MakeCar("east", -21, 0, 90, 15), at_s);
    driver->Fix(MakeCar("north", 0, -20, 0, 15), at_s);
  }
  std::size_t Sent() { return driver_.outputs().commands.size(); }
  std::size_t Recorded(log::AuditBody type) {
    std::size_t count = 0;
    ForEachAudit(driver_, [&](const log::Audit& audit) { count += audit.body_type() == type ? 1 : 0; });
    return count;
  }
  std::size_t Withheld(CommandMode mode) {
    std::size_t count = 0;
    ForEachAudit(driver_, [&](const log::Audit& audit) {
      const log::CommandWithheld* withheld = audit.body_as_CommandWithheld();
      count += withheld != nullptr && withheld->mode() == mode ? 1 : 0;
    });
    return count;
  }
  static void ForEachAudit(ShardDriver& driver, const std::function<void(const log::Audit&)>& visit) {
    for (const auto& record : driver.outputs().records) {
      if (record.topic == Topic::kCommands) visit(*log::GetAudit(record.value.data()));
    }
  }
  const ShardCounters& counters() { return driver_.shard().counters(); }

  ShardDriver driver_{ShardConfig{}};
};

TEST_F(CommandSwitch, StoppedCommandsAreDecidedAndRecordedAndSentToNobody) {
  Take(Settings(1, {Rule(CommandMode::Stop)}));
  Collide();
  EXPECT_EQ(Sent(), 0u);
  EXPECT_EQ(Withheld(CommandMode::Stop), 2u);
  EXPECT_EQ(Recorded(log::AuditBody::CommandIssued), 0u);
  EXPECT_EQ(counters().commands_stopped, 2u);
  EXPECT_EQ(counters().outbox_open, 0u);
  // What it decided is what it would have sent.
  std::vector<std::uint64_t> decided;
  ForEachAudit(driver_, [&decided](const log::Audit& audit) {
    if (const auto* withheld = audit.body_as_CommandWithheld()) decided.push_back(withheld->command()->command_id());
  });
  ShardDriver other{ShardConfig{}};
  Collide(&other);
  std::vector<std::uint64_t> sent;
  ForEachAudit(other, [&sent](const log::Audit& audit) {
    sent.push_back(audit.body_as_CommandIssued()->command()->command_id());
  });
  EXPECT_EQ(sent.size(), 2u);
  EXPECT_EQ(sent, decided);
  EXPECT_EQ(other.shard().counters().episodes, counters().episodes);
}

TEST_F(CommandSwitch, TheAuditTrailSaysWhoThrewItAndIsWhole) {
  Collide();
  Take(Settings(5, {Rule(CommandMode::Stop)}), 0.05);
  driver_.Tick(0.1);
  std::string by;
  std::string reason;
  ForEachAudit(driver_, [&](const log::Audit& audit) {
    if (const auto* taken = audit.body_as_CommandSettingsTaken()) {
      by = taken->settings()->by()->str();
      reason = taken->settings()->reason()->str();
      EXPECT_EQ(taken->settings()->version(), 5u);
      EXPECT_EQ(taken->taken_ns(), kStartNs + 50'000'000);
    }
  });
  EXPECT_EQ(by, "ana@ops");
  EXPECT_EQ(reason, "false brakes");
  AuditVerifier verifier;
  for (const auto& record : driver_.outputs().records) {
    if (record.topic == Topic::kCommands) verifier.Add(record.key, record.value);
  }
  verifier.Finish();
  EXPECT_FALSE(verifier.first_break().has_value());
  EXPECT_GE(verifier.records(), 3u);
}

TEST_F(CommandSwitch, NothingIsSentAfterItWhateverWasOpenBefore) {
  Collide();
  ASSERT_EQ(Sent(), 2u);
  Take(Settings(1, {Rule(CommandMode::Stop)}), 0.01);
  driver_.outputs().Clear();
  driver_.Apply(driver_.encoder().Session("east", 1, true), 0.02);   // Back: it would be sent what is open.
  driver_.Apply(driver_.encoder().Ownership("other", 99), 0.03);      // And issued again by a new owner.
  std::vector<Car> cars = {MakeCar("east", -20, 0, 90, 15), MakeCar("north", 0, -20, 0, 15)};
  DriveOn(&driver_, &cars, 0.1, 6);                                   // Renewed, sharpened, released.
  EXPECT_EQ(Sent(), 0u);
  EXPECT_EQ(Recorded(log::AuditBody::CommandIssued), 0u);
  EXPECT_GT(Withheld(CommandMode::Stop), 3u);
}

TEST_F(CommandSwitch, ShadowHoldsForItsFleetItsAreaItsKindAndItsRegionAlone) {
  const auto sent_with = [](const CommandRule& rule) {
    ShardDriver driver{ShardConfig{}};
    driver.Apply(CommandSettingsRecord(Settings(1, {rule}), kRegion), 0);
    Collide(&driver);
    return driver.outputs().commands.size();
  };
  const auto shadow = [](const CommandScope& scope) { return Rule(CommandMode::Shadow, scope); };
  EXPECT_EQ(sent_with(shadow({})), 0u);
  EXPECT_EQ(sent_with(shadow(Kind(wire::CommandKind::Avoidance))), 0u);
  EXPECT_EQ(sent_with(shadow(Kind(wire::CommandKind::SpeedAdvice))), 2u);
  EXPECT_EQ(sent_with(shadow(Region(kRegion))), 0u);
  EXPECT_EQ(sent_with(shadow(Region(RegionId{8}))), 2u);
  EXPECT_EQ(sent_with(shadow(Fleet("eas"))), 0u);
  EXPECT_EQ(sent_with(shadow(Fleet("taxi-"))), 2u);
  // East of the origin nobody is; the cars are in cells (-1, 0) and (0, -1).
  EXPECT_EQ(sent_with(shadow(Area({{0, 0}, 10, 10}))), 2u);
  EXPECT_EQ(sent_with(shadow(Area({{-10, -10}, 20, 20}))), 0u);
}

TEST_F(CommandSwitch, APairIsCommandedWholeOrNotAtAll) {
  // "east" alone is in the area; "north" alone is of the fleet.
  for (const CommandScope& scope : {Area({{-1, 0}, 1, 1}), Fleet("north")}) {
    ShardDriver driver{ShardConfig{}};
    driver.Apply(CommandSettingsRecord(Settings(1, {Rule(CommandMode::Shadow, scope)}), kRegion), 0);
    Collide(&driver);
    EXPECT_EQ(driver.outputs().commands.size(), 0u) << scope.ToText();
    EXPECT_EQ(driver.shard().counters().commands_shadowed, 2u) << scope.ToText();
  }
}

// "east" is about to meet "north", whom it was told nothing of in shadow; "late" drives into east's back.
double BrakeOfLate(const std::vector<CommandRule>& rules, bool with_north) {
  ShardDriver driver{ShardConfig{}};
  if (!rules.empty()) driver.Apply(CommandSettingsRecord(Settings(1, rules), kRegion), 0);
  for (int step = 0; step < 4; ++step) {
    const double at_s = step * 0.1;
    if (with_north) driver.Fix(MakeCar("north", 0, -20 + 15 * at_s, 0, 15), at_s);
    driver.Fix(MakeCar("east", -22 + 15 * at_s, 0, 90, 15), at_s);
    if (step > 1) driver.Fix(MakeCar("late", -42 + 24 * at_s, 0, 90, 24), at_s);
  }
  double decel = 0;
  for (const auto& command : driver.outputs().commands) {
    const auto* sent = flatbuffers::GetRoot<wire::Command>(command.wire_command.data());
    if (command.vehicle != VehicleId::Parse("late").value() || sent->kind() != wire::CommandKind::Avoidance) continue;
    decel = std::max(decel, sent->decel_cmps2() * 0.01);
  }
  return decel;
}

TEST_F(CommandSwitch, WhatWasWithheldIsNotTakenToBeDone) {
  const double alone = BrakeOfLate({}, false);
  EXPECT_GT(alone, 0);
  EXPECT_GT(BrakeOfLate({}, true), alone) << "east brakes for north here, so that late has to brake harder";
  EXPECT_EQ(BrakeOfLate({Rule(CommandMode::Shadow, Fleet("north"))}, true), alone);
}

TEST_F(CommandSwitch, TheStricterOfTwoRulesCounts) {
  Take(Settings(1, {Rule(CommandMode::Stop, Fleet("north")), Rule(CommandMode::Shadow)}));
  Collide();
  EXPECT_EQ(Withheld(CommandMode::Stop), 2u);
  EXPECT_EQ(counters().commands_shadowed, 0u);
}

TEST_F(CommandSwitch, OnceLiftedAnOpenPairIsPlannedAnewAtTheNextTick) {
  Take(Settings(1, {Rule(CommandMode::Stop)}));
  Collide();
  ASSERT_EQ(Sent(), 0u);
  Take(Settings(2, {}), 0.05);
  EXPECT_EQ(Sent(), 0u);
  driver_.Tick(0.1);
  EXPECT_EQ(Sent(), 2u);
  for (const auto& command : driver_.outputs().commands) {
    // Nobody was ever told what these could replace.
    EXPECT_EQ(flatbuffers::GetRoot<wire::Command>(command.wire_command.data())->supersedes(), 0u);
  }
}

TEST_F(CommandSwitch, SettingsThatAreNotNewerChangeNothing) {
  Take(Settings(7, {Rule(CommandMode::Stop)}));
  Take(Settings(7, {}), 0.01);
  Take(Settings(6, {}), 0.02);
  EXPECT_EQ(Recorded(log::AuditBody::CommandSettingsTaken), 1u);
  Collide(0.1);
  EXPECT_EQ(Sent(), 0u);
}

TEST_F(CommandSwitch, SettingsThatMakeNoSenseAreRefusedAndCounted) {
  std::vector<CommandSettings> wrong = {Settings(0, {}), Settings(1, {Rule(CommandMode::Send)}),
                                        Settings(1, {Rule(CommandMode::Stop, Kind(wire::CommandKind::Release))}),
                                        Settings(1, {Rule(CommandMode::Stop, Area({{0, 0}, 0, 1}))}),
                                        Settings(1, {Rule(CommandMode::Stop, Fleet("a b"))}),
                                        Settings(1, std::vector<CommandRule>(CommandSettings::kRulesMax + 1,
                                                                             Rule(CommandMode::Stop)))};
  wrong.push_back(Settings(1, {}));
  wrong.back().by = "two\nlines";
  for (const CommandSettings& each : wrong) Take(each);
  EXPECT_EQ(counters().records_refused, wrong.size());
  EXPECT_EQ(Recorded(log::AuditBody::CommandSettingsTaken), 0u);
  Collide();
  EXPECT_EQ(Sent(), 2u);
  // As many as may be are taken.
  Take(Settings(1, std::vector<CommandRule>(CommandSettings::kRulesMax, Rule(CommandMode::Stop))), 0.1);
  EXPECT_EQ(Recorded(log::AuditBody::CommandSettingsTaken), 1u);
}

TEST_F(CommandSwitch, EveryFlippedBitOfASettingsRecordIsRefusedOrMakesSense) {
  const std::vector<CommandRule> rules = {Rule(CommandMode::Stop, Area({{-3, 4}, 5, 6})), Rule(CommandMode::Shadow)};
  const std::vector<std::byte> whole = CommandSettingsRecord(Settings(3, rules), kRegion);
  for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
    std::vector<std::byte> flipped = whole;
    flipped[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
    ShardDriver driver{ShardConfig{}};
    driver.Apply(flipped, 0);
    driver.Tick(0.1);
    AuditVerifier verifier;
    for (const auto& record : driver.outputs().records) {
      if (record.topic == Topic::kCommands) verifier.Add(record.key, record.value);
    }
    EXPECT_FALSE(verifier.first_break().has_value()) << bit;
  }
}

// A city's worth of mishaps, with the switch thrown and lifted on the way.
std::vector<cloud::Recorded> Switched() {
  std::vector<cloud::Recorded> partition = Record(42);
  const auto put = [&partition](std::size_t at, const CommandSettings& settings) {
    const std::vector<std::byte> value = CommandSettingsRecord(settings, kRegion);
    cloud::Recorded record;
    record.words.assign((value.size() + 7) / 8, 0);
    std::memcpy(record.words.data(), value.data(), value.size());
    record.bytes = value.size();
    record.time_ns = partition[at].time_ns;
    partition.insert(partition.begin() + static_cast<std::ptrdiff_t>(at), std::move(record));
  };
  const std::size_t count = partition.size();
  put(count / 4, Settings(1, {Rule(CommandMode::Shadow, Area({{-4, -4}, 4, 8}))}));
  put(count / 2, Settings(2, {Rule(CommandMode::Stop), Rule(CommandMode::Shadow, Fleet("car-1"))}));
  put(count * 3 / 4, Settings(3, {Rule(CommandMode::Shadow, Fleet("car-1"))}));
  return partition;
}

TEST(SwitchedPartition, GivesTheSameBytesEachTimeAndFromAStateRestoredAnywhere) {
  const std::vector<cloud::Recorded> partition = Switched();
  Replayer whole{ShardConfig{}};
  Replayer resumed{ShardConfig{}};
  for (std::size_t i = 0; i < partition.size(); ++i) {
    whole.Apply(partition[i]);
    resumed.Apply(partition[i]);
    ASSERT_EQ(whole.digest(), resumed.digest()) << i;
    if (i % 97 != 0) continue;
    auto restored = std::make_unique<Shard>(ShardConfig{}, kRegion, kOrigin);
    Status status;
    resumed.shard().Save([&](std::span<const std::byte> key, std::span<const std::byte> value) {
      if (status.ok()) status = restored->RestoreEntry(key, value);
    });
    ASSERT_TRUE(status.ok()) << status.message();
    status = restored->FinishRestore();
    ASSERT_TRUE(status.ok()) << status.message();
    resumed.Adopt(std::move(restored));
  }
  const ShardCounters& counters = whole.shard().counters();
  EXPECT_GT(counters.commands_shadowed, 10u);
  EXPECT_GT(counters.commands_stopped, 10u);
  EXPECT_GT(counters.avoidance_issued, 10u);
}

TEST(SwitchedPartition, SendsNothingWhileItIsStopped) {
  const std::vector<cloud::Recorded> partition = Switched();
  Replayer replayer{ShardConfig{}};
  bool stopped = false;
  std::size_t sent_while_stopped = 0;
  for (const cloud::Recorded& record : partition) {
    replayer.Apply(record);
    for (const auto& output : replayer.outputs().records) {
      if (output.topic != Topic::kCommands) continue;
      const auto* taken = log::GetAudit(output.value.data())->body_as_CommandSettingsTaken();
      if (taken != nullptr) stopped = taken->settings()->version() == 2;
    }
    if (stopped) sent_while_stopped += replayer.outputs().commands.size();
  }
  EXPECT_EQ(sent_while_stopped, 0u);
}

}  // namespace
}  // namespace starling::cloud
