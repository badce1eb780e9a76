// What a shard makes of the city's streets.
#include <memory>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "cloud/shard/shard_config.h"
#include "tests/cloud/shard/traffic_log.h"
#include "tests/cloud/streets/bend_network.h"

namespace starling::cloud {
namespace {

ShardConfig With(bool streets) {
  ShardConfig config;
  if (streets) config.streets = std::make_shared<LaneMap>(BendNetwork(), [](Vec2 point) { return point; });
  return config;
}

// In the middle of a turn to the left, on its way into a street that goes north.
Car Turning() {
  const double diagonal = 20 * std::sqrt(0.5);
  Car car = MakeCar("turning", 100 + diagonal, 20 - diagonal, 45, 14);
  car.motion.curvature_per_m = -0.05;
  return car;
}
// Comes down the other side of that street.
Car Oncoming() { return MakeCar("oncoming", 116.8, 57, 180, 14); }

std::uint64_t EpisodesOf(const ShardConfig& config, std::vector<Car> cars, double seconds) {
  ShardDriver driver(config);
  DriveOn(&driver, &cars, 0, seconds);
  return driver.shard().counters().episodes;
}

TEST(Streets, WhoIsGoingToStopTurningIsNoDangerForOncomingTraffic) {
  EXPECT_EQ(EpisodesOf(With(false), {Turning(), Oncoming()}, 0.5), 1u) << "with its turn kept it would be";
  EXPECT_EQ(EpisodesOf(With(true), {Turning(), Oncoming()}, 0.5), 0u);
}

TEST(Streets, WhoComesOutOfATurnIsADangerForWhoStandsBehindIt) {
  const Car stands = MakeCar("stands", 120, 45, 0, 0);
  EXPECT_EQ(EpisodesOf(With(false), {Turning(), stands}, 0.8), 0u) << "with its turn kept it would miss it";
  EXPECT_EQ(EpisodesOf(With(true), {Turning(), stands}, 0.8), 1u);
}

TEST(Streets, APlanGoesBeforeThem) {
  Car turning = Turning();
  turning.path.Append({100, -0.05});  // It is going around, whatever the street does.
  EXPECT_EQ(EpisodesOf(With(true), {turning, Oncoming()}, 0.5), 1u);
}

// The agent keeps silent as long as the cloud is right about where it is by what it told: streets must not change that.
TEST(Streets, DoNotMoveThePicture) {
  ShardDriver with(With(true));
  ShardDriver without(With(false));
  for (ShardDriver* driver : {&with, &without}) {
    driver->Fix(Turning(), 0);
    driver->Tick(0.1);
  }
  for (const double at_s : {0.2, 0.9, 2.0}) {
    const auto one = with.shard().Find(Name("turning"), ShardDriver::At(at_s));
    const auto other = without.shard().Find(Name("turning"), ShardDriver::At(at_s));
    ASSERT_TRUE(one && other);
    EXPECT_EQ(one->pose.position, other->pose.position);
    EXPECT_EQ(one->pose.heading_rad, other->pose.heading_rad);
  }
}

TEST(Streets, ARestoredShardFollowsThemAsBefore) {
  const ShardConfig config = With(true);
  RecordEncoder encoder;
  std::vector<std::pair<double, std::vector<std::byte>>> records;
  const auto add = [&](double at_s, std::span<const std::byte> value) {
    records.emplace_back(at_s, std::vector(value.begin(), value.end()));
  };
  const Car stands = MakeCar("stands", 120, 50, 0, 0);
  Car turning = Turning();
  std::uint32_t sequence = 0;
  for (int step = 0; step < 30; ++step) {
    const double at_s = 0.1 * step;
    const auto boot_ns = static_cast<std::uint64_t>((at_s + 100) * 1e9);
    if (step % 4 == 0) {
      add(at_s, encoder.Fix(turning, ++sequence, boot_ns, ToNs(ShardDriver::At(at_s))));
      add(at_s, encoder.Fix(stands, ++sequence, boot_ns, ToNs(ShardDriver::At(at_s))));
    }
    add(at_s + 0.05, encoder.Tick());
    const Pose moved = DriveAlong(turning.motion, {}, 0.1 * turning.motion.speed_mps);
    turning.motion.position = moved.position;
    turning.motion.heading_rad = moved.heading_rad;
  }
  const auto run = [&](Shard* shard, std::size_t from, std::size_t until, ShardOutputs* outputs) {
    for (std::size_t i = from; i < until; ++i) {
      shard->Apply({Offset{i}, ShardDriver::At(records[i].first), {}, records[i].second}, outputs);
    }
  };
  Shard whole(config, kRegion, kOrigin);
  ShardOutputs expected;
  run(&whole, 0, records.size(), &expected);
  ASSERT_GT(whole.counters().episodes, 0u) << "nothing happens in it";
  for (std::size_t at = 0; at < records.size(); at += 3) {
    Shard before(config, kRegion, kOrigin);
    ShardOutputs outputs;
    run(&before, 0, at, &outputs);
    Shard after(config, kRegion, kOrigin);
    before.Save([&](std::span<const std::byte> key, std::span<const std::byte> value) {
      ASSERT_TRUE(after.RestoreEntry(key, value).ok());
    });
    ASSERT_TRUE(after.FinishRestore().ok());
    run(&after, at, records.size(), &outputs);
    EXPECT_EQ(DigestOf(outputs, 1), DigestOf(expected, 1)) << "restored at " << at;
  }
}

}  // namespace
}  // namespace starling::cloud
