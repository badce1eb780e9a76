#include "cloud/explain/decision_trace.h"

#include <algorithm>

namespace starling::cloud {
namespace {

constexpr double kPathStepS = 0.5;
constexpr double kPathUntilS = 5;

std::array<VehicleId, 2> NamesOf(const VehicleTable& vehicles, const Pair& pair) {
  return {vehicles.id(pair.slots[0]), vehicles.id(pair.slots[1])};
}

std::vector<TracePoint> PathOf(const VehicleState& state, std::int64_t now_ns,
                               const std::optional<SpeedProfile>& profile) {
  const Mover mover(state, now_ns, profile);
  std::vector<TracePoint> path;
  for (double after_s = 0; after_s <= kPathUntilS; after_s += kPathStepS) {
    path.push_back({after_s, mover.PoseAt(after_s).position, mover.SpeedAt(after_s)});
  }
  return path;
}

TraceVehicle Describe(const VehicleTable& vehicles, Slot slot, std::int64_t now_ns,
                      const std::optional<SpeedProfile>& told) {
  const VehicleState& state = vehicles.state(slot);
  TraceVehicle vehicle;
  vehicle.vehicle = vehicles.id(slot);
  vehicle.boot_id = state.boot_id;
  vehicle.sequence = state.sequence;
  vehicle.sample_time_ns = state.sample_time_ns;
  vehicle.position = state.position;
  vehicle.heading_rad = state.heading_rad;
  vehicle.speed_mps = state.speed_mps();
  vehicle.accel_mps2 = state.accel_mps2();
  vehicle.accuracy_m = state.accuracy_dm * 0.1;
  vehicle.planned_arcs = state.path_size;
  vehicle.street_arcs = state.street_size;
  vehicle.expected = PathOf(state, now_ns, std::nullopt);
  if (told) vehicle.told = PathOf(state, now_ns, told);
  return vehicle;
}

}  // namespace

bool DecisionTrace::Concerns(const VehicleTable& vehicles, const Pair& pair) const {
  return !decision_ && (vehicles.id(pair.slots[0]) == target_ || vehicles.id(pair.slots[1]) == target_);
}

void DecisionTrace::OnEvaluated(const VehicleTable& vehicles, const Pair& pair, const std::optional<Encounter>& met,
                                bool hit, std::int64_t now_ns) {
  if (!Concerns(vehicles, pair)) return;
  std::deque<TraceEvaluation>& of_pair = evaluations_[NamesOf(vehicles, pair)];
  of_pair.push_back({now_ns,
                     {vehicles.state(pair.slots[0]).sequence, vehicles.state(pair.slots[1]).sequence},
                     hit,
                     met});
  if (of_pair.size() > kEvaluationsMax) of_pair.pop_front();
}

void DecisionTrace::OnPlanning(const VehicleTable& vehicles, const Pair& pair, std::int64_t now_ns) {
  planning_.reset();
  if (!Concerns(vehicles, pair)) return;
  planning_.emplace();
  planning_->at_ns = now_ns;
  planning_->vehicles = NamesOf(vehicles, pair);
  planning_->episode = pair.episode;
}

void DecisionTrace::OnTried(const VehicleTable& vehicles, const Pair& pair, const PlanTrial& trial) {
  if (!planning_) return;
  TraceTrial tried{trial.what, vehicles.id(pair.slots[static_cast<std::size_t>(trial.brakes)]), trial.profile,
                   trial.met, {}};
  if (trial.third != kNoSlot) tried.third = vehicles.id(trial.third);
  planning_->trials.push_back(std::move(tried));
}

void DecisionTrace::OnPlanned(const VehicleTable& vehicles, const Pair& pair, const PlanTaken& taken) {
  if (!planning_) return;
  planning_->yields = vehicles.id(pair.slots[static_cast<std::size_t>(pair.yields)]);
  planning_->profiles = taken.profiles;
  planning_->resolved = taken.resolved;
  planning_->both_brake = taken.both_brake;
  planning_->reversed = taken.reversed;
  plans_[planning_->episode] = std::move(*planning_);
  planning_.reset();
}

void DecisionTrace::OnAdvised(const VehicleTable& vehicles, Slot slot, const CongestionSeen& ahead) {
  if (!decision_ && vehicles.id(slot) == target_) advice_ = ahead;
}

void DecisionTrace::OnIssued(const VehicleTable& vehicles, const CommandRequest& request, CommandId id,
                             const Pair* pair, std::int64_t now_ns) {
  if (decision_ || id != wanted_ || vehicles.id(request.target) != target_) return;
  Decision decision;
  decision.request = request;
  decision.target = target_;
  decision.at_ns = now_ns;
  if (!request.issuer.empty()) {
    // Nobody weighed anything.
    decision.vehicles.push_back(Describe(vehicles, request.target, now_ns, request.profile));
    decision_ = std::move(decision);
    return;
  }
  if (request.kind == wire::CommandKind::SpeedAdvice) {
    decision.advice = advice_;
    decision.vehicles.push_back(Describe(vehicles, request.target, now_ns, request.profile));
    decision_ = std::move(decision);
    return;
  }
  const auto plan = plans_.find(request.episode);
  if (plan != plans_.end()) decision.plan = plan->second;
  std::optional<Names> names;
  if (pair != nullptr) names = NamesOf(vehicles, *pair);
  if (!names && decision.plan) names = decision.plan->vehicles;
  if (names) {
    const auto evaluated = evaluations_.find(*names);
    if (evaluated != evaluations_.end()) {
      decision.evaluations.assign(evaluated->second.begin(), evaluated->second.end());
    }
    for (std::size_t side = 0; side < 2; ++side) {
      const Slot slot = vehicles.Find((*names)[side]);
      if (slot == kNoSlot) continue;
      std::optional<SpeedProfile> told;
      if (decision.plan && request.kind == wire::CommandKind::Avoidance) told = decision.plan->profiles[side];
      decision.vehicles.push_back(Describe(vehicles, slot, now_ns, told));
    }
  } else {
    decision.vehicles.push_back(Describe(vehicles, request.target, now_ns, std::nullopt));
  }
  decision_ = std::move(decision);
}

}  // namespace starling::cloud
