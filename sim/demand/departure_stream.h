#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/city/random.h"
#include "sim/demand/demand.h"

namespace starling::sim {

// A vehicle that sets off, with what was drawn for it.
struct Departing {
  const Departure* departure = nullptr;    // of the demand; of a flow its first one
  std::optional<std::uint64_t> number;     // of a flow: which of its vehicles, from 0
  double time_s = 0;
  TypeIndex type = 0;
  RouteIndex route = 0;
  double speed_factor = 1;

  // As SUMO names it: a flow's vehicles are FLOW.0, FLOW.1, ...
  std::string id() const { return number ? departure->id + "." + std::to_string(*number) : departure->id; }
};

// All vehicles of a demand in the order of time, flows' too.  What is drawn for a vehicle
// follows from the seed and its place in the files alone, not from when others set off.
// Keeps a few numbers for each flow, whatever the number of its vehicles.
//
// Threading: one thread owns it.
class DepartureStream {
 public:
  // `demand` outlives it and does not change.
  DepartureStream(const Demand& demand, std::uint64_t seed);

  // The next vehicle; nullopt after the last one.
  std::optional<Departing> Next();

 private:
  // A flow's next vehicle.
  struct Coming {
    std::size_t flow = 0;
    double time_s = 0;
    std::uint64_t number = 0;
    std::uint64_t second = 0;              // Gaps::kChance: the next one that is tried
    Random gaps{0};
  };

  // False if the flow has no further vehicle.
  bool Advance(Coming* coming) const;
  Departing Draw(const Departure& departure, std::uint64_t place, std::uint64_t number) const;
  static bool Later(const Coming& a, const Coming& b);

  const Demand& demand_;
  const std::uint64_t seed_;
  std::size_t next_ = 0;                   // among departures
  std::vector<Coming> coming_;             // a heap, the earliest in front
};

}  // namespace starling::sim
