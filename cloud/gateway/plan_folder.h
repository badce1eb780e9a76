// Which plan the fleet's owner wants on which vehicle, as files in one folder:
//
//   all.plan             for every vehicle
//   vehicles/NAME.plan   for one
//   known/HASH.plan      every plan that was ever pushed, to read results by
//
// Each is a compiled plan (docs/formats/plan.md).  Files are replaced as a whole.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/ids.h"
#include "common/plan/plan_codec.h"
#include "common/status.h"

namespace starling::cloud {

// What a folder holds.
struct WantedPlans {
  std::shared_ptr<const CompiledPlan> all;                                   // null: none
  std::unordered_map<VehicleId, std::shared_ptr<const CompiledPlan>> vehicles;

  // The newest one that is for this vehicle; null: none.
  std::shared_ptr<const CompiledPlan> For(const VehicleId& vehicle) const;
};

// Reads a folder; one that is not there holds nothing.  A file that is no plan is left out,
// and named in `*warnings`.
WantedPlans ReadPlanFolder(const std::filesystem::path& folder, std::vector<std::string>* warnings);

// Has `plan` be wanted: on `vehicle`, or on all.
//
// Errors: kInvalidArgument if a vehicle that it is for has one that is as new or newer,
//         naming it: nothing was changed.  kIoError.
Status PushPlan(const std::filesystem::path& folder, const CompiledPlan& plan, const std::optional<VehicleId>& vehicle);

// A plan that was pushed at some time.
//
// Errors: kInvalidArgument if none of that hash was.
Result<CompiledPlan> FindKnownPlan(const std::filesystem::path& folder, PlanHash hash);

}  // namespace starling::cloud
