#include "cloud/gateway/plan_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

namespace starling::cloud {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

class PlanFolder : public testing::Test {
 protected:
  PlanFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "starling_plans_XXXXXX").string();
    root_ = ::mkdtemp(pattern.data());
  }
  ~PlanFolder() override { std::filesystem::remove_all(root_); }

  static CompiledPlan PlanOf(std::uint64_t version, const std::string& name = "p") {
    Plan plan;
    plan.name = name;
    plan.version = version;
    return CompilePlan(plan).value();
  }
  static VehicleId Vehicle(std::string_view name) { return VehicleId::Parse(name).value(); }
  std::uint64_t VersionFor(std::string_view vehicle) {
    std::vector<std::string> warnings;
    const auto plan = ReadPlanFolder(folder(), &warnings).For(Vehicle(vehicle));
    EXPECT_THAT(warnings, IsEmpty());
    return plan == nullptr ? 0 : plan->plan.version;
  }
  std::filesystem::path folder() const { return root_ / "plans"; }

  std::filesystem::path root_;
};

TEST_F(PlanFolder, ThatIsNotThereWantsNothing) { EXPECT_EQ(VersionFor("a"), 0u); }

TEST_F(PlanFolder, TheNewestPlanForAVehicleIsItsOwnOrThatOfAll) {
  ASSERT_TRUE(PushPlan(folder(), PlanOf(3), std::nullopt).ok());
  ASSERT_TRUE(PushPlan(folder(), PlanOf(4), Vehicle("a")).ok());
  EXPECT_EQ(VersionFor("a"), 4u);
  EXPECT_EQ(VersionFor("b"), 3u);
  ASSERT_TRUE(PushPlan(folder(), PlanOf(5), std::nullopt).ok());
  EXPECT_EQ(VersionFor("a"), 5u);
}

TEST_F(PlanFolder, NothingIsRolledBack) {
  ASSERT_TRUE(PushPlan(folder(), PlanOf(3), std::nullopt).ok());
  ASSERT_TRUE(PushPlan(folder(), PlanOf(5), Vehicle("a")).ok());
  for (const auto& [version, vehicle] : {std::pair(3, "b"), std::pair(2, "a"), std::pair(5, "a")}) {
    const Status status = PushPlan(folder(), PlanOf(static_cast<std::uint64_t>(version), "q"), Vehicle(vehicle));
    ASSERT_FALSE(status.ok()) << version;
    EXPECT_THAT(std::string(status.message()), HasSubstr("never rolled back"));
  }
  // To all, but one of them has a newer one.
  const Status status = PushPlan(folder(), PlanOf(4), std::nullopt);
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr("which is there for a"));
  EXPECT_EQ(VersionFor("a"), 5u);
  EXPECT_EQ(VersionFor("b"), 3u);
}

TEST_F(PlanFolder, EveryPlanThatWasPushedIsKnownByItsHash) {
  const CompiledPlan old = PlanOf(1);
  ASSERT_TRUE(PushPlan(folder(), old, std::nullopt).ok());
  ASSERT_TRUE(PushPlan(folder(), PlanOf(2), std::nullopt).ok());
  const Result<CompiledPlan> known = FindKnownPlan(folder(), old.hash);
  ASSERT_TRUE(known.ok());
  EXPECT_EQ(known.value().plan, old.plan);
  EXPECT_FALSE(FindKnownPlan(folder(), PlanHash{7}).ok());
}

TEST_F(PlanFolder, AFileThatIsNoPlanIsNamedAndNoPushGoesPastIt) {
  ASSERT_TRUE(PushPlan(folder(), PlanOf(1), std::nullopt).ok());
  std::ofstream(folder() / "vehicles" / "a.plan") << "nonsense";
  std::vector<std::string> warnings;
  const WantedPlans wanted = ReadPlanFolder(folder(), &warnings);
  EXPECT_NE(wanted.all, nullptr);
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_THAT(warnings[0], HasSubstr("a.plan: not a plan"));
  EXPECT_FALSE(PushPlan(folder(), PlanOf(2), std::nullopt).ok());
}

}  // namespace
}  // namespace starling::cloud
