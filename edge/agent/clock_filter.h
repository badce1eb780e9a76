#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "common/time.h"

namespace starling::edge {

// What the agent believes of the cloud's clock.
struct ClockBelief {
  nanoseconds cloud_minus_boot{};
  nanoseconds uncertainty{};  // Half the round trip of the probe that it rests on.
};

// Schedules clock probes on a connection, and believes the one with the shortest
// round trip among the last kProbesKept: whatever the delays of its two ways are,
// it is off by at most half its round trip.
//
// Source: D. L. Mills, RFC 5905, section 8 (offset and delay) and 10 (clock filter).
// We deviate in taking the shortest of the window without ageing it.
//
// Threading: thread-compatible.
class ClockFilter {
 public:
  static constexpr std::size_t kProbesKept = 8;
  static constexpr int kProbesQuick = 3;
  static constexpr milliseconds kQuickInterval{100};
  // While the belief is not sure enough, up to a number of probes: at 15 m/s a
  // clock that is off by 10 ms puts the vehicle 15 cm from where it is.
  static constexpr seconds kUnsureInterval{1};
  static constexpr milliseconds kSureEnough{2};
  static constexpr int kProbesUnsureMax = 16;
  static constexpr seconds kInterval{10};
  static constexpr seconds kReportInterval{30};
  static constexpr milliseconds kMovedMin{1};

  // A connection begins: another gateway has another clock.  The old belief stands
  // until the first reply.
  void Restart(BootTime now);
  // The connection is gone: no more probes and reports.
  void Stop();

  bool probe_due(BootTime now) const { return running_ && now >= next_probe_; }
  BootTime next_probe() const { return running_ ? next_probe_ : BootTime::max(); }
  void ProbeSent(BootTime now);

  // False, and no belief changed, if no such probe is out or its times contradict
  // each other.
  bool OnReply(std::uint64_t probe_ns, std::int64_t received_ns, std::int64_t sent_ns, BootTime now);

  // A belief that the cloud has not heard of on this connection, or not lately.
  bool report_due(BootTime now) const;
  BootTime next_report() const;
  void ReportSent(BootTime now);
  bool reported() const { return reported_.has_value(); }

  const std::optional<ClockBelief>& belief() const { return belief_; }

 private:
  nanoseconds ProbeInterval() const;

  bool running_ = false;
  bool fresh_ = false;  // No reply on this connection yet.
  int probes_sent_ = 0;
  BootTime next_probe_;
  std::array<std::optional<std::uint64_t>, kProbesKept> out_;  // Probes without a reply.
  std::size_t next_out_ = 0;
  std::array<ClockBelief, kProbesKept> replies_{};
  std::size_t replies_count_ = 0;
  std::size_t next_reply_ = 0;
  std::optional<ClockBelief> belief_;
  std::optional<ClockBelief> reported_;
  BootTime reported_at_;
};

}  // namespace starling::edge
