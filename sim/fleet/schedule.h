#pragma once

#include <cstdint>

#include "common/time.h"

namespace starling::sim {

// When each vehicle takes its samples: every 100 ms, the vehicles spread evenly
// over those 100 ms.  So 10,000 vehicles give one sample each 10 us and never a
// burst.  Traffic numbers its vehicles in random order, so neighbours in time are none in
// the city.
//
// Turns are numbered from 0: turn n is vehicle n mod vehicles in round n div
// vehicles.
//
// Threading: immutable.
class Schedule {
 public:
  struct Turn {
    std::uint32_t vehicle = 0;
    std::uint64_t round = 0;
    nanoseconds instant{};      // since the schedule's start
  };

  // REQUIRES: vehicles > 0
  explicit Schedule(std::uint32_t vehicles);

  Turn At(std::uint64_t turn) const;

  // The instant of a vehicle's sample in a round, since the schedule's start.
  nanoseconds InstantOf(std::uint32_t vehicle, std::uint64_t round) const;

  // The round in which a vehicle takes its first sample.  No fleet starts at one
  // instant: these vehicles join evenly over the first three seconds, so neither their
  // first fixes nor the ones that follow a second of silence come in a burst.
  static constexpr std::uint64_t kJoinRounds = 30;
  std::uint64_t FirstRound(std::uint32_t vehicle) const { return vehicle * 7ull % kJoinRounds; }

  // The instant of a vehicle's sample by its sequence, since the schedule's start.
  // REQUIRES: sequence > 0
  nanoseconds SampleInstant(std::uint32_t vehicle, std::uint64_t sequence) const {
    return InstantOf(vehicle, FirstRound(vehicle) + sequence - 1);
  }

  // Turns whose instant is at most `elapsed`; 0 for a negative one.
  std::uint64_t DueBy(nanoseconds elapsed) const;

  std::uint32_t vehicles() const { return vehicles_; }

 private:
  std::uint32_t vehicles_;
};

}  // namespace starling::sim
