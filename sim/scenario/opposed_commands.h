#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cloud/shard/shard.h"
#include "cloud/shard/shard_config.h"
#include "common/ids.h"
#include "schemas/cloud_to_edge/downlink_generated.h"
#include "sim/traffic/sim_time.h"

namespace starling::sim {

// A command whose lease lives, as the shard issued it.
struct LiveCommand {
  VehicleId vehicle;
  EpisodeId episode{};
  wire::CommandKind kind{};
  double ceiling_mps = 0;
  double decel_mps2 = 0;
  std::uint64_t sequence = 0;              // of the vehicle's commands: what is sent again is no newer
  SimTime ends{};
};

enum class Opposition : std::uint8_t {
  // Both of an episode are told to go on no faster than the other one does, and neither to
  // give way: what each is told rests on the other one's braking.
  kNobodyYields,
  // A vehicle has advice above the ceiling by which it avoids somebody, in the same episode: the
  // later one takes the other's place, and frees it.
  kLoosened,
  // Who gives way in an episode changed for the second time: each change finds the two nearer, and
  // one of them already braking for the other.
  kReversedAgain,
};
inline constexpr std::array<const char*, 3> kOppositionNames = {"nobody_yields", "loosened", "reversed_again"};

// Whether two live commands work against each other.  Commands are ceilings, and a vehicle keeps the
// lowest of its episodes': two of one vehicle in two episodes never do, whatever they say.
// `hold_decel_mps2`: what the one that only must not accelerate is told; who is told more gives way.
std::optional<Opposition> Against(const LiveCommand& one, const LiveCommand& other, double hold_decel_mps2);

// Holds every live command against every other one that could oppose it, after each record of the
// shard's; between records leases only end, which makes no opposition.  It goes by what the shard
// decided: what the link loses of it is not the commands' working against each other.
//
// Threading: thread-compatible.
class OpposedCommands {
 public:
  explicit OpposedCommands(const cloud::PlannerConfig& planner, nanoseconds advice_lease)
      : hold_decel_mps2_(planner.hold_decel_mps2), lease_(planner.lease), advice_lease_(advice_lease) {}

  // What the shard wanted done after one record.
  void Add(const cloud::ShardOutputs& outputs, SimTime time);

  std::uint64_t count(Opposition kind) const { return counts_[static_cast<std::size_t>(kind)]; }
  std::uint64_t count() const { return counts_[0] + counts_[1] + counts_[2]; }
  std::uint64_t looked_at() const { return looked_at_; }  // pairs of live commands
  const std::string& first() const { return first_; }     // for people; empty: there was none

 private:
  struct Told {
    std::vector<LiveCommand> live;
    VehicleId yields;                        // empty: nobody alone did so far
    std::uint32_t reversals = 0;
    SimTime ends{};
  };

  void Take(const VehicleId& vehicle, const wire::Command& command, SimTime time);
  void Look(EpisodeId episode, Told* told, SimTime time);
  void LookForReversal(EpisodeId episode, Told* told, SimTime time);
  void Note(Opposition kind, EpisodeId episode, SimTime time);
  void Forget(SimTime time);

  const double hold_decel_mps2_;
  const nanoseconds lease_;
  const nanoseconds advice_lease_;
  std::map<EpisodeId, Told> episodes_;
  SimTime next_forget_{};
  std::array<std::uint64_t, kOppositionNames.size()> counts_{};
  std::uint64_t looked_at_ = 0;
  std::string first_;
};

}  // namespace starling::sim
