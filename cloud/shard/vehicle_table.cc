#include "cloud/shard/vehicle_table.h"

#include <algorithm>
#include <functional>

#include "common/check.h"

namespace starling::cloud {

Slot VehicleTable::Find(const VehicleId& id) const {
  // A name can be made to have another one's hash: the names decide.
  Slot slot = by_hash_.Find(id.Hash());
  while (slot != kNoSlot && ids_[slot] != id) slot = next_same_hash_[slot];
  return slot;
}

Slot VehicleTable::Insert(const VehicleId& id) {
  if (size_ >= vehicles_max_) return kNoSlot;
  Slot slot;
  if (!free_.empty()) {
    std::pop_heap(free_.begin(), free_.end(), std::greater<>());
    slot = free_.back();
    free_.pop_back();
  } else {
    slot = slots();
    next_same_hash_.emplace_back();
    ids_.emplace_back();
    states_.emplace_back();
    tracks_.emplace_back();
    boxes_.emplace_back();
    rects_.emplace_back();
    profiles_.emplace_back();
    phases_.push_back(kNoPhase);
  }
  Enter(slot, id);
  return slot;
}

void VehicleTable::Enter(Slot slot, const VehicleId& id) {
  states_[slot] = {};
  rects_[slot] = {};
  profiles_[slot] = {};
  ids_[slot] = id;
  profiles_[slot].alive = true;
  const std::uint64_t hash = id.Hash();
  phases_[slot] = static_cast<std::uint8_t>(hash % kPhases);
  const Slot older = by_hash_.Find(hash);
  next_same_hash_[slot] = older;
  if (older == kNoSlot) {
    by_hash_.Insert(hash, slot);
  } else {
    by_hash_.Update(hash, slot);
  }
  ++size_;
}

void VehicleTable::Resize(Slot slots) {
  STARLING_CHECK(states_.empty() && slots <= vehicles_max_);
  next_same_hash_.resize(slots, kNoSlot);
  ids_.resize(slots);
  states_.resize(slots);
  tracks_.resize(slots);
  boxes_.resize(slots);
  rects_.resize(slots);
  profiles_.resize(slots);
  phases_.resize(slots, kNoPhase);
}

bool VehicleTable::InsertAt(Slot slot, const VehicleId& id) {
  if (slot >= slots() || profiles_[slot].alive || Find(id) != kNoSlot) return false;
  Enter(slot, id);
  return true;
}

void VehicleTable::FinishRestore() {
  for (Slot slot = 0; slot < slots(); ++slot) {
    if (!profiles_[slot].alive) free_.push_back(slot);  // Ascending: a heap already.
  }
}

void VehicleTable::Remove(Slot slot) {
  const std::uint64_t hash = ids_[slot].Hash();
  const Slot newest = by_hash_.Find(hash);
  const Slot older = next_same_hash_[slot];
  if (newest != slot) {
    Slot newer = newest;
    while (next_same_hash_[newer] != slot) newer = next_same_hash_[newer];
    next_same_hash_[newer] = older;
  } else if (older != kNoSlot) {
    by_hash_.Update(hash, older);
  } else {
    by_hash_.Erase(hash);
  }
  profiles_[slot].alive = false;
  phases_[slot] = kNoPhase;
  free_.push_back(slot);
  std::push_heap(free_.begin(), free_.end(), std::greater<>());
  --size_;
}

Pose VehicleTable::PoseAt(Slot slot, CloudTime at) const {
  const VehicleState& state = states_[slot];
  const double age_s = ToSeconds(nanoseconds(ToNs(at) - state.sample_time_ns));
  return Predict(state.Motion(), state.Path(), std::max(age_s, 0.0));
}

}  // namespace starling::cloud
