#pragma once

#include <vector>

#include "cloud/starling/subcommand.h"

namespace starling::cloud {

void AddBackupCommands(CLI::App* program, std::vector<Subcommand>* commands);   // backup, restore
void AddArchiveCommands(CLI::App* program, std::vector<Subcommand>* commands);  // archive, history

}  // namespace starling::cloud
