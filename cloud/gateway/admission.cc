#include "cloud/gateway/admission.h"

namespace starling::cloud {

bool Admission::Admit(FrameClass of, std::size_t bytes, double log_fill, CloudTime now) {
  if (log_fill > kFillMax[static_cast<std::size_t>(of)]) return false;
  const double reserve = kReserve[static_cast<std::size_t>(of)];
  const auto size = static_cast<double>(bytes);
  MutexLock lock(mutex_);
  const double frames_left = frames_.Level(now);
  const double bytes_left = bytes_.Level(now);
  if (of != FrameClass::kSession &&
      (frames_left < reserve * frames_burst_ + 1 || bytes_left < reserve * bytes_burst_ + size)) {
    return false;
  }
  frames_.Owe(1);
  bytes_.Owe(size);
  return true;
}

}  // namespace starling::cloud
