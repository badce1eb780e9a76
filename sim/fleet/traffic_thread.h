#pragma once

#include <atomic>
#include <boost/lockfree/spsc_queue.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <thread>

#include "common/mutex.h"
#include "common/time.h"
#include "sim/fleet/fleet_clock.h"
#include "sim/fleet/observer.h"
#include "sim/fleet/prediction_check.h"
#include "sim/fleet/schedule.h"
#include "sim/traffic/traffic.h"

namespace starling::sim {

// Moves the traffic on a thread of its own: steps each vehicle a little before its instant and
// hands over what it will say of itself, in the order of the schedule.  So agents and links do
// not make a vehicle late, nor steps an agent.  Knows the truth, so it judges the shard's
// predictions, too.
//
// If kStepsMax steps are not taken, it waits; steps then come late, but each is still for
// its own instant.
//
// Threading: Start, Stop, Take, ready and SetLimit from one thread, which owns the
// traffic before Start and after Stop; figures from any thread.
class TrafficThread {
 public:
  struct Figures {
    std::uint64_t collisions = 0;
    PredictionError prediction;
  };

  // Steps that wait to be taken: a tenth of a second of ten thousand vehicles, and some.
  static constexpr std::size_t kStepsMax = 1 << 14;

  // All must outlive it.
  TrafficThread(Traffic* traffic, const Schedule* schedule, const FleetClock* clock,
                FleetExchange* exchange, nanoseconds quantum);
  ~TrafficThread();  // Stops.

  // Steps the schedule's first `turns` turns, of which the first is at `start`, which is
  // the traffic's time 0.  Predictions are judged until `judged_until`.  Once.
  void Start(CloudTime start, std::uint64_t turns, CloudTime judged_until);
  // Ends it, perhaps before the last turn, and judges what can be.  Idempotent.
  void Stop();

  // Steps that can be taken, also such as are not due yet.
  std::size_t ready() const { return steps_.read_available(); }
  // The truth of the next turn's vehicle at its instant.
  // REQUIRES: ready() > 0
  VehicleTruth Take();

  // As Traffic's, from the vehicle's next step on.  False: not taken, try again later.
  bool SetLimit(VehicleIndex vehicle, std::optional<double> ceiling_mps, double decel_mps2) {
    return limits_.push({vehicle, ceiling_mps, decel_mps2});
  }

  // As of the last half second.
  Figures figures() const;

 private:
  struct Limit {
    VehicleIndex vehicle = 0;
    std::optional<double> ceiling_mps;
    double decel_mps2 = 0;
  };

  void Loop();
  bool Step(std::uint64_t turn);
  void PublishFigures();

  Traffic* const traffic_;
  const Schedule& schedule_;
  const FleetClock& clock_;
  FleetExchange* const exchange_;
  const nanoseconds quantum_;
  CloudTime start_{};
  std::uint64_t turns_ = 0;
  // The thread's while it runs:
  PredictionCheck prediction_;
  CloudTime stepped_until_{};             // every vehicle

  boost::lockfree::spsc_queue<VehicleTruth, boost::lockfree::capacity<kStepsMax>> steps_;
  boost::lockfree::spsc_queue<Limit, boost::lockfree::capacity<kStepsMax>> limits_;
  // Written by Stop, read by the thread, which needs nothing else with it: relaxed.
  std::atomic<bool> stop_{false};

  mutable Mutex mutex_;
  Figures figures_ STARLING_GUARDED_BY(mutex_);

  std::thread thread_;
};

}  // namespace starling::sim
