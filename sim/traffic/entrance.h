#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sim/demand/departure_stream.h"
#include "sim/traffic/own_ways.h"
#include "sim/traffic/stops.h"
#include "sim/traffic/vehicle.h"

namespace starling::sim {

// A trip from where it was to begin to where it ended.
struct TripRecord {
  std::string id;             // The demand's; a taxi's is its number.
  double planned_s = 0;       // When it was to set off,
  double depart_s = 0;        // when there was room for it,
  double arrival_s = 0;       // and when it left the city.
  double route_m = 0;
  double free_s = 0;          // What the lanes take, empty, at the driver's own speed.
  double waited_s = 0;        // Slower than 0.1 m/s, but not at its stops.
  double stopped_s = 0;       // At these.
  bool strayed = false;       // It left the city elsewhere than it had to.
  Intent intent = Intent::kWithPassenger;  // What it was for.

  double took_s() const { return arrival_s - depart_s; }
  double lost_s() const { return std::max(0.0, took_s() - free_s - stopped_s); }
};

// Who waits to enter the city, who has left it, and which vehicles are free for others.
struct Entrance {
  Entrance(const City& city, const Demand& of, std::uint64_t seed, std::uint32_t vehicles)
      : demand(of), stream(of, seed), ways(city, of), trips(vehicles) {
    for (VehicleIndex i = vehicles; i-- > 0;) free.push_back(i);
  }

  struct Trip {
    Departing departing;
    TripRecord record;
    std::uint32_t number = 0;                                   // Of those that have entered.
    std::span<const StreetIndex> way;
    std::unique_ptr<Halt> halt;                                 // Null if no stop is ahead.
    std::uint32_t stood_steps = 0;                              // At its stops.
  };

  const Demand& demand;
  DepartureStream stream;
  const OwnWays ways;
  std::optional<Departing> next;                                // Of the stream.
  std::map<StreetIndex, std::deque<Departing>> waiting;         // By the street on which they begin.
  std::vector<VehicleIndex> free;
  std::vector<Trip> trips;                                      // By vehicle.
  std::vector<VehicleIndex> halting;                            // Those with a `halt`, and some that had one.
  std::vector<std::string> not_driven;                          // Vehicles whose streets are not for cars.
  std::uint32_t entered = 0;
};

}  // namespace starling::sim
