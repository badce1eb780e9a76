#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cloud/shard/horizon.h"
#include "cloud/shard/shard_config.h"
#include "cloud/shard/vehicle_table.h"
#include "common/ids.h"
#include "schemas/cloud_to_edge/downlink_generated.h"

namespace starling::cloud {

class DecisionObserver;  // cloud/shard/decision_observer.h
struct PlanTrial;

// The sample that made the shard act; empty and 0: a tick or a closing window.
struct Cause {
  VehicleId vehicle;
  std::uint64_t boot_id = 0;
  std::uint64_t sequence = 0;
  std::int64_t log_time_ns = 0;
};

struct CommandRequest {
  Slot target = kNoSlot;
  wire::CommandKind kind{};
  EpisodeId episode{};
  CommandId supersedes{};
  SpeedProfile profile;
  nanoseconds lease{0};
  CellIndex cell;
  Cause cause;
  // An operator's: what it is known by, who it is, and why.
  CommandId id{};                           // 0: it follows from the cause
  std::string issuer;
  std::string reason;
};

// Turns requests into commands.
class CommandIssuer {
 public:
  virtual ~CommandIssuer() = default;
  // The new command's id; 0 if the vehicle's outbox has no room: nothing was issued.
  virtual CommandId Issue(const CommandRequest& request) = 0;
  // What it issues for this pair is recorded and not sent: nobody can be taken to do it.
  virtual bool Withholds(const Pair& pair) const = 0;
};

// Decides who gives way, and how hard.
//
// When an episode opens, the connected component of the graph of open episodes
// that it belongs to is resolved, each episode once, in order of urgency (time to
// contact) and then of its id.  The one that yields - the follower, the one that
// arrives later, the slower one of two that drive at each other - gets the
// mildest of 2, 3.5, 5 and 7 m/s² that resolves the conflict when simulated again
// with what the others were told; the other one is told not to accelerate.  Both
// brake if no deceleration of the one resolves it, or if the braking runs into a
// third vehicle; a leader never brakes for its follower.  Roles are reversed at
// most once in an episode.  If the one that yields goes on as if it had not been told,
// the other one brakes as well, as hard as it takes while the first one does not.
// Source: the symmetric rule and the recovery rule (both brake) after NASA
// TP-2011-217067.  We deviate in acting on speed alone.
//
// Threading: thread-compatible.
class Planner {
 public:
  Planner(const PlannerConfig& config, const VehicleTable* vehicles, Horizon* horizon,
          CommandIssuer* issuer);

  // Is told what is tried and taken.  Null: nobody is.
  void SetObserver(DecisionObserver* observer) { observer_ = observer; }

  void OnOpened(std::uint32_t pair, std::int64_t now_ns, const Cause& cause);
  void OnClosed(const Pair& pair, std::int64_t now_ns, const Cause& cause);

  // Renews leases and sharpens what no longer suffices, if the pair is open.
  void Maintain(std::uint32_t index, std::int64_t now_ns, const Cause& cause);

 private:
  struct Plan {
    std::array<SpeedProfile, 2> profiles;   // by index into Pair::slots
    bool resolved = false;
    bool both_brake = false;
  };

  void Resolve(std::uint32_t index, std::int64_t now_ns, const Cause& cause);
  Plan MakePlan(const Pair& pair, int yields, std::int64_t now_ns);
  // True if the one that yields should be braking by now, and is not.
  bool Disregards(const Pair& pair, std::int64_t now_ns) const;
  // What the other one has to do while the one that yields does not.
  Plan PlanAround(const Pair& pair, std::int64_t now_ns);
  // Whom that braking runs into who would not be met without it; kNoSlot: nobody.
  Slot RunsInto(Slot slot, const SpeedProfile& profile, Slot other, std::int64_t now_ns);
  void TellOf(const Pair& pair, const PlanTrial& trial) const;
  // The strictest of what a vehicle was told in open episodes other than `except`.
  std::optional<SpeedProfile> Constraint(Slot slot, EpisodeId except, std::int64_t now_ns) const;
  void Tell(Pair* pair, int side, const SpeedProfile& profile, std::int64_t now_ns,
            const Cause& cause);
  // In order of urgency; open pairs that hang together by common vehicles.
  std::vector<std::uint32_t> ComponentOf(std::uint32_t index);

  const PlannerConfig config_;
  const VehicleTable& vehicles_;
  Horizon& horizon_;
  CommandIssuer& issuer_;
  DecisionObserver* observer_ = nullptr;
  std::vector<Slot> neighbours_;            // scratch
  std::vector<bool> in_component_;          // scratch, by pair
  std::vector<bool> reached_;               // scratch, by slot; all false between calls
};

}  // namespace starling::cloud
