#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/time.h"
#include "sim/chaos/relay.h"

namespace starling::sim {

// What can go wrong in a round.
enum class FaultKind : std::uint8_t {
  kKill,         // kill -9 of the orchestrator; its supervisor starts it again at once
  kPause,        // SIGSTOP, SIGCONT
  kDiskFull,     // writes under the data folder fail with ENOSPC
  kSyncFails,    // fdatasync and its kind fail with EIO
  kSlowSync,     // they take longer
  kClockStep,    // the orchestrator's clock jumps, and stays so
  kReboot,       // of vehicles: new boot, memory gone
  kCut,          // links are reset
  kRefuse,       // so is every new one
  kStall,        // no byte passes, either way
  kBlackHole,    // no byte passes, one way
  kDelay,
  kThin,         // few bytes a second
  kHalfClose,    // one direction ends
  kBroker,       // kill -9 of one of Kafka's brokers, which is started again
};
inline constexpr std::size_t kFaultKinds = static_cast<std::size_t>(FaultKind::kBroker) + 1;
std::string_view FaultName(FaultKind kind);  // "kill", "disk full", ...
std::optional<FaultKind> FaultNamed(std::string_view name);

// Of processes that a fault is for; the first: the only one.
inline constexpr std::array<std::string_view, 4> kProcessNames = {"", "gateway", "shard a", "shard b"};

struct PlannedFault {
  FaultKind kind{};
  milliseconds at{};            // after the vehicles are connected
  milliseconds lasts{};         // 0: a moment
  double share = 1;             // of links or vehicles
  Direction direction{};        // kBlackHole, kHalfClose
  std::int64_t amount = 0;      // ms: kSlowSync, kClockStep, kDelay; bytes/s: kThin
  std::uint32_t target = 0;     // kKill, kPause: one of kProcessNames; kBroker: the node

  friend bool operator==(const PlannedFault&, const PlannedFault&) = default;
};
std::string Describe(const PlannedFault& fault);  // "0.8 s kill", "1.2 s stall 700 ms of 40 % of the links"

struct RoundPlan {
  std::uint32_t round = 0;
  std::uint64_t seed = 0;       // of everything in the round
  bool fresh = true;            // on new data; else on those of the round before
  std::vector<PlannedFault> faults;  // by time
};

struct PlanLimits {
  milliseconds drive{3'000};    // faults begin within the first two thirds of it
  std::uint32_t faults_max = 3;
  std::uint32_t chain_max = 6;  // rounds on the same data
  std::vector<FaultKind> kinds; // each once; empty: all
  bool kafka = false;           // three processes on Kafka instead of one
  std::uint32_t brokers = 1;    // of these none is killed if it is the only one
};

// The same for the same seed, round and limits, on any machine.
RoundPlan DrawRound(std::uint64_t seed, std::uint32_t round, const PlanLimits& limits);

// The round at or before `round` that begins with new data.
std::uint32_t ChainStart(std::uint64_t seed, std::uint32_t round, const PlanLimits& limits);

}  // namespace starling::sim
