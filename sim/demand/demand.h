// Who drives where and when, on a network of streets.  What SUMO calls demand, so its words
// are used.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "cloud/streets/street_network.h"

namespace starling::sim {

using TypeIndex = std::uint32_t;
using RouteIndex = std::uint32_t;

// What a driver makes of a speed limit: normally distributed, drawn again outside of the bounds.
struct SpeedFactor {
  double mean = 1;
  double deviation = 0;
  double low = 0.2;
  double high = 2;
};

struct VehicleType {
  std::string id;
  std::string class_word;                  // SUMO's
  cloud::VehicleClasses classes = 0;       // drives on lanes that allow one of them
  double length_m = 0;
  double width_m = 0;
  double gap_min_m = 0;                    // to the one in front, when they stand
  double speed_max_mps = 0;
  double accel_mps2 = 0;
  double decel_mps2 = 0;                   // comfortable; more than 0
  double emergency_decel_mps2 = 0;
  double sigma = 0;                        // the driver's imperfection, 0 to 1
  double tau_s = 0;                        // headway that is wished for
  SpeedFactor speed_factor;
  std::string car_following;               // SUMO's name of the model
  double weight = 1;                       // within a mix
};

// One of several, drawn for each vehicle.
struct Mix {
  std::string id;
  std::vector<std::uint32_t> of;           // not empty
  std::vector<double> up_to;               // sums of their weights; the last one is more than 0
};

// An index of the thing itself, or of a mix of such things.
struct Choice {
  std::uint32_t index = 0;
  bool mixed = false;
};

struct Route {
  std::string id;                          // empty: a vehicle's own
  std::uint64_t edge_first = 0;            // in Demand::route_edges; each leads to the next one
  std::uint32_t edge_count = 0;            // at least 1
};

// Where, and how fast, a vehicle begins and ends.
enum class DepartLane : std::uint8_t { kNumber, kFirst, kRandom, kFree, kAllowed, kBest };
enum class DepartPosition : std::uint8_t { kMetres, kBase, kRandom, kFree, kRandomFree, kLast };
enum class DepartSpeed : std::uint8_t { kNumber, kRandom, kMax, kDesired, kSpeedLimit, kLast, kAverage };
enum class ArrivalPosition : std::uint8_t { kMetres, kMax, kRandom };

struct Ends {
  DepartLane lane = DepartLane::kFirst;
  DepartPosition position = DepartPosition::kBase;
  DepartSpeed speed = DepartSpeed::kNumber;
  ArrivalPosition arrival = ArrivalPosition::kMax;
  std::uint16_t lane_number = 0;           // on the route's first edge
  double position_m = 0;                   // negative: from the edge's end
  double speed_mps = 0;
  double arrival_m = 0;                    // negative: from the edge's end
};

// Ends when both are over: `duration_s` after it began, and the time `until_s`.  Of a flow's later
// vehicles that time is as much later.
struct Stop {
  cloud::LaneIndex lane = cloud::kNone;
  cloud::EdgeIndex edge = cloud::kNone;    // of the lane,
  std::uint32_t lane_number = 0;           // which one of it
  double lane_m = 1;                       // and its length
  double from_m = 0;                       // along the lane, at most `to_m`
  double to_m = 0;
  double duration_s = 0;
  double until_s = 0;                      // 0: whenever
};

struct Departure {
  std::string id;
  double time_s = 0;                       // not negative
  Choice type;
  Choice route;                            // each type may drive each route
  Ends ends;
  std::uint32_t stop_first = 0;            // in Demand::stops, in the order of driving
  std::uint32_t stop_count = 0;
};

enum class Gaps : std::uint8_t {
  kEven,         // each `gap_s`
  kExponential,  // `gap_s` in the mean, a Poisson process
  kChance,       // in each second with `probability`
};

// Departures like `first` from its time on, before `end_s`, at most `number`.
struct Flow {
  Departure first;
  double end_s = 0;
  std::uint64_t number = 0;
  Gaps gaps = Gaps::kEven;
  double gap_s = 0;
  double probability = 0;
};

// Flows stay what they are: DepartureStream makes them vehicles, one at a time, so that memory
// goes with the file and not with the number of vehicles.
struct Demand {
  std::vector<VehicleType> types;
  std::vector<Mix> type_mixes;             // of indices into `types`
  std::vector<Route> routes;
  std::vector<Mix> route_mixes;            // of indices into `routes`
  std::vector<cloud::EdgeIndex> route_edges;
  std::vector<Departure> departures;       // by time; at one time as they were read
  std::vector<Flow> flows;
  std::vector<Stop> stops;
  std::vector<cloud::Unsupported> unsupported;  // by name

  std::span<const cloud::EdgeIndex> edges(RouteIndex route) const {
    return {route_edges.data() + routes[route].edge_first, routes[route].edge_count};
  }
};

}  // namespace starling::sim
