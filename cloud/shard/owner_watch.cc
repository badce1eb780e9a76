#include "cloud/shard/owner_watch.h"

#include <algorithm>

namespace starling::cloud {
namespace {

// So many times longer than silence without a record is the end of what can be read.
constexpr int kUnreadPatience = 10;

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

bool OwnerWatch::ShouldClaim(Steady now, const std::function<Offset()>& end) {
  if (now < deferred_until_) return false;
  if (!left_ && now - last_sign_ < takeover_after_) return false;
  if (!read_until_) {
    read_until_ = end();
    asked_ = now;
  }
  // A partition may end in offsets that no record has.  A broker that is slow to answer
  // looks the same for a while, and the owner's signs are then among what it has not sent.
  return next_ >= *read_until_ || now - std::max(last_progress_, asked_) >= kUnreadPatience * takeover_after_;
}

}  // namespace starling::cloud
