// Domain verbs for tests of the state store.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "cloud/store/rocks_state_store.h"
#include "tests/cloud/log/log_fixture.h"

namespace starling::cloud {

using Entries = std::map<std::string, std::string>;
// No value: erase.
using Edits = std::vector<std::pair<std::string, std::optional<std::string>>>;

inline constexpr Topic kTopic = Topic::kTelemetry;

inline Status WriteEdits(StateStore* store, std::uint64_t next, const Edits& edits,
                         Partition partition = kPartition, Topic topic = kTopic) {
  std::vector<StateChange> changes;
  for (const auto& [key, value] : edits) {
    StateChange change{Bytes(key), std::nullopt};
    if (value) change.value = Bytes(*value);
    changes.push_back(change);
  }
  return store->Write(topic, partition, Offset{next}, changes);
}

struct Loaded {
  Status status;
  std::optional<std::uint64_t> next;
  Entries entries;
};

inline Loaded LoadAll(const StateStore& store, Partition partition = kPartition, Topic topic = kTopic) {
  Loaded loaded;
  const auto next = store.Load(topic, partition, [&](auto key, auto value) {
    loaded.entries[Text(key)] = Text(value);
    return Status();
  });
  if (!next.ok()) {
    loaded.status = next.status();
  } else if (next.value()) {
    loaded.next = Number(*next.value());
  }
  return loaded;
}

class StoreTest : public testing::Test {
 protected:
  StoreTest() { config_.directory = directory_.path() + "/state"; }

  void Open() {
    auto store = RocksStateStore::Open(config_);
    ASSERT_TRUE(store.ok()) << store.status().message();
    store_ = std::move(store).value();
  }
  void Reopen() {
    store_.reset();
    Open();
  }
  void Write(std::uint64_t next, const Edits& edits, Partition partition = kPartition) {
    const Status status = WriteEdits(store_.get(), next, edits, partition);
    ASSERT_TRUE(status.ok()) << status.message();
  }
  Loaded Load(Partition partition = kPartition) {
    Loaded loaded = LoadAll(*store_, partition);
    EXPECT_TRUE(loaded.status.ok()) << loaded.status.message();
    return loaded;
  }

  TestDirectory directory_;
  RocksStateStoreConfig config_;
  std::unique_ptr<RocksStateStore> store_;
};

}  // namespace starling::cloud
