#pragma once

#include <cstdint>

#include "common/geo/local_frame.h"
#include "common/motion/predictor.h"
#include "common/time.h"
#include "schemas/edge_to_cloud/uplink_generated.h"

namespace starling {

// One telemetry sample, as a source hands it to the agent.
struct Sample {
  BootTime time;                 // the instant it describes
  GeoPoint position;             // centre of the vehicle's box, WGS84
  double heading_rad = 0;        // clockwise from true north
  double speed_mps = 0;          // along the heading
  double accel_mps2 = 0;         // along the heading
  double yaw_rate_radps = 0;     // clockwise positive
  double accuracy_m = 0;         // horizontal, one sigma
  wire::Intent intent = wire::Intent::Unknown;
  PlannedPath path;              // from this position and heading on; empty: no plan
};

// Nominal time between two samples.
inline constexpr milliseconds kSampleInterval{100};

}  // namespace starling
