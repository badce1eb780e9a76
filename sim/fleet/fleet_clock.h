#pragma once

#include "common/time.h"

namespace starling::sim {

// The clock of a run: it runs steadily from the cloud's time at its construction,
// whatever is done to the system's clock afterwards.
//
// Threading: immutable.
class FleetClock {
 public:
  FleetClock();
  CloudTime Now() const;
  // How far the system's clock has been stepped since.
  nanoseconds Stepped() const { return CloudNow() - Now(); }

 private:
  nanoseconds offset_;
};

}  // namespace starling::sim
