// Commands that look at an orchestrator, and what the program says of itself.
#pragma once

#include "cloud/starling/subcommand.h"

namespace starling::cloud {

// Each adds its commands to the program, and to the list.
void AddExplainCommand(CLI::App* program, std::vector<Subcommand>* commands);  // explain
// status, top, vehicles, vehicle, conflicts, cells, commands, tail, doctor.
// After AddSwitchCommands, whose group lists commands by itself.
void AddLookCommands(CLI::App* program, std::vector<Subcommand>* commands);
// completion, man: of all commands that the program has by the time that they run.
void AddShellCommands(CLI::App* program, std::vector<Subcommand>* commands);

}  // namespace starling::cloud
