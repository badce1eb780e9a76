#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "sim/city/city.h"
#include "sim/experiment/experiment_result.h"
#include "sim/scenario/scenario.h"
#include "sim/scenario/scenario_run.h"

namespace starling::sim {

struct PairedRunsConfig {
  std::uint64_t seed = 1;      // of the first pair, and of the city of all of them
  std::uint32_t pairs = 10;    // seed, seed + 1, ...; 2 to 1000
  std::uint32_t jobs = 1;      // runs at a time; 1 to 64

  // Errors: kInvalidArgument names the field that is out of its range.
  Status Validate() const;
};

// What is looked at, decided before anything is driven.
std::vector<Figure> PlannedFigures();

// The plan as JSON: scenario, seeds, figures and which way is better.  Written down before the first run.
std::string PlanDocument(const Scenario& scenario, const PairedRunsConfig& config);

struct FinishedRun {
  std::uint64_t seed = 0;
  bool obey = false;
  const ScenarioOutcome* outcome = nullptr;
  std::uint32_t finished = 0;  // of 2 x pairs
};

// Drives the scenario for each seed without and with commands, in one city.  `told` is called as each run
// ends, one at a time; `go_on` is asked often, from many threads, and ends it early by false.  Pairs of which
// both runs came to their end are in the result; with less than two of them it is not valid.
//
// Errors: kInvalidArgument as CityOf; kCorruption if a run failed by its own measure (ScenarioOutcome::failures).
Result<ExperimentResult> RunPairs(const Scenario& scenario, const PairedRunsConfig& config,
                                  const std::function<void(const FinishedRun&)>& told,
                                  const std::function<bool()>& go_on);

}  // namespace starling::sim
