#pragma once

#include <cstdint>

#include "common/status.h"
#include "sim/traffic/driver_faults.h"
#include "sim/traffic/traffic_events.h"

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

  // Follow by the Intelligent Driver Model as it was published, not by the IDM+ (car_following.h).
  // Gaps grow towards the desired speed, and a queue leaves a line a seventh slower.
  bool plain_idm = false;
  // What drivers do wrong.
  DriverFaults faults;
  // What happens on the streets.
  TrafficEvents events;
  // Chance at each lane that a passenger changes the destination.  0 to 1.
  double reroute_chance = 0.01;
  // At how many of the places taxis charge; 0: their batteries last for ever.  Before his next
  // passenger a driver whose battery is low goes to the nearest one; like passengers it is served
  // at the kerb, which takes no time.  Fewer places mean longer ways and more traffic there.  0 to
  // `places`.
  std::uint32_t charging_places = 0;
  // What a full battery lasts for, km; at the start each one has some part left.  1 to 1000.
  double range_km = 350;

  // Errors: kInvalidArgument names the field that is out of its range.
  Status Validate() const;

  // Nobody does anything wrong.
  static TrafficConfig PerfectDrivers() {
    TrafficConfig config;
    config.faults = DriverFaults::None();
    return config;
  }
};

}  // namespace starling::sim
