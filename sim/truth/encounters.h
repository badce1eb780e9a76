// Finds every encounter of two vehicles in what they truly did.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "common/status.h"
#include "sim/truth/driven_path.h"
#include "sim/truth/encounter.h"

namespace starling::sim {

struct EncounterConfig {
  // m between the front bumpers, straight; SUMO's device.ssm.range, which it measures along lanes.  1 to 100.
  double range_m = 50;
  // s for which an encounter goes on when nothing lies ahead of the two; SUMO's device.ssm.extratime.  0 to 60.
  double extra_time_s = 5;
  // s by which results come later, and for which a path is known ahead.  Each costs 10 states a vehicle.  0 to 60.
  double delay_s = 10;
  // m between two paths that are one.  Less than half of what lies between lanes.  0.2 to 1.6.
  double tolerance_m = 1;
  // m that a vehicle takes of a crossing's ground at least; 0: its own width.  SUMO takes the lane's, 3.2 m unless
  // the network says otherwise, so that two may be on an area at once and far from touching.  0 to 10.
  double ground_width_m = 0;
  // m in one step after which it is taken for another vehicle (SUMO teleports).  1 to 1000.
  double jump_m = 20;

  Status Validate() const;
};

struct EncounterCounters {
  std::uint64_t states = 0;      // Vehicles times steps.
  std::uint64_t pair_steps = 0;  // Pairs within range or in an encounter, times steps.
  std::uint64_t searches = 0;    // Of two paths for a place in common.
  std::uint64_t encounters = 0;
  std::uint64_t collisions = 0;
};

// Takes the steps of all vehicles and gives the encounters that have ended.
//
// An encounter begins when two are within range and their paths have a place in common that neither has left; it
// ends when that has not been so for the extra time, or when one of them disappears.  What is measured is
// SUMO's, with its codes: TTC of followers is gap over closing speed, DRAC is v²/2 over gap; before a merge or a
// crossing TTC is the second one's way to it at its speed, if it is there before the first one is through; DRAC there
// is the least braking of one of them that lets the other one through; PET is the second one's entry less the first
// one's exit, for crossings once both have left.
//
// Where we deviate from SUMO, and why:
// - SUMO goes along lanes of a network, we along the way that each front bumper goes on to drive, known for
//   `delay_s`; so no network is needed and lane changes lead where they led.  Who stands at the end of that is
//   taken to go straight on.
// - A driver who stops before a crossing at its present braking is on no collision course there.  SUMO 1.15 gives
//   him a TTC with everyone who stands across, because it compares its value for "never" with itself.
// - TTC 0 is two boxes that overlap, not a place on a lane that both take; and it is the exact time of the touch.
// - An encounter is given once; SUMO writes it for each of both that has a device (SsmWriter does, too).
// - Vehicles side by side on neighbouring lanes have no encounter: their paths are two.
// Nothing here knows heights: roads on a bridge cross those below it.
//
// Collisions are found between steps as well, at most 0.25 m of relative motion apart, and timed to a millisecond; but
// for a step in which one of them moved by 1 m more than its speed makes, as at SUMO's lane changes.
//
// The same steps give the same results, in whatever order a step has its vehicles.  Threading: thread-compatible; one thread owns it.
class Encounters {
 public:
  // REQUIRES: config.Validate().ok()
  explicit Encounters(const EncounterConfig& config);
  ~Encounters();
  Encounters(const Encounters&) = delete;
  Encounters& operator=(const Encounters&) = delete;

  // All vehicles at `time`.  Who is missing has disappeared; who is new has appeared.
  // REQUIRES: later than before; finite numbers; no vehicle twice; not after Finish
  void Add(SimTime time, std::span<const VehicleState> vehicles);
  // Works off what is left and ends all encounters.
  void Finish();

  // Those that have ended since the last call, in the order of their ends.
  std::vector<Encounter> TakeEncounters();
  // Those found since the last call, in the order of time; up to `delay_s` after they were.
  std::vector<Collision> TakeCollisions();

  const EncounterCounters& counters() const { return counters_; }

 private:
  struct Known {
    Vec2 front;
    double heading_rad = 0;
    double along_m = 0;
    float speed_mps = 0;
    float accel_mps2 = 0;
  };
  struct Pair;
  struct Track;
  struct Now;
  struct Facts;

  double SecondsBetween(std::int64_t earlier, std::int64_t later) const;
  SimTime TimeOf(std::int64_t step) const { return times_[static_cast<std::size_t>(step - first_time_)]; }
  SimTime Between(double part) const;
  void Take(const VehicleState& state);
  void Work();
  void Place();
  void Pairs(std::uint32_t slot);
  void Update(Pair* pair, const Now& a, const Now& b);
  void Seek(Pair* pair, const PathView& a, const PathView& b);
  static void Drop(Pair* pair);
  Facts Judge(Pair* pair, const Now& a, const Now& b, const PathView& a_view, const PathView& b_view);
  Facts JudgeSame(Pair* pair, const Now& a, const Now& b, const PathView& a_view, const PathView& b_view);
  Facts JudgeCrossing(Pair* pair, const Now& a, const Now& b, const PathView& a_view, const PathView& b_view);
  bool Touch(Pair* pair, const Now& a, const Now& b);
  void Record(Pair* pair, const Facts& facts);
  void Close(Pair* pair);
  void Free(std::uint32_t slot);
  PathView ViewOf(const Now& now) const;

  const EncounterConfig config_;
  std::vector<std::unique_ptr<Track>> tracks_;
  std::vector<std::uint32_t> free_;
  std::unordered_map<std::uint32_t, std::uint32_t> slots_;  // By vehicle, of the newest step.
  std::deque<SimTime> times_;
  std::int64_t first_time_ = 0;  // The step that times_ begins with.
  std::int64_t newest_ = -1;
  std::int64_t step_ = 0;        // The next one to work off.
  std::uint64_t next_serial_ = 1;
  bool finished_ = false;
  // Of the step that is worked on.
  std::vector<Now> now_;         // By slot.
  std::vector<std::uint32_t> here_;
  std::vector<std::uint32_t> buckets_;
  std::vector<std::uint32_t> next_in_bucket_;
  std::vector<Encounter> ended_;
  std::vector<Collision> collisions_;
  EncounterCounters counters_;
};

}  // namespace starling::sim
