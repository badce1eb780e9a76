// Completion for shells, and manual pages: both from what the program's --help is made of, so that
// they cannot say anything else.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "common/status.h"

namespace starling::cloud {

// `shell`: bash, zsh or fish.
// Errors: kInvalidArgument, naming these.
Result<std::string> CompletionScript(const CLI::App& program, std::string_view shell);

struct ManualPage {
  std::string name;                      // "starling-plan-push": of the file NAME.1, too
  std::string text;                      // troff, with the macros of man(7)
};

// Of the program and of each of its commands.
std::vector<ManualPage> ManualPages(const CLI::App& program);

}  // namespace starling::cloud
