// What raises an alarm and what does not; candidates against all pairs.
#include <cmath>
#include <random>
#include <set>

#include <gtest/gtest.h>

#include "cloud/shard/horizon.h"
#include "cloud/shard/shard_config.h"
#include "schemas/cloud_to_edge/downlink_generated.h"
#include "schemas/log/conflicts_generated.h"
#include "tests/cloud/shard/traffic_log.h"

namespace starling::cloud {
namespace {

class Scenario : public testing::Test {
 protected:
  // Drives for `seconds`; returns how many episodes opened.
  std::uint64_t Drive(std::vector<Car> cars, double seconds) {
    DriveOn(&driver_, &cars, time_s_, time_s_ + seconds);
    time_s_ += seconds;
    return driver_.shard().counters().episodes;
  }
  // The last command to a vehicle, of a kind; null if none.
  const wire::Command* Last(std::string_view vehicle, wire::CommandKind kind) {
    const wire::Command* last = nullptr;
    for (const auto& command : driver_.outputs().commands) {
      const auto* decoded = flatbuffers::GetRoot<wire::Command>(command.wire_command.data());
      if (command.vehicle.view() == vehicle && decoded->kind() == kind) last = decoded;
    }
    return last;
  }

  ShardConfig config_;
  ShardDriver driver_{config_};
  double time_s_ = 0;
};

TEST_F(Scenario, CrossingAtSpeedAlarmsAndTheLaterOneBrakes) {
  EXPECT_EQ(Drive({MakeCar("first", -40, 0, 90, 15), MakeCar("second", 0, -43, 0, 15)}, 1.5), 1u);
  const auto* brakes = Last("second", wire::CommandKind::Avoidance);
  const auto* holds = Last("first", wire::CommandKind::Avoidance);
  ASSERT_TRUE(brakes && holds);
  EXPECT_LT(brakes->speed_ceiling_cmps(), 1500);
  EXPECT_GE(brakes->decel_cmps2(), 200);
  EXPECT_EQ(holds->speed_ceiling_cmps(), 1500);
  EXPECT_EQ(brakes->episode_id(), holds->episode_id());
}

TEST_F(Scenario, IfTheOneThatYieldsDoesNotBrakeTheOtherOneDoes) {
  // Neither obeys.  The first one is slow, and can stop for the second one when that is known.
  EXPECT_EQ(Drive({MakeCar("first", -18, 0, 90, 6), MakeCar("second", 0, -48, 0, 15)}, 2.4), 1u);
  const auto* yields = Last("second", wire::CommandKind::Avoidance);
  const auto* brakes = Last("first", wire::CommandKind::Avoidance);
  ASSERT_TRUE(yields && brakes);
  EXPECT_EQ(brakes->speed_ceiling_cmps(), 0);
  EXPECT_GE(brakes->decel_cmps2(), 350);
  EXPECT_LT(yields->speed_ceiling_cmps(), 1500);  // He may still come to his senses.
}

TEST_F(Scenario, TwoThatDriveAsPredictedAreWarnedOfInTime) {
  // Fixes once a second only: between them nothing is news, and the alarm comes all the same when 3 m/s2 are needed.
  std::vector<Car> cars = {MakeCar("back", 0, 0, 0, 15), MakeCar("front", 0, 80, 0, 0)};
  double alarm_s = 0;
  for (int step = 0; step < 50 && alarm_s == 0; ++step) {
    const double now_s = step * 0.1;
    if (step % 10 == 0) {
      driver_.Fix(cars[0], now_s);
      driver_.Fix(cars[1], now_s);
    }
    driver_.Tick(now_s + 0.05);
    cars[0].motion.position.y += 1.5;
    if (driver_.shard().counters().episodes > 0) alarm_s = now_s;
  }
  // 15 m/s against 3 m/s2 takes 37.5 m of the 75.4 m between them: after 2.5 s, between two fixes; and a hit more.
  EXPECT_GE(alarm_s, 2.5);
  EXPECT_LE(alarm_s, 2.8);
}

TEST_F(Scenario, HeadOnAlarmsAndBothBrake) {
  EXPECT_EQ(Drive({MakeCar("a", 0, 0, 0, 14), MakeCar("b", 0.3, 90, 180, 14)}, 1), 1u);
  ASSERT_TRUE(Last("a", wire::CommandKind::Avoidance) && Last("b", wire::CommandKind::Avoidance));
  EXPECT_EQ(Last("a", wire::CommandKind::Avoidance)->speed_ceiling_cmps(), 0);
  EXPECT_EQ(Last("b", wire::CommandKind::Avoidance)->speed_ceiling_cmps(), 0);
}

TEST_F(Scenario, RearEndAlarmsAndOnlyTheFollowerBrakes) {
  EXPECT_EQ(Drive({MakeCar("back", 0, 0, 0, 16), MakeCar("front", 0, 50, 0, 4)}, 2.3), 1u);
  ASSERT_TRUE(Last("back", wire::CommandKind::Avoidance) && Last("front", wire::CommandKind::Avoidance));
  EXPECT_LE(Last("back", wire::CommandKind::Avoidance)->speed_ceiling_cmps(), 400);
  EXPECT_EQ(Last("front", wire::CommandKind::Avoidance)->speed_ceiling_cmps(), 400);
}

TEST_F(Scenario, ACrowdOpensOnlyTheMostUrgentPairsOfAVehicle) {
  for (int i = 0; i < 300; ++i) {  // Standing across its way, 10 cm apart from 30 m on.
    driver_.Fix(MakeCar(Numbered("stands", static_cast<std::uint64_t>(i)), 0.001 * i, 60 - 0.1 * i, 90, 0), 0);
  }
  driver_.Fix(MakeCar("sweeps", 0, 0, 0, 20), 0.01);
  driver_.Fix(MakeCar("sweeps", 0, 2, 0, 20), 0.11);
  const auto conflicts = driver_.shard().Conflicts();
  EXPECT_EQ(conflicts.size(), config_.horizon.pairs_per_vehicle_max);
  EXPECT_GE(driver_.shard().counters().pairs_refused, 300 - config_.horizon.pairs_per_vehicle_max);
  bool nearest = false;
  for (const OpenConflict& conflict : conflicts) {
    nearest |= conflict.vehicle_a == Name("stands299") || conflict.vehicle_b == Name("stands299");
  }
  EXPECT_TRUE(nearest);
}

TEST(Cells, AreGivenBackWhenTheirVehiclesLeave) {
  ShardConfig config;
  config.heatmap.cells_max = 32;
  ShardDriver driver(config);
  double time_s = 0;
  for (int i = 0; i < 2'000; ++i, time_s += 0.2) {  // Through 2,000 cells, and more in its sweeps.
    driver.Fix(MakeCar("travels", 100.0 * i, 50.0 * i, 63, 30), time_s);
    driver.Tick(time_s);
  }
  EXPECT_EQ(driver.shard().counters().cells_refused, 0u);
  EXPECT_EQ(driver.shard().Heatmap().size(), 1u);
  EXPECT_EQ(driver.shard().counters().episodes, 0u);
  std::vector<Car> cars = {MakeCar("a", -5000, 0, 0, 14), MakeCar("b", -4999.7, 90, 180, 14)};
  DriveOn(&driver, &cars, time_s, time_s + 1);
  EXPECT_EQ(driver.shard().counters().episodes, 1u);
  EXPECT_EQ(driver.shard().counters().cells_refused, 0u);
}

TEST(Cells, MoreThanFitAtOnceAreCounted) {
  ShardConfig config;
  config.heatmap.cells_max = 4;
  ShardDriver driver(config);
  for (int i = 0; i < 6; ++i) {
    driver.Fix(MakeCar(Numbered("v", static_cast<std::uint64_t>(i)), 1050.0 * i, 50, 0, 0), 0.01 * i);
  }
  EXPECT_GT(driver.shard().counters().cells_refused, 0u);
}

TEST_F(Scenario, OppositeLaneDoesNotAlarm) {
  EXPECT_EQ(Drive({MakeCar("a", 0, 0, 0, 15), MakeCar("b", -3.2, 150, 180, 15)}, 8), 0u);
  EXPECT_GT(driver_.shard().counters().pairs_tested, 0u);
}

TEST_F(Scenario, FollowingAtOneSecondDoesNotAlarm) {
  EXPECT_EQ(Drive({MakeCar("a", 0, 0, 0, 15), MakeCar("b", 0, 19.6, 0, 15)}, 5), 0u);
  // Nor if the leader then brakes comfortably and the follower with him.
  EXPECT_EQ(Drive({MakeCar("c", 500, 0, 0, 15, -3), MakeCar("d", 500, 19.6, 0, 15, -3)}, 6), 0u);
}

TEST_F(Scenario, AComfortableStopAtTheLineDoesNotAlarmCrossingTraffic) {
  // Stops 5 m before the middle of the crossing street, 12.5²/(2·2.5) = 31.25 m away.
  std::vector<Car> cars = {MakeCar("stops", 0, -36.3 - 2.3, 0, 12.5, -2.5)};
  for (int i = 0; i < 6; ++i) cars.push_back(MakeCar(Numbered("x", static_cast<std::uint64_t>(i)), -100 + 25 * i, 0, 90, 12));
  EXPECT_EQ(Drive(cars, 5), 0u);
}

TEST_F(Scenario, ACarThatHasNotBegunToBrakeForTheLineDoesNotAlarm) {
  // At 12 m/s and 36 m it needs 2 m/s².
  EXPECT_EQ(Drive({MakeCar("late", 0, -42, 0, 12), MakeCar("x", -38, 0, 90, 12)}, 0.4), 0u);
}

TEST_F(Scenario, AQueueDoesNotAlarm) {
  std::vector<Car> cars;
  for (int i = 0; i < 8; ++i) cars.push_back(MakeCar(Numbered("q", static_cast<std::uint64_t>(i)), 0, -6.6 * i, 0, 0));
  cars.push_back(MakeCar("arrives", 0, -52.8 - 41, 0, 12, -1.9));  // Stops 3 m behind the last.
  EXPECT_EQ(Drive(cars, 8), 0u);
}

TEST_F(Scenario, StandingPairsDoNotAlarmEvenIfTheyOverlap) {
  EXPECT_EQ(Drive({MakeCar("a", 0, 0, 0, 0), MakeCar("b", 1, 1, 30, 0)}, 3), 0u);
}

TEST_F(Scenario, ASilentVehicleIsStillChecked) {
  driver_.Fix(MakeCar("silent", -48, 0, 90, 15), 0);
  std::vector<Car> cars = {MakeCar("talks", 0, -48, 0, 15)};
  DriveOn(&driver_, &cars, 0, 2.6);
  EXPECT_EQ(driver_.shard().counters().episodes, 1u);
}

TEST_F(Scenario, AVehicleThatIsSilentForTooLongIsNotBelievedAndItsEpisodeCloses) {
  driver_.Fix(MakeCar("silent", -150, 0, 90, 15), 0);
  std::vector<Car> cars = {MakeCar("talks", 0, -150, 0, 15)};
  DriveOn(&driver_, &cars, 0, 9.5);
  EXPECT_EQ(driver_.shard().counters().episodes, 0u);

  // Two go silent in the middle of an episode: it ends, and so do its commands.
  const double from_s = 20;
  std::vector<Car> pair = {MakeCar("first", -60, 500, 90, 15), MakeCar("second", 0, 440, 0, 15)};
  DriveOn(&driver_, &pair, from_s, from_s + 3);
  ASSERT_EQ(driver_.shard().Conflicts().size(), 1u);
  for (double at_s = from_s + 3; at_s < from_s + 12; at_s += 0.1) driver_.Tick(at_s);
  EXPECT_TRUE(driver_.shard().Conflicts().empty());
  const std::uint64_t issued = driver_.shard().counters().avoidance_issued;
  EXPECT_GT(issued, 0u);
  for (double at_s = from_s + 12; at_s < from_s + 25; at_s += 0.1) driver_.Tick(at_s);
  EXPECT_EQ(driver_.shard().counters().avoidance_issued, issued);
}

TEST_F(Scenario, AnEpisodeClosesAfterASecondWithoutAndReleasesBoth) {
  Drive({MakeCar("first", -22, 0, 90, 15), MakeCar("second", 0, -23, 0, 15)}, 0.3);
  ASSERT_EQ(driver_.shard().Conflicts().size(), 1u);
  // Both have stopped.
  Drive({MakeCar("first", -15, 0, 90, 0), MakeCar("second", 0, -15, 0, 0)}, 2);
  EXPECT_TRUE(driver_.shard().Conflicts().empty());
  EXPECT_TRUE(Last("first", wire::CommandKind::Release));
  EXPECT_TRUE(Last("second", wire::CommandKind::Release));
  std::vector<log::EpisodePhase> phases;
  for (const auto& record : driver_.outputs().records) {
    if (record.topic == Topic::kConflicts) phases.push_back(log::GetConflict(record.value.data())->phase());
  }
  EXPECT_EQ(phases.front(), log::EpisodePhase::Opened);
  EXPECT_EQ(phases.back(), log::EpisodePhase::Closed);
}

TEST_F(Scenario, LeasesAreRenewedWhileTheEpisodeIsOpenAndNotRepeatedBefore) {
  // They do not obey, and stay on collision course for 4 s: crawling in a long truck's way.
  Drive({MakeCar("first", -60, 0, 90, 15), MakeCar("second", 0, -61, 0, 15)}, 3.4);
  std::uint64_t previous = 0;
  int count = 0;
  for (const auto& command : driver_.outputs().commands) {
    const auto* decoded = flatbuffers::GetRoot<wire::Command>(command.wire_command.data());
    if (command.vehicle.view() != "second") continue;
    EXPECT_EQ(decoded->supersedes(), previous);
    previous = decoded->command_id();
    ++count;
  }
  EXPECT_GE(count, 1);
  EXPECT_LE(count, 10);  // Not one for each of 34 fixes.
}

TEST_F(Scenario, RolesAreReversedAtMostOnce) {
  // Two that weave in speed so that each is the later one in turn.
  std::vector<Car> cars = {MakeCar("a", -60, 0, 90, 15), MakeCar("b", 0, -60.5, 0, 15)};
  for (int i = 0; i < 30; ++i) {
    cars[0].motion.speed_mps = i % 2 == 0 ? 15.4 : 14.6;
    cars[1].motion.speed_mps = i % 2 == 0 ? 14.6 : 15.4;
    DriveOn(&driver_, &cars, i * 0.1, (i + 1) * 0.1);
  }
  // Who was told to stop, in order: changes of that are reversals.
  std::string sequence;
  for (const auto& command : driver_.outputs().commands) {
    const auto* decoded = flatbuffers::GetRoot<wire::Command>(command.wire_command.data());
    if (decoded->kind() != wire::CommandKind::Avoidance || decoded->speed_ceiling_cmps() > 1300) continue;
    const char name = command.vehicle.view()[0];
    if (sequence.empty() || sequence.back() != name) sequence += name;
  }
  EXPECT_LE(sequence.size(), 3u) << sequence;
}

// Every pair whose discs come to touch within the horizon is a candidate, whoever
// is asked, once; on random traffic, against all pairs.
TEST(Candidates, AreAllThatBruteForceFinds) {
  for (const std::uint32_t seed : {1u, 2u, 3u, 4u}) {
    std::mt19937_64 random(seed);
    const auto uniform = [&random](double low, double high) {
      return low + (high - low) * (static_cast<double>(random() >> 11) * 0x1p-53);
    };
    const HorizonConfig config;
    VehicleTable vehicles(1000);
    CellGrid grid(10'000);
    Horizon horizon(config, &vehicles, &grid);
    const std::int64_t now_ns = kStartNs + 700'000'000;
    for (int i = 0; i < 250; ++i) {
      const Slot slot = vehicles.Insert(Name(Numbered("v", static_cast<std::uint64_t>(i))));
      VehicleState& state = vehicles.state(slot);
      state.position = {uniform(-400, 400), uniform(-400, 400)};
      state.heading_rad = uniform(0, 6.28);
      state.speed_cmps = static_cast<std::int16_t>(uniform(-300, 4000));
      state.accel_cmps2 = static_cast<std::int16_t>(uniform(-500, 300));
      if (i % 3 == 0) state.curvature_per_m = uniform(-0.1, 0.1);
      if (i % 4 == 0) {
        state.path_size = 3;
        state.path[0] = {static_cast<std::uint16_t>(uniform(0, 4000)), 0};
        state.path[1] = {1500, static_cast<std::int16_t>(uniform(-12000, 12000))};
        state.path[2] = {2000, static_cast<std::int16_t>(uniform(-2000, 2000))};
      }
      state.length_cm = static_cast<std::uint16_t>(uniform(200, 1200));
      state.width_cm = 200;
      state.sequence = 1;
      state.sample_time_ns = now_ns - static_cast<std::int64_t>(uniform(0, 9e8));
      horizon.Place(slot, state.sample_time_ns);
    }
    std::set<std::pair<Slot, Slot>> found;
    std::vector<Slot> neighbours;
    for (Slot slot = 0; slot < vehicles.slots(); ++slot) {
      horizon.Neighbours(slot, &neighbours);
      const std::set<Slot> distinct(neighbours.begin(), neighbours.end());
      EXPECT_EQ(distinct.size(), neighbours.size()) << "seed " << seed;
      for (const Slot other : neighbours) found.insert({slot, other});
    }
    constexpr std::size_t kMoments = 101;
    std::vector<Vec2> places;  // Every 50 ms of the horizon.
    for (Slot slot = 0; slot < vehicles.slots(); ++slot) {
      for (std::size_t k = 0; k < kMoments; ++k) {
        const auto later_ns = static_cast<std::int64_t>(k) * 50'000'000;
        places.push_back(vehicles.PoseAt(slot, CloudTimeFromNs(now_ns + later_ns)).position);
      }
    }
    int touching = 0;
    for (Slot a = 0; a < vehicles.slots(); ++a) {
      for (Slot b = 0; b < a; ++b) {
        EXPECT_EQ(found.count({a, b}), found.count({b, a})) << "seed " << seed;
        const double reach = BodyRadius(vehicles.state(a)) + BodyRadius(vehicles.state(b));
        bool touch = false;
        for (std::size_t k = 0; k < kMoments && !touch; ++k) {
          touch = NormSquared(places[a * kMoments + k] - places[b * kMoments + k]) < reach * reach;
        }
        if (!touch) continue;
        ++touching;
        EXPECT_TRUE(found.count({a, b})) << "seed " << seed << ": " << a << " and " << b;
      }
    }
    EXPECT_GT(touching, 50) << "seed " << seed;
  }
}

// The cheap filters lose no contact that the boxes have.
TEST(Candidates, FiltersPassEveryContactOfBoxes) {
  std::mt19937_64 random(5);
  const auto uniform = [&random](double low, double high) {
    return low + (high - low) * (static_cast<double>(random() >> 11) * 0x1p-53);
  };
  int contacts = 0;
  for (int round = 0; round < 10'000; ++round) {
    VehicleState states[2];
    Track tracks[2];
    for (VehicleState& state : states) {
      state.position = {uniform(-60, 60), uniform(-60, 60)};
      state.heading_rad = uniform(0, 6.28);
      state.speed_cmps = static_cast<std::int16_t>(uniform(0, 2500));
      state.accel_cmps2 = static_cast<std::int16_t>(uniform(-500, 300));
      if (round % 2 == 0) state.curvature_per_m = uniform(-0.05, 0.05);
      state.length_cm = 460;
      state.width_cm = 180;
      state.sample_time_ns = kStartNs;
      SweepBox box;
      BuildTrack(&state, &tracks[&state - states], &box);
    }
    const auto met = Meet(Mover(states[0], kStartNs, std::nullopt), Mover(states[1], kStartNs, std::nullopt),
                          {0, 5}, 0);
    if (!met) continue;
    ++contacts;
    RelativeTrack relative;
    Relate(states[0], tracks[0], states[1], tracks[1], kStartNs, 5, &relative);
    TimeSpan span;
    const float reach = static_cast<float>(BodyRadius(states[0]) + BodyRadius(states[1])) + 2 * kTrackErrorM;
    ASSERT_TRUE(CloserThan(relative, reach, &span)) << round;
    EXPECT_LE(span.from_s, met->contact_s) << round;
    if (states[0].straight && states[1].straight) {
      EXPECT_FALSE(StaySeparate(states[0], states[1], relative)) << round;
    }
  }
  EXPECT_GT(contacts, 100);
}

}  // namespace
}  // namespace starling::cloud
