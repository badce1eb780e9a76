#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "sim/chaos/round.h"

namespace starling::sim {

// All rounds together.
class ChaosReport {
 public:
  explicit ChaosReport(const ChaosConfig& config) : config_(config) {}

  void Add(const RoundOutcome& outcome);

  std::uint64_t rounds() const { return rounds_; }
  std::uint64_t rounds_failed() const { return rounds_failed_; }

  std::string Json() const;    // docs/chaos.md
  std::string Table() const;   // for people

 private:
  struct Failure {
    std::uint32_t round = 0;
    std::vector<std::string> faults;
    std::vector<std::string> found;
  };

  const ChaosConfig config_;
  std::uint64_t rounds_ = 0;
  std::uint64_t rounds_failed_ = 0;
  std::uint64_t rounds_fresh_ = 0;
  std::array<std::uint64_t, kFaultKinds> faults_{};
  std::vector<Failure> failures_;
  Judgement sum_;              // of the counts; pauses: the longest
  std::uint64_t restarts_ = 0; // beyond the first start
  std::uint64_t ended_ = 0;    // by themselves: the log ends its process when a write fails
  nanoseconds longest_down_{};
  std::uint64_t links_cut_ = 0;
  std::uint64_t writes_failed_ = 0;
  std::uint64_t syncs_failed_ = 0;
  double seconds_ = 0;
  double round_longest_s_ = 0;
};

// One line for one round.
std::string RoundLine(const RoundOutcome& outcome);

// What was found in it, a line each; empty if nothing was.
std::string RoundDetails(const RoundOutcome& outcome);

}  // namespace starling::sim
