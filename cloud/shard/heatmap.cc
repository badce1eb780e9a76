#include "cloud/shard/heatmap.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "common/check.h"
#include "common/motion/predictor.h"

namespace starling::cloud {
namespace {

// Vehicles looked at for one record: at least this many, and at least this part
// of all.
constexpr Slot kSliceMin = 128;
constexpr Slot kSlicesMax = 128;

// Places looked at for a new cell when all are taken.
constexpr int kReuseLooks = 16;

// A track's chord misses the path by less than this; nearer to a border the exact
// prediction decides.
constexpr double kBorderM = 1.5;

constexpr float kFreeSpeedMinMps = 8.33f;     // A free street is at least this fast.
constexpr float kFreeSpeedRise = 0.2f;        // Of the difference, for each window ...
constexpr float kFreeSpeedFall = 1.0f / 4500; // ... and downwards: 15 minutes of 200 ms.

constexpr std::uint16_t kSpeedChangeCmps = 50;  // A smaller change is not written.
constexpr int kIndexChange = 16;                // Of 255.
constexpr double kAdviceSlackMps = 0.5;         // Slower than ceiling + this: no advice.
constexpr double kAdviceAboveMeanMps = 2;       // The ceiling over the cell's mean speed.

constexpr double kMillion = 1e6;  // Sums are in millionths, as whole numbers.

std::int64_t Millionths(double value) { return static_cast<std::int64_t>(value * kMillion + 0.5); }

std::uint8_t IndexByte(float index) { return static_cast<std::uint8_t>(index * 255 + 0.5f); }

// A stored sum may make any speed of it.
std::uint16_t SpeedCmps(float mps) { return static_cast<std::uint16_t>(std::clamp(mps * 100, 0.0f, 65'535.0f)); }

}  // namespace

Heatmap::Heatmap(const HeatmapConfig& config, const VehicleTable* vehicles)
    : config_(config), vehicles_(*vehicles) {}

bool Heatmap::Advance(CloudTime now) {
  const std::int64_t now_ns = ToNs(now);
  const std::int64_t window_ns = kWindow.count();
  if (next_end_ns_ == 0) next_end_ns_ = (now_ns / window_ns + 1) * window_ns;
  if (evaluating_end_ns_ == 0) {
    if (now_ns < next_end_ns_) return false;
    evaluating_end_ns_ = now_ns / window_ns * window_ns;
    next_end_ns_ = evaluating_end_ns_ + window_ns;
    cursor_ = 0;
    until_ = vehicles_.slots();
    counted_.assign(until_, 0);
  }
  if (now_ns >= evaluating_end_ns_ + kWindowEffect.count()) {
    Evaluate(until_);  // Few records: the rest at once.
    Complete();
    return true;
  }
  if (cursor_ < until_) Evaluate(std::min(until_, cursor_ + std::max(kSliceMin, until_ / kSlicesMax)));
  return false;
}

CellIndex Heatmap::CellAtEnd(Slot slot, std::int64_t end_ns) const {
  const VehicleState& state = vehicles_.state(slot);
  const double steps = static_cast<double>(end_ns - state.track_start_ns()) * (1e-9 / kTrackStepS);
  if (state.standing()) return CellAt(state.position);
  // A track by the street is what is expected, not what the vehicle has said.
  if (state.street_size == 0 && steps >= 0 && steps < kTrackPoints - 1) {
    const Track& track = vehicles_.track(slot);
    const auto i = static_cast<std::size_t>(steps);
    const double part = steps - static_cast<double>(i);
    const Vec2 chord{track.x[i] + part * (track.x[i + 1] - track.x[i]),
                     track.y[i] + part * (track.y[i + 1] - track.y[i])};
    const CellIndex cell = CellAt(chord);
    const Vec2 inside{chord.x - cell.x * kCellSideM, chord.y - cell.y * kCellSideM};
    if (std::min(inside.x, inside.y) > kBorderM &&
        std::max(inside.x, inside.y) < kCellSideM - kBorderM) {
      return cell;
    }
  }
  const double age_s = static_cast<double>(end_ns - state.sample_time_ns) * 1e-9;
  // A fix from after the window's end: straight back along its heading.
  const Vec2 at = age_s < 0 ? state.position + (age_s * state.speed_mps()) * Vec2{state.east, state.north}
                            : Predict(state.Motion(), state.Path(), age_s).position;
  return CellAt(at);
}

CellSlot Heatmap::FindOrAdd(CellIndex cell) {
  const CellSlot found = by_cell_.Find(PackCell(cell));
  if (found != kNoCell) return found;
  CellSlot place = kNoCell;
  if (cells_.size() < config_.cells_max) {
    place = static_cast<CellSlot>(cells_.size());
    cells_.emplace_back();
  }
  for (int looked = 0; place == kNoCell && looked < kReuseLooks; ++looked) {
    const CellSlot candidate = reuse_cursor_;
    reuse_cursor_ = static_cast<CellSlot>((reuse_cursor_ + 1) % cells_.size());
    const CellState& state = cells_[candidate];
    // In no list, then: it was not in the last window completed, nor in this one.
    if (state.count != 0 || state.evaluated_ns == complete_end_ns_) continue;
    by_cell_.Erase(PackCell(state.at));
    place = candidate;
  }
  if (place == kNoCell) {
    ++cells_refused_;
    return kNoCell;
  }
  cells_[place] = {};
  cells_[place].at = cell;
  by_cell_.Insert(PackCell(cell), place);
  return place;
}

void Heatmap::Evaluate(Slot until) {
  for (; cursor_ < until; ++cursor_) {
    if (counted_[cursor_] == 0) Count(cursor_);
  }
}

void Heatmap::Count(Slot slot) {
  if (!vehicles_.alive(slot)) return;
  if (map_ != nullptr && vehicles_.profile(slot).presence == Presence::kGone) return;
  const VehicleState& state = vehicles_.state(slot);
  const double fading_s = ToSeconds(config_.fading_after);
  const double forgotten_s = ToSeconds(config_.forgotten_after);
  const double age_s =
      std::max(static_cast<double>(evaluating_end_ns_ - state.sample_time_ns) * 1e-9, 0.0);
  if (age_s > forgotten_s) return;
  const CellIndex at = CellAtEnd(slot, evaluating_end_ns_);
  if (!IsOurs(at)) return;
  const CellSlot cell = FindOrAdd(at);
  if (cell == kNoCell) return;
  CellState& sums = cells_[cell];
  if (sums.count++ == 0) touched_.push_back(cell);
  const double speed = TravelAfter(state.speed_mps(), state.accel_mps2(), age_s).speed_mps;
  sums.speed_sum += Millionths(std::abs(speed));
  sums.age_sum += Millionths(age_s);
  sums.confidence_sum +=
      Millionths(age_s <= fading_s ? 1 : (forgotten_s - age_s) / (forgotten_s - fading_s));
}

void Heatmap::UpdateCongestion(CellState* state) {
  const bool is = state->congestion_episode != 0;
  const bool towards =
      is ? state->vehicles < config_.free_vehicles || state->mean_speed > config_.free_speed_mps
         : state->vehicles >= config_.congested_vehicles &&
               state->mean_speed < config_.congested_speed_mps;
  if (!towards) {
    state->windows_towards_change = 0;
    return;
  }
  ++state->windows_towards_change;
  if (state->windows_towards_change < (is ? config_.free_windows : config_.congested_windows)) return;
  state->windows_towards_change = 0;
  if (is) {
    state->congestion_episode = 0;
    --congested_;
  } else {
    state->congestion_episode =
        MixHash(PackCell(state->at), static_cast<std::uint64_t>(evaluating_end_ns_)) | 1;
    ++congested_;
  }
}

void Heatmap::Complete() {
  changed_.clear();
  const auto finish = [this](CellSlot cell) {
    CellState& state = cells_[cell];
    const auto count = static_cast<float>(state.count);
    const double divisor = kMillion * std::max(state.count, 1u);
    state.vehicles = state.count;
    state.mean_speed = static_cast<float>(static_cast<double>(state.speed_sum) / divisor);
    state.mean_age = static_cast<float>(static_cast<double>(state.age_sum) / divisor);
    state.confidence = static_cast<float>(static_cast<double>(state.confidence_sum) / divisor);
    if (state.free_speed == 0) state.free_speed = kFreeSpeedMinMps;
    if (state.vehicles > 0) {
      const float difference = state.mean_speed - state.free_speed;
      state.free_speed += difference * (difference > 0 ? kFreeSpeedRise : kFreeSpeedFall);
      state.free_speed = std::max(state.free_speed, kFreeSpeedMinMps);
    }
    const float occupancy =
        std::min(count / static_cast<float>(config_.congested_vehicles), 1.0f);
    state.index = occupancy * std::max(1 - state.mean_speed / state.free_speed, 0.0f);
    state.count = 0;
    state.speed_sum = state.age_sum = state.confidence_sum = 0;
    state.evaluated_ns = evaluating_end_ns_;
    UpdateCongestion(&state);
    if (Changed(cell)) changed_.push_back(cell);
  };
  with_vehicles_ = touched_.size();
  for (const CellSlot cell : touched_) finish(cell);
  // Those that have become empty; a congested one stays listed until it is free.
  for (const CellSlot cell : occupied_) {
    if (cells_[cell].evaluated_ns == evaluating_end_ns_) continue;
    finish(cell);
    if (cells_[cell].congestion_episode != 0) touched_.push_back(cell);
  }
  occupied_.swap(touched_);
  touched_.clear();
  complete_end_ns_ = evaluating_end_ns_;
  evaluating_end_ns_ = 0;
}

bool Heatmap::Changed(CellSlot cell) const {
  const CellState& state = cells_[cell];
  if (state.vehicles != state.written_vehicles) return true;
  const int speed = SpeedCmps(state.mean_speed);
  return std::abs(speed - state.written_speed_cmps) >= kSpeedChangeCmps ||
         std::abs(IndexByte(state.index) - state.written_index) >= kIndexChange;
}

HeatmapCell Heatmap::Describe(CellSlot cell) const {
  const CellState& state = cells_[cell];
  return {state.at,         state.vehicles, state.mean_speed, state.index,
          state.confidence, state.mean_age, state.congestion_episode != 0};
}

std::vector<HeatmapCell> Heatmap::Cells() const {
  std::vector<HeatmapCell> cells;
  cells.reserve(occupied_.size());
  for (const CellSlot cell : occupied_) {
    if (cells_[cell].vehicles > 0 && IsOurs(cells_[cell].at)) cells.push_back(Describe(cell));
  }
  return cells;
}

std::vector<HeatmapCell> Heatmap::TakeChanged(bool* full) {
  *full = complete_end_ns_ % kFullPicture.count() == 0;
  const std::vector<CellSlot>& chosen = *full ? occupied_ : changed_;
  std::vector<HeatmapCell> cells;
  cells.reserve(chosen.size());
  for (const CellSlot cell : chosen) {
    CellState& state = cells_[cell];
    if (!IsOurs(state.at)) continue;
    if (*full && state.vehicles == 0 && !Changed(cell)) continue;
    cells.push_back(Describe(cell));
    state.written_vehicles = static_cast<std::uint16_t>(std::min(state.vehicles, 0xFFFFu));
    state.written_speed_cmps = SpeedCmps(state.mean_speed);
    state.written_index = IndexByte(state.index);
  }
  if (*full) {  // Those that became empty are in no list of occupied cells.
    for (const CellSlot cell : changed_) {
      if (!Changed(cell) || !IsOurs(cells_[cell].at)) continue;
      cells.push_back(Describe(cell));
      cells_[cell].written_vehicles = 0;
      cells_[cell].written_speed_cmps = 0;
      cells_[cell].written_index = 0;
    }
  }
  changed_.clear();
  std::sort(cells.begin(), cells.end(),
            [](const HeatmapCell& one, const HeatmapCell& other) { return one.cell < other.cell; });
  return cells;
}

bool Heatmap::Restore(const Progress& progress, std::vector<CellState> cells,
                      const std::vector<Slot>& counted) {
  STARLING_CHECK(next_end_ns_ == 0 && cells_.empty());
  if (cells.size() > config_.cells_max) return false;
  cells_ = std::move(cells);
  for (CellSlot cell = 0; cell < cells_.size(); ++cell) {
    const CellState& state = cells_[cell];
    if (by_cell_.Find(PackCell(state.at)) != kNoCell) return false;
    by_cell_.Insert(PackCell(state.at), cell);
    if (state.count > 0) touched_.push_back(cell);
    if (state.vehicles > 0 || state.congestion_episode != 0) occupied_.push_back(cell);
    if (state.vehicles > 0) ++with_vehicles_;
    if (state.congestion_episode != 0) ++congested_;
  }
  next_end_ns_ = progress.next_end_ns;
  evaluating_end_ns_ = progress.evaluating_end_ns;
  complete_end_ns_ = progress.complete_end_ns;
  cursor_ = progress.cursor;
  until_ = progress.until;
  reuse_cursor_ = progress.reuse_cursor;
  cells_refused_ = progress.cells_refused;
  counted_.assign(until_, 0);
  for (const Slot slot : counted) counted_[slot] = 1;
  return true;
}

std::optional<SpeedAdvice> Heatmap::Advise(Slot slot, CloudTime now, VehicleProfile* profile) const {
  const CellRect& rect = vehicles_.rect(slot);
  const VehicleState& state = vehicles_.state(slot);
  const double speed = state.speed_mps();
  // No ceiling is lower than the least one: most vehicles in a jam end here.
  if (congested_ == 0 || rect.columns * rect.rows <= 1 ||
      speed < config_.advice_speed_min_mps + kAdviceSlackMps) {
    return std::nullopt;
  }
  const Track& track = vehicles_.track(slot);
  const double steps =
      std::max(static_cast<double>(ToNs(now) - state.track_start_ns()) * (1e-9 / kTrackStepS), 0.0);
  const int first = static_cast<int>(std::min<double>(steps, kTrackPoints));
  const int last = std::min(first + static_cast<int>(config_.advice_ahead_s / kTrackStepS) + 1,
                            kTrackPoints - 1);
  CellIndex previous{};
  for (int k = first; k <= last; ++k) {
    const auto i = static_cast<std::size_t>(k);
    const CellIndex cell = CellAt({track.x[i], track.y[i]});
    if (k > first && cell == previous) continue;
    previous = cell;
    if (k == first) continue;  // Where it is already.
    const CellSlot found = by_cell_.Find(PackCell(cell));
    if (found == kNoCell) continue;
    const CellState& entered = cells_[found];
    if (entered.congestion_episode == 0 || !IsOurs(cell)) continue;
    const auto& advised = profile->advised;
    if (std::find(advised.begin(), advised.end(), entered.congestion_episode) != advised.end()) {
      return std::nullopt;
    }
    const double ceiling = std::clamp(entered.mean_speed + kAdviceAboveMeanMps,
                                      config_.advice_speed_min_mps, config_.advice_speed_max_mps);
    if (speed < ceiling + kAdviceSlackMps) return std::nullopt;
    profile->advised[profile->advice_next] = entered.congestion_episode;
    profile->advice_next = static_cast<std::uint8_t>((profile->advice_next + 1) % advised.size());
    // Reached where the cell begins, if comfort allows it.
    const Vec2 way{track.x[i] - state.position.x, track.y[i] - state.position.y};
    const double needed = (speed * speed - ceiling * ceiling) / (2 * std::max(Norm(way), 1.0));
    return SpeedAdvice{cell, EpisodeId{entered.congestion_episode}, ceiling,
                       std::clamp(needed, 0.3, config_.advice_decel_max_mps2)};
  }
  return std::nullopt;
}

}  // namespace starling::cloud
