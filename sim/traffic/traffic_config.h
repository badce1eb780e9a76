#pragma once

#include <cstdint>

#include "common/status.h"

namespace starling::sim {

struct TrafficConfig {
  // Everything random in the traffic comes from it.
  std::uint64_t seed = 1;
  // Taxis in the city.  1 to 100000; a city of 55 km² is busy with 10000.
  std::uint32_t vehicles = 10000;
  // Places where trips end.  More places cost set-up time and a byte per lane each.  2 to 4096.
  std::uint32_t places = 256;
  // Threads that move the traffic (Traffic::AdvanceTo), with the same result for any number.  1 to 64.
  std::uint32_t threads = 1;
  // How long the city runs before time 0, s, so that it starts with its queues.  0 to 600.
  double warm_up_s = 120;

  // Share of drivers who sometimes do not look where they should give way, and
  // how often one of them does not.  More of either means more crossing conflicts.
  // 0 to 1.
  double inattentive_share = 0.4;
  double look_away_chance = 0.7;
  // Share of drivers who pass a late yellow or a red that has only just begun.  0 to 1.
  double runner_share = 0.05;
  // Share of drivers who brake late behind a leader, and how often one does, by lane.
  // More of either means more rear-end conflicts.  0 to 1.
  double late_brake_share = 0.35;
  double late_brake_chance = 0.5;
  // Chance at each lane that a passenger changes the destination.  0 to 1.
  double reroute_chance = 0.01;

  // Errors: kInvalidArgument names the field that is out of its range.
  Status Validate() const;

  // Nobody looks away, runs a light or brakes late.
  static TrafficConfig PerfectDrivers() {
    TrafficConfig config;
    config.inattentive_share = config.runner_share = config.late_brake_share = 0;
    return config;
  }
};

}  // namespace starling::sim
