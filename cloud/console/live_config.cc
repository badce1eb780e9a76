#include "cloud/console/live_config.h"

namespace starling::cloud {

Status LiveConfig::Validate() const {
  const auto wrong = [](const char* what) { return Status(ErrorCode::kInvalidArgument, what); };
  if (interval < milliseconds(50) || interval > seconds(5)) return wrong("live.interval is outside [50 ms, 5 s]");
  if (slots_per_question < 64 || slots_per_question > 1'000'000) {
    return wrong("live.slots_per_question is outside [64, 1000000]");
  }
  if (viewers_max < 1 || viewers_max > 1024) return wrong("live.viewers_max is outside [1, 1024]");
  if (vehicles_shown_max < 1 || vehicles_shown_max > 1'000'000) {
    return wrong("live.vehicles_shown_max is outside [1, 1000000]");
  }
  if (message_bytes_max < 64 || message_bytes_max > 65536) return wrong("live.message_bytes_max is outside [64, 65536]");
  if (messages_per_s_max < 1 || messages_per_s_max > 10'000) return wrong("live.messages_per_s_max is outside [1, 10000]");
  if (stalled_max < milliseconds(100) || stalled_max > seconds(600)) {
    return wrong("live.stalled_max is outside [100 ms, 10 min]");
  }
  if (commands_max < 16 || commands_max > 1'000'000) return wrong("live.commands_max is outside [16, 1000000]");
  return {};
}

}  // namespace starling::cloud
