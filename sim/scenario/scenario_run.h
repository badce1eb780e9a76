#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "cloud/shard/shard.h"
#include "common/geo/vec2.h"
#include "common/status.h"
#include "sim/city/city.h"
#include "sim/fleet/fleet_snapshot.h"
#include "sim/scenario/opposed_commands.h"
#include "sim/scenario/scenario.h"
#include "sim/scenario/scenario_record.h"
#include "sim/traffic/mistake.h"
#include "sim/traffic/traffic.h"
#include "sim/truth/encounter.h"
#include "sim/virtual/virtual_fleet.h"

namespace starling::sim {

// A near miss is an encounter without a contact whose TTC came below this, s.
// Source: D. Gettman and L. Head, Surrogate Safety Measures from Traffic Simulation Models, FHWA-RD-03-050 (2003).
inline constexpr double kNearMissTtcS = 1.5;

// Values of all vehicles' mean speed, m/s, each over so long, s.
inline constexpr double kSpeedEveryS = 10;

// What one run has come to.  All of it follows from the scenario: a run that is repeated gives it
// again to the last bit, but for `interrupted` and what was then left out.
struct ScenarioOutcome {
  double driven_s = 0;
  bool interrupted = false;

  // From the true trajectories (sim/truth), not from what the traffic counts.
  std::vector<Collision> collisions;        // but scrapes, and those who touch at time 0
  std::uint64_t of_rule_breakers = 0;       // of these, between two who ignore commands
  std::uint64_t scrapes = 0;                // contacts at the end of a deadlock: Traffic::Scraped
  std::vector<Vec2> near_misses;            // where TTC was least
  std::uint64_t encounters = 0;

  TrafficCounters traffic;                  // since time 0
  std::array<std::uint64_t, kMistakeNames.size()> mistakes{};
  std::uint64_t trips = 0;                  // finished
  double mean_trip_s = 0;                   // of these, as are the next two
  double mean_trip_m = 0;
  double mean_loss_s = 0;                   // against an empty city
  double mean_speed_mps = 0;                // of all vehicles, over all of the time
  std::vector<double> speeds_mps;           // every kSpeedEveryS
  std::uint32_t jammed = 0;                 // vehicles that stand at the end since kJammedS

  VirtualFigures fleet;
  cloud::ShardCounters shard;
  std::uint64_t held_samples = 0;           // by the cloud
  std::uint64_t refused = 0;                // by the cloud: fixes and clock reports
  LegQuantiles by_sample;                   // of commands
  LegQuantiles by_tick;
  std::uint64_t acted = 0;
  std::uint64_t acted_late = 0;
  std::uint64_t acted_twice = 0;
  // Of live commands that worked against each other, by kOppositionNames; and pairs of them looked at.
  std::array<std::uint64_t, kOppositionNames.size()> opposed{};
  std::uint64_t opposed_looks = 0;
  std::string first_opposed;                // for people
  std::uint64_t causes_unknown = 0;
  std::uint64_t digest = 0;

  // What must not be, for people; empty: the run is good.
  std::vector<std::string> failures;
};

// Adds what must not be to outcome->failures: RunScenario's last step.
void Judge(ScenarioOutcome* outcome);

inline constexpr double kJammedS = 300;

// Told of each simulated second; false ends the run early.
struct ScenarioProgress {
  double simulated_s = 0;
  double of_s = 0;
  double mean_speed_mps = 0;
  std::uint64_t collisions = 0;             // the traffic's own count
  std::uint64_t commands = 0;
};
using OnScenarioProgress = std::function<bool(const ScenarioProgress&)>;

// Drives it.  `scenario.fleet.threads` are used for all of it.  What is to be written goes to `record`, which
// may be null and is not finished here.
// REQUIRES: scenario.Validate().ok(); `city` is the scenario's and has room for its vehicles
ScenarioOutcome RunScenario(const Scenario& scenario, const City& city, const OnScenarioProgress& progress,
                            ScenarioRecord* record = nullptr);

// The city of a scenario.
// Errors: as OpenCity; kInvalidArgument if it has no room for the vehicles.
Result<City> CityOf(const Scenario& scenario, std::string* remark);

}  // namespace starling::sim
