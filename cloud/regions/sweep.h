#pragma once

#include "cloud/regions/region_map.h"
#include "cloud/shard/track.h"

namespace starling::cloud {

// A vehicle is a ghost in each region that its sweep comes this near: so a region knows
// it a few fixes before it matters there, and what a prediction can jump between two
// fixes does not matter.  Gateway and shards use the same sweep - BuildTrack's box - and
// the same margins.
inline constexpr double kGhostEnterM = 25;
// ... and stays one until its sweep is this far away, so that nobody comes and goes.
inline constexpr double kGhostLeaveM = 75;
// A vehicle changes its owner when it is farther than this from the old one's region.
inline constexpr double kOwnerBandM = 25;

inline MapBox ToMapBox(const SweepBox& box) { return {box.x_min, box.y_min, box.x_max, box.y_max}; }

}  // namespace starling::cloud
