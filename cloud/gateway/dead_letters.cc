#include "cloud/gateway/dead_letters.h"

#include <algorithm>

#include "schemas/log/dead_letter_generated.h"

namespace starling::cloud {

double RateLimit::Level(CloudTime now) {
  if (now > refilled_) tokens_ = std::min(burst_, tokens_ + rate_ * ToSeconds(now - refilled_));
  refilled_ = now;
  return tokens_;
}

bool RateLimit::Take(CloudTime now, double amount) {
  if (Level(now) < amount) return false;
  tokens_ -= amount;
  return true;
}

void DeadLetters::Write(const VehicleId& vehicle, const Judgement& judgement, std::uint8_t frame_type,
                        std::span<const std::byte> payload, CloudTime now) {
  MutexLock lock(mutex_);
  if (!limit_.Take(now)) return;
  builder_.Clear();
  const std::string_view name = vehicle.view();
  const auto vehicle_name = builder_.CreateString(name.data(), name.size());
  const auto detail = builder_.CreateString(judgement.detail);
  const auto bytes = builder_.CreateVector(reinterpret_cast<const std::uint8_t*>(payload.data()),
                                           std::min(payload.size(), kPayloadBytesMax));
  log::FinishDeadLetterBuffer(builder_, log::CreateDeadLetter(builder_, vehicle_name, judgement.verdict,
                                                              frame_type, ToNs(now), detail, bytes));
  const auto value = std::as_bytes(std::span(builder_.GetBufferPointer(), builder_.GetSize()));
  // A letter that does not fit is one that the counters still know of.
  (void)log_->Append(Topic::kDeadLetter, partition_, std::as_bytes(std::span(name)), value);
}

}  // namespace starling::cloud
