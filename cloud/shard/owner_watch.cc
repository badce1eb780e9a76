#include "cloud/shard/owner_watch.h"

#include <algorithm>

namespace starling::cloud {
namespace {

// So many times longer than silence without a record is the end of what can be read.
constexpr int kUnreadPatience = 10;

// An answer is late after this share of the silence, and the wait after it so many times
// as long.
constexpr int kLateShare = 2;
constexpr int kOutagePatience = 3;

}  // namespace

void OwnerWatch::OnSign(Steady now) {
  last_sign_ = now;
  read_until_.reset();
  left_ = false;
}

void OwnerWatch::OnProgress(Offset next, Steady now) {
  next_ = next;
  last_progress_ = now;
}

void OwnerWatch::OnEnd(std::optional<Offset> end, Steady asked, Steady answered) {
  if (last_sign_ > asked) return;  // The owner has been heard meanwhile.
  if (!end || answered - asked > takeover_after_ / kLateShare) {
    OnSign(answered);
    DeferUntil(std::max(deferred_until_, answered + kOutagePatience * takeover_after_));
    return;
  }
  read_until_ = end;
  asked_ = answered;
}

bool OwnerWatch::ShouldClaim(Steady now) const {
  if (!IsSilent(now) || !read_until_) return false;
  // A partition may end in offsets that no record has.  A broker that is slow to answer
  // looks the same for a while, and the owner's signs are then among what it has not sent.
  return next_ >= *read_until_ || now - std::max(last_progress_, asked_) >= kUnreadPatience * takeover_after_;
}

}  // namespace starling::cloud
