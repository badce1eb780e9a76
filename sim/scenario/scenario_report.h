// What a run in virtual time says; docs/formats/scenario_report.md describes every field.
#pragma once

#include <string>

#include "sim/scenario/scenario.h"
#include "sim/scenario/scenario_run.h"

namespace starling::sim {

// As JSON.  The same scenario gives the same text.
std::string ScenarioDocument(const Scenario& scenario, std::uint64_t seed, const ScenarioOutcome& outcome);

// The figures that matter most, for people; 80 columns.
std::string ScenarioTable(const Scenario& scenario, std::uint64_t seed, const ScenarioOutcome& outcome);

}  // namespace starling::sim
