#pragma once

#include <functional>
#include <optional>
#include <string>

#include "cloud/shard/command_settings.h"
#include "common/status.h"

namespace starling::cloud {

// The file of an orchestrator's folder that `starling commands` writes and the
// orchestrator follows, where the log is embedded: docs/formats/command_settings.md.
std::string CommandSettingsFile(const std::string& data);

// None if the file is not there.
//
// Errors: kIoError if it cannot be read; kCorruption if it is not what was written.
Result<std::optional<CommandSettings>> ReadCommandSettings(const std::string& path);

// Replaces what is there by what `change` makes of it, as one step: who changes it at the
// same time waits.  When it returns, the file survives a loss of power.
//
// `change` is given what ReadCommandSettings says, kCorruption too: whoever stops everything
// must not be kept from it by a file that is damaged, whoever lifts something must.
//
// Errors: kIoError; those of `change`.  The file is then as it was.
using CommandSettingsChange = std::function<Result<CommandSettings>(const Result<std::optional<CommandSettings>>&)>;
Result<CommandSettings> ChangeCommandSettings(const std::string& path, const CommandSettingsChange& change);

}  // namespace starling::cloud
