#pragma once

#include <chrono>
#include <optional>

#include "cloud/log/log.h"
#include "common/time.h"

namespace starling::cloud {

// Decides when a standby takes its region over: the owner has been silent for long
// enough, measured on this machine's steady clock, and the silence is the owner's, not
// ours.  Who was stopped itself, or reads late, finds the owner's signs among what it has
// not read yet: before a claim everything is read that the partition then holds.
//
// Threading: thread-compatible.
class OwnerWatch {
 public:
  using Steady = std::chrono::steady_clock::time_point;

  OwnerWatch(nanoseconds takeover_after, Steady now)
      : takeover_after_(takeover_after), last_sign_(now), last_progress_(now) {}

  // A heartbeat or an Ownership record of the owner was read, or there was another
  // reason to begin waiting anew.
  void OnSign(Steady now);

  // The owner has said that it stops: nobody has to wait for its silence.
  void OnLeaving() { left_ = true; }

  // Records before `next` have been read.
  void OnProgress(Offset next, Steady now);

  // Whoever gave its region up lets others come first.
  void DeferUntil(Steady time) { deferred_until_ = time; }

  // The partition's end has to be asked for, once for each silence; OnEnd takes the answer.
  bool AsksForEnd(Steady now) const { return IsSilent(now) && !read_until_; }

  // `end`: none if the log did not answer.  A log that answers late or not at all does not
  // take the owner's signs either: the wait begins anew, longer, because the owner too has
  // to find the log again.
  void OnEnd(std::optional<Offset> end, Steady asked, Steady answered);

  bool ShouldClaim(Steady now) const;

 private:
  bool IsSilent(Steady now) const {
    return now >= deferred_until_ && (left_ || now - last_sign_ >= takeover_after_);
  }

  const nanoseconds takeover_after_;
  Steady last_sign_;
  Steady last_progress_;
  Steady deferred_until_ = Steady::min();
  Offset next_{};
  std::optional<Offset> read_until_;  // the end, as it was when the silence was noticed
  Steady asked_{};                    // when that was
  bool left_ = false;
};

}  // namespace starling::cloud
