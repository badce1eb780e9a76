#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cloud/console/actions.h"
#include "cloud/roles/command_switch.h"
#include "cloud/roles/log_engine.h"
#include "cloud/roles/shard_role.h"
#include "common/status.h"

namespace starling::cloud {

// Does what operators ask over HTTP: puts a command as a record into the partition of the region
// that has the vehicle, and reads in the audit trail what became of it; changes what is not sent.
//
// A command is known by its id.  It is looked for among those that were sent from here, and at
// the end of the trail, where it stands if a process before this one, or another one, has sent it.
//
// Threading: as ActionTarget.
class OperatorDesk final : public ActionTarget {
 public:
  // All have to outlive the desk; `shards` may be filled later.  `file`: of the embedded log's folder.
  OperatorDesk(LogEngine* engine, const std::vector<std::unique_ptr<ShardRole>>* shards, CommandSwitch* command_switch,
               std::string file)
      : engine_(engine), shards_(shards), switch_(command_switch), file_(std::move(file)) {}

  Result<std::optional<CommandFate>> Command(const OperatorCommand& command) override;
  Result<std::optional<CommandSettings>> Settings() override;
  Result<CommandSettings> ChangeSettings(const SettingsChange& change) override;

 private:
  struct Sent {
    CommandId id{};
    CommandFate fate;
    Offset next{};       // of the trail's partition: read up to here
  };

  Sent* Find(CommandId id);
  Result<std::optional<RegionId>> RegionOf(const VehicleId& vehicle) const;
  Status Follow(Sent* sent) const;

  LogEngine* const engine_;
  const std::vector<std::unique_ptr<ShardRole>>* const shards_;
  CommandSwitch* const switch_;
  const std::string file_;
  std::deque<Sent> sent_;   // oldest first
};

}  // namespace starling::cloud
