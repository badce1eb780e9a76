#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/ids.h"
#include "common/time.h"
#include "edge/inbox/control_action.h"
#include "sim/fleet/fleet_config.h"
#include "sim/fleet/sim_vehicle.h"

namespace starling::sim {

// One kill of the orchestrator, and how long it was felt.
struct Outage {
  CloudTime killed;
  std::int64_t process = 0;
  // From the kill to the hand-over of the first command whose cause the log took after
  // it, by an owner with a newer epoch: one that was decided anew, not sent again.
  std::optional<nanoseconds> first_command;
  // From the kill until so many vehicles in a hundred had been welcomed again; if a
  // shard was killed, until they are connected and its successor has commanded.
  std::optional<nanoseconds> live_50;
  std::optional<nanoseconds> live_99;
};

// Kills the orchestrator (SIGKILL) at the instants of the configuration and watches it
// come back.  Somebody else has to restart it, and to keep the file with its process
// number true.
//
// Threading: thread-compatible; its fleet owns it.
class OutageWatch {
 public:
  // `config` must outlive the watch.
  explicit OutageWatch(const FleetConfig* config) : config_(*config) {}

  void Start(CloudTime drive_start) { start_ = drive_start; }
  // Kills when it is time; looks at the vehicles twenty times a second while some are
  // away.
  void Poll(CloudTime now, std::span<const SimVehicle> vehicles);
  void OnAction(const edge::ControlAction& action, CloudTime now);

  const std::vector<Outage>& outages() const { return outages_; }
  // Why a kill did not come about; empty if none failed.
  const std::string& failure() const { return failure_; }

 private:
  void Kill(CloudTime now, std::span<const SimVehicle> vehicles);
  void CountBack(CloudTime now, std::span<const SimVehicle> vehicles);

  const FleetConfig& config_;
  CloudTime start_{};
  CloudTime next_look_{};
  struct Away {
    std::size_t vehicle = 0;
    std::uint64_t connects = 0;  // at the kill
  };
  std::vector<Away> away_;  // not welcomed since the last kill
  std::map<RegionId, Epoch> epochs_;         // newest that a command was issued under
  std::map<RegionId, Epoch> epochs_killed_;  // the same at the last kill
  std::vector<Outage> outages_;
  std::string failure_;
};

}  // namespace starling::sim
