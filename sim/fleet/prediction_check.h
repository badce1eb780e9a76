#pragma once

#include <deque>

#include "common/time.h"
#include "sim/fleet/cloud_client.h"
#include "sim/fleet/fleet_snapshot.h"
#include "sim/fleet/histogram.h"
#include "sim/traffic/traffic.h"

namespace starling::sim {

// Compares where the shard says that vehicles are with where they are.
//
// Threading: thread-compatible.
class PredictionCheck {
 public:
  // `traffic` must outlive the check; its time 0 is `start`.
  explicit PredictionCheck(const Traffic* traffic) : traffic_(traffic) {}
  void Start(CloudTime start) { start_ = start; }
  void End(CloudTime end) { end_ = end; }

  // A prediction waits until the vehicle has stepped past its instant.
  void Take(PredictedVehicle predicted);

  // Judges those that waited long enough, at most `limit`.
  void Judge(CloudTime now, std::size_t limit);

  PredictionError error() const;

 private:
  const Traffic* const traffic_;
  CloudTime start_ = CloudTime::max();
  CloudTime end_ = CloudTime::max();
  std::deque<PredictedVehicle> waiting_;
  Histogram micrometres_;  // each micrometre as a nanosecond
};

}  // namespace starling::sim
