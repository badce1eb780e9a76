// Programs with a known fault, each in a whole round: the oracle has to say which one.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "sim/chaos/round.h"

namespace starling::sim {
namespace {

constexpr std::size_t kVehicles = 300;

struct Bug {
  std::string name;
  bool in_vehicles = false;
  FindingKind caught{};               // has to be found
  std::vector<FindingKind> with;      // follows from it, and may be found
  // Of one that needs something written after the newest stored state: just after that was stored there is
  // nothing, but not twice, since a successor does not store its own for two seconds.
  bool killed_twice = false;
};

std::string NameOf(const ::testing::TestParamInfo<Bug>& info) {
  std::string name = info.param.name;
  std::erase(name, '-');
  return name;
}

class SeededBug : public ::testing::TestWithParam<Bug> {
 protected:
  void SetUp() override {
    std::string folder = (std::filesystem::temp_directory_path() / "starling-chaos-XXXXXX").string();
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
    config_.folder = folder;
    config_.programs = STARLING_BIN;
    config_.vehicles = kVehicles;
    // Long enough for commands to brake: of the others a vehicle's fault may show nothing.
    config_.drive_s = GetParam().in_vehicles ? 12 : 4;
  }
  void TearDown() override {
    if (HasFailure()) {
      std::printf("kept in %s\n", config_.folder.c_str());
    } else {
      std::filesystem::remove_all(config_.folder);
    }
  }

  // The orchestrator is killed in the middle.
  Judgement RunRound() {
    Result<std::unique_ptr<Arena>> arena = Arena::Create(config_);
    EXPECT_TRUE(arena.ok());
    if (!arena.ok()) return {};
    RoundPlan plan;
    plan.seed = 11;
    plan.faults = {{FaultKind::kKill, milliseconds(1'500)}};
    if (GetParam().killed_twice) plan.faults.push_back({FaultKind::kKill, milliseconds(2'700)});
    Result<RoundOutcome> outcome = arena.value()->Run(plan);
    EXPECT_TRUE(outcome.ok());
    if (!outcome.ok()) return {};
    // Without commands most of the bugs do nothing.
    EXPECT_GT(outcome.value().judgement.commands_handed_over, 0u);
    return outcome.value().judgement;
  }

  ChaosConfig config_;
};

TEST_P(SeededBug, IsCaughtByName) {
  const Bug& bug = GetParam();
  if (bug.in_vehicles) {
    config_.sim_program = STARLING_BIN "/faulty-sim";
    config_.sim_arguments = {"--fault", bug.name};
  } else {
    config_.cloud_program = STARLING_BIN "/faulty-cloud";
    config_.cloud_arguments = {"--fault", bug.name};
  }
  std::uint64_t caught = 0;
  for (const Finding& finding : RunRound().findings) {
    caught += finding.kind == bug.caught ? 1 : 0;
    const bool follows = finding.kind == bug.caught ||
                         std::find(bug.with.begin(), bug.with.end(), finding.kind) != bug.with.end();
    EXPECT_TRUE(follows) << FindingName(finding.kind) << ": " << finding.text;
  }
  EXPECT_GT(caught, 0u) << "nothing was found of: " << FindingName(bug.caught);
}

INSTANTIATE_TEST_SUITE_P(
    Known, SeededBug,
    ::testing::Values(
        Bug{"early-ack", false, FindingKind::kSampleLost, {}},
        Bug{"lost-append", false, FindingKind::kSampleLost, {}},
        Bug{"altered-append", false, FindingKind::kSampleAltered, {FindingKind::kUnreadable, FindingKind::kSampleLost}},
        Bug{"second-command", false, FindingKind::kCommandUnheardOf, {FindingKind::kStatusUntrue}},
        Bug{"forgotten-output", false, FindingKind::kOutputMissing,
            {FindingKind::kChainBroken, FindingKind::kCommandOpen, FindingKind::kCommandUnheardOf}},
        Bug{"repeated-output", false, FindingKind::kOutputRepeated,
            {FindingKind::kChainBroken, FindingKind::kStatusTwice}, true},
        Bug{"altered-audit", false, FindingKind::kChainBroken, {FindingKind::kOutputDifferent}},
        Bug{"forgetful-store", false, FindingKind::kStateDiffers,
            {FindingKind::kOutputDifferent, FindingKind::kOutputMissing, FindingKind::kOutputRepeated,
             FindingKind::kChainBroken, FindingKind::kCommandOpen, FindingKind::kStatusTwice,
             FindingKind::kCommandUnheardOf, FindingKind::kStatusUntrue, FindingKind::kNotDrained}},
        Bug{"late", true, FindingKind::kCommandLate, {FindingKind::kStatusUntrue}},
        Bug{"twice", true, FindingKind::kCommandTwice, {}}),
    NameOf);

}  // namespace
}  // namespace starling::sim
