#include "cloud/shard/state_diff.h"

#include <cstring>
#include <string_view>
#include <utility>

#include "common/ids.h"

namespace starling::cloud {
namespace {

std::uint64_t HashOf(std::span<const std::byte> bytes) {
  std::uint64_t hash = bytes.size();
  for (; bytes.size() >= sizeof hash; bytes = bytes.subspan(sizeof hash)) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data(), sizeof word);
    hash = MixHash(hash, word);
  }
  std::uint64_t rest = 0;
  if (!bytes.empty()) std::memcpy(&rest, bytes.data(), bytes.size());
  return MixHash(hash, rest);
}

std::string_view TextOf(std::span<const std::byte> key) {
  return {reinterpret_cast<const char*>(key.data()), key.size()};
}

}  // namespace

void StateDiff::Seed(const SavedState& stored) {
  stored_.clear();
  for (std::size_t i = 0; i < stored.size(); ++i) {
    const SavedState::Entry entry = stored[i];
    stored_.push_back({std::string(TextOf(entry.key)), HashOf(*entry.value)});
  }
}

void StateDiff::Find(const Shard& shard, SavedState* changes) {
  found_.clear();
  found_.reserve(stored_.size());
  std::size_t at = 0;  // Both come in the order of the keys: one pass.
  const auto erase_before = [&](std::string_view key) {
    for (; at < stored_.size() && std::string_view(stored_[at].key) < key; ++at) {
      changes->Add(std::as_bytes(std::span(stored_[at].key)), std::nullopt);
    }
  };
  shard.Save([&](std::span<const std::byte> key, std::span<const std::byte> value) {
    const std::string_view text = TextOf(key);
    const std::uint64_t hash = HashOf(value);
    erase_before(text);
    const bool known = at < stored_.size() && stored_[at].key == text;
    if (!known || stored_[at].hash != hash) changes->Add(key, value);
    if (known) ++at;
    found_.push_back({std::string(text), hash});
  });
  for (; at < stored_.size(); ++at) {
    changes->Add(std::as_bytes(std::span(stored_[at].key)), std::nullopt);
  }
}

void StateDiff::Accept() { std::swap(stored_, found_); }

}  // namespace starling::cloud
