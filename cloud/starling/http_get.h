#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "common/status.h"
#include "common/time.h"

namespace starling::cloud {

struct HttpAnswer {
  int status = 0;
  std::string body;
};

// GET `target` of the orchestrator's console at "HOST:PORT", on a connection of its own.  What
// the network takes longer than `patience` for, in each step, is given up.
//
// Errors: kInvalidArgument if `address` is not HOST:PORT; kUnavailable if nobody answers;
//         kCorruption if what answers is not HTTP; kExhausted above 16 MiB.
Result<HttpAnswer> HttpGet(const std::string& address, const std::string& target,
                           milliseconds patience = milliseconds(5'000));

}  // namespace starling::cloud
