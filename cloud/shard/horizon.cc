#include "cloud/shard/horizon.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "cloud/shard/decision_observer.h"
#include "cloud/shard/state_format.h"

namespace starling::cloud {
namespace {

// Evaluations closer together than this rest on the same evidence and count once.
constexpr std::int64_t kEvaluationIntervalNs = 50'000'000;
constexpr std::int64_t kUpdateIntervalNs = 1'000'000'000;
// A vehicle slower than this stands, whatever its sensor's noise says.
constexpr double kStandingMps = 0.5;
// So long a region waits for another one's word on a pair: on one that it should have
// opened, and on one that it has.
constexpr std::int64_t kPresumedNs = 300'000'000;
constexpr std::int64_t kClaimedNs = 2'500'000'000;
// Boxes that overlap already are a conflict only while they close at this speed.
constexpr double kStillClosingMps = 2;
// Those who avoided each other are told so no longer when they are going to be this far apart.
constexpr double kReleaseMarginM = 0.5;

}  // namespace

Horizon::Horizon(const HorizonConfig& config, VehicleTable* vehicles, CellGrid* grid)
    : config_(config), vehicles_(*vehicles), grid_(*grid) {}

void Horizon::Renew(Slot slot, std::int64_t now_ns) {
  VehicleState& state = vehicles_.state(slot);
  const std::int64_t age_ns = std::max<std::int64_t>(now_ns - state.sample_time_ns, 0);
  state.track_steps = static_cast<std::uint8_t>(
      std::min<std::int64_t>(age_ns / static_cast<std::int64_t>(kTrackStepS * 1e9), 255));
}

void Horizon::FollowStreet(VehicleState* state) const {
  state->street_size = 0;
  if (streets_ == nullptr || state->path_size > 0 || state->speed_cmps < 0) return;
  const Travel reach = TravelAfter(state->speed_mps(), state->accel_mps2(), kTrackSpanS + kTrackStepS * state->track_steps);
  if (reach.distance_m <= 0) return;
  const PlannedPath way = streets_->WayOf(state->Motion(), reach.distance_m);
  for (const PathArc& arc : way.arcs()) {
    state->path[state->street_size++] = {static_cast<std::uint16_t>(std::min(arc.length_m * 100 + 0.5, 65'535.0)),
                                         static_cast<std::int16_t>(std::floor(arc.curvature_per_m * 1e5 + 0.5))};
  }
}

void Horizon::Place(Slot slot, std::int64_t now_ns) {
  Renew(slot, now_ns);
  VehicleState& state = vehicles_.state(slot);
  FollowStreet(&state);
  BuildTrack(&state, &vehicles_.track(slot), &vehicles_.box(slot));
  grid_.Place(slot, vehicles_.box(slot), &vehicles_.rect(slot));
}

void Horizon::Neighbours(Slot slot, std::vector<Slot>* neighbours) const {
  neighbours->clear();
  const SweepBox& box = vehicles_.box(slot);
  const CellRect& rect = vehicles_.rect(slot);
  const bool single = rect.columns == 1 && rect.rows == 1;
  for (std::int32_t y = rect.y; y < rect.y + rect.rows; ++y) {
    for (std::int32_t x = rect.x; x < rect.x + rect.columns; ++x) {
      const CellSlot cell = grid_.Find({x, y});
      if (cell == kNoCell) continue;
      for (const Slot other : grid_.members(cell)) {
        if (!box.Overlaps(vehicles_.box(other)) || other == slot) continue;
        if (!single) {
          // Two rectangles of cells share a rectangle; its first cell counts.
          const CellRect& theirs = vehicles_.rect(other);
          if (x != std::max(rect.x, theirs.x) || y != std::max(rect.y, theirs.y)) continue;
        }
        neighbours->push_back(other);
      }
    }
  }
}

bool Horizon::MayMeet(Slot one, Slot other, std::int64_t now_ns, TimeSpan* span) {
  const VehicleState& a = vehicles_.state(one);
  const VehicleState& b = vehicles_.state(other);
  if (a.standing() && b.standing()) return false;
  ++pairs_tested_;
  RelativeTrack relative;
  Relate(a, vehicles_.track(one), b, vehicles_.track(other), now_ns, config_.horizon_s, &relative);
  const float reach = static_cast<float>(BodyRadius(a) + BodyRadius(b)) + 2 * kTrackErrorM;
  if (!CloserThan(relative, reach, span)) return false;
  return !a.straight || !b.straight || !StaySeparate(a, b, relative);
}

std::optional<Encounter> Horizon::Evaluate(Slot low, Slot high, const TimeSpan& span,
                                           std::int64_t now_ns) {
  const VehicleState& a = vehicles_.state(low);
  const VehicleState& b = vehicles_.state(high);
  // Nobody knows any more what it does; its commands would only be renewed for ever.
  if (now_ns - std::min(a.sample_time_ns, b.sample_time_ns) > config_.silent_max.count()) {
    return std::nullopt;
  }
  ++pairs_refined_;
  const Mover first(a, now_ns, std::nullopt);
  const Mover second(b, now_ns, std::nullopt);
  std::optional<Encounter> met = Meet(first, second, span, 0);
  if (!met) return std::nullopt;
  if (met->overlapping) {
    // Separation is lost: only what still drives into the other is worth a brake.
    const Pose pose_a = first.PoseAt(0);
    const Pose pose_b = second.PoseAt(0);
    const Vec2 apart = pose_b.position - pose_a.position;
    const Vec2 relative_now = second.PoseAt(0.1).position - first.PoseAt(0.1).position;
    const double closing = (Norm(apart) - Norm(relative_now)) / 0.1;
    if (closing < kStillClosingMps) return std::nullopt;
  }
  if (first.SpeedAt(met->contact_s) < kStandingMps && second.SpeedAt(met->contact_s) < kStandingMps) {
    return std::nullopt;  // They roll up to each other.
  }
  if (met->tie) met->b_yields = true;
  return met;
}

bool Horizon::IsHit(const Encounter& encounter) const {
  const double enough = encounter.contact_s < config_.urgent_ttc_s
                            ? std::min(config_.urgent_decel_min_mps2, config_.required_decel_min_mps2)
                            : config_.required_decel_min_mps2;
  return encounter.required_mps2 >= enough && encounter.probability >= config_.probability_min;
}

bool Horizon::IsWatched(const Encounter& encounter) const {
  return encounter.required_mps2 >= config_.watched_decel_min_mps2 && encounter.probability >= config_.probability_min;
}

EpisodeId Horizon::NameEpisode(const Pair& pair) const {
  // The newer of the two samples is the cause, whoever noticed.
  const VehicleState& a = vehicles_.state(pair.slots[0]);
  const VehicleState& b = vehicles_.state(pair.slots[1]);
  const VehicleState& cause = b.sample_time_ns > a.sample_time_ns ? b : a;
  std::uint64_t hash = MixHash(vehicles_.id(pair.slots[0]).Hash(),
                               vehicles_.id(pair.slots[1]).Hash());
  hash = MixHash(hash, cause.boot_id);
  return EpisodeId{MixHash(hash, cause.sequence)};
}

void Horizon::Judge(std::uint32_t index, const std::optional<Encounter>& encounter,
                    std::int64_t now_ns, std::vector<EpisodeEvent>* events) {
  Pair& pair = pairs_[index];
  const bool hit = encounter && IsHit(*encounter);
  if (pair.evaluated_ns == 0 || now_ns - pair.evaluated_ns >= kEvaluationIntervalNs) {
    pair.hits = static_cast<std::uint8_t>(pair.hits << 1);
    pair.evaluated_ns = now_ns;
  }
  pair.hits = static_cast<std::uint8_t>((pair.hits & ~1u) | (hit ? 1u : 0u));
  pair.meets = encounter.has_value();
  if (encounter) {
    pair.latest = *encounter;
    pair.latest_at_ns = now_ns;
  }
  if (hit) pair.hit_ns = now_ns;
  if (observer_ != nullptr) observer_->OnEvaluated(vehicles_, pair, encounter, hit, now_ns);

  if (!pair.open) {
    if (!hit) return;
    const unsigned recent = pair.hits & ((1u << config_.evaluations) - 1);
    const bool urgent = encounter->contact_s < config_.urgent_ttc_s;
    if (!urgent && static_cast<std::uint32_t>(__builtin_popcount(recent)) < config_.hits_min) return;
    pair.open = true;
    pair.episode = NameEpisode(pair);
    pair.yields = encounter->b_yields ? 1 : 0;
    pair.asked_ns = 0;
    pair.written_ns = now_ns;
    pair.handovers = 0;
    if (map_ != nullptr) pair.home = map_->RegionAt(CellAt(encounter->point));
    if (map_ == nullptr || pair.home == region_) {
      pair.home = {};
      events->push_back({EpisodeEvent::Kind::kOpened, index, {}});
    } else {
      pair.foreign = pair.presumed = pair.planned = true;
      pair.claimed_ns = now_ns;
      events->push_back({EpisodeEvent::Kind::kElsewhere, index, {}});
    }
  } else if (!pair.foreign && hit && now_ns - pair.written_ns >= kUpdateIntervalNs) {
    pair.written_ns = now_ns;
    events->push_back({EpisodeEvent::Kind::kUpdated, index, {}});
  }
}

void Horizon::Scan(Slot slot, std::int64_t now_ns, std::vector<EpisodeEvent>* events) {
  Neighbours(slot, &neighbours_);
  const bool suspected = vehicles_.profile(slot).suspected_pairs > 0;
  for (const Slot other : neighbours_) {
    TimeSpan span;
    const bool near = MayMeet(slot, other, now_ns, &span);
    if (!near && !suspected) continue;
    Slot low = slot;
    Slot high = other;
    if (vehicles_.id(high) < vehicles_.id(low)) std::swap(low, high);
    std::optional<Encounter> encounter;
    if (near) encounter = Evaluate(low, high, span, now_ns);
    const bool watched = encounter && IsWatched(*encounter);
    std::uint32_t index = FlatMap::kNone;
    if (watched || suspected) index = by_slots_.Find(KeyOf(low, high));
    if (index == FlatMap::kNone) {
      if (watched) found_.push_back({low, high, *encounter});
    } else {
      judged_.push_back({other, index, encounter});
    }
  }
  // By name, not in the order in which neighbours came to be in their cells.
  std::sort(judged_.begin(), judged_.end(), [this](const Judged& one, const Judged& other) {
    return vehicles_.id(one.other) < vehicles_.id(other.other);
  });
  for (const Judged& judged : judged_) Judge(judged.index, judged.encounter, now_ns, events);
  judged_.clear();
  if (!found_.empty()) AddFound(now_ns, events);
}

void Horizon::AddFound(std::int64_t now_ns, std::vector<EpisodeEvent>* events) {
  std::sort(found_.begin(), found_.end(), [this](const Found& one, const Found& other) {
    if (one.encounter.contact_s != other.encounter.contact_s) {
      return one.encounter.contact_s < other.encounter.contact_s;
    }
    if (one.low != other.low) return vehicles_.id(one.low) < vehicles_.id(other.low);
    return vehicles_.id(one.high) < vehicles_.id(other.high);
  });
  for (const Found& found : found_) {
    VehicleProfile& low = vehicles_.profile(found.low);
    VehicleProfile& high = vehicles_.profile(found.high);
    // What is only watched leaves room for what is urgent.
    const std::size_t share = IsHit(found.encounter) ? 1 : 2;
    if (order_.size() >= config_.pairs_max / share ||
        std::max(low.suspected_pairs, high.suspected_pairs) >= config_.pairs_per_vehicle_max / share) {
      ++pairs_refused_;
      continue;
    }
    Judge(AddPair(found.low, found.high), found.encounter, now_ns, events);
  }
  found_.clear();
}

std::vector<std::uint32_t>::iterator Horizon::PlaceInOrder(const std::array<Slot, 2>& slots) {
  return std::lower_bound(order_.begin(), order_.end(), slots,
                          [this](std::uint32_t index, const std::array<Slot, 2>& wanted) {
                            const std::array<Slot, 2>& here = pairs_[index].slots;
                            if (here[0] != wanted[0]) return vehicles_.id(here[0]) < vehicles_.id(wanted[0]);
                            return vehicles_.id(here[1]) < vehicles_.id(wanted[1]);
                          });
}

std::uint32_t Horizon::AddPair(Slot low, Slot high) {
  std::uint32_t index;
  if (!free_.empty()) {
    index = free_.back();
    free_.pop_back();
  } else {
    index = static_cast<std::uint32_t>(pairs_.size());
    pairs_.emplace_back();
  }
  pairs_[index] = {};
  pairs_[index].slots = {low, high};
  by_slots_.Insert(KeyOf(low, high), index);
  order_.insert(PlaceInOrder(pairs_[index].slots), index);
  ++vehicles_.profile(low).suspected_pairs;
  ++vehicles_.profile(high).suspected_pairs;
  return index;
}

bool Horizon::Restore(const Pair& pair) {
  if (!(vehicles_.id(pair.slots[0]) < vehicles_.id(pair.slots[1]))) return false;
  if (by_slots_.Find(KeyOf(pair.slots[0], pair.slots[1])) != FlatMap::kNone) return false;
  for (const Slot slot : pair.slots) {
    if (vehicles_.profile(slot).suspected_pairs >= config_.pairs_per_vehicle_max) return false;
  }
  pairs_[AddPair(pair.slots[0], pair.slots[1])] = pair;
  return true;
}

void Horizon::RestoreCounters(std::uint64_t tested, std::uint64_t refined, std::uint64_t refused) {
  pairs_tested_ = tested;
  pairs_refined_ = refined;
  pairs_refused_ = refused;
}

bool Horizon::RestorePlace(Slot slot, std::span<const std::uint16_t> left_out) {
  FollowStreet(&vehicles_.state(slot));
  BuildTrack(&vehicles_.state(slot), &vehicles_.track(slot), &vehicles_.box(slot));
  const SweepBox& box = vehicles_.box(slot);
  const double columns = (static_cast<double>(box.x_max) - box.x_min) / kCellSideM + 2;
  const double rows = (static_cast<double>(box.y_max) - box.y_min) / kCellSideM + 2;
  if (!(columns * rows <= kSweepCellsMax)) return false;  // Nor if it is not a number.
  vehicles_.rect(slot) = CellsOf(vehicles_.box(slot));
  grid_.Restore(slot, vehicles_.rect(slot), left_out);
  return true;
}

void Horizon::Reevaluate(std::uint32_t index, std::int64_t now_ns, std::vector<EpisodeEvent>* events) {
  TimeSpan span;
  std::optional<Encounter> encounter;
  const std::array<Slot, 2> slots = pairs_[index].slots;
  Doubt(&pairs_[index], now_ns);
  const auto gone = [this](Slot slot) { return vehicles_.profile(slot).presence == Presence::kGone; };
  if (!gone(slots[0]) && !gone(slots[1]) && MayMeet(slots[0], slots[1], now_ns, &span)) {
    encounter = Evaluate(slots[0], slots[1], span, now_ns);
  }
  Judge(index, encounter, now_ns, events);
  Pair& pair = pairs_[index];
  if (pair.foreign) return;
  if (pair.open && now_ns - pair.hit_ns > config_.clear_after.count() && !MeetsIfReleased(pair, now_ns)) {
    events->push_back({EpisodeEvent::Kind::kClosed, 0, pair});
    pair.open = false;
    pair.hits = 0;
  }
}

bool Horizon::MeetsIfReleased(const Pair& pair, std::int64_t now_ns) const {
  // Who brakes because he was told to is predicted to go on braking, and that nothing happens then is no news.
  constexpr SpeedProfile kAsFastAsNow{0, 0};
  std::array<std::optional<SpeedProfile>, 2> released;
  bool told = false;
  for (std::size_t side = 0; side < 2; ++side) {
    const VehicleProfile& vehicle = vehicles_.profile(pair.slots[side]);
    if (vehicle.presence == Presence::kGone || vehicles_.state(pair.slots[side]).sample_time_ns + config_.silent_max.count() < now_ns) {
      return false;
    }
    if (pair.told[side].command == CommandId{} || pair.told[side].expires_ns <= now_ns) continue;
    released[side] = kAsFastAsNow;
    told = true;
  }
  if (!told) return false;
  const std::optional<Encounter> met = Foresee(pair.slots[0], released[0], pair.slots[1], released[1], now_ns, kReleaseMarginM);
  return met && !met->overlapping;
}

void Horizon::Doubt(Pair* pair, std::int64_t now_ns) {
  if (!pair->foreign || now_ns - pair->claimed_ns <= (pair->presumed ? kPresumedNs : kClaimedNs)) return;
  pair->open = pair->foreign = pair->presumed = pair->planned = false;
  pair->home = {};
  pair->told = {};
}

void Horizon::EndForeign(const Pair& ended) {
  const std::uint32_t index = by_slots_.Find(KeyOf(ended.slots[0], ended.slots[1]));
  if (index == FlatMap::kNone) return;
  Pair& pair = pairs_[index];
  if (!pair.foreign || (pair.episode != ended.episode && !pair.presumed)) return;
  pair.open = pair.foreign = pair.presumed = pair.planned = false;
  pair.home = {};
  pair.told = {};
  pair.hits = 0;
}

std::uint32_t Horizon::FindOrAdd(const std::array<Slot, 2>& slots) {
  const std::uint32_t found = by_slots_.Find(KeyOf(slots[0], slots[1]));
  if (found != FlatMap::kNone) return found;
  const std::size_t crowd =
      std::max(vehicles_.profile(slots[0]).suspected_pairs, vehicles_.profile(slots[1]).suspected_pairs);
  if (order_.size() >= config_.pairs_max || crowd >= config_.pairs_per_vehicle_max) {
    ++pairs_refused_;
    return FlatMap::kNone;
  }
  return AddPair(slots[0], slots[1]);
}

bool Horizon::DropIfIdle(std::uint32_t index) {
  const Pair& pair = pairs_[index];
  if (pair.open || (pair.hits & ((1u << config_.evaluations) - 1)) != 0) return false;
  if (pair.meets && IsWatched(pair.latest)) return false;
  Drop(index);
  return true;
}

void Horizon::Drop(std::uint32_t index) {
  const Pair& pair = pairs_[index];
  by_slots_.Erase(KeyOf(pair.slots[0], pair.slots[1]));
  for (const Slot slot : pair.slots) --vehicles_.profile(slot).suspected_pairs;
  order_.erase(PlaceInOrder(pair.slots));
  free_.push_back(index);
}

void Horizon::Remove(Slot slot, std::vector<EpisodeEvent>* events) {
  for (std::size_t place = 0; place < order_.size() && vehicles_.profile(slot).suspected_pairs > 0;) {
    const std::uint32_t index = order_[place];
    const Pair& pair = pairs_[index];
    if (pair.slots[0] != slot && pair.slots[1] != slot) {
      ++place;
      continue;
    }
    if (pair.open && !pair.foreign) events->push_back({EpisodeEvent::Kind::kClosed, 0, pair});
    Drop(index);
  }
  grid_.Remove(slot, &vehicles_.rect(slot));
}

std::optional<Encounter> Horizon::Foresee(Slot first, const std::optional<SpeedProfile>& first_profile,
                                          Slot second,
                                          const std::optional<SpeedProfile>& second_profile,
                                          std::int64_t now_ns, double margin_m) const {
  const Mover a(vehicles_.state(first), now_ns, first_profile);
  const Mover b(vehicles_.state(second), now_ns, second_profile);
  return Meet(a, b, {0, config_.horizon_s}, margin_m);
}

}  // namespace starling::cloud
