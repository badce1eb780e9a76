// What may be done over HTTP, beside looking: docs/formats/http.md.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cloud/console/access.h"
#include "cloud/console/routes.h"
#include "cloud/dispatch/settings_change.h"
#include "cloud/shard/command_settings.h"
#include "cloud/shard/operator_command.h"
#include "common/ids.h"
#include "common/status.h"
#include "schemas/log/commands_generated.h"

namespace starling::cloud {

// How far an operator's command has come, as the audit trail says.
struct CommandFate {
  enum class Stage : std::uint8_t {
    kTaken,      // the log has it; the shard has not acted yet
    kIssued,     // on its way, or the vehicle has not said yet
    kWithheld,   // decided, and by the switch not sent
    kRefused,    // not issued
    kClosed,     // the vehicle has said what became of it
  };
  Stage stage = Stage::kTaken;
  RegionId region{};
  CommandMode mode = CommandMode::Send;             // kWithheld
  log::Refusal refusal = log::Refusal::None;        // kRefused
  wire::CommandOutcome outcome = wire::CommandOutcome::None;  // kClosed, and the next one
  wire::RejectReason reject = wire::RejectReason::None;
};

// Who acts on what operators ask.
//
// Threading: called from the console's one thread only.  A call may wait, for a bounded time.
class ActionTarget {
 public:
  virtual ~ActionTarget() = default;

  // Sends the command, unless one of this id was sent before; says how far it has come.  None:
  // no region of this process has the vehicle.
  //
  // Errors: kUnavailable if the shard or the log does not answer; kExhausted if the log has no room.
  virtual Result<std::optional<CommandFate>> Command(const OperatorCommand& command) = 0;

  // What is not sent to vehicles now; none if nobody ever said so.
  virtual Result<std::optional<CommandSettings>> Settings() = 0;
  // Errors: kInvalidArgument if what is asked cannot be; those of the file or the log.
  virtual Result<CommandSettings> ChangeSettings(const SettingsChange& change) = 0;
};

// POST /v1/commands and /v1/switch, and GET /v1/switch, which says what is not sent.
bool IsAction(std::string_view method, std::string_view path);

// `body` is JSON as it came from outside.
// REQUIRES: IsAction(method, path); the caller was admitted
Answer AnswerAction(std::string_view method, std::string_view path, std::string_view body, const Caller& caller,
                    ActionTarget* target);

}  // namespace starling::cloud
