// Parts of an orchestrator with a known fault, to be put between those that ship.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "cloud/orchestrator.h"

namespace starling::cloud {

// What to put between the parts for the fault of this name, for the life of the process:
//   early-ack        history is said to be durable before it is even appended
//   lost-append      one history batch in fifty is acknowledged and not appended
//   altered-append   one history batch in fifty is stored with other samples
//   second-command   a command in three is also delivered under another id
//   forgotten-output one output in forty is not written
//   repeated-output  a successor writes again what its predecessor has written
//   altered-audit    one audit record in ten is written with another byte
//   forgetful-store  one entry in twenty is not stored
// The hooks are empty if there is no such fault.
OrchestratorHooks HooksFor(std::string_view fault);
bool IsFault(std::string_view fault);

}  // namespace starling::cloud
