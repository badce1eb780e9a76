// Recorded trajectories: where each vehicle truly was.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/geo/local_frame.h"
#include "common/geo/vec2.h"
#include "sim/traffic/sim_time.h"
#include "sim/traffic/traffic.h"

namespace starling::sim {

struct RecordedRow {
  Vec2 front;             // middle of the front bumper, m in the recording's frame
  float heading_rad = 0;  // clockwise from the frame's north
  float speed_mps = 0;
  float accel_mps2 = 0;  // of the step that led here
};

// A vehicle for as long as it was there without a gap: one row for each step of the recording.  One that is away and
// comes back, or that is displaced, is another track of the same vehicle.
struct RecordedTrack {
  std::uint32_t vehicle = 0;  // index into Recording::ids
  std::uint32_t first_step = 0;
  float length_m = 5;
  float width_m = 1.8F;
  std::vector<RecordedRow> rows;

  std::uint32_t end_step() const { return first_step + static_cast<std::uint32_t>(rows.size()); }
  bool At(std::uint32_t step) const { return step >= first_step && step < end_step(); }
  const RecordedRow& Row(std::uint32_t step) const { return rows[step - first_step]; }
};

// All of it is in memory: about 40 bytes for each vehicle and step.
//
// Threading: immutable once it is made.
struct Recording {
  double begin_s = 0;            // the file's time of the first step, which is time 0 here
  std::vector<SimTime> times;    // of the steps
  std::vector<std::string> ids;  // the file's, by vehicle
  std::vector<RecordedTrack> tracks;
  FrameOrigin origin;  // of the frame

  SimTime Begin(std::uint32_t track) const { return times[tracks[track].first_step]; }
  SimTime End(std::uint32_t track) const { return times[tracks[track].end_step() - 1]; }
  const std::string& IdOf(std::uint32_t track) const { return ids[tracks[track].vehicle]; }
  double vehicle_hours() const;
  double seconds() const { return times.empty() ? 0 : ToSeconds(times.back() - times.front()); }

  // What its own sensors would say without any error, straight between two rows; acceleration and turn rate are those
  // of the step that `time` is in, and of the one that ends where it is just over.
  // REQUIRES: Begin(track) <= time <= End(track)
  VehicleTruth TruthAt(std::uint32_t track, SimTime time) const;
};

}  // namespace starling::sim
