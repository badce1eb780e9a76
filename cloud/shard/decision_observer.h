#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "cloud/shard/horizon.h"
#include "cloud/shard/planner.h"
#include "cloud/shard/vehicle_table.h"
#include "common/geo/grid.h"

namespace starling::cloud {

// What a planner tried.
struct PlanTrial {
  enum class What : std::uint8_t {
    kYields,        // the one that yields slows down by itself
    kAround,        // the other one does, because the one that yields does not
    kThird,         // the braking that would do runs into `third`
  };
  What what{};
  int brakes = 0;                        // index into Pair::slots, of who slows down
  SpeedProfile profile;                  // of that one
  std::optional<Encounter> met;          // what they would still do; nothing: it resolves the conflict
  Slot third = kNoSlot;
};

// What it then took.
struct PlanTaken {
  std::array<SpeedProfile, 2> profiles;  // by index into Pair::slots
  bool resolved = false;
  bool both_brake = false;
  bool reversed = false;                 // the roles are exchanged by it
};

// The congested cell that a vehicle is about to enter, as of its last window.
struct CongestionSeen {
  CellIndex cell;
  std::uint32_t vehicles = 0;
  double mean_speed_mps = 0;
  double free_speed_mps = 0;             // learned
  double congestion = 0;                 // 0 .. 1
  double confidence = 0;
};

// Is told what a shard weighs while it does, so that somebody can say later why it decided
// as it did.  Whether there is one changes nothing that the shard does.  What it is handed
// lives as long as the call.
//
// Threading: called by whoever applies records to the shard.
class DecisionObserver {
 public:
  virtual ~DecisionObserver() = default;

  // A pair was looked at: nothing, or the encounter that is predicted.
  virtual void OnEvaluated(const VehicleTable& vehicles, const Pair& pair, const std::optional<Encounter>& met,
                           bool hit, std::int64_t now_ns) = 0;
  // For the pair a plan is made, from here on; then each trial, then what was taken.
  virtual void OnPlanning(const VehicleTable& vehicles, const Pair& pair, std::int64_t now_ns) = 0;
  virtual void OnTried(const VehicleTable& vehicles, const Pair& pair, const PlanTrial& trial) = 0;
  virtual void OnPlanned(const VehicleTable& vehicles, const Pair& pair, const PlanTaken& taken) = 0;
  // A vehicle is about to be told to go slower into a congested cell.
  virtual void OnAdvised(const VehicleTable& vehicles, Slot slot, const CongestionSeen& ahead) = 0;
  // A command was decided on, though there may be no room for it, or it may be withheld.  `pair`: of
  // its episode, as long as that is open; null for advice and releases.
  virtual void OnIssued(const VehicleTable& vehicles, const CommandRequest& request, CommandId id, const Pair* pair,
                        std::int64_t now_ns) = 0;
};

}  // namespace starling::cloud
