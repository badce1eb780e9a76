#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <utility>

#include "cloud/regions/region_map.h"
#include "common/ids.h"
#include "common/mutex.h"

namespace starling::cloud {

// What a gateway knows of the regions: the map, and each one's newest epoch.
//
// Threading: thread-safe.
class GatewayRegions {
 public:
  explicit GatewayRegions(RegionMap map) : map_(std::make_shared<const RegionMap>(std::move(map))) {}

  std::shared_ptr<const RegionMap> map() const {
    MutexLock lock(mutex_);
    return map_;
  }
  // Changes with the map: who keeps a copy sees cheaply that it is old.
  std::uint64_t generation() const { return generation_.load(std::memory_order_acquire); }

  // False if the map that is there is as new.
  bool SetMap(RegionMap map) {
    MutexLock lock(mutex_);
    if (map.version() <= map_->version()) return false;
    map_ = std::make_shared<const RegionMap>(std::move(map));
    generation_.fetch_add(1, std::memory_order_release);
    return true;
  }

  Epoch EpochOf(RegionId region) const {
    MutexLock lock(mutex_);
    const auto found = epochs_.find(ToNumber(region));
    return found == epochs_.end() ? Epoch{} : found->second;
  }
  // An older one than is known changes nothing.
  void SetEpoch(RegionId region, Epoch epoch) {
    MutexLock lock(mutex_);
    Epoch& known = epochs_[ToNumber(region)];
    if (known < epoch) known = epoch;
  }

 private:
  mutable Mutex mutex_;
  std::shared_ptr<const RegionMap> map_ STARLING_GUARDED_BY(mutex_);
  std::unordered_map<std::uint32_t, Epoch> epochs_ STARLING_GUARDED_BY(mutex_);
  std::atomic<std::uint64_t> generation_{1};  // written under the mutex
};

}  // namespace starling::cloud
