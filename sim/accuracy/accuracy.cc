#include "sim/accuracy/accuracy.h"

#include <memory>
#include <utility>

#include "cloud/streets/network_plane.h"
#include "cloud/streets/sumo_network.h"
#include "sim/experiment/number_text.h"

namespace starling::sim {
namespace {

constexpr double kWhiteShare = 0.05;
constexpr double kUrgentShare = 2.0 / 3;

Status Ended() { return {ErrorCode::kUnavailable, "ended early"}; }

// Drives what is asked for, and scores it.
class Measurer {
 public:
  Measurer(const AccuracyOptions& options, const AccuracyProgress& progress) : progress_(progress) {
    accuracy_.options = options;
  }

  Result<Accuracy> Run() {
    if (Status status = Read(); !status.ok()) return status;
    if (Status status = ReadStreets(); !status.ok()) return status;
    if (Status status = FindTruth(); !status.ok()) return status;
    const AccuracyOptions& options = accuracy_.options;
    std::vector<bool> plans = {false};
    if (options.planned_paths) plans.push_back(true);
    std::vector<WaysKnown> all = {WaysKnown::kNone};
    if (streets_ != nullptr) all.push_back(WaysKnown::kStreets);
    if (options.planned_paths) all.push_back(WaysKnown::kPlans);
    for (const WaysKnown ways : all) {
      for (const double noise_m : options.noise_m) {
        if (!Drive(noise_m, ways, cloud::HorizonConfig(), &accuracy_.points)) return Ended();
      }
    }
    if (options.reference) {
      for (const bool planned : plans) {
        if (!Refer(planned)) return Ended();
      }
    }
    if (!options.sweep) return std::move(accuracy_);
    for (const WaysKnown ways : all) {
      for (const double threshold : SweptThresholds()) {
        cloud::HorizonConfig horizon;
        horizon.required_decel_min_mps2 = threshold;
        horizon.urgent_decel_min_mps2 = kUrgentShare * threshold;
        if (!Drive(options.noise_m.front(), ways, horizon, &accuracy_.swept)) return Ended();
      }
    }
    return std::move(accuracy_);
  }

 private:
  bool Tell(const std::string& what, double share) { return !progress_ || progress_(what, share); }

  Status Read() {
    const AccuracyOptions& options = accuracy_.options;
    RecordingOptions recording{options.fcd, {}, options.coordinates};
    if (!options.types.empty()) {
      Result<VehicleSizes> sizes = ReadVehicleSizes(options.types);
      if (!sizes.ok()) return sizes.status();
      recording.sizes = std::move(sizes).value();
    }
    // How long it is, is not known before.
    Result<ReadRecording> read =
        ReadRecordingFile(recording, [&](std::uint64_t) { return Tell("reading " + options.fcd, 0); });
    if (!read.ok()) return read.status();
    accuracy_.read = std::move(read).value();
    if (accuracy_.read.recording.tracks.empty()) {
      return {ErrorCode::kInvalidArgument, options.fcd + ": no vehicle is in it"};
    }
    return {};
  }

  Status ReadStreets() {
    const std::string& file = accuracy_.options.network;
    if (file.empty()) return {};
    const Result<cloud::StreetNetwork> network = cloud::ReadSumoNetwork(file);
    if (!network.ok()) return network.status();
    if (accuracy_.read.degrees) {
      auto streets = cloud::MakeLaneMap(network.value(), LocalFrame(accuracy_.read.recording.origin));
      if (!streets.ok()) return {streets.status().code(), file + ": " + std::string(streets.status().message())};
      streets_ = std::move(streets).value();
    } else {
      const Vec2 zero = accuracy_.read.zero;
      streets_ = std::make_shared<cloud::LaneMap>(network.value(), [zero](Vec2 point) { return point - zero; });
    }
    accuracy_.lanes = streets_->lanes();
    return {};
  }

  Status FindTruth() {
    const AccuracyOptions& options = accuracy_.options;
    const Recording& recording = accuracy_.read.recording;
    ReadTruth own;
    bool goes_on = true;
    own.encounters =
        FindTrueEncounters(recording, [&](double share) { return goes_on = Tell("true encounters", share); });
    if (!goes_on) return Ended();
    own.rows = own.encounters.size();
    accuracy_.sources.push_back({"trajectories", std::move(own)});
    for (const auto& [name, path, reader] :
         {std::tuple("ssm", &options.ssm, &ReadSsmLog), std::tuple("contacts", &options.contacts, &ReadContacts)}) {
      if (path->empty()) continue;
      Result<ReadTruth> read = reader(*path, recording);
      if (!read.ok()) return read.status();
      accuracy_.sources.push_back({name, std::move(read).value()});
    }
    for (TruthSource& source : accuracy_.sources) {
      for (TrueEncounter& each : source.truth.encounters) {
        if (!IsRelevant(each, recording, options.rules)) continue;
        Foresee(recording, {options.rules.horizon_s, options.rules.sudden_s}, &each);
        if (!Tell("foresight", 0)) return Ended();
      }
    }
    return {};
  }

  std::vector<Score> ScoreAll(const std::vector<Decision>& decisions) const {
    std::vector<Score> scores;
    for (const TruthSource& source : accuracy_.sources) {
      scores.push_back(ScoreDecisions(accuracy_.read.recording, source.truth.encounters,
                                      accuracy_.sources.front().truth.encounters, decisions, accuracy_.options.rules));
    }
    return scores;
  }

  bool Drive(double noise_m, WaysKnown ways, const cloud::HorizonConfig& horizon, std::vector<AccuracyPoint>* points) {
    const std::string what = std::string("driving, noise ") + Fixed(noise_m, 1) + " m" +
                             (ways == WaysKnown::kPlans ? ", planned paths" : ways == WaysKnown::kStreets ? ", streets" : "") + ", alarm at " +
                             Fixed(horizon.required_decel_min_mps2, 1) + " m/s2";
    RecordedFleetConfig fleet{accuracy_.options.seed, GnssOfNoise(noise_m), ways == WaysKnown::kPlans};
    cloud::ShardConfig shard;
    shard.horizon = horizon;
    if (ways == WaysKnown::kStreets) shard.streets = streets_;
    bool goes_on = true;
    AccuracyPoint point{noise_m, ways, horizon, {}, {}};
    point.driven = DriveRecording(accuracy_.read.recording, fleet, shard,
                                  [&](double share) { return goes_on = Tell(what, share); });
    if (!goes_on) return false;
    point.scores = ScoreAll(point.driven.decisions);
    points->push_back(std::move(point));
    return true;
  }

  bool Refer(bool planned) {
    bool goes_on = true;
    AccuracyReference reference;
    reference.planned_paths = planned;
    const std::string what = std::string("brute force") + (planned ? ", planned paths" : "");
    reference.by_force = DecideByBruteForce(accuracy_.read.recording, cloud::HorizonConfig(), planned,
                                            [&](double share) { return goes_on = Tell(what, share); });
    if (!goes_on) return false;
    reference.scores = ScoreAll(reference.by_force.decisions);
    for (const AccuracyPoint& point : accuracy_.points) {
      if (point.ways != (planned ? WaysKnown::kPlans : WaysKnown::kNone)) continue;
      reference.not_in_shard = CountWithout(reference.by_force.decisions, point.driven.decisions, kSameDecisionS);
      reference.not_by_force = CountWithout(point.driven.decisions, reference.by_force.decisions, kSameDecisionS);
      const std::vector<JudgedEncounter>& by_shard = point.scores.front().encounters;
      const std::vector<JudgedEncounter>& by_force = reference.scores.front().encounters;
      for (std::size_t i = 0; i < by_shard.size(); ++i) {  // the same ones
        const bool shard = by_shard[i].outcome == EncounterOutcome::kFound;
        const bool force = by_force[i].outcome == EncounterOutcome::kFound;
        reference.found_by_force_alone += force && !shard ? 1 : 0;
        reference.found_by_shard_alone += shard && !force ? 1 : 0;
      }
      break;
    }
    accuracy_.references.push_back(std::move(reference));
    return true;
  }

  const AccuracyProgress& progress_;
  Accuracy accuracy_;
  std::shared_ptr<const cloud::LaneMap> streets_;
};

}  // namespace

Status AccuracyOptions::Validate() const {
  if (fcd.empty()) return {ErrorCode::kInvalidArgument, "a recording must be given"};
  if (noise_m.empty()) return {ErrorCode::kInvalidArgument, "one noise at least must be given"};
  for (const double noise : noise_m) {
    if (Status status = GnssOfNoise(noise).Validate(); !status.ok()) return status;
  }
  return rules.Validate();
}

GnssConfig GnssOfNoise(double noise_m) {
  GnssConfig gnss;
  gnss.drift_sigma_m = noise_m;
  gnss.noise_sigma_m = kWhiteShare * noise_m;
  return gnss;
}

std::vector<double> SweptThresholds() { return {0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 5, 6, 8}; }

Result<Accuracy> MeasureAccuracy(const AccuracyOptions& options, const AccuracyProgress& progress) {
  if (Status status = options.Validate(); !status.ok()) return status;
  return Measurer(options, progress).Run();
}

}  // namespace starling::sim
