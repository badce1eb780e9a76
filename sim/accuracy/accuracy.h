// How right the horizon is on a recording: what was asked, and what came out.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/status.h"
#include "sim/accuracy/recorded_fleet.h"
#include "sim/accuracy/recording_reader.h"
#include "sim/accuracy/reference_horizon.h"
#include "sim/accuracy/score.h"
#include "sim/accuracy/truth_files.h"

namespace starling::sim {

struct AccuracyOptions {
  std::string fcd;
  std::string ssm;       // empty: without
  std::string contacts;  // empty: without
  std::string types;     // empty: every vehicle is 5 m by 1.8 m
  std::string network;   // SUMO's; empty: without
  RecordingOptions::Coordinates coordinates = RecordingOptions::Coordinates::kGuess;
  std::uint64_t seed = 1;  // of the sensors' errors
  ScoreRules rules;
  std::vector<double> noise_m = {0};  // the first one is the base point's; each 0 to 100
  bool planned_paths = false;         // each noise with them, too
  bool sweep = false;                 // the thresholds of the base point, and with planned paths if asked for
  bool reference = true;              // brute force

  Status Validate() const;
};

// Sets the position's error of a unit whose slow error has that deviation on each axis.  A twentieth of it is new in
// each observation, as in GnssConfig::BuiltIn; heading, speed and acceleration have none.
GnssConfig GnssOfNoise(double noise_m);

// The thresholds that a sweep drives, m/s²: what HorizonConfig::required_decel_min_mps2 is; the urgent one is two
// thirds of it, as by default.
std::vector<double> SweptThresholds();

struct TruthSource {
  std::string_view name;  // "trajectories", "ssm", "contacts"
  ReadTruth truth;
};

// What the cloud knows of where vehicles will go.
enum class WaysKnown : std::uint8_t {
  kNone,
  kStreets,  // AccuracyOptions::network
  kPlans,    // samples say it
};
inline constexpr std::array<std::string_view, 3> kWaysKnownNames = {"none", "streets", "plans"};

struct AccuracyPoint {
  double noise_m = 0;
  WaysKnown ways = WaysKnown::kNone;
  cloud::HorizonConfig horizon;
  FleetDecisions driven;
  std::vector<Score> scores;  // by source; the first is what trajectories say
};

struct AccuracyReference {
  bool planned_paths = false;
  ReferenceDecisions by_force;
  std::vector<Score> scores;  // by source
  // Beside the point of the first noise with as many plans.
  std::uint64_t not_in_shard = 0;
  std::uint64_t not_by_force = 0;
  // Relevant encounters, by trajectories, that one of both has found.
  std::uint64_t found_by_force_alone = 0;
  std::uint64_t found_by_shard_alone = 0;
};

struct Accuracy {
  AccuracyOptions options;
  ReadRecording read;
  std::size_t lanes = 0;  // of the network
  std::vector<TruthSource> sources;
  std::vector<AccuracyPoint> points;  // the base point first
  std::vector<AccuracyPoint> swept;
  std::vector<AccuracyReference> references;

  const AccuracyPoint& base() const { return points.front(); }
};

// So near in time are decisions of the shard and of brute force that are one.
inline constexpr double kSameDecisionS = 1;

// `progress` is told what is done and how much of it, and may end all by false.
//
// Errors: kInvalidArgument, kCorruption, kIoError, kExhausted of the files, naming them; kUnavailable: ended by
// progress.
using AccuracyProgress = std::function<bool(const std::string& what, double share)>;
Result<Accuracy> MeasureAccuracy(const AccuracyOptions& options, const AccuracyProgress& progress);

}  // namespace starling::sim
