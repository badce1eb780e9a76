// What a vehicle's positioning says of where it is, which is not where it is.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>

#include "common/geo/vec2.h"
#include "common/status.h"
#include "common/time.h"
#include "sim/sensors/distributions.h"
#include "sim/sensors/sky_map.h"
#include "sim/traffic/sim_time.h"

namespace starling::sim {

// All errors are off by default: what is observed is the truth.
struct GnssConfig {
  std::uint64_t seed = 1;

  // The slow part of the position's error, of each axis: standard deviation, m, and the time after
  // which 1/e of it is left, s.  The larger the time, the longer a vehicle is off to the same
  // side; short ones look like steering.  0 to 100; 1 to 3600.
  double drift_sigma_m = 0;
  double drift_correlation_s = 60;
  // In a canyon the deviation is so many times larger, and the unit knows.  1 to 100.
  double canyon_drift_factor = 1;
  // The part that is new in each observation, of each axis: standard deviation, m.  Every
  // observation's prediction is off by it, so live frames are sent for it.  0 to 10.
  double noise_sigma_m = 0;

  // White errors of the other quantities, standard deviations.  A reported speed is never below 0.
  double heading_sigma_rad = 0;     // 0 to 0.5
  double speed_sigma_mps = 0;       // 0 to 5
  double accel_sigma_mps2 = 0;      // 0 to 5
  double yaw_rate_sigma_radps = 0;  // 0 to 0.5

  // Multipath: reflected signals shift the fix by a constant, any way, for a while, and the unit
  // does not notice.  How often that begins while it is not so, an hour, by sky.  0 to 3600.
  double jumps_per_hour_open = 0;
  double jumps_per_hour_canyon = 0;
  // The shift: lognormal with that median, m, and that deviation of its logarithm, cut at a
  // largest one, m.  0.1 to 1000; 0 to 2; jump_median_m to 10000.
  double jump_median_m = 10;
  double jump_spread = 0.6;
  double jump_max_m = 100;
  nanoseconds jump_mean = seconds(5);      // how long it stays, exponential; 100 ms to 600 s

  // In a canyon the fix is lost so often, an hour, while it is there; in a tunnel always.  0 to 3600.
  double losses_per_hour_canyon = 0;
  nanoseconds loss_mean = seconds(5);      // for how long, exponential; 100 ms to 600 s
  nanoseconds reacquire{};                 // from sky to the next fix; 0 to 60 s

  // Without a fix the unit goes on by wheel ticks and gyro from the last one.  Either is off by a
  // factor or a rate that is drawn anew each time, with that standard deviation; position error
  // grows with the way, and with way and time.  0 to 0.5; 0 to 0.1.
  double odometer_sigma = 0;
  double gyro_sigma_radps = 0;
  // After so long without a fix the unit says nothing more; 0: it has no sensors for it.  0 to 1 h.
  nanoseconds dead_reckoning_max = seconds(3600);
  // Nor does it when the accuracy that it would report is above this, m.  Above 0, up to 10000.
  double accuracy_max_m = 100;

  // Accuracy reported at best, m.  0 to 100.
  double accuracy_floor_m = 0.2;
  // What is reported for each metre of true deviation.  Below 1 the unit believes itself better
  // than it is, and whoever trusts it draws uncertainty too small.  0.01 to 100.
  double accuracy_factor = 1;

  // Errors: kInvalidArgument names the field that is out of its range.
  Status Validate() const;

  // A vehicle's built-in unit: one frequency, no corrections, wheel ticks and gyro.
  // docs/decisions/0015-sensors-and-links.md says where each number is from.
  static GnssConfig BuiltIn();
};

// How a vehicle truly moves.
struct MotionTruth {
  SimTime time{};
  Vec2 position{};             // m in the city's frame
  double heading_rad = 0;      // clockwise from north
  double speed_mps = 0;
  double accel_mps2 = 0;       // along the heading
  double yaw_rate_radps = 0;   // clockwise positive
};

// What its unit says of that.
struct Observation {
  Vec2 position;
  double heading_rad = 0;      // as given, or in [-pi, pi) where there is an error
  double speed_mps = 0;
  double accel_mps2 = 0;
  double yaw_rate_radps = 0;
  // Horizontal, one sigma: the root of the mean squared distance (both axes) that the unit's own
  // model of itself gives.  It knows all of its errors but multipath.
  double accuracy_m = 0;
  bool dead_reckoned = false;  // there was no fix
};

// One vehicle's unit.  Position error: a first-order Gauss-Markov process and white noise on each
// axis, multipath on top.  Without a fix the last fix's error stays and dead reckoning's is added.
// What the last two share: for a constant odometer error s and a gyro error b, the error
// after a displacement D is s D + b C with C the integral of time since the fix times the
// displacement turned clockwise, so its deviation along the way driven is known exactly.
//
// Why it goes on without a fix: units in vehicles do, flag the fix as estimated and let their
// accuracy figure grow, until a limit on it or on time makes them call it invalid, which a
// source drops.
//
// Source: R. G. Brown and P. Y. C. Hwang, Introduction to Random Signals and Applied Kalman
// Filtering (Gauss-Markov process and its exact discrete form); the decision names the rest.
//
// Threading: thread-compatible.
class GnssReceiver {
 public:
  // `config` and `sky` must outlive the receiver; without a `sky` it is open everywhere.
  // REQUIRES: config->Validate().ok()
  GnssReceiver(const GnssConfig* config, const SkyMap* sky, std::uint64_t vehicle);

  // What the unit says at that time; nothing if it has no position that it would vouch for.
  // The same truths at the same times give the same observations.
  // REQUIRES: truth.time is not before the one before
  std::optional<Observation> Observe(const MotionTruth& truth);

  std::uint64_t jumps() const { return jumps_; }
  std::uint64_t losses() const { return losses_; }  // of the fix, in canyons and tunnels

 private:
  void Drift(Sky sky, nanoseconds passed);
  void Reflect(Sky sky, SimTime now, double passed_h);
  bool HasFix(Sky sky, SimTime now, double passed_h);
  void Reckon(const MotionTruth& truth);

  const GnssConfig* config_;
  const SkyMap* sky_;

  bool began_ = false;
  SimTime time_;                // of the observation before, and where the vehicle truly was
  Vec2 position_;

  Random drift_random_;
  Vec2 drift_;
  double drift_variance_ = 0;   // of one axis
  nanoseconds step_{-1};        // for which the next two hold
  double kept_ = 0;             // share of the drift that is left after it
  double renewed_ = 0;          // root of 1 - kept_²

  Random noise_random_;
  Random motion_random_;

  Random jump_random_;
  double until_jump_;           // expected jumps to go
  SimTime jump_end_ = SimTime::min();
  Vec2 jump_;
  std::uint64_t jumps_ = 0;

  Random loss_random_;
  double until_loss_;
  SimTime loss_end_ = SimTime::min();
  SimTime fix_from_ = SimTime::min();
  bool hidden_ = false;
  std::uint64_t losses_ = 0;

  Random reckoning_random_;
  bool reckoning_ = false;
  SimTime fix_time_;            // of the last fix
  Vec2 fix_error_;
  double fix_variance_ = 0;     // of both axes together
  Vec2 odometer_gyro_;          // errors drawn for this time without a fix
  Vec2 way_;                    // D of the class's comment
  Vec2 turned_;                 // C
};

}  // namespace starling::sim
