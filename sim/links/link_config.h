#pragma once

#include <cstdint>

#include "common/status.h"
#include "common/time.h"

namespace starling::sim {

// One direction of a vehicle's link.  What it costs where the radio is good; cells add to it.
struct LinkStreamConfig {
  // No byte is faster than this; a simulator may count on it.  1 ms to 10 s.
  nanoseconds delay_min = milliseconds(1);
  // Half of what is handed over takes longer, where nothing is lost or waits.  What is above the
  // least is lognormal.  delay_min to 10 s; as much as delay_min: no jitter.
  nanoseconds delay_median = milliseconds(1);
  // Deviation of its logarithm: at p99 it is e^(2.33 spread) times its median.  0 to 1.5.
  double delay_spread = 0;
  // Bytes a second, headers included, that the bottleneck passes.  1000 to 1e9.
  double bytes_per_s = 1e9;
};

// By default a perfect link of one millisecond.
struct LinkConfig {
  std::uint64_t seed = 1;
  LinkStreamConfig up;                    // vehicle to cloud
  LinkStreamConfig down;                  // cloud to vehicle

  // Share of the segments that is lost everywhere, the cells' besides.  TCP sends them again: loss
  // costs time, of what follows, too.  0 to 0.5.
  double loss = 0;
  // Segments carry so many bytes at most.  100 to 9000.
  std::uint32_t segment_bytes = 1400;
  // Margin of the retransmission timeout above the smoothed round trip, and the longest timeout.
  // 1 ms to 10 s; rto_min to 1 h.
  nanoseconds rto_min = milliseconds(200);
  nanoseconds rto_max = seconds(120);
  // A sender whose bytes wait longer than this before the bottleneck can hand over no more: what
  // its socket takes, in time.  1 ms to 1 h.
  nanoseconds backlog_max = milliseconds(500);

  // The connection is given up after so long without progress.  100 ms to 1 h.
  nanoseconds timeout = seconds(10);
  // Attempts to come back: the first so long after it was given up; the wait doubles after each one
  // that fails; each is jittered by up to a half.  1 ms to 1 h; retry_min to 1 h.
  nanoseconds retry_min = milliseconds(100);
  nanoseconds retry_max = seconds(5);
  // Round trips until the first byte can be handed over: one for TCP, two for TLS 1.3 whose server
  // waits for the vehicle's certificate.  1 to 100.
  std::uint32_t handshake_round_trips = 3;

  // The least of both directions: no byte that is handed over arrives sooner.
  nanoseconds delay_min() const { return up.delay_min < down.delay_min ? up.delay_min : down.delay_min; }

  // Errors: kInvalidArgument names the field that is out of its range.
  Status Validate() const;

  // A public 4G network.  docs/decisions/0015-sensors-and-links.md says where each number is from.
  static LinkConfig Cellular();
};

}  // namespace starling::sim
