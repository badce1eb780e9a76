#include "sim/truth/encounters.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <utility>

#include "common/check.h"
#include "sim/traffic/box.h"

namespace starling::sim {
namespace {

constexpr std::uint32_t kNone = 0xffff'ffff;
constexpr double kSubstepM = 0.25;
constexpr int kBisections = 12;          // 100 ms / 2^12 is far below a millisecond.
constexpr double kApartS = 1;            // A touch after that is another contact.
constexpr double kSidestepM = 1;         // In one step, beyond what the speed makes.
constexpr double kOtherPlaceM = 5;       // A guess that moved by less is the same place.
constexpr double kBehindM = 10;          // Kept of a path behind what may be asked for.
constexpr std::size_t kStatesAtOnce = 64;

double Distance(Vec2 a, Vec2 b) { return Norm(a - b); }

// A square of the grid in which neighbours are looked for.
struct GridCell {
  std::int64_t x = 0;
  std::int64_t y = 0;
};

GridCell CellOf(Vec2 point, double side_m) {
  return {static_cast<std::int64_t>(std::floor(point.x / side_m)), static_cast<std::int64_t>(std::floor(point.y / side_m))};
}

// REQUIRES: buckets is a power of two
std::size_t BucketOf(GridCell cell, std::size_t buckets) {
  const std::uint64_t hash =
      (static_cast<std::uint64_t>(cell.x) * 0x9e3779b97f4a7c15 + static_cast<std::uint64_t>(cell.y)) * 0xc2b2ae3d27d4eb4f;
  return static_cast<std::size_t>(hash >> 32) & (buckets - 1);
}

}  // namespace

// Two vehicles that are near each other, held by one's track; `a` is the one with the smaller number, so that the order
// of vehicles in a step means nothing.
struct Encounters::Pair {
  // Of an encounter that goes on.
  struct Open {
    SimTime begin{};
    SimTime ahead{};        // The last time at which something lay ahead of the two.
    EncounterType first = EncounterType::kNone;
    SimTime last{};
    bool touched = false;
    std::optional<Extreme> min_ttc;
    std::optional<Extreme> max_drac;
    std::optional<Extreme> pet;
  };
  std::uint32_t other = kNone;           // The slot of the one whose track does not hold it.
  std::uint64_t other_serial = 0;
  std::pair<std::uint32_t, std::uint32_t> vehicles;  // Of a and b.
  std::int64_t near = 0;                 // The last step within range.
  std::optional<Meeting> meeting;
  std::int32_t a_seen = 0;               // Chunks.
  std::int32_t b_seen = 0;
  std::array<std::int32_t, 4> sought{};  // Where the views and what is known in them ended at the last search.
  bool passed = false;                   // Both have left a crossing; what comes is another encounter.
  std::array<std::optional<SimTime>, 2> entry{};
  std::array<std::optional<SimTime>, 2> exit{};
  std::optional<SimTime> touched;        // When they last did.
  SimTime touch_began{};                 // Of the present contact.
  Vec2 touched_at;
  std::unique_ptr<Open> open;
};

// A vehicle without interruption.
struct Encounters::Track {
  std::uint32_t vehicle = 0;
  std::uint64_t serial = 0;
  float length_m = 0;
  float width_m = 0;
  std::int64_t first_step = 0;           // Of states.
  std::int64_t end_step = -1;            // None is known any more.
  std::vector<Known> states;
  DrivenPath path;
  std::vector<Pair> pairs;

  const Known* At(std::int64_t step) const {
    if (step < first_step || step - first_step >= static_cast<std::int64_t>(states.size())) return nullptr;
    return &states[static_cast<std::size_t>(step - first_step)];
  }
};

// A vehicle in the step that is worked on, and in the one before.
struct Encounters::Now {
  std::uint64_t serial = 0;              // 0: not there.
  Track* track = nullptr;
  Known known;
  Known before;
  bool is_new = false;                   // There is none before.
  Vec2 direction;
};

// What two are to each other at one instant; types with a as the ego.
struct Encounters::Facts {
  EncounterType type = EncounterType::kNone;
  Vec2 position;
  std::optional<double> ttc_s;
  std::optional<double> drac_mps2;
  std::optional<double> pet_s;
  SimTime pet_time{};
};

Status EncounterConfig::Validate() const {
  const auto within = [](double value, double low, double high) { return value >= low && value <= high; };
  if (!within(range_m, 1, 100)) return {ErrorCode::kInvalidArgument, "range_m must be within 1 and 100"};
  if (!within(extra_time_s, 0, 60)) return {ErrorCode::kInvalidArgument, "extra_time_s must be within 0 and 60"};
  if (!within(delay_s, 0, 60)) return {ErrorCode::kInvalidArgument, "delay_s must be within 0 and 60"};
  if (!within(tolerance_m, 0.2, 1.6)) return {ErrorCode::kInvalidArgument, "tolerance_m must be within 0.2 and 1.6"};
  if (!within(ground_width_m, 0, 10)) return {ErrorCode::kInvalidArgument, "ground_width_m must be within 0 and 10"};
  if (!within(jump_m, 1, 1000)) return {ErrorCode::kInvalidArgument, "jump_m must be within 1 and 1000"};
  return {};
}

Encounters::Encounters(const EncounterConfig& config) : config_(config) { STARLING_CHECK(config.Validate().ok()); }
Encounters::~Encounters() = default;

double Encounters::SecondsBetween(std::int64_t earlier, std::int64_t later) const {
  return ToSeconds(TimeOf(later) - TimeOf(earlier));
}

void Encounters::Add(SimTime time, std::span<const VehicleState> vehicles) {
  STARLING_CHECK(!finished_ && (times_.empty() || time > times_.back()));
  times_.push_back(time);
  ++newest_;
  for (const VehicleState& state : vehicles) Take(state);
  std::erase_if(slots_, [&](const auto& entry) {
    Track& track = *tracks_[entry.second];
    if (track.At(newest_) != nullptr) return false;
    track.end_step = newest_;
    return true;
  });
  counters_.states += vehicles.size();
  while (step_ <= newest_ && SecondsBetween(step_, newest_) >= config_.delay_s) Work();
}

void Encounters::Take(const VehicleState& state) {
  const Vec2 direction = HeadingVector(state.heading_rad);
  const auto [entry, is_new] = slots_.try_emplace(state.vehicle, kNone);
  if (!is_new) {
    Track& track = *tracks_[entry->second];
    STARLING_CHECK(track.At(newest_) == nullptr);
    if (Distance(track.states.back().front, state.front) > config_.jump_m) {
      track.end_step = newest_;
      entry->second = kNone;
    }
  }
  if (entry->second == kNone) {
    std::uint32_t slot = static_cast<std::uint32_t>(tracks_.size());
    if (free_.empty()) {
      tracks_.emplace_back();
    } else {
      slot = free_.back();
      free_.pop_back();
    }
    tracks_[slot] = std::make_unique<Track>(Track{state.vehicle, next_serial_++, state.length_m, state.width_m, newest_,
                                                  -1, {}, DrivenPath(state.front, direction, state.length_m), {}});
    entry->second = slot;
  }
  Track& track = *tracks_[entry->second];
  track.states.push_back({state.front, state.heading_rad, track.path.Extend(state.front, direction),
                          static_cast<float>(state.speed_mps), static_cast<float>(state.accel_mps2)});
}

void Encounters::Finish() {
  STARLING_CHECK(!finished_);
  finished_ = true;
  while (step_ <= newest_) Work();
  for (const auto& track : tracks_) {
    if (!track) continue;
    for (Pair& pair : track->pairs) Close(&pair);
  }
  tracks_.clear();
}

std::vector<Encounter> Encounters::TakeEncounters() { return std::exchange(ended_, {}); }
std::vector<Collision> Encounters::TakeCollisions() { return std::exchange(collisions_, {}); }

void Encounters::Free(std::uint32_t slot) {
  for (Pair& pair : tracks_[slot]->pairs) Close(&pair);
  tracks_[slot].reset();
  free_.push_back(slot);
}

// One step, by all that is known of the later ones.
void Encounters::Work() {
  Place();
  for (const std::uint32_t slot : here_) Pairs(slot);
  for (const std::uint32_t slot : here_) {
    Track& track = *tracks_[slot];
    track.path.DropBefore(now_[slot].known.along_m - config_.range_m - 2 * track.length_m - kBehindM);
    // One state before this step stays.
    const std::int64_t old = step_ - 1 - track.first_step;
    if (old >= static_cast<std::int64_t>(kStatesAtOnce)) {
      track.states.erase(track.states.begin(), track.states.begin() + old);
      track.first_step += old;
    }
  }
  ++step_;
  while (first_time_ + 1 < step_) {  // The last one worked off stays, for what lies between.
    times_.pop_front();
    ++first_time_;
  }
}

void Encounters::Place() {
  here_.clear();
  now_.resize(tracks_.size());
  for (std::uint32_t slot = 0; slot < tracks_.size(); ++slot) {
    now_[slot].serial = 0;
    if (!tracks_[slot]) continue;
    Track& track = *tracks_[slot];
    if (track.end_step >= 0 && track.end_step <= step_) {
      Free(slot);
      continue;
    }
    const Known* const known = track.At(step_);
    if (known == nullptr) continue;  // It appears later.
    const Known* const before = track.At(step_ - 1);
    now_[slot] = {track.serial, &track, *known, before != nullptr ? *before : *known, before == nullptr,
                  HeadingVector(known->heading_rad)};
    here_.push_back(slot);
  }
  next_in_bucket_.assign(tracks_.size(), kNone);
  buckets_.assign(std::bit_ceil(std::max<std::size_t>(2 * here_.size(), 16)), kNone);
  for (const std::uint32_t slot : here_) {
    std::uint32_t& head = buckets_[BucketOf(CellOf(now_[slot].known.front, config_.range_m), buckets_.size())];
    next_in_bucket_[slot] = std::exchange(head, slot);
  }
}

// Those of which this one is the first.
void Encounters::Pairs(std::uint32_t slot) {
  const Now& me = now_[slot];
  std::vector<Pair>& pairs = me.track->pairs;
  const GridCell home = CellOf(me.known.front, config_.range_m);
  for (int around = 0; around < 9; ++around) {
    const GridCell cell{home.x + around % 3 - 1, home.y + around / 3 - 1};
    for (std::uint32_t other = buckets_[BucketOf(cell, buckets_.size())]; other != kNone;
         other = next_in_bucket_[other]) {
      if (other <= slot) continue;
      const Now& near = now_[other];
      if (NormSquared(near.known.front - me.known.front) > config_.range_m * config_.range_m) continue;
      auto pair = std::ranges::find_if(
          pairs, [&](const Pair& each) { return each.other == other && each.other_serial == near.serial; });
      if (pair == pairs.end()) {
        pair = pairs.emplace(pairs.end());
        pair->other = other;
        pair->other_serial = near.serial;
        pair->vehicles = std::minmax(me.track->vehicle, near.track->vehicle);
      }
      pair->near = step_;
    }
  }
  std::erase_if(pairs, [&](Pair& pair) {
    if (now_[pair.other].serial != pair.other_serial) {
      Close(&pair);
      return true;
    }
    if (pair.near != step_ && !pair.open) return true;
    const bool is_first = me.track->vehicle == pair.vehicles.first;
    Update(&pair, is_first ? me : now_[pair.other], is_first ? now_[pair.other] : me);
    return false;
  });
}

PathView Encounters::ViewOf(const Now& now) const {
  const Track& track = *now.track;
  const double front_m = now.known.along_m;
  PathView view;
  view.path = &track.path;
  view.front_m = front_m;
  view.length_m = track.length_m;
  view.width_m = std::max<double>(track.width_m, config_.ground_width_m);
  view.from = std::max(track.path.first(), static_cast<std::int32_t>(front_m - track.length_m - config_.range_m));
  // Up to a chunk's end, so that there is something new only now and then.
  view.to = (static_cast<std::int32_t>(front_m + config_.range_m) / DrivenPath::kChunk + 1) * DrivenPath::kChunk;
  return view;
}

void Encounters::Update(Pair* pair, const Now& a, const Now& b) {
  ++counters_.pair_steps;
  const bool near = pair->near == step_;
  const bool touching = Touch(pair, a, b);
  const PathView a_view = ViewOf(a);
  const PathView b_view = ViewOf(b);
  if (near) Seek(pair, a_view, b_view);
  const Facts facts = pair->meeting ? Judge(pair, a, b, a_view, b_view) : Facts{};
  const SimTime now = TimeOf(step_);
  const bool ahead = near && pair->meeting;
  if (ahead || touching) {
    if (pair->passed && ahead) Close(pair);
    if (!pair->open) {
      pair->open = std::make_unique<Pair::Open>();
      pair->open->begin = now;
      pair->open->first = facts.type;
    }
    pair->open->ahead = now;
  }
  if (!pair->open) return;
  pair->open->last = now;
  Facts measured = facts;
  if (!near) measured.ttc_s = measured.drac_mps2 = std::nullopt;
  Record(pair, measured);
  if (touching && !pair->open->touched) {
    pair->open->touched = true;
    pair->open->min_ttc = Extreme{pair->touch_began, pair->touched_at, EncounterType::kCollision, 0};
  }
  if (ToSeconds(now - pair->open->ahead) >= config_.extra_time_s) Close(pair);
}

// A place that was found stays, unless it was guessed and more is known.
void Encounters::Seek(Pair* pair, const PathView& a, const PathView& b) {
  std::optional<Meeting>& meeting = pair->meeting;
  if (meeting && !meeting->guessed) return;
  const std::array<std::int32_t, 4> present{a.to, b.to, std::min(a.to, a.path->end()), std::min(b.to, b.path->end())};
  if (std::exchange(pair->sought, present) == present) return;
  const std::optional<Meeting> guess = std::exchange(meeting, std::nullopt);
  PathView a_view = a;
  PathView b_view = b;
  a_view.seen = pair->a_seen;
  b_view.seen = pair->b_seen;
  ++counters_.searches;
  meeting = FindMeeting(a_view, b_view, config_.tolerance_m);
  pair->a_seen = meeting ? 0 : present[2] / DrivenPath::kChunk;
  pair->b_seen = meeting ? 0 : present[3] / DrivenPath::kChunk;
  const bool same_place = meeting && guess && meeting->kind == guess->kind &&
                          std::abs(meeting->a.in_m - guess->a.in_m) < kOtherPlaceM &&
                          std::abs(meeting->b.in_m - guess->b.in_m) < kOtherPlaceM;
  if (!same_place) pair->entry = pair->exit = {};
}

// What was found is over; there may be another place.
void Encounters::Drop(Pair* pair) {
  pair->meeting.reset();
  pair->sought = {};
}

Encounters::Facts Encounters::Judge(Pair* pair, const Now& a, const Now& b, const PathView& a_view,
                                    const PathView& b_view) {
  Facts facts;
  switch (pair->meeting->kind) {
    case Meeting::Kind::kSame: return JudgeSame(pair, a, b, a_view, b_view);
    case Meeting::Kind::kCrossing: return JudgeCrossing(pair, a, b, a_view, b_view);
    case Meeting::Kind::kOncoming: {
      const double gap_m = OncomingGap(*pair->meeting, a_view, b_view);
      if (gap_m <= 0) {
        Drop(pair);
        return facts;
      }
      facts.type = EncounterType::kOncoming;
      facts.position = 0.5 * (a.known.front + b.known.front);
      facts.ttc_s = TimeToCollision(gap_m, a.known.speed_mps, -b.known.speed_mps);
      break;
    }
  }
  return facts;
}

Encounters::Facts Encounters::JudgeSame(Pair* pair, const Now& a, const Now& b, const PathView& a_view,
                                        const PathView& b_view) {
  Facts facts;
  const Meeting& meeting = *pair->meeting;
  if (a_view.front_m >= meeting.a.in_m || b_view.front_m >= meeting.b.in_m) {
    const std::optional<Following> following = FollowingAt(meeting, a_view, b_view, config_.tolerance_m);
    if (!following) {
      Drop(pair);
      return facts;
    }
    const Now& leader = following->a_follows ? b : a;
    const Now& follower = following->a_follows ? a : b;
    facts.type = following->a_follows ? EncounterType::kFollowingFollower : EncounterType::kFollowingLeader;
    facts.position = leader.known.front - leader.track->length_m * leader.direction;
    if (following->gap_m <= 0) return facts;  // Beside it, or in contact.
    facts.ttc_s = TimeToCollision(following->gap_m, follower.known.speed_mps, leader.known.speed_mps);
    facts.drac_mps2 = BrakingToAvoid(following->gap_m, follower.known.speed_mps, leader.known.speed_mps);
    return facts;
  }
  const double a_entry_m = meeting.a.in_m - a_view.front_m;
  const double b_entry_m = meeting.b.in_m - b_view.front_m;
  const Approach a_comes = MakeApproach(a_entry_m, a_entry_m + a_view.length_m, a.known.speed_mps, 0);
  const Approach b_comes = MakeApproach(b_entry_m, b_entry_m + b_view.length_m, b.known.speed_mps, 0);
  const bool a_first =
      a_comes.entry_s != b_comes.entry_s ? a_comes.entry_s < b_comes.entry_s : a_comes.entry_m < b_comes.entry_m;
  const Approach& leader = a_first ? a_comes : b_comes;
  const Approach& follower = a_first ? b_comes : a_comes;
  facts.type = a_first ? EncounterType::kMergingLeader : EncounterType::kMergingFollower;
  facts.position = a_view.path->Point(meeting.a.in_m);
  facts.ttc_s = MergingTtc(leader, follower);
  facts.drac_mps2 = MergingDrac(leader, follower, (a_first ? a_view : b_view).length_m);
  return facts;
}

Encounters::Facts Encounters::JudgeCrossing(Pair* pair, const Now& a, const Now& b, const PathView& a_view,
                                            const PathView& b_view) {
  Facts facts;
  const Meeting meeting = *pair->meeting;
  const std::array<const Now*, 2> both{&a, &b};
  const std::array<const Meeting::Span*, 2> spans{&meeting.a, &meeting.b};
  std::array<Approach, 2> comes;
  for (std::size_t i = 0; i < 2; ++i) {
    const Known& now = both[i]->known;
    const double exit_m = spans[i]->out_m + both[i]->track->length_m;
    const double from_m = both[i]->before.along_m;
    const auto passing = [&](double at_m) {
      return Between((at_m - from_m) / (now.along_m - from_m));
    };
    if (from_m < spans[i]->in_m && spans[i]->in_m <= now.along_m) pair->entry[i] = passing(spans[i]->in_m);
    if (from_m < exit_m && exit_m <= now.along_m) pair->exit[i] = passing(exit_m);
    comes[i] = MakeApproach(spans[i]->in_m - now.along_m, exit_m - now.along_m, now.speed_mps, now.accel_mps2);
  }
  const bool a_in = comes[0].entry_m <= 0;
  const bool b_in = comes[1].entry_m <= 0;
  const bool a_left = comes[0].exit_m <= 0;
  const bool b_left = comes[1].exit_m <= 0;
  const bool a_first = a_in != b_in ? a_in : comes[0].entry_s < comes[1].entry_s;
  const auto entry_at = [&](bool of_b) {
    return of_b ? b_view.path->Point(std::max<double>(meeting.b.in_m, b_view.path->first()))
                : a_view.path->Point(std::max<double>(meeting.a.in_m, a_view.path->first()));
  };
  facts.position = entry_at(a_first);
  if (a_left && b_left) {
    facts.type = EncounterType::kBothLeft;
    const std::size_t second = pair->entry[0] > pair->entry[1] ? 0 : 1;  // Nothing is before any time.
    if (pair->entry[second] && pair->exit[1 - second]) {
      facts.position = entry_at(second == 1);
      facts.pet_time = *pair->entry[second];
      facts.pet_s = std::max(ToSeconds(*pair->entry[second] - *pair->exit[1 - second]), 0.0);
    }
    Drop(pair);
    pair->passed = true;
    return facts;
  }
  if (a_left || b_left) {
    facts.type = a_left ? EncounterType::kEgoLeft : EncounterType::kFoeLeft;
  } else if (a_in && b_in) {
    facts.type = EncounterType::kBothEntered;
  } else {
    if (a_in || b_in) {
      facts.type = a_in ? EncounterType::kEgoEntered : EncounterType::kFoeEntered;
    } else {
      facts.type = a_first ? EncounterType::kCrossingLeader : EncounterType::kCrossingFollower;
    }
    facts.ttc_s = CrossingTtc(comes[a_first ? 0 : 1], comes[a_first ? 1 : 0]);
    facts.drac_mps2 = CrossingDrac(comes[0], comes[1]);
  }
  return facts;
}

void Encounters::Record(Pair* pair, const Facts& facts) {
  Pair::Open& open = *pair->open;
  const SimTime now = TimeOf(step_);
  if (facts.ttc_s && (!open.min_ttc || *facts.ttc_s < open.min_ttc->value)) {
    open.min_ttc = Extreme{now, facts.position, facts.type, *facts.ttc_s};
  }
  if (facts.drac_mps2 && (!open.max_drac || *facts.drac_mps2 > open.max_drac->value)) {
    open.max_drac = Extreme{now, facts.position, facts.type, *facts.drac_mps2};
  }
  if (facts.pet_s) open.pet = Extreme{facts.pet_time, facts.position, facts.type, *facts.pet_s};
}

SimTime Encounters::Between(double part) const {
  const SimTime from = TimeOf(std::max<std::int64_t>(step_ - 1, first_time_));
  const double whole_ns = static_cast<double>((TimeOf(step_) - from).count());
  return from + nanoseconds(std::llround(part * whole_ns));
}

// Whether they touched since the last step.
bool Encounters::Touch(Pair* pair, const Now& a, const Now& b) {
  const auto diagonal_m = [](const Track& track) { return std::hypot(track.length_m, track.width_m); };
  const double reach_m = (diagonal_m(*a.track) + diagonal_m(*b.track)) / 2;
  const Vec2 between = (a.known.front - 0.5 * a.track->length_m * a.direction) -
                       (b.known.front - 0.5 * b.track->length_m * b.direction);
  const double step_s = a.is_new || b.is_new ? 0 : SecondsBetween(step_ - 1, step_);
  const auto jumped = [&](const Now& now) {
    const double fastest_mps = std::max(now.known.speed_mps, now.before.speed_mps);
    return Distance(now.known.front, now.before.front) > fastest_mps * step_s + kSidestepM;
  };
  // Who changes lanes at once, as SUMO's vehicles do, was not in between.
  const bool is_new = a.is_new || b.is_new || jumped(a) || jumped(b);
  const auto turned_m = [](const Now& now) {
    return std::abs(WrapAngle(now.known.heading_rad - now.before.heading_rad)) * now.track->length_m;
  };
  const double moved_m =
      is_new ? 0
             : Distance(a.known.front - a.before.front, b.known.front - b.before.front) + turned_m(a) + turned_m(b);
  if (NormSquared(between) > (reach_m + moved_m) * (reach_m + moved_m)) return false;

  const auto box_at = [](const Now& now, double part) {
    const double heading_rad =
        now.before.heading_rad + part * WrapAngle(now.known.heading_rad - now.before.heading_rad);
    const Vec2 direction = HeadingVector(heading_rad);
    const Vec2 front = now.before.front + part * (now.known.front - now.before.front);
    const double half_m = now.track->length_m / 2.0;
    return Box{front - half_m * direction, direction, half_m, now.track->width_m / 2.0};
  };
  const auto overlap_at = [&](double part) { return BoxesOverlap(box_at(a, part), box_at(b, part)); };
  const int steps = is_new ? 1 : std::clamp(static_cast<int>(std::ceil(moved_m / kSubstepM)), 1, 256);
  std::optional<double> first;
  double last = 0;
  for (int i = 1; i <= steps; ++i) {
    const double part = static_cast<double>(i) / steps;
    if (!overlap_at(part)) continue;
    last = part;
    if (first) continue;
    double low = static_cast<double>(i - 1) / steps;
    double high = part;
    if (is_new) low = high;
    for (int k = 0; k < kBisections && low < high; ++k) {
      const double middle = (low + high) / 2;
      (overlap_at(middle) ? high : low) = middle;
    }
    first = high;
  }
  if (!first) return false;
  const SimTime begins = Between(*first);
  const bool goes_on = pair->touched && ToSeconds(begins - *pair->touched) <= kApartS;
  pair->touched = Between(last);
  if (goes_on) return true;
  const Box box = box_at(a, *first);
  const Box other = box_at(b, *first);
  const auto speed_at = [&](const Now& now) {
    return now.before.speed_mps + *first * (now.known.speed_mps - now.before.speed_mps);
  };
  Collision collision;
  collision.first = pair->vehicles.first;
  collision.second = pair->vehicles.second;
  collision.time = begins;
  collision.position = 0.5 * (box.centre + other.centre);
  collision.relative_speed_mps = Norm(speed_at(a) * box.direction - speed_at(b) * other.direction);
  collision.angle_rad = std::acos(std::clamp(Dot(box.direction, other.direction), -1.0, 1.0));
  collisions_.push_back(collision);
  ++counters_.collisions;
  pair->touched_at = collision.position;
  pair->touch_began = begins;
  return true;
}

void Encounters::Close(Pair* pair) {
  pair->passed = false;
  if (!pair->open) return;
  const Pair::Open open = *std::exchange(pair->open, nullptr);
  Encounter encounter;
  encounter.ego = pair->vehicles.first;
  encounter.foe = pair->vehicles.second;
  encounter.begin = open.begin;
  encounter.end = open.last;
  encounter.min_ttc = open.min_ttc;
  encounter.max_drac = open.max_drac;
  encounter.pet = open.pet;
  encounter.type = open.touched    ? EncounterType::kCollision
                   : open.min_ttc  ? open.min_ttc->type
                   : open.pet      ? open.pet->type
                   : open.max_drac ? open.max_drac->type
                                   : open.first;
  ended_.push_back(encounter);
  ++counters_.encounters;
}

}  // namespace starling::sim
