// What people who watch are shown of a shard is what the shard has.
#include "cloud/shard/picture.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "cloud/shard/shard_config.h"
#include "schemas/cloud_to_edge/downlink_generated.h"
#include "tests/cloud/shard/traffic_log.h"

namespace starling::cloud {
namespace {

class PictureTest : public ::testing::Test {
 protected:
  ShardPicture Look(double at_s, Slot first, Slot count, bool rest = false,
                    std::vector<PictureCommand> commands = {}) {
    PictureQuery query;
    query.at = ShardDriver::At(at_s);
    query.first = first;
    query.count = count;
    query.rest = rest;
    query.commands = std::move(commands);
    ShardPicture picture;
    driver_.shard().Look(query, &picture);
    return picture;
  }

  ShardDriver driver_{ShardConfig()};
};

TEST_F(PictureTest, PortionsTogetherAreTheWholeFleetWhereItIsPredicted) {
  for (int i = 0; i < 25; ++i) driver_.Fix(MakeCar(Numbered("car-", static_cast<std::uint64_t>(i)), 300.0 * i, 0, 90, 10), 0);
  std::vector<PictureVehicle> seen;
  for (Slot first = 0; first < 32; first += 8) {
    const ShardPicture part = Look(1, first, 8);
    EXPECT_EQ(part.slots, 25u);
    seen.insert(seen.end(), part.vehicles.begin(), part.vehicles.end());
  }
  const std::vector<VehicleView> listed = driver_.shard().List(0, 100, ShardDriver::At(1));
  ASSERT_EQ(seen.size(), listed.size());
  for (std::size_t i = 0; i < seen.size(); ++i) {
    EXPECT_EQ(seen[i].vehicle, listed[i].vehicle);
    EXPECT_EQ(seen[i].position, listed[i].pose.position);
    EXPECT_EQ(seen[i].intent, Intent::kGoesOn);
    EXPECT_NEAR(seen[i].near.x, 15, 0.1);
    EXPECT_NEAR(seen[i].far.x, 30, 0.1);
    EXPECT_NEAR(seen[i].far.y, 0, 0.1);
  }
  EXPECT_TRUE(Look(1, 4'000'000'000u, 1'000'000'000u).vehicles.empty());
}

TEST_F(PictureTest, IntentIsSeenFromWhatTheVehicleDoesAndPlans) {
  driver_.Fix(MakeCar("brakes", 0, 0, 0, 10, -3), 0);
  driver_.Fix(MakeCar("stands", 500, 0, 0, 0), 0);
  Car turns = MakeCar("turns", 1000, 0, 0, 8);
  turns.path.Append({6, 0});
  turns.path.Append({12, 0.13});
  driver_.Fix(turns, 0);
  const ShardPicture picture = Look(0.1, 0, 10);
  ASSERT_EQ(picture.vehicles.size(), 3u);
  EXPECT_EQ(picture.vehicles[0].intent, Intent::kBrakes);
  EXPECT_EQ(picture.vehicles[1].intent, Intent::kStands);
  EXPECT_EQ(picture.vehicles[1].far, Vec2());
  EXPECT_EQ(picture.vehicles[2].intent, Intent::kRight);
  EXPECT_TRUE(picture.vehicles[2].planned);
  EXPECT_FALSE(picture.vehicles[0].planned);
}

TEST_F(PictureTest, AConflictHasBothWaysAndACommandStandsUntilItIsAnswered) {
  driver_.Fix(MakeCar("east", -21, 0, 90, 15), 0);
  driver_.Fix(MakeCar("north", 0, -19.5, 0, 15), 0.1);
  ASSERT_EQ(driver_.outputs().commands.size(), 2u);
  std::vector<PictureCommand> commands;
  for (const auto& command : driver_.outputs().commands) {
    const auto& told = *flatbuffers::GetRoot<wire::Command>(command.wire_command.data());
    commands.push_back({CommandId{told.command_id()}, command.vehicle, told.boot_id(), told.expires_boot_time_ns()});
  }
  commands.push_back({CommandId{1}, Name("nobody"), 1, 1});
  const ShardPicture picture = Look(0.2, 0, 0, true, commands);
  EXPECT_TRUE(picture.vehicles.empty());
  EXPECT_EQ(picture.vehicles_known, 2u);
  ASSERT_EQ(picture.conflicts.size(), 1u);
  const PictureConflict& conflict = picture.conflicts[0];
  EXPECT_EQ(conflict.conflict.episode, driver_.shard().Conflicts()[0].episode);
  EXPECT_TRUE(conflict.told[0] && conflict.told[1]);
  // East drives east on y = 0, north drives north on x = 0.
  EXPECT_NEAR(conflict.ways[0].back().y, 0, 0.5);
  EXPECT_GT(conflict.ways[0].back().x, 10);
  EXPECT_NEAR(conflict.ways[1].back().x, 0, 0.5);
  ASSERT_EQ(picture.standing.size(), 3u);
  EXPECT_TRUE(picture.standing[0].open);
  // A lease of 2 s from the second fix.
  EXPECT_EQ(picture.standing[0].expires_ns, ToNs(ShardDriver::At(2.1)));
  EXPECT_FALSE(picture.standing[2].open);
  EXPECT_EQ(picture.standing[2].expires_ns, 0);
}

}  // namespace
}  // namespace starling::cloud
