#include "sim/fleet/sim_vehicle.h"

namespace starling::sim {
namespace {

// Of the receiver that the simulated vehicles carry; the truth is sent as it is.
constexpr double kAccuracyM = 0.2;

wire::Intent WireIntent(Intent intent) {
  switch (intent) {
    case Intent::kIdle: return wire::Intent::Idle;
    case Intent::kToPickup: return wire::Intent::ToPickup;
    case Intent::kWithPassenger: return wire::Intent::WithPassenger;
    case Intent::kRerouting: return wire::Intent::Rerouting;
    case Intent::kCharging: return wire::Intent::Charging;
  }
  return wire::Intent::Unknown;
}

}  // namespace

Sample SampleOf(const VehicleTruth& truth, const LocalFrame& frame, BootTime time) {
  Sample sample;
  sample.time = time;
  sample.position = frame.ToGeo(truth.position);
  sample.heading_rad = truth.heading_rad + frame.Convergence(sample.position);
  sample.speed_mps = truth.speed_mps;
  sample.accel_mps2 = truth.accel_mps2;
  sample.yaw_rate_radps = truth.yaw_rate_radps;
  sample.accuracy_m = kAccuracyM;
  sample.intent = WireIntent(truth.intent);
  sample.path = truth.path;
  return sample;
}

}  // namespace starling::sim
