#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "cloud/gateway/plan_folder.h"
#include "common/ids.h"
#include "common/mutex.h"
#include "common/time.h"
#include "schemas/edge_to_cloud/uplink_generated.h"

namespace starling::cloud {

// What a vehicle said last of its plans.
struct ReportedPlan {
  CloudTime at;
  std::uint64_t version = 0;         // of the plan that it spoke of; 0: it could not read it
  PlanHash hash{};
  wire::PlanVerdict verdict = wire::PlanVerdict::None;
  std::string detail;
  std::uint64_t applied_version = 0; // of the plan in force; 0: none
  PlanHash applied_hash{};
};

struct PlanFigures {
  std::uint64_t wanted = 0;          // plans in the folder that are for somebody
  std::uint64_t in_force = 0;        // vehicles that said so last
  std::uint64_t reports = 0;
  std::uint64_t refusals = 0;        // of them
};

// Which plan is wanted on which vehicle, and what the vehicles say of it.  Grows with the
// vehicles that have ever reported.
//
// Threading: thread-safe.
class PlanBook {
 public:
  void SetWanted(WantedPlans wanted);
  std::shared_ptr<const CompiledPlan> WantedFor(const VehicleId& vehicle) const;

  void Note(const VehicleId& vehicle, ReportedPlan report);
  std::optional<ReportedPlan> Reported(const VehicleId& vehicle) const;

  PlanFigures figures() const;

 private:
  mutable Mutex mutex_;
  WantedPlans wanted_ STARLING_GUARDED_BY(mutex_);
  std::unordered_map<VehicleId, ReportedPlan> reported_ STARLING_GUARDED_BY(mutex_);
  PlanFigures figures_ STARLING_GUARDED_BY(mutex_);
};

}  // namespace starling::cloud
