#include "cloud/gateway/plan_book.h"

#include <utility>

namespace starling::cloud {

void PlanBook::SetWanted(WantedPlans wanted) {
  MutexLock lock(mutex_);
  wanted_ = std::move(wanted);
  figures_.wanted = wanted_.vehicles.size() + (wanted_.all != nullptr ? 1 : 0);
}

std::shared_ptr<const CompiledPlan> PlanBook::WantedFor(const VehicleId& vehicle) const {
  MutexLock lock(mutex_);
  return wanted_.For(vehicle);
}

void PlanBook::Note(const VehicleId& vehicle, ReportedPlan report) {
  MutexLock lock(mutex_);
  ++figures_.reports;
  if (report.verdict >= wire::PlanVerdict::RefusedNotNewer) ++figures_.refusals;
  ReportedPlan& last = reported_[vehicle];
  if (last.applied_version != 0) --figures_.in_force;
  if (report.applied_version != 0) ++figures_.in_force;
  last = std::move(report);
}

std::optional<ReportedPlan> PlanBook::Reported(const VehicleId& vehicle) const {
  MutexLock lock(mutex_);
  const auto found = reported_.find(vehicle);
  if (found == reported_.end()) return std::nullopt;
  return found->second;
}

PlanFigures PlanBook::figures() const {
  MutexLock lock(mutex_);
  return figures_;
}

}  // namespace starling::cloud
