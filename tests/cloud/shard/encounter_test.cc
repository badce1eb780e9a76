// Two vehicles, their boxes and the measures of how near they come.
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "cloud/shard/encounter.h"
#include "tests/cloud/shard/traffic_log.h"

namespace starling::cloud {
namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();

VehicleState StateOf(const Car& car) {
  VehicleState state;
  state.position = car.motion.position;
  state.heading_rad = car.motion.heading_rad;
  state.curvature_per_m = car.motion.curvature_per_m;
  state.sample_time_ns = kStartNs;
  state.speed_cmps = static_cast<std::int16_t>(std::lround(car.motion.speed_mps * 100));
  state.accel_cmps2 = static_cast<std::int16_t>(std::lround(car.motion.accel_mps2 * 100));
  state.length_cm = car.length_cm;
  state.width_cm = car.width_cm;
  state.accuracy_dm = 1;
  state.path_size = 0;
  for (const PathArc& arc : car.path.arcs()) {
    state.path[state.path_size++] = {static_cast<std::uint16_t>(std::lround(arc.length_m * 100)),
                                     static_cast<std::int16_t>(std::lround(arc.curvature_per_m * 1e5))};
  }
  Track track;
  SweepBox box;
  BuildTrack(&state, &track, &box);
  return state;
}

std::optional<Encounter> MeetOf(const Car& a, const Car& b) {
  return Meet(Mover(StateOf(a), kStartNs, std::nullopt), Mover(StateOf(b), kStartNs, std::nullopt),
              {0, 5}, 0);
}

// The definitions: docs of SUMO's SSM device.  Answers by hand.
TEST(Measures, FollowingHasTheKnownAnswers) {
  EXPECT_DOUBLE_EQ(TtcFollowing(20, 15, 10), 4);          // 20 / 5
  EXPECT_DOUBLE_EQ(DracFollowing(20, 15, 10), 0.625);     // 25 / 40
  EXPECT_EQ(TtcFollowing(20, 10, 10), kInfinite);
  EXPECT_EQ(DracFollowing(20, 9, 10), 0);
  EXPECT_EQ(DracFollowing(0, 15, 10), kDecelMax);
}

TEST(Measures, CrossingHasTheKnownAnswers) {
  EXPECT_DOUBLE_EQ(TtcCrossing(30, 15, 3), 2);            // enters at 2 s, the other leaves at 3 s
  EXPECT_EQ(TtcCrossing(30, 15, 1.9), kInfinite);
  EXPECT_DOUBLE_EQ(DracCrossing(30, 15, 3), 10.0 / 3);    // 2 (15 - 30/3) / 3
  EXPECT_EQ(DracCrossing(30, 15, 1.9), 0);
  // Slowing for 10 s would mean going backwards: a stand at the entry, 15² / 60.
  EXPECT_DOUBLE_EQ(DracCrossing(30, 15, 10), 3.75);
  EXPECT_DOUBLE_EQ(DracCrossing(30, 15, kInfinite), 3.75);
  EXPECT_DOUBLE_EQ(Pet(2, 3.5), 1.5);
}

TEST(Meeting, RearEndIsAtGapOverClosingSpeed) {
  // Bumper to bumper 35.4 m at 15 m/s on a standing car.
  const auto met = MeetOf(MakeCar("a", 0, 0, 0, 15), MakeCar("b", 0, 40, 0, 0));
  ASSERT_TRUE(met);
  EXPECT_EQ(met->type, log::Encounter::Following);
  EXPECT_FALSE(met->b_yields);
  EXPECT_NEAR(met->contact_s, 35.4 / 15, 0.011);
  EXPECT_NEAR(met->ttc_s, 35.4 / 15, 0.02);
  EXPECT_NEAR(met->drac_mps2, 0.5 * 225 / 35.4, 0.03);
  EXPECT_GT(met->probability, 0.9);
}

TEST(Meeting, CrossingAtRightAnglesYieldsTheLaterOne) {
  // a is at the crossing after 2 s, b after 2.2 s.
  const auto met = MeetOf(MakeCar("a", -20, 0, 90, 10), MakeCar("b", 0, -22, 0, 10));
  ASSERT_TRUE(met);
  EXPECT_EQ(met->type, log::Encounter::Crossing);
  EXPECT_TRUE(met->b_yields);
  // b's front enters a's strip (half its width) after 22 - 2.3 - 0.9 m; a's back has
  // left b's strip after 20 + 2.3 + 0.9 m.
  EXPECT_NEAR(met->ttc_s, 18.8 / 10, 0.01);
  EXPECT_NEAR(met->first_exit_s, 23.2 / 10, 0.01);
  EXPECT_NEAR(met->drac_mps2, 2 * (10 - 18.8 / 2.32) / 2.32, 0.02);
  EXPECT_EQ(met->pet_s, 0);
}

TEST(Meeting, HeadOnIsOncoming) {
  const auto met = MeetOf(MakeCar("a", 0, 0, 0, 10), MakeCar("b", 0.5, 60, 180, 12));
  ASSERT_TRUE(met);
  EXPECT_EQ(met->type, log::Encounter::Oncoming);
  EXPECT_NEAR(met->contact_s, 55.4 / 22, 0.011);
  EXPECT_FALSE(met->b_yields);  // The slower one.
}

TEST(Meeting, OppositeLaneAndNextLaneNeverMeet) {
  EXPECT_FALSE(MeetOf(MakeCar("a", 0, 0, 0, 15), MakeCar("b", 3.2, 60, 180, 15)));
  EXPECT_FALSE(MeetOf(MakeCar("a", 0, 0, 0, 15), MakeCar("b", 3.2, 10, 0, 5)));
}

TEST(Meeting, IsImprobableWhereFixesAreOffByMoreThanBoxesAreWide) {
  const auto met = [](const Car& other, std::uint8_t accuracy_dm) {
    VehicleState a = StateOf(MakeCar("a", 0, 0, 0, 15));
    VehicleState b = StateOf(other);
    a.accuracy_dm = b.accuracy_dm = accuracy_dm;
    return Meet(Mover(a, kStartNs, std::nullopt), Mover(b, kStartNs, std::nullopt), {0, 5}, 0).value();
  };
  const Car ahead = MakeCar("b", 0, 40, 0, 0);
  EXPECT_GT(met(ahead, 1).probability, 0.9);
  EXPECT_GT(met(ahead, 10).probability, 0.6);
  EXPECT_LT(met(ahead, 30).probability, 0.4);
  EXPECT_LT(met(ahead, 100).probability, 0.2);
  EXPECT_LT(met(MakeCar("b", 1.2, 40, 0, 0), 10).probability, met(ahead, 10).probability);
  // Of those who drive at each other more has to be known.
  EXPECT_LT(met(MakeCar("b", 0, 90, 180, 15), 10).probability, 0.6);
  EXPECT_GT(met(MakeCar("b", 0, 90, 180, 15), 1).probability, 0.9);
  // And only what is needed over the gap and one sigma of it is demanded.
  EXPECT_NEAR(met(ahead, 20).required_mps2, 0.5 * 225 / (35.4 + 2), 0.05);
}

TEST(Meeting, APlannedTurnIsFollowedNotTheTangent) {
  Car turning = MakeCar("a", 0, 0, 0, 10);
  const Car standing = MakeCar("b", 0, 40, 0, 0);
  ASSERT_TRUE(MeetOf(turning, standing));
  turning.path.Append({15, 0});
  turning.path.Append({12, 0.13});
  turning.path.Append({40, 0});
  EXPECT_FALSE(MeetOf(turning, standing));
}

TEST(Meeting, SwappedArgumentsGiveTheSameEncounter) {
  const Car cars[] = {MakeCar("a", -20, 0, 90, 10), MakeCar("b", 0, -22, 0, 10),
                      MakeCar("c", 0, 30, 180, 7, -1), MakeCar("d", 0, 9, 0, 2),
                      MakeCar("e", 12, 14, 225, 8)};
  int meetings = 0;
  for (const Car& one : cars) {
    for (const Car& other : cars) {
      if (one.name >= other.name) continue;
      const auto forward = MeetOf(one, other);
      const auto backward = MeetOf(other, one);
      ASSERT_EQ(forward.has_value(), backward.has_value()) << one.name << other.name;
      if (!forward) continue;
      ++meetings;
      EXPECT_EQ(forward->contact_s, backward->contact_s);
      EXPECT_EQ(forward->drac_mps2, backward->drac_mps2);
      EXPECT_EQ(forward->ttc_s, backward->ttc_s);
      EXPECT_EQ(forward->probability, backward->probability);
      EXPECT_EQ(forward->point, backward->point);
      EXPECT_TRUE(forward->tie || forward->b_yields != backward->b_yields);
    }
  }
  EXPECT_GE(meetings, 4);
}

TEST(Meeting, ABrakingProfileStopsShort) {
  const VehicleState a = StateOf(MakeCar("a", 0, 0, 0, 15));
  const VehicleState b = StateOf(MakeCar("b", 0, 40, 0, 0));
  const Mover standing(b, kStartNs, std::nullopt);
  // 15² / 2d <= 35.4 m needs 3.2 m/s².
  EXPECT_TRUE(Meet(Mover(a, kStartNs, SpeedProfile{0, 3.0}), standing, {0, 5}, 0));
  EXPECT_FALSE(Meet(Mover(a, kStartNs, SpeedProfile{0, 3.3}), standing, {0, 5}, 0));
}

}  // namespace
}  // namespace starling::cloud
