// Why a vehicle was told something: read from the log, and decided once more.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cloud/explain/command_search.h"
#include "cloud/explain/decision_trace.h"
#include "cloud/explain/record_source.h"
#include "cloud/shard/shard_config.h"
#include "common/geo/local_frame.h"
#include "common/ids.h"
#include "common/status.h"
#include "common/time.h"
#include "schemas/log/conflicts_generated.h"

namespace starling::cloud {

struct ExplainConfig {
  ShardConfig shard;                       // as the orchestrator's that decided
  FrameOrigin origin;
  // Read before what the decision rests on began, so that every vehicle around is known: each
  // that streams is heard once a second.  [1 s, 1 min].
  nanoseconds warm_up = seconds(10);
  // Records that are decided on again at most; about a second for each million.
  std::uint64_t records_max = 2'000'000;
};

// A fix of a vehicle that is concerned, as its record says.
struct SeenSample {
  VehicleId vehicle;
  std::uint64_t boot_id = 0;
  std::uint64_t sequence = 0;
  std::uint64_t boot_time_ns = 0;
  std::int64_t sample_time_ns = 0;         // the same in cloud time
  std::int64_t appended_time_ns = 0;       // when a gateway gave it to the log; 0: not said
  std::int64_t log_time_ns = 0;            // when the log took it
  Offset offset{};
  bool causes = false;                     // the command names it as its cause
  Vec2 position;
  double heading_rad = 0;
  double speed_mps = 0;
  double accel_mps2 = 0;
  double accuracy_m = 0;
  std::size_t arcs = 0;                    // of its planned path
};

// What topic "conflicts" holds of the episode.
struct SeenPhase {
  log::EpisodePhase phase{};
  log::Encounter encounter{};
  std::int64_t at_ns = 0;
  double ttc_s = 0;
  double drac_mps2 = 0;
  double pet_s = 0;
  double probability = 0;
  Vec2 contact;
};

// What topic "heatmap" holds of the congested cell.
struct SeenCell {
  std::int64_t window_end_ns = 0;
  std::uint32_t vehicles = 0;
  double mean_speed_mps = 0;
  double congestion = 0;                   // 0 .. 1
  double confidence = 0;
};

// Where the time went, by the records; all in cloud time, 0: no record says it.
struct SeenLegs {
  std::int64_t sample_ns = 0;              // the causing sample was taken
  std::int64_t appended_ns = 0;            // a gateway gave it to the log
  std::int64_t logged_ns = 0;              // the log took it, or the causing tick
  std::int64_t recorded_ns = 0;            // the log took the command's record; the command had left before
  std::int64_t controller_ns = 0;          // the vehicle handed it to its controller, by its clock
};

struct Replay {
  bool tried = false;
  bool reproduced = false;                 // the same command, to the last digit
  Offset from{};
  std::uint64_t records = 0;
  nanoseconds took{0};
  std::string note;                        // why not, and what to do
};

struct Explanation {
  RegionId region{};
  FoundCommand command;
  std::optional<std::array<VehicleId, 2>> pair;  // of the episode
  std::vector<SeenSample> samples;         // the last ones before the decision, oldest first
  std::vector<SeenPhase> phases;
  std::vector<SeenCell> cell;
  std::optional<Decision> decision;
  SeenLegs legs;
  Replay replay;
  nanoseconds took{0};
};

// Nothing if the region's partition of "commands" does not hold the command.
//
// The record, its end, its episode and the samples are what the log holds.  What was weighed is
// not in the log: the shard, which is a function of its partition, is given the records again.
// That it then decides the same command to the last digit is checked, and said.
//
// Errors: those of `records`.
// REQUIRES: config.shard.Validate().ok()
Result<std::optional<Explanation>> ExplainCommand(const RecordSource& records, const ExplainConfig& config,
                                                  RegionId region, CommandId id);

// docs/formats/explain.md
std::string ToJson(const Explanation& explanation);
// One of /v1/commands.
std::string ToJson(const CommandPage& page, RegionId region);

}  // namespace starling::cloud
