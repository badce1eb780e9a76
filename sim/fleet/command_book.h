#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "common/ids.h"
#include "common/time.h"
#include "edge/agent/agent.h"
#include "sim/fleet/histogram.h"
#include "sim/fleet/schedule.h"

namespace starling::sim {

// The legs of commands that a sample has caused.
struct SampleLegs {
  Histogram end_to_end;  // scheduled instant of the causing sample -> handed over
  Histogram uplink;      // scheduled instant -> given to the log by the gateway
  Histogram log_in;      // -> read by the shard
  Histogram decision;    // -> issued by the shard
  Histogram log_out;     // -> in the hands of the vehicle's gateway
  Histogram delivery;    // -> handed over

  std::uint64_t negatives() const {
    return end_to_end.negatives() + uplink.negatives() + log_in.negatives() + decision.negatives() +
           log_out.negatives() + delivery.negatives();
  }
};

// Of commands that a tick or a closing window has caused: the log's time is where
// they begin.
struct TickLegs {
  Histogram end_to_end;  // taken by the log -> handed over
  Histogram decision;
  Histogram delivery;
};

struct KindFigures {
  SampleLegs by_sample;
  TickLegs by_tick;
  std::uint64_t handed_over = 0;
};

// What the simulator itself saw of the commands that were handed to controllers.
// It does not believe the agents: whether one came too late or twice is judged
// from its own record.
//
// Threading: thread-compatible.
class CommandBook {
 public:
  // The kinds as the wire numbers them; 0 holds all of them together.
  static constexpr std::size_t kKinds = static_cast<std::size_t>(wire::CommandKind::MAX) + 1;

  // `schedule` and `boots` (the first of each vehicle) must outlive the book.
  CommandBook(const Schedule* schedule, std::span<const BootId> boots);

  // The schedule begins: a vehicle's sample in its first round is its sequence 1.
  void Start(CloudTime start) { start_ = start; }

  // From this sequence of this boot on, the vehicle's samples are those of `round` of the schedule and
  // the rounds after it: a later boot begins, or samples were left out.  In the order of sequences.
  void Resume(std::uint32_t vehicle, BootId boot, std::uint32_t sequence, std::uint64_t round) {
    resumed_[ToNumber(boot)].push_back({vehicle, sequence, round});
  }

  // `vehicle`'s controller was handed `action` at `now`, which is `boot_now` by the
  // vehicle's own clock.
  void OnAction(std::uint32_t vehicle, const edge::ControlAction& action, BootTime boot_now,
                CloudTime now);

  const KindFigures& figures(wire::CommandKind kind) const {
    return figures_[static_cast<std::size_t>(kind)];
  }
  std::uint64_t acted_late() const { return acted_late_; }
  std::uint64_t acted_twice() const { return acted_twice_; }
  // Spans below 0: the two clocks that a leg is measured with do not agree.
  std::uint64_t negative_legs() const;
  // Of commands whose cause names no sample that was taken here.
  std::uint64_t causes_unknown() const { return causes_unknown_; }

 private:
  std::optional<CloudTime> InstantOfCause(const edge::ControlAction& action) const;

  const Schedule* const schedule_;
  const std::span<const BootId> boots_;
  CloudTime start_{};
  struct Row {
    std::uint32_t vehicle = 0;
    std::uint32_t sequence = 0;  // of its first sample
    std::uint64_t round = 0;
  };
  std::unordered_map<std::uint64_t, std::vector<Row>> resumed_;  // by boot
  std::array<KindFigures, kKinds> figures_;
  std::vector<std::unordered_set<std::uint64_t>> acted_;  // for each vehicle, the ids
  std::uint64_t acted_late_ = 0;
  std::uint64_t acted_twice_ = 0;
  std::uint64_t causes_unknown_ = 0;
};

}  // namespace starling::sim
