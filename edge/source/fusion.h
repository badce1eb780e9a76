// One vehicle's sensors as one stream of samples; docs/sources.md has the rule in
// words.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "common/geo/local_frame.h"
#include "common/geo/vec2.h"
#include "common/status.h"
#include "common/telemetry/sample.h"
#include "common/time.h"
#include "edge/source/gnss/gnss_fix.h"

namespace starling::edge {

// What the vehicle's own bus may say of its motion.  Each is measured along or around
// the vehicle's own axes.
enum class Quantity : std::uint8_t {
  kSpeed,                                // m/s along the heading, negative in reverse
  kHeading,                              // rad clockwise from true north
  kYawRate,                              // rad/s, clockwise positive
  kSteering,                             // rad at the road wheels, clockwise positive
  kAccel,                                // m/s² along the heading
};
inline constexpr std::size_t kQuantities = 5;

struct FusionConfig {
  // A value of the bus counts for this long, [50 ms, 5 s]: buses repeat every 10 to 100 ms.
  milliseconds bus_age_max{300};
  // Positions are reckoned from the last fix for this long, [200 ms, 5 s], then the
  // vehicle is silent.  A receiver with one fix a second needs more than a second.
  milliseconds reckon_max{1'500};
  // Between the instant of a fix and its first byte, at the least, [0, 1 s]: the receiver's
  // own delay, which nothing here can see.
  milliseconds fix_delay{0};
  // Slower than this, course over ground is noise and the heading is held.
  double course_speed_min_mps = 1;       // [0, 10]
  double wheelbase_m = 2.7;              // [0.5, 10]; turns steering into yaw rate
  // Until the vehicle has driven; nullopt: silent until then.
  std::optional<double> start_heading_rad;

  Status Validate() const;
};

struct FusionCounters {
  std::uint64_t fixes = 0;               // taken
  std::uint64_t fixes_refused = 0;       // position, speed, course or accuracy outside its range
  std::uint64_t fixes_out_of_order = 0;  // of an instant that is not after the last one's
  std::uint64_t clock_steps = 0;         // of the receiver
  std::array<std::uint64_t, kQuantities> bus_values{};   // taken
  std::array<std::uint64_t, kQuantities> bus_refused{};  // outside the range
  std::uint64_t samples = 0;
  std::uint64_t samples_reckoned = 0;    // of these, more than two intervals after the fix
  // Instants without a sample.
  std::uint64_t silent_no_fix = 0;       // there never was one
  std::uint64_t silent_stale_fix = 0;    // the last one is older than reckon_max
  std::uint64_t silent_no_speed = 0;     // neither the fix nor the bus has one
  std::uint64_t silent_no_heading = 0;   // the vehicle has not driven yet
  std::uint64_t silent_invalid = 0;      // what came out is nothing that a vehicle may report
};

enum class Silence : std::uint8_t { kNone, kNoFix, kStaleFix, kNoSpeed, kNoHeading, kInvalid };

// How fast a value that is measured from time to time changes: its newest measurement
// against one that is between kSpanMin and kSpanMax older, as near to kSpanMin as there
// is.  Shorter, the noise of a receiver would be all; longer, the answer is too old.
//
// Threading: thread-compatible.
class Slope {
 public:
  static constexpr milliseconds kSpanMin{400};
  static constexpr milliseconds kSpanMax{1'500};

  // What is not newer than the last one is passed over.
  void Add(BootTime at, double value);
  // nullopt: no two measurements so far apart, or the newest is older than kSpanMax.
  std::optional<double> PerSecond(BootTime now) const;
  void Clear() { values_.clear(); }

 private:
  struct Value {
    BootTime at;
    double value;
  };
  // At least 40 ms apart, so a bounded number.
  std::deque<Value> values_;
};

// The instants of fixes on the vehicle's clock.  Bytes come late by a varying time, and
// the receiver's own clock does not vary: the least delay of the last minute is taken
// for that of each fix.  Without an epoch, a fix is of its arrival.
//
// Threading: thread-compatible.
class FixClock {
 public:
  // A fix that seems so much later than all others says that the receiver's clock was set.
  static constexpr seconds kStep{1};

  // At most its arrival.
  BootTime InstantOf(const GnssFix& fix);
  std::uint64_t steps() const { return steps_; }

 private:
  // Least of (arrival - epoch), of this half minute and the one before.
  std::optional<nanoseconds> least_;
  std::optional<nanoseconds> least_before_;
  BootTime half_began_;
  std::uint64_t steps_ = 0;
};

// Makes a sample of each 100 ms out of fixes and of what the bus measures, as a pure
// state machine: it is handed what was measured, and the time.
//
// Rule.  The position is that of the last fix, at its instant by FixClock, reckoned on
// along speed and yaw rate as they were measured since; older than reckon_max, there is
// no sample.  What the bus says counts while it is younger than bus_age_max, and then
// goes before the receiver.  Heading: the bus's; else the course of each fix that is
// faster than course_speed_min_mps, carried on by the yaw rate, and held below.  Speed:
// the bus's; else the fix's, carried on by the acceleration.  Acceleration: the bus's;
// else the slope of the speed.  Yaw rate: the bus's; else by its steering; else the
// slope of the heading.
//
// Threading: thread-compatible.
class Fusion {
 public:
  // REQUIRES: config.Validate().ok()
  explicit Fusion(const FusionConfig& config);

  // Times are not before any handed in earlier.
  void OnFix(const GnssFix& fix);
  void OnBus(Quantity quantity, double value, BootTime now);

  // The sample of the instant that next_sample() named, once `now` has reached it;
  // nullopt with a reason in silence() if there is none.  Instants that were slept
  // through have no sample.
  std::optional<Sample> TakeSample(BootTime now);
  // A multiple of kSampleInterval on the vehicle's clock.
  BootTime next_sample(BootTime now);

  Silence silence() const { return silence_; }
  const FusionCounters& counters() const { return counters_; }

 private:
  struct Measured {
    double value = 0;
    std::optional<BootTime> at;
  };
  // Where dead reckoning has come to since the first measurement.  Its origin and
  // north mean nothing; differences between two instants do.
  struct Track {
    BootTime at;
    Vec2 moved;                          // m east and north
    double turned_rad = 0;               // clockwise, not wrapped
  };

  std::optional<double> Bus(Quantity quantity, BootTime now) const;
  std::optional<double> SpeedAt(BootTime now) const;
  std::optional<double> AccelAt(BootTime now) const;
  std::optional<double> MeasuredYawRateAt(BootTime now) const;
  double YawRateAt(BootTime now) const;
  void ReckonTo(BootTime now);
  Track TrackAt(BootTime instant) const;
  void SetHeading(double heading_rad, BootTime instant);

  const FusionConfig config_;
  FusionCounters counters_;
  Silence silence_ = Silence::kNoFix;
  std::optional<BootTime> next_;

  FixClock clock_;
  std::optional<GnssFix> fix_;           // the last one
  BootTime fix_at_;                      // its instant
  GeoPoint anchor_;                      // where the vehicle was when the fix came
  Vec2 anchor_moved_;                    // and the track

  std::array<Measured, kQuantities> bus_;
  Slope bus_speed_;
  Slope fix_speed_;
  Slope heading_change_;
  double last_heading_rad_ = 0;          // as added to it, not wrapped

  std::optional<double> heading_rad_;    // now; nullopt: never known
  std::deque<Track> track_;              // the last seconds, the newest at the back
};

}  // namespace starling::edge
