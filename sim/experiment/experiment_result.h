// What an experiment measured: one scenario, driven twice for each of some seeds, without and with the
// orchestrator's commands.  And what that says: Experiment.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/geo/vec2.h"
#include "common/status.h"
#include "sim/experiment/paired_difference.h"

namespace starling::sim {

enum class Better : std::uint8_t { kLower, kHigher, kNeither };

struct Figure {
  std::string name = {};             // "collisions"; once in a result
  std::string unit = {};             // "s"; empty for what is counted
  Better better = Better::kNeither;
  bool counted = false;              // There are fewer of them, not lower ones.
  // One for each run, in the order of the seeds.
  std::vector<double> without = {};
  std::vector<double> with = {};
};

enum class EncounterKind : std::uint8_t { kNearMiss, kCollision };

struct EncounterPlace {
  Vec2 place = {};                   // in the city's plane, m
  EncounterKind kind = EncounterKind::kNearMiss;
};

// A mean over the vehicles, again and again while they drive.
struct SpeedSeries {
  double begin_s = 0;                // Value k is of begin_s + k step_s.
  double step_s = 1;
  // In m/s; for each seed as many values.  Both empty: there is no series.
  std::vector<std::vector<double>> without = {};
  std::vector<std::vector<double>> with = {};
};

// What the maps are drawn on.
struct CityOutline {
  Vec2 low = {};                     // the city's bounds, m
  Vec2 high = {};
  std::vector<std::vector<Vec2>> lanes = {};  // centre lines
};

struct ExperimentResult {
  std::string scenario;
  std::string description;  // in one line
  std::vector<std::uint64_t> seeds;
  std::vector<std::string> config;  // as lines of text, for people
  std::vector<Figure> figures;
  // Of all seeds together.
  std::vector<EncounterPlace> places_without;
  std::vector<EncounterPlace> places_with;
  CityOutline city;
  SpeedSeries speed;
  std::string command_line;
  std::string version;
  std::vector<std::string> not_for;  // what they may not be used for, beside what is true of each experiment

  // Errors: kInvalidArgument, naming what it is of: fewer than two seeds, a seed or a figure's name twice, no figure or
  // one without a name, values that are not one for each seed, a number that is not finite, a series whose seeds differ
  // in length, a step or bounds that are not positive, a place or a lane's point farther than a city's side outside of
  // the bounds.
  Status Validate() const;
};

// A result and what can be said of it: differences[i] is of figures[i].
struct Experiment {
  ExperimentResult result;
  PairedConfig config;
  std::vector<PairedDifference> differences;
};

// Texts are made clean (CleanText in number_text.h).
// Errors: kInvalidArgument, as in ExperimentResult::Validate and ComparePaired, which the figure's name precedes.
Result<Experiment> Evaluate(ExperimentResult result, const PairedConfig& config = {});

// "better", "worse", or nothing where no difference is shown or neither direction is better.
const char* Judgement(const Figure& figure, const PairedDifference& difference);

// "fewer", "more", "lower", "higher" or "no difference shown".
const char* FindingName(const Figure& figure, const PairedDifference& difference);

// The two together, and a star if it is disputed: "fewer: better *".
std::string FindingText(const Figure& figure, const PairedDifference& difference);

// "collisions" or "mean travel time, s".
std::string NameWithUnit(const Figure& figure);

}  // namespace starling::sim
