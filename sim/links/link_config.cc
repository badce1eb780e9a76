#include "sim/links/link_config.h"

#include <string>

#include "sim/sensors/limits.h"

namespace starling::sim {

Status LinkConfig::Validate() const {
  Limits limits("link");
  const auto check = [&limits](const std::string& name, const LinkStreamConfig& stream) {
    limits.Within(name + ".delay_min", stream.delay_min, milliseconds(1), seconds(10));
    limits.Within(name + ".delay_median", stream.delay_median, stream.delay_min, seconds(10));
    limits.Within(name + ".delay_spread", stream.delay_spread, 0, 1.5);
    limits.Within(name + ".bytes_per_s", stream.bytes_per_s, 1000, 1e9);
  };
  check("up", up);
  check("down", down);
  limits.Within("loss", loss, 0, 0.5);
  limits.Within("segment_bytes", segment_bytes, 100, 9000);
  limits.Within("rto_min", rto_min, milliseconds(1), seconds(10));
  limits.Within("rto_max", rto_max, rto_min, seconds(3600));
  limits.Within("backlog_max", backlog_max, milliseconds(1), seconds(3600));
  limits.Within("timeout", timeout, milliseconds(100), seconds(3600));
  limits.Within("retry_min", retry_min, milliseconds(1), seconds(3600));
  limits.Within("retry_max", retry_max, retry_min, seconds(3600));
  limits.Within("handshake_round_trips", handshake_round_trips, 1, 100);
  return limits.Verdict();
}

LinkConfig LinkConfig::Cellular() {
  LinkConfig config;
  config.up = {.delay_min = milliseconds(10), .delay_median = milliseconds(30), .delay_spread = 0.5,
               .bytes_per_s = 750'000};
  config.down = {.delay_min = milliseconds(8), .delay_median = milliseconds(20), .delay_spread = 0.5,
                 .bytes_per_s = 1'625'000};
  config.loss = 0.0005;
  return config;
}

}  // namespace starling::sim
