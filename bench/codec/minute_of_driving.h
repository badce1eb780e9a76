#pragma once

#include <cstdint>

namespace starling {

// What the links of a driving fleet carried.
struct LinkBytes {
  std::uint64_t samples = 0;
  std::uint64_t live_frames = 0;
  std::uint64_t up = 0;             // frames and TLS records, agent to gateway
  std::uint64_t down = 0;           // the other way
  std::uint64_t json_mqtt_tls = 0;  // the same samples as JSON, both ways
};

// Drives 200 vehicles for a minute of virtual time, each with the real agent, against
// the real shard behind the gateway's own builders, then until every sample is
// acknowledged.  Seed 2, because training of the frames' dictionary takes 1.
//
// The same in every run.  Takes about 0.3 s.
LinkBytes DriveMinute();

}  // namespace starling
