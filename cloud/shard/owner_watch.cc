#include "cloud/shard/owner_watch.h"

namespace starling::cloud {

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
  if (!read_until_) read_until_ = end();
  // A partition may end in offsets that no record has.
  return next_ >= *read_until_ || now - last_progress_ >= takeover_after_;
}

}  // namespace starling::cloud
