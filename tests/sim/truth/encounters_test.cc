#include "sim/truth/encounters.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <vector>

#include "common/geo/trigonometry.h"

namespace starling::sim {
namespace {

constexpr double kNorth = 0;
constexpr double kEast = kPi / 2;
constexpr double kSouth = kPi;
constexpr double kWest = -kPi / 2;

// Cars are 5 m by 1.8 m; a step is 100 ms; time 0 is step 0.
class EncountersTest : public testing::Test {
 protected:
  using Motion = std::function<std::optional<VehicleState>(double t_s)>;

  // Straight on from `front`, with one braking from `brake_s` until it stands.
  static Motion Straight(Vec2 front, double heading_rad, double speed_mps, double brake_s = 1e9, double decel_mps2 = 0) {
    return [=](double t_s) -> std::optional<VehicleState> {
      const double braking_s = std::max(std::min(t_s - brake_s, decel_mps2 > 0 ? speed_mps / decel_mps2 : 0), 0.0);
      const double steady_s = std::min(t_s, brake_s);
      const double along_m = speed_mps * (steady_s + braking_s) - decel_mps2 / 2 * braking_s * braking_s;
      VehicleState state;
      state.front = front + along_m * HeadingVector(heading_rad);
      state.heading_rad = heading_rad;
      state.speed_mps = speed_mps - decel_mps2 * braking_s;
      state.accel_mps2 = t_s >= brake_s && state.speed_mps > 0 ? -decel_mps2 : 0;
      return state;
    };
  }
  static Motion Between(double from_s, double to_s, Motion motion) {
    return [=](double t_s) { return t_s < from_s || t_s > to_s ? std::nullopt : motion(t_s); };
  }

  void Drive(const std::vector<Motion>& vehicles, double seconds) {
    Encounters encounters(config_);
    const auto take = [&] {
      for (const Encounter& each : encounters.TakeEncounters()) encounters_.push_back(each);
      for (const Collision& each : encounters.TakeCollisions()) collisions_.push_back(each);
    };
    for (int step = 0; step <= std::lround(seconds * 10); ++step) {
      std::vector<VehicleState> states;
      for (std::uint32_t i = 0; i < vehicles.size(); ++i) {
        std::optional<VehicleState> state = vehicles[i](step * 0.1);
        if (!state) continue;
        state->vehicle = i;
        states.push_back(*state);
      }
      encounters.Add(SimTime(milliseconds(100 * step)), states);
      take();
    }
    encounters.Finish();
    take();
    counters_ = encounters.counters();
  }

  EncounterConfig config_;
  std::vector<Encounter> encounters_;
  std::vector<Collision> collisions_;
  EncounterCounters counters_;
};

// The rear one at 20 m/s, 30 m between its front and the other one's back, who drives 10 m/s; it brakes with 5 m/s²
// from t = 1 s.  Then the gap is 20 m: TTC 20 / 10 = 2 s, DRAC 10² / (2 * 20) = 2.5 m/s².  0.1 s later the gap is
// 20 - 1 + 0.025 = 19.025 m at 9.5 m/s: 2.0026 s and 2.3719 m/s²; after that both get better.
TEST_F(EncountersTest, FollowingHasGapOverClosingSpeed) {
  Drive({Straight({0, 0}, kEast, 20, 1, 5), Straight({35, 0}, kEast, 10)}, 12);
  ASSERT_EQ(encounters_.size(), 1u);
  const Encounter& encounter = encounters_[0];
  EXPECT_EQ(encounter.ego, 0u);
  EXPECT_EQ(encounter.foe, 1u);
  EXPECT_EQ(encounter.type, EncounterType::kFollowingFollower);
  EXPECT_EQ(encounter.begin, SimTime{});
  ASSERT_TRUE(encounter.min_ttc && encounter.max_drac);
  EXPECT_NEAR(encounter.min_ttc->value, 2, 1e-5);
  EXPECT_EQ(encounter.min_ttc->time, SimTime(seconds(1)));
  EXPECT_NEAR(encounter.min_ttc->position.x, 40, 1e-5);  // The leader's back at t = 1 s.
  EXPECT_NEAR(encounter.max_drac->value, 2.5, 1e-5);
  EXPECT_EQ(encounter.max_drac->time, SimTime(seconds(1)));
  EXPECT_FALSE(encounter.pet);
  EXPECT_TRUE(collisions_.empty());
}

// Through a standing car's back at 10 m/s: the gap of 30 m is gone at t = 3 s.
TEST_F(EncountersTest, RearEndCollisionIsTimedToTheMillisecond) {
  Drive({Straight({0.25, 0}, kNorth, 10), Straight({0.25, 35.25}, kNorth, 0)}, 8);
  ASSERT_EQ(collisions_.size(), 1u);
  EXPECT_NEAR(SecondsOf(collisions_[0].time), 3.025, 1e-3);
  EXPECT_NEAR(collisions_[0].relative_speed_mps, 10, 1e-6);
  EXPECT_NEAR(collisions_[0].angle_rad, 0, 1e-6);
  ASSERT_EQ(encounters_.size(), 1u);
  EXPECT_EQ(encounters_[0].type, EncounterType::kCollision);
  ASSERT_TRUE(encounters_[0].min_ttc && encounters_[0].max_drac);
  EXPECT_EQ(encounters_[0].min_ttc->value, 0);
  EXPECT_NEAR(SecondsOf(encounters_[0].min_ttc->time), 3.025, 1e-3);
  // The last whole step before has a gap of 0.25 m: 10² / (2 * 0.25).
  EXPECT_NEAR(encounters_[0].max_drac->value, 200, 1e-3);
}

// 100 m between the fronts, 10 m/s and 15 m/s: they meet after 4 s.  When they come within 50 m, at t = 2 s, the TTC
// is 50 / 25 = 2 s.  Who disappears before that has shown no path that the other one takes.
TEST_F(EncountersTest, HeadOnClosesWithBothSpeeds) {
  Drive({Between(0, 3.5, Straight({0, 0}, kEast, 10)), Between(0, 3.5, Straight({100, 0}, kWest, 15))}, 6);
  EXPECT_TRUE(encounters_.empty()) << "nobody is known to drive where the other one does";

  Drive({Straight({0, 0}, kEast, 10), Straight({100, 0}, kWest, 15)}, 8);
  ASSERT_EQ(collisions_.size(), 1u);
  EXPECT_NEAR(SecondsOf(collisions_[0].time), 4, 1e-3);
  EXPECT_NEAR(collisions_[0].relative_speed_mps, 25, 1e-6);
  EXPECT_NEAR(collisions_[0].angle_rad, kPi, 1e-6);
  ASSERT_EQ(encounters_.size(), 1u);
  EXPECT_EQ(encounters_[0].begin, SimTime(seconds(2)));
  EXPECT_EQ(encounters_[0].type, EncounterType::kCollision);
}

// Own widths of 1.8 m: the area is 0.9 m to each side of the crossing at (0, 0).  The one from the west, 10 m/s, has
// its front at the area at x = -0.9 and its back out of it at x = 5.9; from -40.9 it enters at 4 s and leaves at
// 4.68 s.  The one from the south, 10 m/s from -47.9, enters at 4.7 s: PET 0.02 s, on no collision course.
TEST_F(EncountersTest, CrossingBehindTheFirstOneHasThePetAndNoTtc) {
  Drive({Straight({-40.9, 0}, kEast, 10), Straight({0, -47.9}, kNorth, 10)}, 12);
  ASSERT_EQ(encounters_.size(), 1u);
  const Encounter& encounter = encounters_[0];
  EXPECT_EQ(encounter.type, EncounterType::kBothLeft);
  EXPECT_FALSE(encounter.min_ttc);
  EXPECT_FALSE(encounter.max_drac);
  ASSERT_TRUE(encounter.pet);
  EXPECT_NEAR(encounter.pet->value, 0.02, 1e-3);
  EXPECT_NEAR(SecondsOf(encounter.pet->time), 4.7, 1e-3);
  EXPECT_NEAR(encounter.pet->position.x, 0, 1e-3);
  EXPECT_NEAR(encounter.pet->position.y, -0.9, 1e-3);
  EXPECT_TRUE(collisions_.empty());
}

// The same, but the second one comes from -44.9 and would enter at 4.4 s, 0.28 s too early; it brakes with 2 m/s² from
// t = 2 s.  At 1.9 s it has 25 m to go: TTC 25 / 10 = 2.5 s.  At 2 s, braking, it needs 5 - sqrt(25 - 24) = 4 s for the
// 24 m, and the first one is through in 2.68 s: no TTC any more.  DRAC takes the speed as it is: 2 (10 - 24 / 2.68) /
// 2.68 = 0.7797 m/s² at 2 s, less before; 0.1 s later 2 (9.8 - 23.01 / 2.58) / 2.58 = 0.6833.
TEST_F(EncountersTest, CrossingIsSecondsToTheAreaAndLeastBraking) {
  Drive({Straight({-40.9, 0}, kEast, 10), Straight({0, -44.9}, kNorth, 10, 2, 2)}, 20);
  ASSERT_GE(encounters_.size(), 1u);
  const Encounter& encounter = encounters_[0];
  EXPECT_EQ(encounter.type, EncounterType::kCrossingLeader);  // As the first one sees it.
  ASSERT_TRUE(encounter.min_ttc && encounter.max_drac);
  EXPECT_NEAR(encounter.min_ttc->value, 2.5, 1e-4);
  EXPECT_EQ(encounter.min_ttc->time, SimTime(milliseconds(1900)));
  EXPECT_NEAR(encounter.min_ttc->position.y, -0.9, 1e-3);
  EXPECT_NEAR(encounter.max_drac->value, 2 * (10 - 24 / 2.68) / 2.68, 1e-3);
  EXPECT_EQ(encounter.max_drac->time, SimTime(seconds(2)));
}

TEST_F(EncountersTest, PetIsTheSecondOnesEntryLessTheFirstOnesExit) {
  // From 45.9 m before it, at 6 m/s: in the area at 45 / 6 = 7.5 s; the first one is out of it at 4.68 s.
  Drive({Straight({-40.9, 0}, kEast, 10), Straight({0, -45.9}, kNorth, 6)}, 20);
  ASSERT_EQ(encounters_.size(), 1u);
  ASSERT_TRUE(encounters_[0].pet);
  EXPECT_NEAR(encounters_[0].pet->value, 7.5 - 4.68, 1e-3);
  EXPECT_NEAR(SecondsOf(encounters_[0].pet->time), 7.5, 1e-3);
}

// A lane's width of ground: 1.6 m to each side.  The first one leaves at (40.9 + 1.6 + 5) / 10 = 4.75 s.
TEST_F(EncountersTest, GroundWidthIsSumosArea) {
  config_.ground_width_m = 3.2;
  Drive({Straight({-40.9, 0}, kEast, 10), Straight({0, -46.6}, kNorth, 6)}, 20);
  ASSERT_EQ(encounters_.size(), 1u);
  ASSERT_TRUE(encounters_[0].pet);
  EXPECT_NEAR(encounters_[0].pet->value, 7.5 - 4.75, 1e-3);
}

// The western front reaches the line of the other one's flank, x = -0.9, at 4 s; that one's front has been at
// y = -0.9, the line of the western flank, since 3.9 s.
TEST_F(EncountersTest, CrossingCollisionHasSpeedAndAngle) {
  Drive({Straight({-40.9, 0}, kEast, 10), Straight({0, -39.9}, kNorth, 10)}, 8);
  ASSERT_EQ(collisions_.size(), 1u);
  EXPECT_NEAR(SecondsOf(collisions_[0].time), 4, 1e-3);
  EXPECT_NEAR(collisions_[0].relative_speed_mps, std::sqrt(200.0), 1e-6);
  EXPECT_NEAR(collisions_[0].angle_rad, kPi / 2, 1e-6);
  ASSERT_EQ(encounters_.size(), 1u);
  EXPECT_EQ(encounters_[0].type, EncounterType::kCollision);
}

// From the lane left of the other one to the one right of it, in one step.
TEST_F(EncountersTest, WhoJumpsOverAnotherOneDoesNotTouchIt) {
  const Motion jumping = [](double t_s) { return Straight({0, t_s < 1 ? 3.2 : -3.2}, kEast, 10)(t_s); };
  Drive({Straight({0, 0}, kEast, 10), jumping}, 3);
  EXPECT_TRUE(collisions_.empty());
}

// Two that touch, part for less than a second and touch again have one contact.
TEST_F(EncountersTest, OneContactIsOneCollision) {
  const Motion shaking = [](double t_s) -> std::optional<VehicleState> {
    VehicleState state;
    state.front = {0, 20 + 0.5 * std::sin(2 * kPi * t_s)};  // The gap is -0.5 to 0.5 m, once a second.
    return state;
  };
  Drive({Straight({0, 15}, kNorth, 0), shaking}, 10);
  EXPECT_EQ(collisions_.size(), 1u);
}

// One comes along y = 0 from the west; the other one at 45 degrees from the south-west until it is on that line.  The
// first one's path is 1 m from the other one's at x = -sqrt(2), whose nearest point there is 1 m before the corner at
// (0, 0).  At t = 0 that is 40 - 1.4142 = 38.5858 m and 42.8284 - 1 = 41.8284 m on; both drive 10 m/s.  The first one's
// back is through at 4.3586 s, the second one there at 4.1828 s, its TTC; DRAC 10² / (2 * 41.8284) = 1.1954 m/s².  The
// second one brakes at once, from 10 to 6 m/s in 1 s, so both get better (40.8484 / 9.6 = 4.255 s after 0.1 s), and
// ends behind the first one.
TEST_F(EncountersTest, MergingIsSecondsToTheCommonPath) {
  const Motion second = [&](double t_s) -> std::optional<VehicleState> {
    VehicleState state;
    const double braking_s = std::min(t_s, 1.0);
    const double along_m = 10 * braking_s - 2 * braking_s * braking_s + 6 * (t_s - braking_s) - 42.8284;
    state.heading_rad = along_m < 0 ? kPi / 4 : kEast;
    state.front = along_m * HeadingVector(state.heading_rad);
    state.speed_mps = 10 - 4 * braking_s;
    return state;
  };
  Drive({Straight({-40, 0}, kEast, 10), second}, 15);
  ASSERT_EQ(encounters_.size(), 1u);
  const Encounter& encounter = encounters_[0];
  ASSERT_TRUE(encounter.min_ttc && encounter.max_drac);
  EXPECT_EQ(encounter.min_ttc->type, EncounterType::kMergingLeader);
  EXPECT_EQ(encounter.min_ttc->time, SimTime{});
  // A path cuts its corners between points a metre apart.
  EXPECT_NEAR(encounter.min_ttc->value, 4.1828, 0.01);
  EXPECT_NEAR(encounter.max_drac->value, 1.1954, 0.005);
  EXPECT_FALSE(encounter.pet);
}

TEST_F(EncountersTest, NeighbouringLanesDoNotMeet) {
  Drive({Straight({0, 0}, kEast, 20), Straight({20, 3.2}, kEast, 10), Straight({90, -3.2}, kWest, 10)}, 10);
  EXPECT_TRUE(encounters_.empty());
  EXPECT_TRUE(collisions_.empty());
}

TEST_F(EncountersTest, WhoIsOutOfRangeIsNotMet) {
  Drive({Straight({0, 0}, kEast, 10), Straight({60, 0}, kEast, 10)}, 10);
  EXPECT_TRUE(encounters_.empty());
}

TEST_F(EncountersTest, WhoStopsAtALineIsOnNoCourseWithWhoStandsAcross) {
  // Stops 1 m before the area; the other one stands 2 m before it all the time.
  Drive({Straight({-40, 0}, kEast, 10, 2, 50.0 / 19.1), Straight({0, -2.9}, kNorth, 0)}, 20);
  for (const Encounter& encounter : encounters_) EXPECT_FALSE(encounter.min_ttc);
}

TEST_F(EncountersTest, WhoDisappearsEndsItsEncounters) {
  Drive({Straight({0, 0}, kEast, 10), Between(0, 3, Straight({25, 0}, kEast, 8))}, 12);
  ASSERT_EQ(encounters_.size(), 1u);
  EXPECT_EQ(encounters_[0].end, SimTime(seconds(3)));
  ASSERT_TRUE(encounters_[0].min_ttc);
  EXPECT_NEAR(encounters_[0].min_ttc->value, (20 - 2 * 3) / 2.0, 1e-4);
}

TEST_F(EncountersTest, WhoAppearsAgainIsAnotherOne) {
  const Motion blinking = [](double t_s) {
    return t_s > 3 && t_s < 4 ? std::nullopt : Straight({25, 0}, kEast, 8)(t_s);
  };
  Drive({Straight({0, 0}, kEast, 10), blinking}, 9);
  EXPECT_EQ(encounters_.size(), 2u);
}

TEST_F(EncountersTest, WhoJumpsIsAnotherOne) {
  const Motion jumping = [](double t_s) { return Straight({t_s < 3 ? 25.0 : 45.0, 0}, kEast, 8)(t_s); };
  Drive({Straight({0, 0}, kEast, 10), jumping}, 6);
  EXPECT_EQ(encounters_.size(), 2u);
}

TEST_F(EncountersTest, EndsAfterTheExtraTime) {
  // The second one turns off north at x = 40, at t = 2 s; they had one path until its back was round the corner.
  const Motion turning = [](double t_s) -> std::optional<VehicleState> {
    return t_s < 2 ? Straight({20, 0}, kEast, 10)(t_s) : Straight({40, -20}, kNorth, 10)(t_s);
  };
  Drive({Straight({0, 0}, kEast, 10), turning}, 30);
  ASSERT_EQ(encounters_.size(), 1u);
  EXPECT_NEAR(SecondsOf(encounters_[0].end), 2.5 + config_.extra_time_s, 0.5);
}

// The last places in a stream are known for less than the delay.
TEST_F(EncountersTest, FinishWorksOffTheRest) {
  Drive({Straight({0, 0}, kEast, 20), Straight({35, 0}, kEast, 10)}, 1);
  ASSERT_EQ(encounters_.size(), 1u);
  EXPECT_NEAR(encounters_[0].min_ttc->value, 2, 1e-4);
  EXPECT_EQ(encounters_[0].end, SimTime(seconds(1)));
}

TEST_F(EncountersTest, ResultsComeAfterTheDelayAtTheLatest) {
  Encounters encounters(config_);
  for (int step = 0; step <= 200; ++step) {
    VehicleState rear;
    rear.front = {0, 0.0};
    VehicleState other;
    other.vehicle = 1;
    other.front = {0, 4.0};
    const VehicleState both[] = {rear, other};
    encounters.Add(SimTime(milliseconds(100 * step)), both);
    EXPECT_EQ(encounters.TakeCollisions().size(), step == 100 ? 1u : 0u) << step;
  }
  EXPECT_EQ(encounters.counters().states, 402u);
}

TEST_F(EncountersTest, ConfigNamesWhatIsWrong) {
  EXPECT_TRUE(config_.Validate().ok());
  config_.range_m = 0;
  ASSERT_FALSE(config_.Validate().ok());
  EXPECT_EQ(config_.Validate().message(), "range_m must be within 1 and 100");
}

TEST(Measures, ArrivalIsNeverForWhoStopsBefore) {
  EXPECT_EQ(ArrivalS(10, 5, 0), 2);
  EXPECT_EQ(ArrivalS(10, 5, 3), 2) << "acceleration counts as none";
  EXPECT_NEAR(ArrivalS(24, 10, -2), 4, 1e-12);
  EXPECT_TRUE(std::isinf(ArrivalS(26, 10, -2)));
  EXPECT_TRUE(std::isinf(ArrivalS(1, 0, 0)));
  EXPECT_EQ(ArrivalS(0, 0, 0), 0);
}

// The leader, 20 m before the merge at 10 m/s and 5 m long, is through after 2.5 s; the follower, 60 m before it at
// 20 m/s, needs 3 s.  Then 10 m are left at 10 m/s: TTC 2.5 + 1 s.  DRAC as if it followed: 60 - 20 - 5 = 35 m.
TEST(Measures, MergingBehindTheLeaderIsFollowingAfterwards) {
  const Approach leader = MakeApproach(20, 25, 10, 0);
  const Approach follower = MakeApproach(60, 65, 20, 0);
  EXPECT_NEAR(MergingTtc(leader, follower).value(), 3.5, 1e-12);
  EXPECT_NEAR(MergingDrac(leader, follower, 5).value(), 100 / 70.0, 1e-12);
}

TEST(Measures, MirroredTwiceIsTheSame) {
  for (int code = 0; code < 256; ++code) {
    const auto type = static_cast<EncounterType>(code);
    EXPECT_EQ(Mirrored(Mirrored(type)), type);
  }
  EXPECT_EQ(Mirrored(EncounterType::kCrossingLeader), EncounterType::kCrossingFollower);
}

}  // namespace
}  // namespace starling::sim
