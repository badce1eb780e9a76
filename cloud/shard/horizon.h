#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "cloud/regions/region_map.h"
#include "cloud/shard/cell_grid.h"
#include "cloud/shard/encounter.h"
#include "cloud/shard/flat_map.h"
#include "cloud/shard/shard_config.h"
#include "cloud/shard/vehicle_table.h"
#include "cloud/streets/lane_map.h"

namespace starling::cloud {

class DecisionObserver;  // cloud/shard/decision_observer.h

// What a vehicle was last told in an episode; the planner's memory.
struct Instruction {
  CommandId command{};                  // 0: nothing yet
  std::int64_t issued_ns = 0;
  std::int64_t expires_ns = 0;          // cloud time
  SpeedProfile profile;
};

// Two vehicles under suspicion, or in an open episode.  `slots[0]` is the vehicle
// with the smaller id, so that nothing depends on who came first.
struct Pair {
  std::array<Slot, 2> slots{};
  std::uint8_t hits = 0;                // evaluations, the newest in bit 0
  bool open = false;
  std::int64_t evaluated_ns = 0;
  std::int64_t hit_ns = 0;              // the newest evaluation that hit
  std::int64_t written_ns = 0;          // the newest Conflict record
  std::int64_t latest_at_ns = 0;        // of `latest`
  Encounter latest;                     // the newest one found
  bool meets = false;                   // the newest evaluation found a contact

  // Of an open episode.
  EpisodeId episode{};
  int yields = 0;                       // index into slots
  bool both_brake = false;
  bool reversed = false;                // at most once
  bool planned = false;
  std::int64_t asked_ns = 0;            // since when `yields` is told to brake; 0: it is not
  std::array<Instruction, 2> told;

  // Open in another region, which decides for it; here it is only known.
  bool foreign = false;
  RegionId home{};
  std::int64_t claimed_ns = 0;          // its newest claim
  bool presumed = false;                // it should be open there; no claim has come yet
  std::uint32_t handovers = 0;          // of the episode, from region to region
};

// What was heard of an episode: news with fewer handovers are old, or repeated.
struct HeardEpisode {
  static constexpr std::uint32_t kOver = 0xFFFF'FFFF;

  EpisodeId episode{};
  std::uint32_t handovers = 0;          // kOver: it has ended
};

struct EpisodeEvent {
  enum class Kind : std::uint8_t { kOpened, kUpdated, kClosed, kElsewhere };
  Kind kind{};
  std::uint32_t pair = 0;               // index of the pair, but for kClosed
  Pair closed;                          // kClosed: as it was
};

// Watches every pair of vehicles that may come too close.
//
// Threading: thread-compatible.
class Horizon {
 public:
  Horizon(const HorizonConfig& config, VehicleTable* vehicles, CellGrid* grid);

  // Where there are several regions, an episode opens in that of its contact point.
  // Null: there is one.  `map` must outlive the horizon or the next call.
  void SetMap(const RegionMap* map, RegionId region) {
    map_ = map;
    region_ = region;
  }

  // Vehicles without a plan are expected to follow these.  Null: there are none.
  void SetStreets(const LaneMap* streets) { streets_ = streets; }

  // Is told of each evaluation of a pair.  Null: nobody is.
  void SetObserver(DecisionObserver* observer) { observer_ = observer; }

  // The pair of two vehicles in the order of their names; FlatMap::kNone if there is no
  // room for one more.
  std::uint32_t FindOrAdd(const std::array<Slot, 2>& slots);
  // Drops the pair without a word.
  void Forget(std::uint32_t index) { Drop(index); }
  // The region that decides for the pair says that its episode is over.
  void EndForeign(const Pair& ended);
  // The vehicle is in no cell any more, and meets nobody.
  void Unplace(Slot slot) { grid_.Remove(slot, &vehicles_.rect(slot)); }

  // A vehicle that stands as it stood has a new fix: its track only starts later.
  void Renew(Slot slot, std::int64_t now_ns);

  // The vehicle's newest fix is in the table: predicts its track and registers it
  // in every cell that its sweep touches.
  void Place(Slot slot, std::int64_t now_ns);

  // Looks for conflicts around a vehicle.
  void Scan(Slot slot, std::int64_t now_ns, std::vector<EpisodeEvent>* events);

  // Evaluates the pair at `index` again, and closes its episode if it is over.
  void Reevaluate(std::uint32_t index, std::int64_t now_ns, std::vector<EpisodeEvent>* events);

  // Drops the pair at `index` if it is neither open nor suspected; true if so.
  bool DropIfIdle(std::uint32_t index);

  // Forgets the vehicle; its open episodes close.
  void Remove(Slot slot, std::vector<EpisodeEvent>* events);

  // The present encounter of two vehicles, one of them or both under a speed
  // profile; by the boxes, whatever the required deceleration.
  std::optional<Encounter> Foresee(Slot first, const std::optional<SpeedProfile>& first_profile,
                                   Slot second, const std::optional<SpeedProfile>& second_profile,
                                   std::int64_t now_ns, double margin_m) const;

  // Vehicles whose sweep comes near that of `slot`, without repetition.
  void Neighbours(Slot slot, std::vector<Slot>* neighbours) const;

  // True if this encounter demands action.
  bool IsHit(const Encounter& encounter) const;

  // True if it may come to demand action before the next fix of either says anything new: two who drive as
  // predicted are heard once a second.
  bool IsWatched(const Encounter& encounter) const;

  // Indices of all pairs, in the order of their vehicles' names; a pair keeps its index.
  std::span<const std::uint32_t> pairs() const { return order_; }
  std::size_t indices() const { return pairs_.size(); }  // all are below this
  Pair& pair(std::uint32_t index) { return pairs_[index]; }
  const Pair& pair(std::uint32_t index) const { return pairs_[index]; }

  std::uint64_t pairs_tested() const { return pairs_tested_; }
  std::uint64_t pairs_refined() const { return pairs_refined_; }
  std::uint64_t pairs_refused() const { return pairs_refused_; }

  // For a horizon that is restored.  False if the pair is there already, its vehicles
  // are not in the order of their names, or one of them has no room for it.
  bool Restore(const Pair& pair);
  void RestoreCounters(std::uint64_t tested, std::uint64_t refined, std::uint64_t refused);
  // As Place, for a vehicle that was in the grid before.  False if its sweep touches more
  // than kSweepCellsMax cells.
  bool RestorePlace(Slot slot, std::span<const std::uint16_t> left_out);

 private:
  // A pair under suspicion that was evaluated in a scan.
  struct Judged {
    Slot other = kNoSlot;
    std::uint32_t index = 0;
    std::optional<Encounter> encounter;
  };
  // An encounter to be watched of two vehicles that are not under suspicion yet.
  struct Found {
    Slot low = kNoSlot;
    Slot high = kNoSlot;
    Encounter encounter;
  };

  void FollowStreet(VehicleState* state) const;
  // By the tracks alone; cheap.  `*span`: when they may meet.
  bool MayMeet(Slot one, Slot other, std::int64_t now_ns, TimeSpan* span);
  // By the boxes.  REQUIRES: the id of `low` is the smaller one
  std::optional<Encounter> Evaluate(Slot low, Slot high, const TimeSpan& span, std::int64_t now_ns);
  void Judge(std::uint32_t index, const std::optional<Encounter>& encounter, std::int64_t now_ns,
             std::vector<EpisodeEvent>* events);
  // Takes the most urgent of `found_` under suspicion, as far as there is room.
  void AddFound(std::int64_t now_ns, std::vector<EpisodeEvent>* events);
  std::uint32_t AddPair(Slot low, Slot high);
  void Drop(std::uint32_t index);
  // Where the pair is in order_, or belongs.
  std::vector<std::uint32_t>::iterator PlaceInOrder(const std::array<Slot, 2>& slots);
  std::uint64_t KeyOf(Slot low, Slot high) const {
    return (static_cast<std::uint64_t>(low) << 32) | high;
  }
  EpisodeId NameEpisode(const Pair& pair) const;

  // True if the two would meet if those who brake on command went on as fast as they are now.
  bool MeetsIfReleased(const Pair& pair, std::int64_t now_ns) const;

  // An open pair of another region's, of which nothing was heard for too long.
  void Doubt(Pair* pair, std::int64_t now_ns);

  const HorizonConfig config_;
  const RegionMap* map_ = nullptr;
  RegionId region_{};
  const LaneMap* streets_ = nullptr;
  DecisionObserver* observer_ = nullptr;
  VehicleTable& vehicles_;
  CellGrid& grid_;
  FlatMap by_slots_;
  std::vector<Pair> pairs_;             // by index; free ones too
  std::vector<std::uint32_t> free_;
  std::vector<std::uint32_t> order_;
  std::vector<Slot> neighbours_;        // scratch
  std::vector<Found> found_;            // scratch
  std::vector<Judged> judged_;          // scratch
  std::uint64_t pairs_tested_ = 0;
  std::uint64_t pairs_refined_ = 0;
  std::uint64_t pairs_refused_ = 0;
};

}  // namespace starling::cloud
