#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cloud/log/log.h"
#include "cloud/shard/command_settings.h"
#include "common/status.h"
#include "common/time.h"

namespace starling::cloud {

// What someone wants changed of the commands that are not sent.
struct SettingsChange {
  enum class Verb : std::uint8_t { kStop, kShadow, kStart };

  Verb verb = Verb::kStop;
  CommandScope scope;
  bool all = false;            // of kStart: every rule is lifted
  std::string by;
  std::string reason;
};

// The settings after the change.  `known` is what ReadCommandSettings says: whoever stops everything
// is not kept from it by a file that is damaged.  `start` lifts the stricter of the rules of that very
// scope; one rule is kept free for stopping everything.
//
// Errors: kInvalidArgument if it cannot be meant; those of `known`.
Result<CommandSettings> Changed(const SettingsChange& change, const Result<std::optional<CommandSettings>>& known,
                                CloudTime now);

// The same by topic "ownership", where that is the fleet's: its order decides between two that change
// it at once, and who comes second changes what the first one made.
//
// Errors: those of Changed and of the log; kUnavailable if it is not durable within `patience`.
Result<CommandSettings> ChangeInTopic(Log* log, const SettingsChange& change, seconds patience);

}  // namespace starling::cloud
