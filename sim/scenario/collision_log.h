#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "cloud/shard/shard.h"
#include "schemas/cloud_to_edge/downlink_generated.h"
#include "schemas/log/conflicts_generated.h"
#include "sim/traffic/mistake.h"
#include "sim/traffic/traffic.h"
#include "sim/truth/encounter.h"

namespace starling::sim {

// What led to each collision, for whoever wants to know why: how the two drove in the seconds before, what their
// drivers did wrong, what the horizon said of them and what they were told (docs/formats/collision_log.md).
//
// A collision is known some seconds after it was (Encounters), so of every vehicle about a minute is kept:
// 40 KB for each.
//
// Threading: thread-compatible.
class CollisionLog {
 public:
  // All vehicles at the beginning of the present step.
  void AddStep(const Traffic& traffic);
  void Add(const Mistake& mistake);
  // What the shard wanted done at `time`.
  void Add(const cloud::ShardOutputs& outputs, SimTime time);

  // A line of JSON, with its end.
  std::string Describe(const Collision& collision, const Traffic& traffic) const;

 private:
  struct Moment {
    SimTime time;
    Vec2 position;
    float heading_rad = 0;
    float speed_mps = 0;
    float accel_mps2 = 0;
  };
  struct Told {
    SimTime time;
    wire::CommandKind kind{};
    std::uint64_t episode = 0;
    double ceiling_mps = 0;
    double decel_mps2 = 0;
  };
  struct Said {
    SimTime time;
    std::uint64_t episode = 0;
    log::EpisodePhase phase{};
    log::Encounter type{};
    std::uint32_t with = 0;
    double ttc_s = 0;
    double drac_mps2 = 0;
    double probability = 0;
  };
  struct Vehicle {
    std::deque<Moment> moments;
    std::deque<Mistake> mistakes;
    std::deque<Told> told;
    std::deque<Said> said;
  };

  Vehicle* Find(std::string_view name);

  std::vector<Vehicle> vehicles_;
};

}  // namespace starling::sim
