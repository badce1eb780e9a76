// A vehicle's connection over a cellular network, without a byte of it: when what is handed over
// arrives, when nothing passes, when the connection is lost and when it is back.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "common/geo/vec2.h"
#include "common/time.h"
#include "sim/links/coverage_map.h"
#include "sim/links/link_config.h"
#include "sim/sensors/distributions.h"
#include "sim/traffic/sim_time.h"

namespace starling::sim {

enum class LinkDirection : std::uint8_t { kUp, kDown };  // kUp: from the vehicle

struct LinkEvent {
  enum class Kind : std::uint8_t {
    kFlows,     // a direction takes bytes again: offer what it had refused, in its order
    kLost,      // the connection is gone, with all that was not handed over or has not arrived
    kReturned,  // a new one is there
  };
  Kind kind{};
  LinkDirection direction{};      // of kFlows
  SimTime at;                     // when it happened; not after the time of the poll
};

struct LinkCounters {
  std::uint64_t handed_over = 0;  // calls that were taken
  std::uint64_t bytes = 0;        // of these
  std::uint64_t refused = 0;      // calls that were not
  std::uint64_t segments_lost = 0;
  std::uint64_t timeouts = 0;     // of retransmission
  std::uint64_t lost = 0;         // connections
  std::uint64_t returned = 0;
};

// One vehicle's connection, both directions.  Each direction is a stream, as TCP gives it: all
// arrives, once and in order, and what is lost on the way costs the time until it is sent again,
// for all that follows.
//
//   - Delay: the least, plus a lognormal part drawn for each call, plus the cell's.
//   - Bandwidth: bytes pass the bottleneck one after the other.  What would wait there for too
//     long is refused; the sender keeps it (and may think better of it).
//   - Loss: each segment by itself.  One with three more behind it in the same call is noticed by
//     their acknowledgements and costs a round trip more; one without waits for the timeout, which
//     doubles if the repetition is lost, too.
//   - Hole or outage: what is handed over there is refused.  When the radio is back, the stream goes
//     on with the sender's next retransmission, which it has tried at growing intervals since the
//     first refusal.  Bytes that were handed over before, and were on their way, arrive.
//   - Loss of the connection: so long after the last progress, which is the moment at which
//     nothing passed any more, or the first refusal of a stream that has not gone on since.
//     Either end keeps trying it, if by keepalives, so silence does not hide it.
//   - Return: attempts at growing intervals; the first one with radio shakes hands.
//
// A call's own bytes arrive together, at the time of the last one.  How far a call reaches into
// the future is bounded by backlog_max, its own size, its delay and its repetitions; coverage is
// asked for at the moment at which it is made.
//
// The cloud's bytes may be put to it later than they were handed over, with the time at which they
// were, and where the vehicle is by then: each direction has a clock of its own, which must not go
// back.  So a parallel simulator can keep the model with the vehicle, and let what the cloud
// hands over take delay_min() to it first.
//
// Source: RFC 6298 (timeout: 2.2 to 2.5, backoff: 5.5), with Linux's margin, which is added to the
// round trip (TCP_RTO_MIN); RFC 5681 section 3.2 (fast retransmit).  Linux's tail loss probe (RFC
// 8985 section 7) of a lone segment comes after two round trips and that margin, or at the
// timeout if that is sooner, which it is: a lone segment waits for the timeout.
//
// Threading: thread-compatible.
class LinkModel {
 public:
  // Connected at `begin`.  `config` and `coverage` must outlive it; without `coverage` it is the
  // same everywhere and nothing ever stops.
  // REQUIRES: config->Validate().ok()
  LinkModel(const LinkConfig* config, const CoverageMap* coverage, std::uint64_t vehicle, SimTime begin);

  // When the last of `bytes` arrives at the other end, if they are handed over `now`; never before
  // now + delay_min(), nor before what was handed over earlier in that direction.  Nothing: there is
  // no connection, or they are refused, and so is all that follows in that direction until Poll
  // says kFlows.
  // REQUIRES: `now` is not before the last one in that direction; bytes > 0
  std::optional<SimTime> Deliver(LinkDirection direction, Vec2 where, SimTime now, std::size_t bytes);

  // The next thing that has happened by `now`, to be called until there is none: at each observed
  // position, and at wake().
  // REQUIRES: `now` is not before the last poll's
  std::optional<LinkEvent> Poll(Vec2 where, SimTime now);

  // Until then Poll has nothing to say, if the radio stays as it was at the last one.
  SimTime wake() const;

  bool connected() const { return connected_; }
  nanoseconds delay_min() const { return config_->delay_min(); }
  const LinkCounters& counters() const { return counters_; }

 private:
  struct Stream {
    Stream(std::uint64_t jitter_seed, std::uint64_t loss_seed) : jitter(jitter_seed), losses(loss_seed) {}

    NormalSequence jitter;
    Random losses;
    double jitter_median_ns = 0;
    double ns_per_byte = 0;
    double smoothed_ns = 0;                       // SRTT and RTTVAR of RFC 6298
    double deviation_ns = 0;
    double until_loss = 0;                        // hazard to go
    SimTime now = SimTime::min();                 // of the last call
    SimTime bottleneck_free = SimTime::min();
    SimTime last_arrival = SimTime::min();
    SimTime stalled_since = SimTime::max();       // first refusal for want of radio
    SimTime flows_at = SimTime::max();
    bool refusing = false;
  };

  const LinkStreamConfig& config(LinkDirection direction) const {
    return direction == LinkDirection::kUp ? config_->up : config_->down;
  }
  Stream& stream(LinkDirection direction) { return streams_[static_cast<std::size_t>(direction)]; }
  CoverageMap::Spot SpotAt(Vec2 where, SimTime now) const;
  double DrawDelayNs(LinkDirection direction, nanoseconds extra);
  nanoseconds Timeout(const Stream& stream) const;
  nanoseconds Repair(Stream* stream, std::uint64_t segments, double hazard, double round_trip_ns);
  SimTime NextRetransmission(const Stream& stream, SimTime from) const;
  SimTime Deadline() const;
  void BeginConnection(SimTime at);
  void Drop(SimTime at);
  void ScheduleRetry(SimTime from);
  std::optional<LinkEvent> PollConnected(const CoverageMap::Spot& spot, SimTime now);
  std::optional<LinkEvent> PollLost(const CoverageMap::Spot& spot, SimTime now);

  const LinkConfig* config_;
  const CoverageMap* coverage_;
  double hazard_;                                 // of config_->loss
  std::array<Stream, 2> streams_;
  Random retries_;

  bool connected_ = true;
  SimTime broken_since_ = SimTime::max();         // nothing passes
  SimTime retry_at_ = SimTime::max();
  nanoseconds backoff_{};
  SimTime returns_at_ = SimTime::max();           // a handshake is on its way
  SimTime polled_ = SimTime::min();
  LinkCounters counters_;
};

}  // namespace starling::sim
