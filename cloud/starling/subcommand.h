#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <vector>

#include "common/status.h"

namespace starling::cloud {

inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;

// Says on standard error why the program failed.
int Fail(const Status& status);
// The same where the user wrote something wrong.
int Misuse(const Status& status);

// One of the operator program's commands: what was parsed, and what it then does.  `run`
// returns the program's exit code.
struct Subcommand {
  CLI::App* app;
  std::function<int()> run;
};

// Each adds its commands to the program, and to the list.
void AddFleetCommands(CLI::App* program, std::vector<Subcommand>* commands);   // init, request, sign
void AddKeyCommands(CLI::App* program, std::vector<Subcommand>* commands);     // keys init, rotate, show, drop
void AddAuditCommands(CLI::App* program, std::vector<Subcommand>* commands);       // audit verify, audit show
void AddPlanCommands(CLI::App* program, std::vector<Subcommand>* commands);    // plan check, push, results
void AddRegionsCommands(CLI::App* program, std::vector<Subcommand>* commands);     // regions show, move, rebalance
void AddRevocationCommands(CLI::App* program, std::vector<Subcommand>* commands);  // revoke, crl, tickets
void AddSwitchCommands(CLI::App* program, std::vector<Subcommand>* commands);      // commands stop, shadow, start, status
void AddSendCommand(CLI::App* program, std::vector<Subcommand>* commands);     // send
void AddTokensCommands(CLI::App* program, std::vector<Subcommand>* commands);  // tokens create, list, revoke
void AddStreetsCommand(CLI::App* program, std::vector<Subcommand>* commands);      // streets
void AddTopicsCommands(CLI::App* program, std::vector<Subcommand>* commands);  // topics apply, topics acl

}  // namespace starling::cloud
