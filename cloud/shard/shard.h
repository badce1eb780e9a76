#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cloud/log/log.h"
#include "cloud/regions/region_map.h"
#include "common/geo/grid.h"
#include "common/geo/local_frame.h"
#include "common/ids.h"
#include "common/motion/predictor.h"
#include "common/status.h"
#include "common/time.h"

namespace starling::cloud {

struct ShardConfig;  // cloud/shard/shard_config.h
class DecisionObserver;  // cloud/shard/decision_observer.h
struct PictureQuery;  // cloud/shard/picture.h
struct ShardPicture;

// What a shard wants done after a record.  Bytes only: the same records give the
// same outputs on any machine.
struct ShardOutputs {
  // For a vehicle, at once.
  struct Command {
    VehicleId vehicle;
    std::vector<std::byte> wire_command;   // a finished wire::Command; emitted_time_ns still 0
  };
  // For another topic of the log.
  struct Record {
    Topic topic{};
    std::vector<std::byte> key;
    std::vector<std::byte> value;
    std::optional<RegionId> region = std::nullopt;  // whose partition; none: the shard's own
  };
  std::vector<Command> commands;
  std::vector<Record> records;             // audit, heatmap, conflicts

  void Clear() {
    commands.clear();
    records.clear();
  }
};

// Every byte of the outputs and their order, continued from `seed`: two runs of one
// partition are compared by it.
std::uint64_t DigestOf(const ShardOutputs& outputs, std::uint64_t seed);

struct HeatmapCell {
  CellIndex cell;
  std::uint32_t vehicles = 0;              // distinct, at the window's end
  double mean_speed_mps = 0;
  double congestion = 0;                   // 0 free .. 1 standing
  double confidence = 0;                   // 0 .. 1
  double age_s = 0;                        // mean age of the fixes that it rests on
  bool congested = false;                  // with hysteresis: what advice goes by
};

struct OpenConflict {
  EpisodeId episode{};
  VehicleId vehicle_a;
  VehicleId vehicle_b;
  Vec2 contact;                            // predicted, m
  double ttc_s = 0;
  double drac_mps2 = 0;
  double probability = 0;
};

struct VehicleView {
  VehicleId vehicle;
  Pose pose;                               // predicted for the time asked for
  double fix_age_s = 0;
};

struct ShardCounters {
  std::uint64_t records = 0;
  std::uint64_t records_refused = 0;       // not decodable: ours is wrong, or the log is
  std::uint64_t fixes = 0;
  std::uint64_t fixes_stale = 0;           // older than the one it already has
  std::uint64_t vehicles_expired = 0;      // time to live
  std::uint64_t windows = 0;
  std::uint64_t cells_max = 0;
  std::uint64_t congested_max = 0;
  std::uint64_t pairs_tested = 0;          // discs
  std::uint64_t pairs_refined = 0;         // boxes along the path
  std::uint64_t episodes = 0;              // conflicts opened
  std::uint64_t speed_advice_issued = 0;
  std::uint64_t avoidance_issued = 0;
  std::uint64_t releases_issued = 0;
  std::uint64_t outbox_open = 0;           // issued, no terminal status yet
  std::uint64_t closed_applied = 0;
  std::uint64_t closed_superseded = 0;
  std::uint64_t closed_expired = 0;
  std::uint64_t closed_rejected = 0;
  std::uint64_t closed_unknown = 0;
  std::uint64_t closed_twice = 0;          // a status for a command that had another one
  std::uint64_t closed_unmatched = 0;      // a status for a command that this shard does not know
  std::uint64_t commands_reissued = 0;     // open ones with a live lease, under a new owner's epoch
  std::uint64_t commands_reemitted = 0;    // open ones, after the vehicle or an owner came
  std::uint64_t commands_withheld = 0;     // the vehicle's outbox was full, or knew the id
  std::uint64_t vehicles_refused = 0;      // vehicles_max reached
  std::uint64_t pairs_refused = 0;         // horizon.pairs_max or pairs_per_vehicle_max reached
  std::uint64_t cells_refused = 0;         // heatmap.cells_max reached
  std::uint64_t ownerships_ignored = 0;    // Ownership records of an epoch that was not newer
  std::uint64_t ghosts_left = 0;           // ghosts that can no longer get here, or fell silent
  std::uint64_t pairs_handed_over = 0;     // open, to the region of their contact point
  std::uint64_t pairs_taken_over = 0;
  std::uint64_t pair_news_sent = 0;        // about pairs that other regions know too
  std::uint64_t pair_news_read = 0;
  std::uint64_t pair_news_unplaced = 0;    // of these, about a vehicle that is not known here
  std::uint64_t vehicle_news_sent = 0;     // about silent vehicles, or after a change of the map
  std::uint64_t vehicle_news_read = 0;
  std::uint64_t closed_again = 0;          // the status that it has, told again
  std::uint64_t commands_shadowed = 0;     // decided and recorded, not sent
  std::uint64_t commands_stopped = 0;      // the same, by the switch
  std::uint64_t operator_issued = 0;       // for operators; counted by kind, too
  std::uint64_t operator_refused = 0;      // theirs, not issued: no such vehicle here, or no room
};

// Owns one region: a pure function of its partition of "telemetry",
// (state, record) -> (state', outputs).  No clock, socket, random number or
// thread.  Its time is the records' log time.
//
// Threading: thread-compatible; its runner owns it.
class Shard {
 public:
  // REQUIRES: config.Validate().ok()
  Shard(const ShardConfig& config, RegionId region, FrameOrigin origin);
  ~Shard();

  // Applies one record and appends what follows from it to `*outputs`.  A record
  // that cannot be decoded is counted and changes nothing else.
  void Apply(const LogRecord& record, ShardOutputs* outputs);

  // All that the shard knows, as entries in the order of their keys: the same state
  // gives the same bytes.  Format: docs/formats/state.md.
  using StateVisitor =
      std::function<void(std::span<const std::byte> key, std::span<const std::byte> value)>;
  void Save(const StateVisitor& visit) const;

  // Takes over the state that Save gave to its visitor: from there on the same records
  // give the same outputs, byte for byte.  Entries may come in any order; Finish ends
  // them.
  //
  // Errors: kCorruption if an entry cannot be read; kInvalidArgument if it is of
  //         another format or region.  The shard is then of no use.
  // REQUIRES: no record was applied
  Status RestoreEntry(std::span<const std::byte> key, std::span<const std::byte> value);
  Status FinishRestore();

  // From now on `observer` is told what is weighed while records are applied; it has to live
  // as long, and changes nothing.  Null: nobody is.
  void Observe(DecisionObserver* observer);

  RegionId region() const;
  Epoch epoch() const;                     // of the last Ownership record that counted
  CloudTime time() const;                  // log time of the last record
  const RegionMap& region_map() const;
  const ShardCounters& counters() const;
  std::size_t vehicles() const;

  // Snapshots for people and tools; none changes anything.
  std::vector<HeatmapCell> Heatmap() const;            // cells with vehicles
  std::vector<OpenConflict> Conflicts() const;
  std::optional<VehicleView> Find(const VehicleId& vehicle, CloudTime at) const;
  // True if the vehicle is in this region, and this shard commands it.
  bool Owns(const VehicleId& vehicle) const;
  // `count` vehicles that the region owns from the `first`-th on, in order of their places in state: a
  // new one takes the place of one that left, or a new last one.
  std::vector<VehicleView> List(std::size_t first, std::size_t count, CloudTime at) const;
  // A part of what people who watch are shown.
  void Look(const PictureQuery& query, ShardPicture* picture) const;

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace starling::cloud
