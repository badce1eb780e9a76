#pragma once

namespace starling::cloud {

// `starling-cloud probe PATH`: asks an orchestrator's page and says by its exit code whether the answer was 200, so that
// a container needs no other program to know how it is.
//
// Returns: 0 yes, 1 no (the reason is on standard error), 2 wrong usage.
int ProbeMain(int argc, char** argv);

}  // namespace starling::cloud
