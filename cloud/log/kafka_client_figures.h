#pragma once

#include <cstdint>

#include "common/time.h"

namespace starling::cloud {

// What librdkafka says of its connections, every few seconds.
struct KafkaClientFigures {
  nanoseconds age{-1};                 // since it said so; negative: it has not yet
  std::uint64_t brokers = 0;           // known, bootstrap addresses left out
  std::uint64_t brokers_up = 0;        // of these, connected
  double rtt_p99_ms = 0;               // of the slowest one's requests
  std::uint64_t waiting_requests = 0;  // to be sent, or sent and not answered
  std::uint64_t timeouts = 0;          // requests, since the client was made
  std::uint64_t retries = 0;
};

}  // namespace starling::cloud
