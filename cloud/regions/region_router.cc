#include "cloud/regions/region_router.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "cloud/regions/sweep.h"
#include "common/motion/predictor.h"

namespace starling::cloud {

bool RegionRouter::NearOwner(const RegionMap& map, Vec2 position) const {
  if (!map.Has(owner_)) return false;
  const MapBox band{position.x, position.y, position.x, position.y};
  return map.Touches(band.Grown(kOwnerBandM), owner_);
}

void RegionRouter::Route(const RegionMap& map, const VehicleState& state) {
  left_.clear();
  const CellIndex cell = CellAt(state.position);
  const RegionId here = map.RegionAt(cell);
  if (map.single()) {
    // Those that had a copy under an older map.
    left_.swap(ghosts_);
    if (routed_ && owner_ != here) left_.push_back(owner_);
    owner_ = here;
    routed_ = true;
    return;
  }
  std::vector<RegionId> before;
  std::swap(before, ghosts_);
  if (routed_) before.insert(std::lower_bound(before.begin(), before.end(), owner_), owner_);
  if (!routed_ || (owner_ != here && !NearOwner(map, state.position))) owner_ = here;
  routed_ = true;

  const double uncertainty_m = state.accuracy_dm * 0.1;
  // However it turns, it drives no farther than this: most fixes end here.
  const double reach_m = std::abs(TravelAfter(state.speed_mps(), state.accel_mps2(), kTrackSpanS).distance_m) +
                         BodyRadius(state) + kTrackErrorM + 1 + kGhostLeaveM + uncertainty_m;
  const bool inland = here == owner_ && reach_m <= map.ClearanceAt(cell);
  if (!inland) {
    VehicleState copy = state;
    copy.track_steps = 0;
    Track track;
    SweepBox sweep{};
    BuildTrack(&copy, &track, &sweep);
    const MapBox box = ToMapBox(sweep);
    std::vector<RegionId> touched;
    map.RegionsTouched(box.Grown(kGhostEnterM + uncertainty_m), &touched);
    if (!before.empty()) {
      std::vector<RegionId> near;
      map.RegionsTouched(box.Grown(kGhostLeaveM + uncertainty_m), &near);
      for (const RegionId region : before) {
        if (!std::binary_search(near.begin(), near.end(), region)) continue;
        const auto at = std::lower_bound(touched.begin(), touched.end(), region);
        if (at == touched.end() || *at != region) touched.insert(at, region);
      }
    }
    std::copy_if(touched.begin(), touched.end(), std::back_inserter(ghosts_),
                 [this](RegionId region) { return region != owner_; });
  }
  for (const RegionId region : before) {
    if (region != owner_ && !std::binary_search(ghosts_.begin(), ghosts_.end(), region)) left_.push_back(region);
  }
}

}  // namespace starling::cloud
