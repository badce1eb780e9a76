// What a shard weighed on the way to one command, noted while it reads the records again.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "cloud/shard/decision_observer.h"
#include "common/ids.h"

namespace starling::cloud {

// Where a vehicle is expected to be.
struct TracePoint {
  double after_s = 0;                    // from the decision on
  Vec2 position;
  double speed_mps = 0;
};

// A vehicle as the shard knew it when it decided.
struct TraceVehicle {
  VehicleId vehicle;
  std::uint64_t boot_id = 0;
  std::uint64_t sequence = 0;            // of its newest fix
  std::int64_t sample_time_ns = 0;
  Vec2 position;                         // of the fix
  double heading_rad = 0;
  double speed_mps = 0;
  double accel_mps2 = 0;
  double accuracy_m = 0;
  std::size_t planned_arcs = 0;          // of its own path; 0: none was known
  std::size_t street_arcs = 0;           // of where its street leads instead
  std::vector<TracePoint> expected;      // as it drives
  std::vector<TracePoint> told;          // as it was told to by the plan; empty: it was told nothing
};

struct TraceEvaluation {
  std::int64_t at_ns = 0;
  std::array<std::uint64_t, 2> sequences{};  // of the two newest fixes that it rests on
  bool hit = false;
  std::optional<Encounter> met;
};

struct TraceTrial {
  PlanTrial::What what{};
  VehicleId brakes;
  SpeedProfile profile;
  std::optional<Encounter> met;
  VehicleId third;
};

struct TracePlan {
  std::int64_t at_ns = 0;
  std::array<VehicleId, 2> vehicles;
  EpisodeId episode{};
  VehicleId yields;
  std::vector<TraceTrial> trials;
  std::array<SpeedProfile, 2> profiles;
  bool resolved = false;
  bool both_brake = false;
  bool reversed = false;
};

// What led to the command.
struct Decision {
  CommandRequest request;
  VehicleId target;
  std::int64_t at_ns = 0;
  std::vector<TraceVehicle> vehicles;    // the two of the pair, by name; or the one that is advised
  std::vector<TraceEvaluation> evaluations;  // of the pair, the newest last
  std::optional<TracePlan> plan;         // the newest one of the episode
  std::optional<CongestionSeen> advice;
};

// Threading: thread-compatible.
class DecisionTrace final : public DecisionObserver {
 public:
  static constexpr std::size_t kEvaluationsMax = 60;

  // Notes what concerns `target`, until the command `wanted` for it is decided on.
  DecisionTrace(CommandId wanted, const VehicleId& target) : wanted_(wanted), target_(target) {}

  const std::optional<Decision>& decision() const { return decision_; }

  void OnEvaluated(const VehicleTable& vehicles, const Pair& pair, const std::optional<Encounter>& met, bool hit,
                   std::int64_t now_ns) override;
  void OnPlanning(const VehicleTable& vehicles, const Pair& pair, std::int64_t now_ns) override;
  void OnTried(const VehicleTable& vehicles, const Pair& pair, const PlanTrial& trial) override;
  void OnPlanned(const VehicleTable& vehicles, const Pair& pair, const PlanTaken& taken) override;
  void OnAdvised(const VehicleTable& vehicles, Slot slot, const CongestionSeen& ahead) override;
  void OnIssued(const VehicleTable& vehicles, const CommandRequest& request, CommandId id, const Pair* pair,
                std::int64_t now_ns) override;

 private:
  using Names = std::array<VehicleId, 2>;

  bool Concerns(const VehicleTable& vehicles, const Pair& pair) const;

  const CommandId wanted_;
  const VehicleId target_;
  std::map<Names, std::deque<TraceEvaluation>> evaluations_;
  std::optional<TracePlan> planning_;    // being made, of a pair of the target's
  std::map<EpisodeId, TracePlan> plans_; // the newest of each episode
  std::optional<CongestionSeen> advice_;
  std::optional<Decision> decision_;
};

}  // namespace starling::cloud
