#include "sim/fleet/schedule.h"

#include <array>

#include <gtest/gtest.h>

namespace starling::sim {
namespace {

TEST(Schedule, TenThousandVehiclesAreTenMicrosecondsApart) {
  const Schedule schedule(10'000);
  EXPECT_EQ(schedule.At(0).instant, nanoseconds(0));
  EXPECT_EQ(schedule.At(1).instant, nanoseconds(10'000));
  EXPECT_EQ(schedule.At(9'999).instant, nanoseconds(99'990'000));
  EXPECT_EQ(schedule.At(10'000).instant, nanoseconds(100'000'000));
  EXPECT_EQ(schedule.At(10'000).vehicle, 0u);
  EXPECT_EQ(schedule.At(10'000).round, 1u);
}

TEST(Schedule, ATurnIsDueFromItsInstantOnAndNotBefore) {
  for (const std::uint32_t vehicles : {1u, 3u, 7u, 200u, 9'999u, 12'000u}) {
    const Schedule schedule(vehicles);
    for (std::uint64_t turn = 0; turn < 3 * std::uint64_t{vehicles}; ++turn) {
      const nanoseconds instant = schedule.At(turn).instant;
      ASSERT_GE(schedule.DueBy(instant), turn + 1) << vehicles << " vehicles, turn " << turn;
      ASSERT_LE(schedule.DueBy(instant - nanoseconds(1)), turn) << vehicles << " vehicles";
    }
  }
}

TEST(Schedule, NothingIsDueBeforeTheStart) {
  EXPECT_EQ(Schedule(5).DueBy(nanoseconds(-1)), 0u);
}

TEST(Schedule, InstantOfIsTheTurnsInstant) {
  const Schedule schedule(37);
  for (std::uint64_t turn = 0; turn < 100; ++turn) {
    const Schedule::Turn at = schedule.At(turn);
    EXPECT_EQ(schedule.InstantOf(at.vehicle, at.round), at.instant);
  }
}

TEST(Schedule, VehiclesJoinEvenlyOverTheFirstSeconds) {
  const Schedule schedule(10'000);
  std::array<int, Schedule::kJoinRounds> joined{};
  for (std::uint32_t vehicle = 0; vehicle < 10'000; ++vehicle) ++joined.at(schedule.FirstRound(vehicle));
  constexpr int kShare = 10'000 / static_cast<int>(Schedule::kJoinRounds);
  for (const int count : joined) {
    EXPECT_GE(count, kShare);
    EXPECT_LE(count, kShare + 1);
  }
  EXPECT_EQ(schedule.SampleInstant(3, 1), schedule.InstantOf(3, schedule.FirstRound(3)));
  EXPECT_EQ(schedule.SampleInstant(3, 5), schedule.SampleInstant(3, 1) + milliseconds(400));
}

}  // namespace
}  // namespace starling::sim
