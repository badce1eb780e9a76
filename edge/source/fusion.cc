#include "edge/source/fusion.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "common/check.h"
#include "common/geo/trigonometry.h"
#include "common/telemetry/fix_codec.h"

namespace starling::edge {
namespace {

// Slower than this a vehicle stands: what turns then is a gyroscope's bias.
constexpr double kStandingMps = 0.1;
// A difference that comes out beyond these is noise, not a road vehicle.
constexpr double kSlopeAccelMaxMps2 = 12;
constexpr double kSlopeYawRateMaxRadps = 2;
// What a position that is reckoned gets less sure by in a second.
constexpr double kReckonErrorMps = 1;
// The track is kept for the longest that a fix can be late, and then some.
constexpr nanoseconds kTrackKept = seconds(3);
constexpr nanoseconds kTrackSpacing = milliseconds(40);
constexpr nanoseconds kSlopeSpacing = milliseconds(40);

// Of the WGS84 ellipsoid.
constexpr double kSemiMajorM = 6378137;
constexpr double kEccentricitySquared = 0.00669437999014;

// `moved` metres east and north of `from`.  Off by less than 1 mm over 200 m, up to 85
// degrees of latitude.
// Source: J. P. Snyder, Map Projections (1987), equations 4-18 and 4-20: the radii of
// curvature of the meridian and of the prime vertical.
GeoPoint Displaced(GeoPoint from, Vec2 moved) {
  const SinCosValue lat = SinCos(from.lat_deg * kDegree);
  const double w_squared = 1 - kEccentricitySquared * lat.sin * lat.sin;
  const double w = std::sqrt(w_squared);
  const double meridian_m = kSemiMajorM * (1 - kEccentricitySquared) / (w_squared * w);
  const double parallel_m = kSemiMajorM / w * lat.cos;
  GeoPoint to{from.lat_deg + moved.y / meridian_m / kDegree, from.lon_deg + moved.x / parallel_m / kDegree};
  if (to.lon_deg > 180) to.lon_deg -= 360;
  if (to.lon_deg < -180) to.lon_deg += 360;
  return to;
}

// Clockwise by `angle_rad`, as headings are.
Vec2 Turned(Vec2 vector, double angle_rad) {
  const SinCosValue turn = SinCos(angle_rad);
  return {vector.x * turn.cos + vector.y * turn.sin, vector.y * turn.cos - vector.x * turn.sin};
}

bool Within(double value, double max) { return value >= -max && value <= max; }

bool MayBe(Quantity quantity, double value) {
  switch (quantity) {
    case Quantity::kSpeed: return Within(value, kSpeedMaxMps);
    case Quantity::kHeading: return Within(value, 2 * kPi + 1e-9);
    case Quantity::kYawRate: return Within(value, kYawRateMaxRadps);
    case Quantity::kSteering: return Within(value, 80 * kDegree);  // the tangent stays tame
    default: return Within(value, kAccelMaxMps2);
  }
}

bool MayBe(const GnssFix& fix) {
  // Nobody drives in the Gulf of Guinea; what says so has not been set.
  if (fix.position == GeoPoint{}) return false;
  if (!Within(fix.position.lat_deg, 85) || !Within(fix.position.lon_deg, 180)) return false;
  if (fix.speed_mps && !(*fix.speed_mps >= 0 && *fix.speed_mps <= kSpeedMaxMps)) return false;
  if (fix.course_rad && !Within(*fix.course_rad, 2 * kPi + 1e-9)) return false;
  return !fix.accuracy_m || (*fix.accuracy_m >= 0 && *fix.accuracy_m <= 1e6);
}

}  // namespace

Status FusionConfig::Validate() const {
  const auto refuse = [](const std::string& why) { return Status(ErrorCode::kInvalidArgument, why); };
  if (bus_age_max < milliseconds(50) || bus_age_max > seconds(5)) {
    return refuse("bus_age_max must be within 50 ms and 5 s");
  }
  if (reckon_max < milliseconds(200) || reckon_max > seconds(5)) {
    return refuse("reckon_max must be within 200 ms and 5 s");
  }
  if (fix_delay.count() < 0 || fix_delay > seconds(1)) return refuse("fix_delay must be within 0 and 1 s");
  if (!(course_speed_min_mps >= 0 && course_speed_min_mps <= 10)) {
    return refuse("course_speed_min_mps must be within 0 and 10");
  }
  if (!(wheelbase_m >= 0.5 && wheelbase_m <= 10)) return refuse("wheelbase_m must be within 0.5 and 10");
  if (start_heading_rad && !Within(*start_heading_rad, 2 * kPi + 1e-9)) {
    return refuse("the heading at the start must be within -360 and 360 degrees");
  }
  return Status();
}

void Slope::Add(BootTime at, double value) {
  if (!values_.empty() && at <= values_.back().at) return;
  // What comes faster replaces the newest, so that the newest is always there.
  if (values_.size() > 1 && at - values_[values_.size() - 2].at < kSlopeSpacing) values_.pop_back();
  values_.push_back({at, value});
  while (values_.front().at + kSpanMax < at) values_.pop_front();
}

std::optional<double> Slope::PerSecond(BootTime now) const {
  if (values_.empty() || values_.back().at + kSpanMax < now) return std::nullopt;
  const Value& newest = values_.back();
  for (auto older = values_.rbegin() + 1; older < values_.rend(); ++older) {
    if (newest.at - older->at >= kSpanMin) {
      return (newest.value - older->value) / ToSeconds(newest.at - older->at);
    }
  }
  return std::nullopt;
}

BootTime FixClock::InstantOf(const GnssFix& fix) {
  if (!fix.epoch) return fix.arrival;
  constexpr nanoseconds kHalf = seconds(30);
  const nanoseconds late = fix.arrival.time_since_epoch() - *fix.epoch;
  const auto least = [this] { return least_before_ ? std::min(*least_, *least_before_) : *least_; };
  // Both ways: a clock that was set ahead makes all that follows seem early.
  if (least_ && (late > least() + kStep || late < least() - kStep)) {
    ++steps_;
    least_.reset();
    least_before_.reset();
  }
  if (!least_) {
    half_began_ = fix.arrival;
  } else if (fix.arrival - half_began_ >= kHalf) {
    least_before_ = least_;
    least_.reset();
    half_began_ = fix.arrival;
  }
  least_ = least_ ? std::min(*least_, late) : late;
  return BootTime(*fix.epoch + least());
}

Fusion::Fusion(const FusionConfig& config) : config_(config), heading_rad_(config.start_heading_rad) {
  STARLING_CHECK(config.Validate().ok());
}

std::optional<double> Fusion::Bus(Quantity quantity, BootTime now) const {
  const Measured& measured = bus_[static_cast<std::size_t>(quantity)];
  if (!measured.at || *measured.at + config_.bus_age_max < now) return std::nullopt;
  return measured.value;
}

std::optional<double> Fusion::AccelAt(BootTime now) const {
  if (const auto measured = Bus(Quantity::kAccel, now)) return measured;
  const Slope& speed = Bus(Quantity::kSpeed, now) ? bus_speed_ : fix_speed_;
  const auto slope = speed.PerSecond(now);
  return slope && Within(*slope, kSlopeAccelMaxMps2) ? slope : std::nullopt;
}

std::optional<double> Fusion::SpeedAt(BootTime now) const {
  if (const auto measured = Bus(Quantity::kSpeed, now)) return measured;
  if (!fix_ || !fix_->speed_mps || fix_at_ + config_.reckon_max < now) return std::nullopt;
  // A fix that is older than one interval tells how fast it was, not how fast it is.
  const double gained = AccelAt(now).value_or(0) * ToSeconds(now - fix_at_);
  return std::clamp(*fix_->speed_mps + gained, 0.0, kSpeedMaxMps);
}

std::optional<double> Fusion::MeasuredYawRateAt(BootTime now) const {
  if (const auto measured = Bus(Quantity::kYawRate, now)) return measured;
  const auto steering = Bus(Quantity::kSteering, now);
  const auto speed = SpeedAt(now);
  if (!steering || !speed) return std::nullopt;
  // A bicycle that does not slip.
  const SinCosValue wheel = SinCos(*steering);
  return std::clamp(*speed * wheel.sin / wheel.cos / config_.wheelbase_m, -kYawRateMaxRadps,
                    kYawRateMaxRadps);
}

double Fusion::YawRateAt(BootTime now) const {
  const double speed = std::abs(SpeedAt(now).value_or(0));
  if (speed < kStandingMps) return 0;
  if (const auto measured = MeasuredYawRateAt(now)) return *measured;
  if (speed < config_.course_speed_min_mps) return 0;
  const auto slope = heading_change_.PerSecond(now);
  return slope && Within(*slope, kSlopeYawRateMaxRadps) ? *slope : 0;
}

void Fusion::ReckonTo(BootTime now) {
  if (track_.empty()) track_.push_back({now, {}, 0});
  Track next = track_.back();
  const nanoseconds passed = now - next.at;
  if (passed.count() <= 0) return;
  next.at = now;
  // Across a longer hole nothing is reckoned; the fix before it is too old by then.
  if (passed <= config_.reckon_max && heading_rad_) {
    const double step_s = ToSeconds(passed);
    const BootTime middle = now - passed / 2;
    const double turn_rad = YawRateAt(middle) * step_s;
    const double distance_m = SpeedAt(middle).value_or(0) * step_s;
    next.moved = next.moved + distance_m * HeadingVector(*heading_rad_ + turn_rad / 2);
    next.turned_rad += turn_rad;
    *heading_rad_ = WrapAngle(*heading_rad_ + turn_rad);
  }
  if (track_.size() > 1 && now - track_[track_.size() - 2].at < kTrackSpacing) track_.pop_back();
  track_.push_back(next);
  while (track_.front().at + kTrackKept < now) track_.pop_front();
}

Fusion::Track Fusion::TrackAt(BootTime instant) const {
  if (instant <= track_.front().at) return track_.front();
  auto after = track_.end() - 1;
  while (after != track_.begin() && (after - 1)->at >= instant) --after;
  if (after == track_.begin() || instant >= after->at) return *after;
  const Track& before = *(after - 1);
  const double share = ToSeconds(instant - before.at) / ToSeconds(after->at - before.at);
  return {instant, before.moved + share * (after->moved - before.moved),
          before.turned_rad + share * (after->turned_rad - before.turned_rad)};
}

// What was driven since `instant` was driven in that direction, too.
void Fusion::SetHeading(double heading_rad, BootTime instant) {
  const double turned_since = track_.back().turned_rad - TrackAt(instant).turned_rad;
  heading_rad_ = WrapAngle(heading_rad + turned_since);
  last_heading_rad_ += WrapAngle(heading_rad - last_heading_rad_);
  heading_change_.Add(instant, last_heading_rad_);
}

void Fusion::OnFix(const GnssFix& fix) {
  if (!MayBe(fix)) {
    ++counters_.fixes_refused;
    return;
  }
  const std::uint64_t steps = clock_.steps();
  const BootTime instant = clock_.InstantOf(fix) - config_.fix_delay;
  counters_.clock_steps = clock_.steps();
  if (fix_ && instant <= fix_at_ && clock_.steps() == steps) {
    ++counters_.fixes_out_of_order;
    return;
  }
  ++counters_.fixes;
  ReckonTo(fix.arrival);
  const bool had_heading = heading_rad_.has_value();
  if (fix_ && instant < fix_at_) {
    fix_speed_.Clear();
    heading_change_.Clear();
  }
  fix_ = fix;
  fix_at_ = instant;
  if (fix.speed_mps) fix_speed_.Add(instant, *fix.speed_mps);

  const Track then = TrackAt(instant);
  Vec2 since = track_.back().moved - then.moved;
  const double speed = SpeedAt(fix.arrival).value_or(0);
  if (!Bus(Quantity::kHeading, fix.arrival)) {
    // The course is where it moves to: in reverse the vehicle looks the other way.
    if (fix.course_rad && std::abs(speed) >= config_.course_speed_min_mps &&
        fix.speed_mps.value_or(0) >= config_.course_speed_min_mps) {
      const double before_rad = heading_rad_.value_or(0);
      SetHeading(speed < 0 ? *fix.course_rad + kPi : *fix.course_rad, instant);
      if (had_heading) since = Turned(since, WrapAngle(*heading_rad_ - before_rad));
    } else {
      heading_change_.Clear();
    }
  }
  if (!had_heading && heading_rad_) {
    // Nothing was reckoned while the direction was unknown.
    since = speed * ToSeconds(fix.arrival - instant) * HeadingVector(*heading_rad_);
  }
  anchor_ = Displaced(fix.position, since);
  anchor_moved_ = track_.back().moved;
}

void Fusion::OnBus(Quantity quantity, double value, BootTime now) {
  const auto index = static_cast<std::size_t>(quantity);
  if (!MayBe(quantity, value)) {
    ++counters_.bus_refused[index];
    return;
  }
  ++counters_.bus_values[index];
  // Up to here by what was known up to here.
  ReckonTo(now);
  if (quantity == Quantity::kSpeed) {
    if (!Bus(quantity, now)) bus_speed_.Clear();
    bus_speed_.Add(now, value);
  }
  bus_[index] = {value, now};
  if (quantity == Quantity::kHeading) SetHeading(value, now);
}

BootTime Fusion::next_sample(BootTime now) {
  if (!next_ || *next_ + 2 * kSampleInterval < now) {
    constexpr nanoseconds kEach = kSampleInterval;
    next_ = BootTime((now.time_since_epoch() / kEach + 1) * kEach);
  }
  return *next_;
}

std::optional<Sample> Fusion::TakeSample(BootTime now) {
  const BootTime instant = next_sample(now);
  if (now < instant) return std::nullopt;
  next_ = instant + kSampleInterval;
  // A measurement that came after the instant has moved the track past it already.
  ReckonTo(instant);
  const auto silent = [this](Silence why, std::uint64_t* counter) {
    silence_ = why;
    ++*counter;
    return std::nullopt;
  };
  if (!fix_) return silent(Silence::kNoFix, &counters_.silent_no_fix);
  const nanoseconds age = instant - fix_at_;
  if (age > config_.reckon_max) return silent(Silence::kStaleFix, &counters_.silent_stale_fix);
  const std::optional<double> speed = SpeedAt(instant);
  if (!speed) return silent(Silence::kNoSpeed, &counters_.silent_no_speed);
  if (!heading_rad_) return silent(Silence::kNoHeading, &counters_.silent_no_heading);

  const Track track = TrackAt(instant);
  Sample sample;
  sample.time = instant;
  sample.position = Displaced(anchor_, track.moved - anchor_moved_);
  sample.heading_rad = WrapAngle(*heading_rad_ - (track_.back().turned_rad - track.turned_rad));
  sample.speed_mps = *speed;
  sample.accel_mps2 = AccelAt(instant).value_or(0);
  sample.yaw_rate_radps = YawRateAt(instant);
  sample.accuracy_m = fix_->accuracy_m.value_or(0) + kReckonErrorMps * std::max(0.0, ToSeconds(age));
  if (!ValidateSample(sample).ok()) return silent(Silence::kInvalid, &counters_.silent_invalid);
  silence_ = Silence::kNone;
  ++counters_.samples;
  if (age > 2 * kSampleInterval) ++counters_.samples_reckoned;
  return sample;
}

}  // namespace starling::edge
