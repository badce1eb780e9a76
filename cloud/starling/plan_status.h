// Which vehicle has which plan: what is wanted, from the folder of plans; what is in force, from
// the newest history batch in the log; what the vehicle said, from an orchestrator that runs.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/gateway/plan_folder.h"
#include "common/ids.h"
#include "common/status.h"

namespace starling::cloud {

struct PlanOfVehicle {
  std::optional<std::uint64_t> batch_received_ns;  // of its newest batch, Unix time; nothing: it has none
  PlanHash in_force{};                 // of the samples of that batch, or as it said; 0: none
  // As /v1/vehicles/NAME has it; empty: it was not asked, or has said nothing since the
  // orchestrator began.
  std::string verdict;
  PlanHash said{};                     // of which plan
  std::string detail;
};

enum class PlanState : std::uint8_t {
  kInForce,   // what is wanted
  kWaiting,   // it has it; its start is to come
  kEnded,     // it had it; its end has come
  kRefused,   // it does not take it: detail
  kBehind,    // it has another one, or none
  kUnwanted,  // nothing is wanted on it
};
std::string_view NameOf(PlanState state);

PlanState StateOf(const PlanOfVehicle& vehicle, const CompiledPlan* wanted);

class PlanStatus {
 public:
  explicit PlanStatus(WantedPlans wanted);

  // Takes a record of topic "history".  Errors: kCorruption if it is not a batch.
  Status TakeBatch(std::span<const std::byte> record);

  // Takes a page of /v1/vehicles: whoever is on it has a line.  Returns how many are there in
  // all.  Errors: kCorruption.
  Result<std::uint64_t> TakePage(std::string_view json, std::uint64_t* on_page);
  // Takes the document of a vehicle.  Errors: kCorruption.
  Status TakeVehicle(const VehicleId& vehicle, std::string_view json);

  std::vector<VehicleId> vehicles() const;

  // All of them, or one; in the order of their names.  `plans` is the folder that knows the
  // versions of hashes.
  std::string Table(const std::filesystem::path& plans, const std::optional<VehicleId>& only) const;
  std::string Json(const std::filesystem::path& plans, const std::optional<VehicleId>& only) const;

 private:
  struct Line;
  std::vector<Line> Lines(const std::filesystem::path& plans, const std::optional<VehicleId>& only) const;

  const WantedPlans wanted_;
  std::map<std::string, PlanOfVehicle, std::less<>> vehicles_;
};

}  // namespace starling::cloud
