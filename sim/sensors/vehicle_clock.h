#pragma once

#include <cstdint>

#include "common/status.h"
#include "common/time.h"
#include "sim/sensors/distributions.h"
#include "sim/traffic/sim_time.h"

namespace starling::sim {

// By default the clock is right.
struct ClockConfig {
  std::uint64_t seed = 1;
  // Each vehicle's clock runs fast or slow by a constant rate up to this, parts per million, uniform.
  // Beyond what the cloud's translation of clocks follows, samples look late or early.  0 to 500.
  double rate_error_max_ppm = 0;
  // Jumps ahead, an hour: a suspended unit's clock is set on by what its real-time clock says that
  // the pause took, which counts in seconds.  Each moves the clock against the truth by the
  // step's size, uniform between the two.  0 to 3600; 1 us to 3600 s, step_min to 3600 s.
  double steps_per_hour = 0;
  nanoseconds step_min = milliseconds(1);
  nanoseconds step_max = seconds(1);
  // How long a unit has been up when it enters, uniform up to this.  0 to 30 days.
  nanoseconds uptime_max{};

  // Errors: kInvalidArgument names the field that is out of its range.
  Status Validate() const;
};

// A vehicle's boot clock as a function of true time.  It is what CLOCK_BOOTTIME is: it counts from
// boot, through suspend, nobody can set it, and it never goes back, so a step only ever goes
// ahead.  Later times give later readings, if only by a nanosecond.
//
// Its rate is that of the crystal as it is: constant.  Units whose clock is steered by NTP or by
// satellites change it slowly; that is not modelled.
//
// Threading: thread-compatible.
class VehicleClock {
 public:
  // The vehicle enters at `begin`, up since a time of its own.  REQUIRES: config.Validate().ok()
  VehicleClock(const ClockConfig& config, std::uint64_t vehicle, SimTime begin);

  // What the clock says.  REQUIRES: now is not before the one before, nor before the boot
  BootTime At(SimTime now);

  // The first time, from the last reading on, at which the clock says that or more; a
  // nanosecond later where the clock was ahead of itself to stay monotonic.  For the
  // vehicle's timers, which it counts on this clock.
  SimTime WhenReaches(BootTime reading) const;

  // The unit starts anew, its clock at 0; its crystal stays what it is.
  // REQUIRES: now is not before the last reading
  void Reboot(SimTime now);

  double rate_error_ppm() const { return static_cast<double>(rate_ppb_) * 1e-3; }
  std::uint64_t steps() const { return steps_; }

 private:
  // A reading without the rule that it rises: exact in integers, so no error adds up.
  std::int64_t Elapsed(SimTime now) const;
  SimTime InverseOf(std::int64_t reading_ns) const;
  void DrawStep();
  void TakeSteps(SimTime now);

  double steps_per_hour_;
  nanoseconds step_min_;
  nanoseconds step_max_;
  std::int64_t rate_ppb_ = 0;
  Random random_;
  SimTime boot_;                   // when the clock said offset_
  std::int64_t offset_ns_ = 0;
  SimTime next_step_ = SimTime::max();
  nanoseconds step_{};
  SimTime last_now_;
  std::int64_t last_ns_ = -1;      // reading at last_now_
  std::uint64_t steps_ = 0;
};

}  // namespace starling::sim
