#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "cloud/shard/saved_state.h"
#include "cloud/shard/shard.h"

namespace starling::cloud {

// Finds the entries of a shard that differ from those that are stored.  It keeps a hash
// of 64 bits for each stored value, not the value: a change that leaves the hash as it was,
// one in 2^64, would not be stored until the entry's next one.
//
// Threading: thread-compatible.
class StateDiff {
 public:
  // What is stored now.  REQUIRES: in the order of the keys, as Shard::Save gives them
  void Seed(const SavedState& stored);

  // What has to be put and erased so that `shard` is stored.
  void Find(const Shard& shard, SavedState* changes);

  // What the last Find has found was stored.
  void Accept();

 private:
  struct Known {
    std::string key;
    std::uint64_t hash = 0;
  };
  std::vector<Known> stored_;  // In the order of the keys.
  std::vector<Known> found_;
};

}  // namespace starling::cloud
