#pragma once

#include <cstdint>
#include <optional>

#include "common/status.h"
#include "common/time.h"
#include "sim/sensors/distributions.h"
#include "sim/traffic/sim_time.h"

namespace starling::sim {

// By default no agent restarts.
struct RestartConfig {
  std::uint64_t seed = 1;
  // Restarts of a vehicle's agent, for each hour that it is up.  What its spool had in memory and
  // was not acknowledged is lost with each.  0 to 3600.
  double per_hour = 0;
  // How long it is away: exponential above a least time, with that mean, cut at a longest one.
  // 1 ms to 1 h; away_min to 1 h; away_mean to 24 h.
  nanoseconds away_min = seconds(1);
  nanoseconds away_mean = seconds(5);
  nanoseconds away_max = seconds(60);

  // Errors: kInvalidArgument names the field that is out of its range.
  Status Validate() const;
};

// When one vehicle's agent is away: a Poisson process over the time that it is up.
//
// Threading: thread-compatible.
class RestartPlan {
 public:
  struct Absence {
    SimTime begin;
    SimTime end;      // first instant at which it is back
  };

  // REQUIRES: config.Validate().ok()
  RestartPlan(const RestartConfig& config, std::uint64_t vehicle, SimTime begin);

  // The next one that was not passed; none if there will not be any.
  const std::optional<Absence>& next() const { return next_; }

  // Goes on to the one after.  REQUIRES: next()
  void Pass();

 private:
  void Draw(SimTime up_from);

  RestartConfig config_;
  Random random_;
  std::optional<Absence> next_;
};

}  // namespace starling::sim
