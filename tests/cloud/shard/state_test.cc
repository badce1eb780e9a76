// Stored and restored: the same outputs from any offset on, and no harm from bytes that
// no shard wrote.
#include <map>
#include <random>
#include <set>

#include <gtest/gtest.h>

#include "cloud/shard/state_format.h"
#include "schemas/log/vehicle_state_generated.h"
#include "tests/cloud/shard/recorded_partition.h"

namespace starling::cloud {
namespace {

using Bytes = std::vector<std::byte>;
using Entries = std::vector<std::pair<Bytes, Bytes>>;

Entries Stored(const Shard& shard) {
  Entries entries;
  shard.Save([&entries](std::span<const std::byte> key, std::span<const std::byte> value) {
    entries.push_back({Bytes(key.begin(), key.end()), Bytes(value.begin(), value.end())});
  });
  return entries;
}

Status Restore(const Entries& entries, Shard* shard) {
  for (const auto& [key, value] : entries) {
    if (Status status = shard->RestoreEntry(key, value); !status.ok()) return status;
  }
  return shard->FinishRestore();
}

std::unique_ptr<Shard> Restored(const Entries& entries, const ShardConfig& config) {
  auto shard = std::make_unique<Shard>(config, kRegion, kOrigin);
  const Status status = Restore(entries, shard.get());
  EXPECT_TRUE(status.ok()) << status.message();
  return shard;
}

std::size_t CountOf(const Entries& entries, EntryKind kind) {
  std::size_t count = 0;
  for (const auto& [key, value] : entries) count += key[0] == static_cast<std::byte>(kind) ? 1 : 0;
  return count;
}

// One that is replaced by its restored copy every few records, in step with one that
// is left alone: every part of a window's evaluation and every tick is among them.
void ExpectEqualFromAnyOffset(const ShardConfig& config, std::uint64_t seed, std::size_t every,
                              ShardCounters* counters) {
  const std::vector<Recorded> partition = Record(seed);
  Replayer whole(config);
  Replayer resumed(config);
  std::size_t inside_windows = 0;
  for (std::size_t i = 0; i < partition.size(); ++i) {
    whole.Apply(partition[i]);
    resumed.Apply(partition[i]);
    ASSERT_EQ(whole.digest(), resumed.digest()) << "seed " << seed << ", record " << i;
    if (i % every != 0) continue;
    const Entries entries = Stored(resumed.shard());
    if (i % (20 * every) == 0) {
      ASSERT_EQ(entries, Stored(whole.shard())) << "seed " << seed << ", record " << i;
    }
    resumed.Adopt(Restored(entries, config));
    for (const auto& [key, value] : entries) {
      if (key[0] != static_cast<std::byte>(EntryKind::kShard)) continue;
      const auto* entry = flatbuffers::GetRoot<log::ShardEntry>(value.data());
      if (entry->evaluating_end_ns() != 0 && entry->cursor() < entry->until()) ++inside_windows;
    }
  }
  EXPECT_EQ(Stored(whole.shard()), Stored(resumed.shard()));
  EXPECT_GT(inside_windows, 2u);
  *counters = resumed.shard().counters();
}

TEST(State, RestoredAtAnyOffsetGivesTheSameOutputsAndTheSameState) {
  ShardCounters counters;
  ExpectEqualFromAnyOffset(ShardConfig{}, 42, 13, &counters);
  EXPECT_GT(counters.episodes, 20u);
  EXPECT_GT(counters.commands_reissued, 0u);
}

TEST(State, LimitsThatWereReachedAreRestoredToo) {
  ShardConfig config;
  config.vehicles_max = 250;
  config.heatmap.cells_max = 40;
  config.horizon.pairs_max = 20;
  config.horizon.pairs_per_vehicle_max = 3;
  config.outbox_per_vehicle_max = 2;
  config.closed_remembered = 30;
  ShardCounters counters;
  ExpectEqualFromAnyOffset(config, 7, 7, &counters);
  EXPECT_GT(counters.vehicles_refused, 0u);
  EXPECT_GT(counters.cells_refused, 0u);
  EXPECT_GT(counters.pairs_refused, 0u);
  EXPECT_GT(counters.commands_withheld, 0u);
  EXPECT_GT(counters.closed_applied, 2 * config.closed_remembered);
}

TEST(State, OneLongRunFromARestoredShardEndsInTheSameState) {
  const ShardConfig config;
  const std::vector<Recorded> partition = Record(5);
  Replayer whole(config);
  for (const Recorded& record : partition) whole.Apply(record);
  Replayer first(config);
  std::size_t at = 0;
  for (const std::size_t until : {std::size_t{1}, partition.size() / 5, partition.size() / 2}) {
    for (; at < until; ++at) first.Apply(partition[at]);
    Replayer second(first, Restored(Stored(first.shard()), config));
    for (std::size_t i = at; i < partition.size(); ++i) second.Apply(partition[i]);
    EXPECT_EQ(whole.digest(), second.digest()) << "from " << until;
    EXPECT_EQ(Stored(whole.shard()), Stored(second.shard())) << "from " << until;
  }
}

class StoredState : public testing::Test {
 protected:
  StoredState() {
    const std::vector<Recorded> partition = Record(42);
    for (std::size_t i = 0; i < partition.size() / 2; ++i) replayer_.Apply(partition[i]);
    entries_ = Stored(replayer_.shard());
  }
  Status Try(const Entries& entries) {
    Shard shard(config_, kRegion, kOrigin);
    return Restore(entries, &shard);
  }

  const ShardConfig config_;
  Replayer replayer_{config_};
  Entries entries_;
};

TEST_F(StoredState, ComesInTheOrderOfTheKeysAndIsTakenInAnyOther) {
  EXPECT_TRUE(std::is_sorted(entries_.begin(), entries_.end(),
                             [](const auto& one, const auto& other) { return one.first < other.first; }));
  for (const EntryKind kind : {EntryKind::kCell, EntryKind::kClosed, EntryKind::kPair, EntryKind::kShard,
                               EntryKind::kVehicle}) {
    EXPECT_GT(CountOf(entries_, kind), 0u) << static_cast<char>(kind);
  }
  Entries shuffled = entries_;
  std::shuffle(shuffled.begin(), shuffled.end(), std::mt19937_64(3));
  EXPECT_EQ(Stored(*Restored(shuffled, config_)), entries_);
}

TEST_F(StoredState, OfAnotherRegionOrFormatIsRefusedByName) {
  Shard other(config_, RegionId{8}, kOrigin);
  const Status region = Restore(entries_, &other);
  ASSERT_FALSE(region.ok());
  EXPECT_EQ(region.code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(region.message().find("region 7"), std::string_view::npos);
  for (auto& [key, value] : entries_) {
    if (key[0] != static_cast<std::byte>(EntryKind::kShard)) continue;
    ASSERT_TRUE(flatbuffers::GetMutableRoot<log::ShardEntry>(value.data())->mutate_format(99));
  }
  const Status format = Try(entries_);
  ASSERT_FALSE(format.ok());
  EXPECT_EQ(format.code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(format.message().find("format 99"), std::string_view::npos);
}

TEST_F(StoredState, WithoutAnEntryItIsRefusedOrIsAnotherState) {
  std::set<EntryKind> refused;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    Entries fewer = entries_;
    fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
    if (const Status status = Try(fewer); !status.ok()) {
      EXPECT_EQ(status.code(), ErrorCode::kCorruption);
      refused.insert(static_cast<EntryKind>(entries_[i].first[0]));
    }
  }
  EXPECT_TRUE(refused.contains(EntryKind::kClosed));
  EXPECT_TRUE(refused.contains(EntryKind::kCell));
  Entries twice = entries_;
  twice.push_back(entries_.back());
  EXPECT_FALSE(Try(twice).ok());
  EXPECT_FALSE(Try({}).ok());
}

// Whatever the bytes: a status, or a shard that goes on working.
TEST_F(StoredState, BytesThatNoShardWroteDoNoHarm) {
  const std::vector<Recorded> partition = Record(42);
  std::mt19937_64 random(9);
  std::map<EntryKind, std::vector<std::size_t>> by_kind;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    by_kind[static_cast<EntryKind>(entries_[i].first[0])].push_back(i);
  }
  int refused = 0;
  int taken = 0;
  for (const auto& [kind, places] : by_kind) {
    for (int round = 0; round < 60; ++round) {
      Entries broken = entries_;
      auto& [key, value] = broken[places[random() % places.size()]];
      Bytes& bytes = random() % 8 == 0 ? key : value;
      if (random() % 4 == 0) {
        bytes.resize(random() % (bytes.size() + 1));
      } else {
        for (std::uint64_t flips = 1 + random() % 3; flips > 0; --flips) {
          bytes[random() % bytes.size()] ^= static_cast<std::byte>(1 + random() % 255);
        }
      }
      auto shard = std::make_unique<Shard>(config_, kRegion, kOrigin);
      if (!Restore(broken, shard.get()).ok()) {
        ++refused;
        continue;
      }
      ++taken;
      Replayer on(replayer_, std::move(shard));
      for (std::size_t i = 0; i < 400; ++i) on.Apply(partition[partition.size() / 2 + i]);
      Stored(on.shard());
    }
  }
  EXPECT_GT(refused, 50);
  EXPECT_GT(taken, 20);
}

TEST_F(StoredState, IsWhatOthersReadToKnowWhereAVehicleIs) {
  ShardDriver driver(config_);
  driver.Fix(MakeCar("taxi-1", 100, 200, 90, 10), 1);
  for (const auto& [key, value] : Stored(driver.shard())) {
    if (key[0] != static_cast<std::byte>(EntryKind::kVehicle)) continue;
    VehicleId vehicle;
    ASSERT_TRUE(ReadVehicleKey(std::span(key).subspan(1), &vehicle));
    EXPECT_EQ(vehicle, Name("taxi-1"));
    const auto* entry = log::GetVehicleEntry(value.data());
    EXPECT_NEAR(entry->fix()->x_m(), 100, 0.02);
    EXPECT_NEAR(entry->fix()->y_m(), 200, 0.02);
    EXPECT_EQ(entry->fix()->speed_cmps(), 1000);
    EXPECT_EQ(entry->fix()->sample_time_ns(), kStartNs + 1'000'000'000);
    EXPECT_TRUE(entry->connected());
  }
}

// With a full path and with two commands that it has not answered.
TEST_F(StoredState, OfAVehicleIsSmall) {
  ShardDriver driver(config_);
  Car car = MakeCar("veh-00001", 100, 200, 90, 10);
  for (int i = 0; i < 8; ++i) car.path.Append({10, 0.01 * i});
  driver.Fix(car, 1);
  driver.Fix(MakeCar("veh-00002", -21, 2000, 90, 15), 1);
  driver.Fix(MakeCar("veh-00003", 0, 1979, 0, 15), 1);
  driver.Tick(2.5);  // Renewed: the first command of each is still open.
  ASSERT_EQ(driver.shard().counters().outbox_open, 4u);
  std::map<std::string, std::size_t> sizes;
  for (const auto& [key, value] : Stored(driver.shard())) {
    if (key[0] != static_cast<std::byte>(EntryKind::kVehicle)) continue;
    sizes[{reinterpret_cast<const char*>(key.data()) + 1, key.size() - 1}] = key.size() + value.size();
  }
  RecordProperty("bytes_with_path", static_cast<int>(sizes["veh-00001"]));
  RecordProperty("bytes_with_two_commands", static_cast<int>(sizes["veh-00002"]));
  EXPECT_LE(sizes["veh-00001"], 180u);
  EXPECT_LE(sizes["veh-00002"], 440u);
}

}  // namespace
}  // namespace starling::cloud
