#include "cloud/shard/vehicle_table.h"

#include <algorithm>

namespace starling::cloud {

Slot VehicleTable::Find(const VehicleId& id) const {
  const Slot slot = by_hash_.Find(id.Hash());
  return slot != kNoSlot && ids_[slot] == id ? slot : kNoSlot;
}

Slot VehicleTable::Insert(const VehicleId& id) {
  if (size_ >= vehicles_max_ || by_hash_.Find(id.Hash()) != kNoSlot) return kNoSlot;
  Slot slot;
  if (!free_.empty()) {
    slot = free_.back();
    free_.pop_back();
  } else {
    slot = slots();
    ids_.emplace_back();
    states_.emplace_back();
    tracks_.emplace_back();
    boxes_.emplace_back();
    rects_.emplace_back();
    profiles_.emplace_back();
  }
  states_[slot] = {};
  rects_[slot] = {};
  profiles_[slot] = {};
  ids_[slot] = id;
  profiles_[slot].alive = true;
  by_hash_.Insert(id.Hash(), slot);
  ++size_;
  return slot;
}

void VehicleTable::Remove(Slot slot) {
  by_hash_.Erase(ids_[slot].Hash());
  profiles_[slot].alive = false;
  free_.push_back(slot);
  --size_;
}

Pose VehicleTable::PoseAt(Slot slot, CloudTime at) const {
  const VehicleState& state = states_[slot];
  const double age_s = ToSeconds(nanoseconds(ToNs(at) - state.sample_time_ns));
  return Predict(state.Motion(), state.Path(), std::max(age_s, 0.0));
}

}  // namespace starling::cloud
