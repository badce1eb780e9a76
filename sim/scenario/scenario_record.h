#pragma once

#include <cstdio>
#include <deque>
#include <memory>
#include <string>

#include "common/status.h"
#include "sim/fcd/fcd_writer.h"
#include "sim/scenario/collision_log.h"
#include "sim/traffic/mistake.h"
#include "sim/traffic/traffic.h"
#include "sim/truth/encounter.h"
#include "sim/truth/ssm_writer.h"

namespace starling::sim {

// A vehicle's place and motion as a row of FCD has them; `front` is in the row's plane.
void SetMotion(const VehicleTruth& truth, Vec2 front, FcdVehicle* row);

struct ScenarioRecordConfig {
  std::string fcd;       // True trajectories ten times a second: SUMO's FCD, XML or CSV (.csv), .gz.  Empty, here and below: none.
  std::string ssm;       // Encounters, as SUMO's SSM device logs them; .gz.
  std::string mistakes;  // What drivers did wrong, and when: CSV.
  std::string collisions;  // What led to each collision: docs/formats/collision_log.md.
};

// The files of a run.  Vehicles have the names of their agents; positions are in the city's frame, m.
//
// Threading: thread-compatible.
class ScenarioRecord {
 public:
  // Errors: kIoError names the file that cannot be made.
  static Result<std::unique_ptr<ScenarioRecord>> Create(const ScenarioRecordConfig& config);

  // All of these keep the first error for Finish.
  // All vehicles at the beginning of the present step.
  void AddStep(const Traffic& traffic);
  void Add(const Encounter& encounter);
  void Add(const Mistake& mistake);
  void Add(const Collision& collision, const Traffic& traffic);
  // What the shard wanted done at `time`.
  void Add(const cloud::ShardOutputs& outputs, SimTime time);
  bool wants_outputs() const { return collision_log_ != nullptr; }

  // Ends the files.
  // Errors: kIoError names the file that could not be written.
  Status Finish();

 private:
  explicit ScenarioRecord(const ScenarioRecordConfig& config) : config_(config) {}

  void Keep(Status status);
  const std::string& NameOf(VehicleIndex vehicle);

  struct CloseFile {
    void operator()(std::FILE* file) const { (void)std::fclose(file); }
  };

  const ScenarioRecordConfig config_;
  std::unique_ptr<FcdWriter> fcd_;
  std::unique_ptr<SsmWriter> ssm_;
  std::unique_ptr<std::FILE, CloseFile> mistakes_;
  std::unique_ptr<std::FILE, CloseFile> collisions_;
  std::unique_ptr<CollisionLog> collision_log_;
  std::deque<std::string> names_;          // Rows and encounters refer to them.
  FcdStep step_;
  Status status_;
};

}  // namespace starling::sim
