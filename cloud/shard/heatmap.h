#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "cloud/regions/region_map.h"
#include "cloud/shard/cell_grid.h"
#include "cloud/shard/flat_map.h"
#include "cloud/shard/shard.h"
#include "cloud/shard/shard_config.h"
#include "cloud/shard/vehicle_table.h"

namespace starling::cloud {

// Length of a window; windows are aligned to the log's time.
inline constexpr nanoseconds kWindow = milliseconds(200);
// After this much log time all cells are written, not only the changed ones.
inline constexpr nanoseconds kFullPicture = seconds(10);
// A window takes effect - on the cells, on what is congested - with the first record
// this long after its end, by when it is evaluated: so it does not depend on how fast
// records follow.
inline constexpr nanoseconds kWindowEffect = milliseconds(50);

// What a vehicle about to enter a congested cell is told.
struct SpeedAdvice {
  CellIndex cell;
  EpisodeId episode{};                  // this congestion of this cell
  double speed_ceiling_mps = 0;
  double decel_mps2 = 0;
};

// Distinct vehicles, mean speed and congestion of each 100 m cell at the end of
// each window, by predicted position.
//
// A window is closed by the first record at or after its end and then evaluated
// in slices of the vehicle table, one slice for each record, so that no record
// waits for all vehicles.  A vehicle counts as it was when the window closed: one whose
// next fix arrives while the slices run is counted before that fix is stored, and one
// that is new then does not count.  Sums are whole numbers.  So a window is the same
// whatever the order of vehicles and records, and whoever else is there.
//
// Congestion index = min(1, n / congested_vehicles) (1 - v / v_free), 0 .. 1: the
// speed reduction index, weighted by occupancy so that one waiting car is not
// congestion.  v_free is the cell's own upper speed, learned: it follows a higher
// mean within some windows and a lower one over a quarter of an hour.
// Source: K. Hamad and S. Kikuchi, Developing a Measure of Traffic Congestion:
// Fuzzy Inference Approach, Transportation Research Record 1802 (2002).  We
// deviate in the weight and in the scale (theirs is 0 .. 10).
//
// The congested flag goes by counts and speeds of HeatmapConfig over several
// windows, not by the index.
//
// A cell without vehicles keeps what it has learned until its place is needed: at
// cells_max a new cell takes the place of one that is empty and not congested.
//
// Threading: thread-compatible.
class Heatmap {
 public:
  Heatmap(const HeatmapConfig& config, const VehicleTable* vehicles);

  // Closes the window that ended by `now`, works on its evaluation and puts it into
  // effect.  True when one has just taken effect: then Cells() and TakeChanged()
  // describe it, and Advance is to be called again.
  bool Advance(CloudTime now);

  // Where there are several regions, counts and writes the cells of `region` alone.
  // Null: all cells.  `map` must outlive the heatmap or the next call.
  void SetMap(const RegionMap* map, RegionId region) {
    map_ = map;
    region_ = region;
  }

  // The vehicle's state or track is about to change, or it is about to leave.
  void BeforeChange(Slot slot) {
    if (evaluating_end_ns_ == 0 || slot < cursor_ || slot >= until_ || counted_[slot] != 0) return;
    Count(slot);
    counted_[slot] = 1;
  }

  // Cells of the window last completed that differ from what was written last, or
  // all cells with vehicles (`*full`), in the order of cells.  Forgets the difference.
  std::vector<HeatmapCell> TakeChanged(bool* full);
  std::int64_t window_end_ns() const { return complete_end_ns_; }

  // Cells with vehicles, of the window last completed.
  std::vector<HeatmapCell> Cells() const;
  std::size_t cells_with_vehicles() const { return with_vehicles_; }
  std::size_t congested() const { return congested_; }
  // Times that a vehicle was not counted because there was no place for its cell.
  std::uint64_t cells_refused() const { return cells_refused_; }

  // The advice for a vehicle whose predicted path enters a congested cell that it
  // is not in; nullopt if there is none, or it was told of this congestion, or it
  // is slow enough.  Marks it as told.
  std::optional<SpeedAdvice> Advise(Slot slot, CloudTime now, VehicleProfile* profile) const;

  // For storing and restoring.
  struct CellState {
    CellIndex at;
    // The window being evaluated.
    std::uint32_t count = 0;
    std::int64_t speed_sum = 0;          // um/s
    std::int64_t age_sum = 0;            // us
    std::int64_t confidence_sum = 0;     // millionths
    // The window last completed.
    std::uint32_t vehicles = 0;
    float mean_speed = 0;
    float mean_age = 0;
    float confidence = 0;
    float index = 0;
    std::int64_t evaluated_ns = 0;       // its end
    // Learned.
    float free_speed = 0;
    std::uint64_t congestion_episode = 0;  // 0: not congested
    std::uint16_t windows_towards_change = 0;
    // Written last.
    std::uint16_t written_vehicles = 0;
    std::uint16_t written_speed_cmps = 0;
    std::uint8_t written_index = 0;
  };
  struct Progress {
    std::int64_t next_end_ns = 0;        // 0: no record yet
    std::int64_t evaluating_end_ns = 0;  // 0: nothing to evaluate
    std::int64_t complete_end_ns = 0;
    Slot cursor = 0;                     // slots before it are counted
    Slot until = 0;                      // slots that there were when the window closed
    CellSlot reuse_cursor = 0;           // next cell whose place may be taken
    std::uint64_t cells_refused = 0;
  };
  Progress progress() const {
    return {next_end_ns_, evaluating_end_ns_, complete_end_ns_, cursor_, until_, reuse_cursor_,
            cells_refused_};
  }
  const std::vector<CellState>& cells() const { return cells_; }  // by place
  // Beyond the cursor, and counted in the window being evaluated.
  bool counted(Slot slot) const {
    return evaluating_end_ns_ != 0 && slot >= cursor_ && slot < until_ && counted_[slot] != 0;
  }
  // False if two cells are the same one, or there are too many.
  // REQUIRES: no record was seen; slots of `counted` < progress.until
  bool Restore(const Progress& progress, std::vector<CellState> cells, const std::vector<Slot>& counted);

 private:
  CellSlot FindOrAdd(CellIndex cell);    // kNoCell: no place, which is counted
  void Evaluate(Slot until);
  void Count(Slot slot);
  void Complete();
  void UpdateCongestion(CellState* state);
  HeatmapCell Describe(CellSlot cell) const;
  bool Changed(CellSlot cell) const;
  bool IsOurs(CellIndex cell) const { return map_ == nullptr || map_->RegionAt(cell) == region_; }
  CellIndex CellAtEnd(Slot slot, std::int64_t end_ns) const;

  const HeatmapConfig config_;
  const RegionMap* map_ = nullptr;
  RegionId region_{};
  const VehicleTable& vehicles_;
  FlatMap by_cell_;
  std::vector<CellState> cells_;        // by CellSlot, which is not the grid's
  std::vector<CellSlot> touched_;       // have vehicles in the window being evaluated
  std::vector<CellSlot> occupied_;      // had vehicles in the window last completed, or are congested
  std::vector<CellSlot> changed_;       // scratch between Advance and TakeChanged
  std::vector<std::uint8_t> counted_;   // by slot, in the window being evaluated
  std::int64_t next_end_ns_ = 0;        // 0: no record yet
  std::int64_t evaluating_end_ns_ = 0;  // 0: nothing to evaluate
  std::int64_t complete_end_ns_ = 0;
  Slot cursor_ = 0;
  Slot until_ = 0;                      // slots there were when the window closed
  CellSlot reuse_cursor_ = 0;           // next cell whose place may be taken
  std::uint64_t cells_refused_ = 0;
  std::size_t with_vehicles_ = 0;
  std::size_t congested_ = 0;
};

}  // namespace starling::cloud
