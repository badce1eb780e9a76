#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "cloud/gateway/gateway.h"
#include "cloud/gateway/judgement.h"
#include "common/geo/local_frame.h"
#include "common/ids.h"
#include "common/time.h"
#include "schemas/edge_to_cloud/uplink_generated.h"

namespace starling::cloud {

// What a vehicle's fixes and clock reports have to pass before they are believed:
// range, rate, order, age and a plausible move, in this order.  Judges by what it
// is handed; has no clock.
//
// Source: C2C-CC's plausibility profile for age (2 s) and lead (220 ms).  We deviate
// for jumps: its fixed 10 km would let a vehicle cross the city between two fixes.
//
// A vehicle is never locked out for good: after kConsistentMax jumps in a row that
// agree with each other, or as many clock reports, the last one is believed.  So one
// outlier costs one fix, and a real displacement (a ferry, a cold start) costs two.
//
// Threading: thread-compatible.
class FixGate {
 public:
  static constexpr int kConsistentMax = 3;

  // A connection began and said Hello.  Its clock has to be reported anew; a new
  // boot also begins a new clock and a new numbering.
  void OnHello(BootId boot);

  // Judges a clock report read at `now` and, if it passes, translates by it.
  Judgement JudgeClock(const GatewayConfig& config, const wire::ClockReport& report, CloudTime now);

  // Judges a fix read at `now`.  If it passes, it is the one that the next is
  // compared with, and sample_time() is its time.
  Judgement JudgeFix(const GatewayConfig& config, const LocalFrame& frame, const wire::Fix& fix,
                     std::size_t path_arcs, CloudTime now);

  BootId boot() const { return boot_; }
  CloudTime sample_time() const { return last_time_; }
  // cloud time - boot time; 0 before a report.
  nanoseconds clock_offset() const { return offset_.value_or(nanoseconds(0)); }

 private:
  struct Place {
    Vec2 position;
    CloudTime time;
  };
  static bool CanReach(const GatewayConfig& config, const Place& from, const Place& to);
  Judgement TakeToken(const GatewayConfig& config, CloudTime now);
  Judgement JudgeMove(const GatewayConfig& config, const Place& place);

  BootId boot_{};
  std::uint32_t last_sequence_ = 0;    // of this boot
  CloudTime last_time_;
  std::optional<Place> last_place_;

  // Clock belief of this boot.
  bool reported_ = false;              // on this connection
  std::optional<nanoseconds> offset_;
  nanoseconds uncertainty_{};

  // Refused in a row, each consistent with the one before.
  std::optional<Place> jump_candidate_;
  int jumps_ = 0;
  nanoseconds step_candidate_{};
  int steps_ = 0;

  // Token bucket.
  double tokens_ = -1;                 // negative: not filled yet
  CloudTime refilled_;
};

}  // namespace starling::cloud
