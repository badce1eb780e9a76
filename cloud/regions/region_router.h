#pragma once

#include <span>
#include <vector>

#include "cloud/regions/region_map.h"
#include "cloud/shard/vehicle_table.h"
#include "common/ids.h"

namespace starling::cloud {

// Where the fixes of one vehicle go: to the region that owns it, and as ghosts to each
// other region that it can reach within the horizon.
//
// The owner is kept until the vehicle is more than kOwnerBandM away from the owner's
// region; then it is the region that the vehicle is in.  Ghosts go by the sweep that
// shards use: the predicted track of five seconds, one of silence and half a second
// more, with the vehicle's body, kGhostEnterM and its position's uncertainty around it.
//
// Threading: thread-compatible.
class RegionRouter {
 public:
  // Routes a fix that passed; owner(), ghosts() and left() then say where it goes.
  // `state` as MotionFromWire gives it; its track is computed here.
  void Route(const RegionMap& map, const VehicleState& state);

  // False until a fix was routed.
  bool routed() const { return routed_; }
  RegionId owner() const { return owner_; }
  std::span<const RegionId> ghosts() const { return ghosts_; }   // without the owner, rising
  // Had a copy of the last fix and need none from this one on.
  std::span<const RegionId> left() const { return left_; }

 private:
  bool NearOwner(const RegionMap& map, Vec2 position) const;

  bool routed_ = false;
  RegionId owner_{};
  std::vector<RegionId> ghosts_;
  std::vector<RegionId> left_;
};

}  // namespace starling::cloud
