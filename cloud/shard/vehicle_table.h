#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "cloud/shard/flat_map.h"
#include "cloud/shard/track.h"
#include "common/geo/grid.h"
#include "common/ids.h"
#include "common/motion/predictor.h"
#include "common/time.h"

namespace starling::cloud {

// Index of a vehicle in the shard's arrays; given to another one after it left.
using Slot = std::uint32_t;
inline constexpr Slot kNoSlot = FlatMap::kNone;

// A piece of planned path as the wire has it.
struct PackedArc {
  std::uint16_t length_cm = 0;
  std::int16_t curvature_e5 = 0;
};

// The newest fix of a vehicle, so packed that unpacking gives the very bits of
// MotionFromWire and PathFromWire.
struct VehicleState {
  Vec2 position;                        // m, local frame
  double heading_rad = 0;
  double curvature_per_m = 0;
  std::int64_t sample_time_ns = 0;      // cloud time
  std::uint64_t boot_time_ns = 0;
  std::uint64_t boot_id = 0;
  std::uint32_t sequence = 0;
  std::int16_t speed_cmps = 0;
  std::int16_t accel_cmps2 = 0;
  std::uint16_t length_cm = 0;
  std::uint16_t width_cm = 0;
  std::array<PackedArc, PlannedPath::kArcsMax> path;
  std::uint8_t path_size : 4 = 0;       // arcs of its own plan; or
  std::uint8_t street_size : 4 = 0;     // of where its street leads, without one
  std::uint8_t accuracy_dm = 0;
  std::uint8_t track_steps = 0;         // the track starts so many steps after the fix
  bool straight = false;                // within the track's time the heading stays
  float east = 0;                       // unit vector of the heading
  float north = 0;

  double speed_mps() const { return speed_cmps * 0.01; }
  double accel_mps2() const { return accel_cmps2 * 0.01; }
  MotionState Motion() const {
    return {position, heading_rad, speed_mps(), accel_mps2(), curvature_per_m};
  }
  // What the agent knows that we believe: pictures of where it is go by this.
  PlannedPath Path() const { return FirstArcs(path_size); }
  // Where it is expected to drive: conflicts go by this.
  PlannedPath WayAhead() const { return FirstArcs(way_size()); }
  std::size_t way_size() const { return static_cast<std::size_t>(path_size + street_size); }
  PlannedPath FirstArcs(std::size_t count) const {
    PlannedPath unpacked;
    for (std::size_t i = 0; i < count; ++i) {
      unpacked.Append({path[i].length_cm * 0.01, path[i].curvature_e5 * 1e-5});
    }
    return unpacked;
  }
  // Cloud time at which the track starts.
  std::int64_t track_start_ns() const {
    return sample_time_ns + track_steps * static_cast<std::int64_t>(kTrackStepS * 1e9);
  }
  // Stands, and its last fix does not say that it is about to go.
  bool standing() const { return speed_cmps == 0 && accel_cmps2 <= 0; }
};

// The rectangle of cells in which a vehicle is registered.
struct CellRect {
  std::int32_t x = 0;
  std::int32_t y = 0;
  std::uint16_t columns = 0;            // 0: not registered
  std::uint16_t rows = 0;

  friend constexpr bool operator==(const CellRect&, const CellRect&) = default;
};

inline constexpr std::size_t kHotBytesPerVehicle =
    sizeof(VehicleState) + sizeof(Track) + sizeof(SweepBox) + sizeof(CellRect);
static_assert(kHotBytesPerVehicle <= 256, "what a fix touches of a vehicle");

// What a vehicle is to the shard's region.
enum class Presence : std::uint8_t {
  kOwned = 0,
  kGhost,                               // another region's, and may get here
  kGone,                                // no longer; but commands or pairs are open
};

// What is touched rarely: at sessions, commands and ticks.
struct VehicleProfile {
  std::int64_t last_fix_log_ns = 0;
  std::uint64_t command_sequence = 0;   // last one given out
  std::uint32_t outbox_head = FlatMap::kNone;
  std::uint32_t outbox_size = 0;
  std::uint16_t suspected_pairs = 0;    // pairs in the horizon's list
  std::uint8_t advice_next = 0;         // ring position
  bool connected = true;
  bool alive = false;
  Presence presence = Presence::kOwned;
  std::uint32_t owner_region = 0;       // of a ghost
  std::array<std::uint64_t, 4> advised{};  // congestion episodes that it was told of
};

// Vehicles are looked at in turn, by a phase that is their name's, so that it does
// not depend on who else is there.
inline constexpr std::uint8_t kPhases = 5;
inline constexpr std::uint8_t kNoPhase = 0xFF;  // of a slot without a vehicle

// All vehicles of a shard, in arrays by slot.  A new vehicle takes the lowest free
// slot, so that the table is the same however its vehicles came to be in it.
//
// Threading: thread-compatible.
class VehicleTable {
 public:
  explicit VehicleTable(std::size_t vehicles_max) : vehicles_max_(vehicles_max) {}

  // kNoSlot if it is not here.
  Slot Find(const VehicleId& id) const;

  // A slot for a vehicle that is not here; kNoSlot if the table is full.
  // REQUIRES: Find(id) == kNoSlot
  Slot Insert(const VehicleId& id);
  void Remove(Slot slot);

  // For a table that is restored: makes room for `slots`, then puts each vehicle where
  // it was, then ends.  InsertAt is false if the place or the name is taken.
  // REQUIRES: the table is new; slots <= vehicles_max
  void Resize(Slot slots);
  bool InsertAt(Slot slot, const VehicleId& id);
  void FinishRestore();

  std::size_t size() const { return size_; }
  Slot slots() const { return static_cast<Slot>(states_.size()); }  // alive or not
  bool alive(Slot slot) const { return profiles_[slot].alive; }
  const VehicleId& id(Slot slot) const { return ids_[slot]; }
  std::span<const std::uint8_t> phases() const { return phases_; }  // by slot

  VehicleState& state(Slot slot) { return states_[slot]; }
  const VehicleState& state(Slot slot) const { return states_[slot]; }
  Track& track(Slot slot) { return tracks_[slot]; }
  const Track& track(Slot slot) const { return tracks_[slot]; }
  SweepBox& box(Slot slot) { return boxes_[slot]; }
  const SweepBox& box(Slot slot) const { return boxes_[slot]; }
  CellRect& rect(Slot slot) { return rects_[slot]; }
  const CellRect& rect(Slot slot) const { return rects_[slot]; }
  VehicleProfile& profile(Slot slot) { return profiles_[slot]; }
  const VehicleProfile& profile(Slot slot) const { return profiles_[slot]; }

  // Where the vehicle is at `at`; before its fix: at the fix.
  Pose PoseAt(Slot slot, CloudTime at) const;

 private:
  void Enter(Slot slot, const VehicleId& id);

  const std::size_t vehicles_max_;
  FlatMap by_hash_;                     // the newest of those whose names have this hash
  std::vector<Slot> next_same_hash_;    // the next older one; kNoSlot: none
  std::vector<VehicleId> ids_;
  std::vector<VehicleState> states_;
  std::vector<Track> tracks_;
  std::vector<SweepBox> boxes_;
  std::vector<CellRect> rects_;
  std::vector<VehicleProfile> profiles_;
  std::vector<std::uint8_t> phases_;
  std::vector<Slot> free_;              // a heap, the lowest first
  std::size_t size_ = 0;
};

}  // namespace starling::cloud
