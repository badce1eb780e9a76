// What the main thread tells the others, and what remains when it is done.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "common/time.h"
#include "sim/fleet/command_book.h"
#include "sim/fleet/fleet_totals.h"
#include "sim/fleet/process_figures.h"

namespace starling::sim {

enum class FleetPhase : std::uint8_t { kConnecting, kDriving, kDraining, kDone };

constexpr std::string_view FleetPhaseName(FleetPhase phase) {
  switch (phase) {
    case FleetPhase::kConnecting: return "connecting";
    case FleetPhase::kDriving: return "driving";
    case FleetPhase::kDraining: return "draining";
    case FleetPhase::kDone: return "done";
  }
  return "?";
}

// In milliseconds.
struct Quantiles {
  double p50 = 0;
  double p99 = 0;
  double p999 = 0;
  double max = 0;
  std::uint64_t count = 0;

  static Quantiles Of(const Histogram& histogram);
};

struct LegQuantiles {
  Quantiles end_to_end;
  Quantiles uplink;      // this and those with the log stay empty for commands by tick
  Quantiles log_in;
  Quantiles decision;
  Quantiles log_out;
  Quantiles delivery;

  static LegQuantiles Of(const SampleLegs& legs);
  static LegQuantiles Of(const TickLegs& legs);
};

// The shard's predicted positions against the truth, in metres.
struct PredictionError {
  double p50 = 0;
  double p99 = 0;
  double max = 0;
  std::uint64_t count = 0;
};

// The state of a run, taken by the main thread about twice a second.
struct FleetSnapshot {
  FleetPhase phase = FleetPhase::kConnecting;
  std::uint64_t vehicles = 0;
  double elapsed_s = 0;                 // in this phase
  double phase_s = 0;                   // its planned length or limit
  FleetTotals totals;                   // gathered over the last half second
  std::array<std::uint64_t, CommandBook::kKinds> handed_over{};
  LegQuantiles latency;                 // all kinds, by sample
  std::uint64_t acted_late = 0;
  std::uint64_t acted_twice = 0;
  std::uint64_t collisions = 0;
  Quantiles lateness;                   // of the loop, behind the schedule
  PredictionError prediction;
};

}  // namespace starling::sim
