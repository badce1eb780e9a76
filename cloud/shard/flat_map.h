#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "common/check.h"

namespace starling::cloud {

// A hash table from 64-bit keys to 32-bit indices: open addressing, linear
// probing, at most half full.  It has no iteration, so that its order can leak
// into no output.
//
// Threading: thread-compatible.
class FlatMap {
 public:
  static constexpr std::uint32_t kNone = 0xFFFFFFFF;

  FlatMap() : slots_(kSlotsMin) {}

  // kNone if there is none.
  std::uint32_t Find(std::uint64_t key) const {
    for (std::size_t i = Home(key);; i = Next(i)) {
      if (slots_[i].value == kNone || slots_[i].key == key) return slots_[i].value;
    }
  }

  // REQUIRES: value != kNone; `key` is not in the table
  void Insert(std::uint64_t key, std::uint32_t value) {
    if (2 * (size_ + 1) > slots_.size()) Grow();
    Place(key, value);
    ++size_;
  }

  // Replaces the index of a key.
  // REQUIRES: `key` is in the table
  void Update(std::uint64_t key, std::uint32_t value) {
    std::size_t i = Home(key);
    while (slots_[i].key != key || slots_[i].value == kNone) {
      STARLING_CHECK(slots_[i].value != kNone);
      i = Next(i);
    }
    slots_[i].value = value;
  }

  // Removes `key` if it is there.  Closes the gap (Knuth, TAOCP 3, 6.4, Algorithm
  // R), so that no tombstones gather.
  void Erase(std::uint64_t key) {
    std::size_t gap = Home(key);
    for (;; gap = Next(gap)) {
      if (slots_[gap].value == kNone) return;
      if (slots_[gap].key == key) break;
    }
    for (std::size_t i = Next(gap); slots_[i].value != kNone; i = Next(i)) {
      const std::size_t home = Home(slots_[i].key);
      const bool stays = gap <= i ? (gap < home && home <= i) : (gap < home || home <= i);
      if (stays) continue;
      slots_[gap] = slots_[i];
      gap = i;
    }
    slots_[gap].value = kNone;
    --size_;
  }

  std::size_t size() const { return size_; }

 private:
  static constexpr std::size_t kSlotsMin = 64;

  struct Slot {
    std::uint64_t key = 0;
    std::uint32_t value = kNone;
  };

  // Fibonacci hashing (Knuth, TAOCP 3, 6.4): the high bits of the product.
  std::size_t Home(std::uint64_t key) const {
    return static_cast<std::size_t>((key * 0x9E3779B97F4A7C15u) >> 32) & (slots_.size() - 1);
  }
  std::size_t Next(std::size_t i) const { return (i + 1) & (slots_.size() - 1); }

  void Place(std::uint64_t key, std::uint32_t value) {
    STARLING_CHECK(value != kNone);
    std::size_t i = Home(key);
    while (slots_[i].value != kNone) {
      STARLING_CHECK(slots_[i].key != key);
      i = Next(i);
    }
    slots_[i] = {key, value};
  }

  void Grow() {
    std::vector<Slot> old(2 * slots_.size());
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.value != kNone) Place(slot.key, slot.value);
    }
  }

  std::vector<Slot> slots_;
  std::size_t size_ = 0;
};

}  // namespace starling::cloud
