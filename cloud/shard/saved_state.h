#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cloud/log/log.h"
#include "cloud/store/state_store.h"

namespace starling::cloud {

// Entries of a shard's state, copied into one buffer; values are aligned to 8 bytes.
//
// Threading: thread-compatible.
class SavedState {
 public:
  struct Entry {
    std::span<const std::byte> key;
    std::optional<std::span<const std::byte>> value;  // none: erased
  };

  void Add(std::span<const std::byte> key, std::optional<std::span<const std::byte>> value) {
    Place place{bytes_.size(), key.size(), 0, 0, value.has_value()};
    bytes_.insert(bytes_.end(), key.begin(), key.end());
    bytes_.resize((bytes_.size() + 7) / 8 * 8);
    place.value_at = bytes_.size();
    if (value) {
      place.value_bytes = value->size();
      bytes_.insert(bytes_.end(), value->begin(), value->end());
    }
    places_.push_back(place);
  }
  void Clear() {
    bytes_.clear();
    places_.clear();
  }

  std::size_t size() const { return places_.size(); }
  std::size_t bytes() const { return bytes_.size(); }
  // Valid until the next Add or Clear.
  Entry operator[](std::size_t index) const {
    const Place& place = places_[index];
    const std::span<const std::byte> all(bytes_);
    Entry entry{all.subspan(place.key_at, place.key_bytes), std::nullopt};
    if (place.has_value) entry.value = all.subspan(place.value_at, place.value_bytes);
    return entry;
  }
  // As StateStore::Write takes them.
  std::vector<StateChange> Changes() const {
    std::vector<StateChange> changes;
    changes.reserve(size());
    for (std::size_t i = 0; i < size(); ++i) {
      const Entry entry = (*this)[i];
      changes.push_back({entry.key, entry.value});
    }
    return changes;
  }

 private:
  struct Place {
    std::size_t key_at, key_bytes, value_at, value_bytes;
    bool has_value;
  };
  std::vector<std::byte> bytes_;  // From operator new, so aligned to 8 bytes and more.
  std::vector<Place> places_;
};

}  // namespace starling::cloud
