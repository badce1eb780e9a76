#include "sim/scenario/opposed_commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "sim/scenario/scenario_run.h"
#include "tests/cloud/shard/recorded_partition.h"

namespace starling::sim {
namespace {

constexpr double kHold = 1;

LiveCommand Avoid(const char* vehicle, double ceiling_mps, double decel_mps2, std::uint64_t episode = 1) {
  return {cloud::Name(vehicle), EpisodeId{episode}, wire::CommandKind::Avoidance, ceiling_mps, decel_mps2, 1, {}};
}
LiveCommand Advice(const char* vehicle, double ceiling_mps, std::uint64_t episode = 1) {
  return {cloud::Name(vehicle), EpisodeId{episode}, wire::CommandKind::SpeedAdvice, ceiling_mps, 1.5, 1, {}};
}

TEST(Against, TwoThatAreBothToldOnlyToHoldAreAndTwoThatBothBrakeAreNot) {
  EXPECT_EQ(Against(Avoid("a", 10, kHold), Avoid("b", 12, kHold), kHold), Opposition::kNobodyYields);
  EXPECT_EQ(Against(Avoid("a", 0, 2), Avoid("b", 12, kHold), kHold), std::nullopt);
  EXPECT_EQ(Against(Avoid("a", 10, kHold), Avoid("b", 4, 7), kHold), std::nullopt);
  EXPECT_EQ(Against(Avoid("a", 0, 5), Avoid("b", 0, 5), kHold), std::nullopt);
  EXPECT_EQ(Against(Avoid("a", 10, kHold, 1), Avoid("b", 12, kHold, 2), kHold), std::nullopt);
}

TEST(Against, AdviceThatTakesTheCeilingOfAnAvoidanceIsAndInAnotherEpisodeItIsNot) {
  EXPECT_EQ(Against(Avoid("a", 2, 5), Advice("a", 8), kHold), Opposition::kLoosened);
  EXPECT_EQ(Against(Advice("a", 8), Avoid("a", 2, 5), kHold), Opposition::kLoosened);
  EXPECT_EQ(Against(Advice("a", 2), Avoid("a", 2, 5), kHold), std::nullopt);
  EXPECT_EQ(Against(Advice("a", 8, 2), Avoid("a", 2, 5, 1), kHold), std::nullopt);
}

class Opposed : public testing::Test {
 protected:
  void Tell(const std::vector<LiveCommand>& commands, double at_s) {
    cloud::ShardOutputs outputs;
    for (const LiveCommand& each : commands) {
      flatbuffers::FlatBufferBuilder builder;
      wire::CommandBuilder command(builder);
      command.add_kind(each.kind);
      command.add_episode_id(ToNumber(each.episode));
      command.add_sequence(each.sequence != 1 ? each.sequence : ++sequence_);
      command.add_speed_ceiling_cmps(static_cast<std::uint16_t>(each.ceiling_mps * 100 + 0.5));
      command.add_decel_cmps2(static_cast<std::uint16_t>(each.decel_mps2 * 100 + 0.5));
      builder.Finish(command.Finish());
      const auto* bytes = reinterpret_cast<const std::byte*>(builder.GetBufferPointer());
      outputs.commands.push_back({each.vehicle, {bytes, bytes + builder.GetSize()}});
    }
    opposed_.Add(outputs, SimTime(nanoseconds(static_cast<std::int64_t>(at_s * 1e9))));
  }

  const cloud::ShardConfig config_;
  OpposedCommands opposed_{config_.planner, config_.heatmap.advice_lease};
  std::uint64_t sequence_ = 1;
};

TEST_F(Opposed, OneReversalIsAllowedAndTheSecondIsNot) {
  Tell({Avoid("a", 0, 5), Avoid("b", 12, kHold)}, 1);
  Tell({Avoid("a", 12, kHold), Avoid("b", 0, 5)}, 1.5);
  Tell({Avoid("a", 0, 7), Avoid("b", 0, 7)}, 1.8);       // Both brake: no change of roles.
  Tell({Avoid("a", 12, kHold), Avoid("b", 0, 5)}, 2);
  EXPECT_EQ(opposed_.count(), 0u);
  Tell({Avoid("a", 0, 5), Avoid("b", 12, kHold)}, 2.5);
  EXPECT_EQ(opposed_.count(Opposition::kReversedAgain), 1u);
  EXPECT_THAT(opposed_.first(), testing::HasSubstr("reversed_again at 2.500 s"));
}

TEST_F(Opposed, WhatIsReleasedOrOverOpposesNobodyAndWhatIsSentAgainIsNoNewer) {
  Tell({Avoid("a", 12, kHold)}, 1);
  LiveCommand release = Avoid("a", 0, 0);
  release.kind = wire::CommandKind::Release;
  Tell({release}, 1.2);
  Tell({Avoid("b", 12, kHold)}, 1.4);
  LiveCommand again = Avoid("a", 12, kHold);
  again.sequence = 2;                                     // That of the first one.
  Tell({again}, 1.5);
  EXPECT_EQ(opposed_.count(), 0u);
  Tell({Avoid("a", 12, kHold)}, 1.4 + 2.1);               // b's lease of 2 s is over.
  EXPECT_EQ(opposed_.count(), 0u);
  Tell({Avoid("b", 12, kHold)}, 3.6);
  EXPECT_EQ(opposed_.count(Opposition::kNobodyYields), 1u);
}

// What a real shard decides of a city's worth of mishaps; `bug` is done to each command on its way.
OpposedCommands Watched(const std::function<void(wire::Command*)>& bug) {
  const cloud::ShardConfig config;
  OpposedCommands opposed(config.planner, config.heatmap.advice_lease);
  cloud::Replayer replayer(config);
  for (const cloud::Recorded& record : cloud::Record(42)) {
    replayer.Apply(record);
    cloud::ShardOutputs outputs = replayer.outputs();
    for (auto& command : outputs.commands) bug(flatbuffers::GetMutableRoot<wire::Command>(command.wire_command.data()));
    opposed.Add(outputs, SimTime(nanoseconds(record.time_ns - cloud::kStartNs)));
  }
  return opposed;
}

TEST(OpposedOfAShard, AreNoneAndABugThatIsSeededIsFound) {
  const OpposedCommands healthy = Watched([](wire::Command*) {});
  EXPECT_EQ(healthy.count(), 0u) << healthy.first();
  EXPECT_GT(healthy.looked_at(), 40u);
  // Whoever is to give way is told to hold.
  const OpposedCommands no_brakes = Watched([](wire::Command* command) {
    if (command->kind() == wire::CommandKind::Avoidance) command->mutate_decel_cmps2(100);
  });
  EXPECT_GT(no_brakes.count(Opposition::kNobodyYields), 10u);
  // Roles change with each decision on an episode.
  std::map<std::uint64_t, std::pair<std::int64_t, bool>> decided;  // the last one's time, and whether they are swapped
  const OpposedCommands wavering = Watched([&decided](wire::Command* command) {
    if (command->kind() != wire::CommandKind::Avoidance) return;
    auto& [time_ns, swapped] = decided[command->episode_id()];
    if (std::exchange(time_ns, command->cause_log_time_ns()) != command->cause_log_time_ns()) swapped = !swapped;
    if (swapped) command->mutate_decel_cmps2(command->decel_cmps2() > 100 ? 100 : 500);
  });
  EXPECT_GT(wavering.count(Opposition::kReversedAgain), 0u);
}

TEST(OpposedOfARun, FailIt) {
  ScenarioOutcome outcome;
  Judge(&outcome);
  const std::vector<std::string> before = outcome.failures;
  outcome.failures.clear();
  outcome.opposed[static_cast<std::size_t>(Opposition::kNobodyYields)] = 3;
  outcome.first_opposed = "here";
  Judge(&outcome);
  ASSERT_EQ(outcome.failures.size(), before.size() + 1);
  EXPECT_THAT(outcome.failures, testing::Contains(testing::HasSubstr("3 times live commands worked against each other "
                                                                     "(nobody_yields); the first: here")));
}

}  // namespace
}  // namespace starling::sim
