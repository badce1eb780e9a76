#pragma once

#include <memory>

#include "common/ids.h"
#include "common/telemetry/sample.h"
#include "common/time.h"
#include "common/tls/tls_context.h"
#include "edge/agent/agent.h"
#include "edge/uplink/uplink.h"
#include "sim/traffic/traffic.h"

namespace starling::sim {

// What the vehicle's sensors and planner would say of `truth`, at `time` by its own
// clock.  `frame` is the city's.
Sample SampleOf(const VehicleTruth& truth, const LocalFrame& frame, BootTime time);

// One vehicle of the fleet: the real agent behind its own connection.
struct SimVehicle {
  Credentials credentials;
  CloudTime booted;                        // its boot clock is the time since then
  std::unique_ptr<edge::Agent> agent;
  std::unique_ptr<edge::Uplink> uplink;    // after the agent, which it uses
  bool limited = false;                    // a lease holds its driver
  BootId boot{};
  std::uint32_t sequence = 0;              // of its last sample in this boot
  bool rebooted = false;                   // this boot is not its first one

  BootTime BootNow(CloudTime now) const { return BootTime(now - booted); }
};

}  // namespace starling::sim
