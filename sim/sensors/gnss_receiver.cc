#include "sim/sensors/gnss_receiver.h"

#include <algorithm>
#include <cmath>

#include "common/check.h"
#include "common/geo/trigonometry.h"
#include "sim/sensors/limits.h"

namespace starling::sim {
namespace {

constexpr double kHourS = 3600;
// Spans are drawn far below this; so that adding one to a time cannot overflow.
constexpr nanoseconds kLongest = std::chrono::hours(24 * 365);

enum Purpose : std::uint64_t { kDrift = 1, kNoise, kMotion, kJump, kLoss, kReckoning };

}  // namespace

Status GnssConfig::Validate() const {
  Limits limits("gnss");
  limits.Within("drift_sigma_m", drift_sigma_m, 0, 100);
  limits.Within("drift_correlation_s", drift_correlation_s, 1, 3600);
  limits.Within("canyon_drift_factor", canyon_drift_factor, 1, 100);
  limits.Within("noise_sigma_m", noise_sigma_m, 0, 10);
  limits.Within("heading_sigma_rad", heading_sigma_rad, 0, 0.5);
  limits.Within("speed_sigma_mps", speed_sigma_mps, 0, 5);
  limits.Within("accel_sigma_mps2", accel_sigma_mps2, 0, 5);
  limits.Within("yaw_rate_sigma_radps", yaw_rate_sigma_radps, 0, 0.5);
  limits.Within("jumps_per_hour_open", jumps_per_hour_open, 0, 3600);
  limits.Within("jumps_per_hour_canyon", jumps_per_hour_canyon, 0, 3600);
  limits.Within("jump_median_m", jump_median_m, 0.1, 1000);
  limits.Within("jump_spread", jump_spread, 0, 2);
  limits.Within("jump_max_m", jump_max_m, jump_median_m, 10'000);
  limits.Within("jump_mean", jump_mean, milliseconds(100), seconds(600));
  limits.Within("losses_per_hour_canyon", losses_per_hour_canyon, 0, 3600);
  limits.Within("loss_mean", loss_mean, milliseconds(100), seconds(600));
  limits.Within("reacquire", reacquire, nanoseconds(0), seconds(60));
  limits.Within("odometer_sigma", odometer_sigma, 0, 0.5);
  limits.Within("gyro_sigma_radps", gyro_sigma_radps, 0, 0.1);
  limits.Within("dead_reckoning_max", dead_reckoning_max, nanoseconds(0), seconds(3600));
  limits.Above("accuracy_max_m", accuracy_max_m, 0, 10'000);
  limits.Within("accuracy_floor_m", accuracy_floor_m, 0, 100);
  limits.Within("accuracy_factor", accuracy_factor, 0.01, 100);
  return limits.Verdict();
}

GnssConfig GnssConfig::BuiltIn() {
  GnssConfig config;
  config.drift_sigma_m = 1;
  config.drift_correlation_s = 60;
  config.canyon_drift_factor = 4;
  config.noise_sigma_m = 0.05;
  config.heading_sigma_rad = 0.3 * kDegree;
  config.speed_sigma_mps = 0.05;
  config.accel_sigma_mps2 = 0.05;
  config.yaw_rate_sigma_radps = 0.1 * kDegree;
  config.jumps_per_hour_open = 1;
  config.jumps_per_hour_canyon = 60;
  config.jump_median_m = 15;
  config.jump_spread = 0.6;
  config.jump_max_m = 100;
  config.losses_per_hour_canyon = 20;
  config.reacquire = seconds(1);
  config.odometer_sigma = 0.01;
  config.gyro_sigma_radps = 0.02 * kDegree;
  config.dead_reckoning_max = seconds(600);
  return config;
}

GnssReceiver::GnssReceiver(const GnssConfig* config, const SkyMap* sky, std::uint64_t vehicle)
    : config_(config),
      sky_(sky),
      drift_random_(SequenceSeed(config->seed, vehicle, kDrift)),
      noise_random_(SequenceSeed(config->seed, vehicle, kNoise)),
      motion_random_(SequenceSeed(config->seed, vehicle, kMotion)),
      jump_random_(SequenceSeed(config->seed, vehicle, kJump)),
      until_jump_(DrawExponential(&jump_random_)),
      loss_random_(SequenceSeed(config->seed, vehicle, kLoss)),
      until_loss_(DrawExponential(&loss_random_)),
      reckoning_random_(SequenceSeed(config->seed, vehicle, kReckoning)) {
  STARLING_CHECK(config->Validate().ok());
}

std::optional<Observation> GnssReceiver::Observe(const MotionTruth& truth) {
  const GnssConfig& config = *config_;
  STARLING_CHECK(!began_ || truth.time >= time_);
  const nanoseconds passed = began_ ? truth.time - time_ : nanoseconds(0);
  const double passed_h = ToSeconds(passed) / kHourS;
  const Sky sky = sky_ == nullptr ? Sky::kOpen : sky_->At(truth.position);
  if (config.drift_sigma_m > 0) Drift(sky, passed);
  Reflect(sky, truth.time, passed_h);
  const bool fix = HasFix(sky, truth.time, passed_h);
  Vec2 noise;
  if (config.noise_sigma_m > 0 && (fix || !began_)) {
    noise = config.noise_sigma_m * DrawNormalPair(&noise_random_);
  }
  if (!began_) {
    // It had a fix just before this run began.
    position_ = truth.position;
    fix_time_ = truth.time;
  }
  if (fix || !began_) {
    fix_error_ = drift_ + jump_ + noise;
    fix_variance_ = 2 * (drift_variance_ + config.noise_sigma_m * config.noise_sigma_m);
  }
  began_ = true;

  Observation seen{.position = truth.position + fix_error_, .heading_rad = truth.heading_rad,
                   .speed_mps = truth.speed_mps, .accel_mps2 = truth.accel_mps2,
                   .yaw_rate_radps = truth.yaw_rate_radps};
  double variance = fix_variance_;
  if (fix) {
    reckoning_ = false;
    fix_time_ = truth.time;
  } else {
    Reckon(truth);
    const double odometer = odometer_gyro_.x;
    const double gyro = odometer_gyro_.y;
    seen.dead_reckoned = true;
    seen.position = seen.position + odometer * way_ + gyro * turned_;
    seen.heading_rad += gyro * ToSeconds(truth.time - fix_time_);
    seen.speed_mps *= 1 + odometer;
    variance += config.odometer_sigma * config.odometer_sigma * NormSquared(way_) +
                config.gyro_sigma_radps * config.gyro_sigma_radps * NormSquared(turned_);
  }
  time_ = truth.time;
  position_ = truth.position;
  seen.accuracy_m = config.accuracy_factor * std::max(config.accuracy_floor_m, std::sqrt(variance));

  // Drawn in any case, so that what is said now does not depend on what was kept quiet before.
  if (config.heading_sigma_rad > 0 || config.speed_sigma_mps > 0) {
    const Vec2 error = DrawNormalPair(&motion_random_);
    seen.heading_rad += config.heading_sigma_rad * error.x;
    seen.speed_mps += config.speed_sigma_mps * error.y;
  }
  if (config.accel_sigma_mps2 > 0 || config.yaw_rate_sigma_radps > 0) {
    const Vec2 error = DrawNormalPair(&motion_random_);
    seen.accel_mps2 += config.accel_sigma_mps2 * error.x;
    seen.yaw_rate_radps += config.yaw_rate_sigma_radps * error.y;
  }
  if (seen.heading_rad != truth.heading_rad) seen.heading_rad = WrapAngle(seen.heading_rad);
  seen.speed_mps = std::max(0.0, seen.speed_mps);

  if (!fix && truth.time - fix_time_ > config.dead_reckoning_max) return std::nullopt;
  if (!fix && config.dead_reckoning_max.count() == 0) return std::nullopt;
  if (seen.accuracy_m > config.accuracy_max_m) return std::nullopt;
  return seen;
}

// The process goes on where no satellite is seen: it is the atmosphere's and the satellites'.
void GnssReceiver::Drift(Sky sky, nanoseconds passed) {
  const double sigma_m = config_->drift_sigma_m * (sky == Sky::kCanyon ? config_->canyon_drift_factor : 1);
  const Vec2 fresh = sigma_m * DrawNormalPair(&drift_random_);
  if (!began_) {
    drift_ = fresh;
    drift_variance_ = sigma_m * sigma_m;
    return;
  }
  if (passed != step_) {
    step_ = passed;
    kept_ = Exp(-ToSeconds(passed) / config_->drift_correlation_s);
    renewed_ = std::sqrt(1 - kept_ * kept_);
  }
  drift_ = kept_ * drift_ + renewed_ * fresh;
  drift_variance_ = kept_ * kept_ * drift_variance_ + (1 - kept_ * kept_) * sigma_m * sigma_m;
}

void GnssReceiver::Reflect(Sky sky, SimTime now, double passed_h) {
  if (jump_end_ > now) return;
  jump_ = {};
  const double rate = sky == Sky::kCanyon ? config_->jumps_per_hour_canyon
                      : sky == Sky::kOpen ? config_->jumps_per_hour_open
                                          : 0;
  until_jump_ -= rate * passed_h;
  if (rate == 0 || until_jump_ > 0) return;
  until_jump_ = DrawExponential(&jump_random_);
  const Vec2 normal = DrawNormalPair(&jump_random_);
  const double size_m = std::min(config_->jump_max_m, config_->jump_median_m * Exp(config_->jump_spread * normal.x));
  jump_ = size_m * HeadingVector(2 * kPi * jump_random_.Unit());
  jump_end_ = now + DrawSpan(nanoseconds(0), config_->jump_mean, kLongest, &jump_random_);
  ++jumps_;
}

bool GnssReceiver::HasFix(Sky sky, SimTime now, double passed_h) {
  if (sky == Sky::kCanyon && !hidden_ && config_->losses_per_hour_canyon > 0) {
    until_loss_ -= config_->losses_per_hour_canyon * passed_h;
    if (until_loss_ <= 0) {
      until_loss_ = DrawExponential(&loss_random_);
      loss_end_ = now + DrawSpan(nanoseconds(0), config_->loss_mean, kLongest, &loss_random_);
    }
  }
  // Out of the canyon there are satellites again.
  const bool hidden = sky == Sky::kTunnel || (sky == Sky::kCanyon && now < loss_end_);
  if (hidden && !hidden_) ++losses_;
  if (hidden_ && !hidden) fix_from_ = now + config_->reacquire;
  hidden_ = hidden;
  return !hidden && now >= fix_from_;
}

void GnssReceiver::Reckon(const MotionTruth& truth) {
  if (!reckoning_) {
    reckoning_ = true;
    const Vec2 normal = DrawNormalPair(&reckoning_random_);
    odometer_gyro_ = {config_->odometer_sigma * normal.x, config_->gyro_sigma_radps * normal.y};
    way_ = turned_ = {};
  }
  const Vec2 moved = truth.position - position_;
  const double turned_s = ToSeconds((truth.time - fix_time_) + (time_ - fix_time_)) / 2;
  way_ = way_ + moved;
  turned_ = turned_ + turned_s * Vec2{moved.y, -moved.x};
}

}  // namespace starling::sim
