#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "common/geo/local_frame.h"
#include "common/motion/predictor.h"
#include "common/telemetry/fix_codec.h"
#include "common/telemetry/sample.h"
#include "common/time.h"

namespace starling::edge {

struct LiveLimits {
  double position_error_m = 0;
  double heading_error_rad = 0;
  double speed_error_mps = 0;
  double path_departure_m = 0;
  nanoseconds silence_max{};
  bool raw = false;
};

// Decides which samples the cloud has to hear of at once, by predicting what it
// believes from the last fix that it was sent.  Holds one fix at most: the newest.
//
// Threading: thread-compatible.
class LiveLane {
 public:
  explicit LiveLane(const LiveLimits& limits) : limits_(limits) {}

  // From the next sample on.
  void SetLimits(const LiveLimits& limits) { limits_ = limits; }

  // The cloud knows nothing of this connection yet: the newest sample is due.
  void Start(FrameOrigin origin);
  void Stop();
  void Pause(BootTime until) { paused_until_ = until; }

  // REQUIRES: ValidateSample(sample).ok(); `fix` is its quantised form
  void OnSample(const Sample& sample, const wire::Fix& fix);

  bool due(BootTime now) const { return due_ && now >= paused_until_; }
  // When a pause ends that holds something back.
  BootTime next_resume(BootTime now) const {
    return due_ && now < paused_until_ ? paused_until_ : BootTime::max();
  }

  // The fix to send, the newest, and its path; from now on the cloud has it.
  // REQUIRES: due()
  const wire::Fix& Send(WireArcs* path);

  std::uint64_t conflated() const { return conflated_; }
  double last_speed_mps() const { return last_ ? last_->sample.speed_mps : 0; }
  bool has_sample() const { return last_.has_value(); }

 private:
  // How far the cloud's prediction is off.
  struct Error {
    Vec2 position;
    double heading_rad = 0;
    double speed_mps = 0;
  };
  struct PastError {
    Error error;
    BootTime time;
  };
  struct Taken {
    Sample sample;
    wire::Fix fix;
  };
  // What the cloud predicts from.
  struct Sent {
    BootTime time;
    MotionState state;
    PlannedPath path;
    wire::Intent intent{};
  };

  // How the position's error grows is taken over so many samples: from one to the next it changes by the receiver's
  // noise, over three by a third of that.
  static constexpr std::size_t kTrendSamples = 3;

  bool MustSend(const Sample& sample);
  Error Ahead(const Error& error, BootTime time) const;
  void Remember(const Error& error, BootTime time);
  bool TooFarOff(const Error& error) const;
  bool PathDeparts(const Sample& sample, const Pose& predicted, Vec2 off, double driven_m) const;

  LiveLimits limits_;
  std::optional<LocalFrame> frame_;
  std::optional<Taken> last_;
  std::optional<Sent> sent_;
  // At the last samples since a frame was sent, oldest first.
  std::array<PastError, kTrendSamples> past_;
  std::size_t past_count_ = 0;
  BootTime paused_until_;
  bool due_ = false;
  std::uint64_t conflated_ = 0;
};

}  // namespace starling::edge
