// The state store on a real RocksDB: points in time, damage, and what it takes on disk.

#include "cloud/store/rocks_state_store.h"

#include <random>

#include "tests/cloud/store/store_fixture.h"

namespace starling::cloud {
namespace {

TEST_F(StoreTest, KnowsNothingAtFirst) {
  Open();
  EXPECT_FALSE(Load().next.has_value());
  EXPECT_TRUE(Load().entries.empty());
}

TEST_F(StoreTest, KeepsEntriesAndOffsetAcrossAReopen) {
  Open();
  Write(5, {{"a", "1"}, {"b", "2"}});
  Write(9, {{"b", "3"}, {"a", std::nullopt}, {"c", ""}});
  Reopen();
  EXPECT_EQ(Load().next, 9u);
  EXPECT_EQ(Load().entries, (Entries{{"b", "3"}, {"c", ""}}));
}

TEST_F(StoreTest, TheLaterOfTwoChangesOfAKeyCounts) {
  Open();
  Write(1, {{"b", "1"}, {"a", "x"}, {"b", std::nullopt}, {"b", "2"}, {"c", "1"}, {"c", std::nullopt}});
  EXPECT_EQ(Load().entries, (Entries{{"a", "x"}, {"b", "2"}}));
}

TEST_F(StoreTest, AnOffsetCanMoveWithoutAChange) {
  Open();
  Write(1, {{"a", "1"}});
  Write(2, {});
  EXPECT_EQ(Load().next, 2u);
  EXPECT_EQ(Load().entries, (Entries{{"a", "1"}}));
}

TEST_F(StoreTest, KeepsPartitionsAndTopicsApart) {
  Open();
  Write(1, {{"a", "1"}}, Partition{1});
  Write(2, {{"a", "2"}, {"b", "2"}}, Partition{2});
  ASSERT_TRUE(WriteEdits(store_.get(), 3, {{"a", "3"}}, Partition{1}, Topic::kHistory).ok());
  EXPECT_EQ(Load(Partition{1}).entries, (Entries{{"a", "1"}}));
  EXPECT_EQ(Load(Partition{2}).next, 2u);
  ASSERT_TRUE(store_->Clear(kTopic, Partition{2}).ok());
  EXPECT_FALSE(Load(Partition{2}).next.has_value());
  EXPECT_TRUE(Load(Partition{2}).entries.empty());
  EXPECT_EQ(Load(Partition{1}).next, 1u);
  EXPECT_EQ(LoadAll(*store_, Partition{1}, Topic::kHistory).entries, (Entries{{"a", "3"}}));
}

TEST_F(StoreTest, RefusesWhatIsTooLargeAndKeepsWhatItHas) {
  Open();
  Write(1, {{"a", "1"}});
  const Status status = WriteEdits(store_.get(), 2, {{std::string(2'000, 'k'), "1"}});
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(Load().next, 1u);
}

TEST_F(StoreTest, IsOpenOnlyOnce) {
  Open();
  const auto second = RocksStateStore::Open(config_);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.status().code(), ErrorCode::kUnavailable);
}

TEST_F(StoreTest, AgreesWithAModel) {
  for (std::uint32_t seed = 1; seed <= 3; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    const Partition partition{seed};
    Open();
    Entries model;
    for (std::uint64_t round = 1; round <= 60; ++round) {
      Edits edits;
      for (auto i = random() % 40; i > 0; --i) {
        const std::string key = std::to_string(random() % 100);
        if (random() % 4 == 0) {
          edits.push_back({key, std::nullopt});
          model.erase(key);
        } else {
          const std::string value(random() % 50, static_cast<char>('a' + random() % 26));
          edits.push_back({key, value});
          model[key] = value;
        }
      }
      Write(round, edits, partition);
      if (random() % 10 == 0) Reopen();
      if (random() % 10 == 0) store_->AwaitCompaction();
      ASSERT_EQ(Load(partition).entries, model);
      ASSERT_EQ(Load(partition).next, round);
    }
    store_.reset();
  }
}

}  // namespace
}  // namespace starling::cloud
