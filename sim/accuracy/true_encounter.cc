#include "sim/accuracy/true_encounter.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "common/geo/trigonometry.h"
#include "sim/accuracy/boxes_meet.h"
#include "sim/truth/encounters.h"

namespace starling::sim {
namespace {

constexpr double kStandingMps = 0.5;
constexpr nanoseconds kStoodFor = seconds(2);
// The recording says where another vehicle begins; nothing that is one track moves farther in a step.
constexpr double kJumpM = 200;
// Headings of two in contact: within 30 degrees they go one way, beyond 150 they meet.
constexpr double kSameWayCos = 0.8660254037844386;

std::uint32_t StepBefore(const Recording& recording, SimTime time) {
  const auto after = std::ranges::upper_bound(recording.times, time);
  return after == recording.times.begin() ? 0 : static_cast<std::uint32_t>(after - recording.times.begin() - 1);
}

bool Stood(const Recording& recording, std::uint32_t track, SimTime until) {
  const SimTime from = std::max(until - kStoodFor, recording.Begin(track));
  for (std::uint32_t step = StepBefore(recording, until);; --step) {
    if (!recording.tracks[track].At(step) || recording.times[step] < from) return true;
    if (recording.tracks[track].Row(step).speed_mps >= kStandingMps) return false;
    if (step == 0) return true;
  }
}

}  // namespace

const char* NameOf(ConflictKind kind) {
  switch (kind) {
    case ConflictKind::kFollowing:
      return "following";
    case ConflictKind::kMerging:
      return "merging";
    case ConflictKind::kCrossing:
      return "crossing";
    case ConflictKind::kHeadOn:
      return "head_on";
    case ConflictKind::kStanding:
      return "standing_obstacle";
  }
  return "";
}

ConflictKind KindOf(const Recording& recording, std::uint32_t a, std::uint32_t b, SimTime worst, EncounterType type) {
  if (Stood(recording, a, worst) || Stood(recording, b, worst)) return ConflictKind::kStanding;
  switch (type) {
    case EncounterType::kFollowingFollower:
    case EncounterType::kFollowingLeader:
      return ConflictKind::kFollowing;
    case EncounterType::kMergingLeader:
    case EncounterType::kMergingFollower:
      return ConflictKind::kMerging;
    case EncounterType::kOncoming:
      return ConflictKind::kHeadOn;
    case EncounterType::kCollision:
    case EncounterType::kNone:
      break;
    default:
      return ConflictKind::kCrossing;
  }
  const auto heading = [&](std::uint32_t track) {
    const SimTime at = std::clamp(worst, recording.Begin(track), recording.End(track));
    return HeadingVector(recording.TruthAt(track, at).heading_rad);
  };
  const double cosine = Dot(heading(a), heading(b));
  if (cosine > kSameWayCos) return ConflictKind::kFollowing;
  return cosine < -kSameWayCos ? ConflictKind::kHeadOn : ConflictKind::kCrossing;
}

std::vector<TrueEncounter> FindTrueEncounters(const Recording& recording, const std::function<bool(double)>& progress) {
  EncounterConfig config;
  config.jump_m = kJumpM;
  Encounters finder(config);
  std::vector<TrueEncounter> found;
  const auto take = [&] {
    for (const Encounter& each : finder.TakeEncounters()) {
      if (!each.min_ttc) continue;
      TrueEncounter made;
      std::tie(made.a, made.b) = std::minmax(each.ego, each.foe);
      made.begin = each.begin;
      made.end = each.end;
      made.worst = each.min_ttc->time;
      made.ttc_s = each.min_ttc->value;
      made.kind = KindOf(recording, made.a, made.b, made.worst, each.min_ttc->type);
      found.push_back(made);
    }
    (void)finder.TakeCollisions();  // Each is the worst of an encounter.
  };
  std::vector<std::vector<std::uint32_t>> begin_at(recording.times.size());
  for (std::uint32_t track = 0; track < recording.tracks.size(); ++track) {
    begin_at[recording.tracks[track].first_step].push_back(track);
  }
  std::vector<std::uint32_t> present;
  std::vector<VehicleState> states;
  for (std::uint32_t step = 0; step < recording.times.size(); ++step) {
    std::erase_if(present, [&](std::uint32_t track) { return !recording.tracks[track].At(step); });
    present.insert(present.end(), begin_at[step].begin(), begin_at[step].end());
    states.clear();
    for (const std::uint32_t number : present) {
      const RecordedTrack& track = recording.tracks[number];
      const RecordedRow& row = track.Row(step);
      states.push_back(
          {number, row.front, row.heading_rad, row.speed_mps, row.accel_mps2, track.length_m, track.width_m});
    }
    finder.Add(recording.times[step], states);
    take();
    if (progress && !progress(static_cast<double>(step + 1) / static_cast<double>(recording.times.size()))) return {};
  }
  finder.Finish();
  take();
  std::ranges::sort(found, {}, [](const TrueEncounter& each) { return std::tuple(each.worst, each.a, each.b); });
  return found;
}

void Foresee(const Recording& recording, const ForesightRules& rules, TrueEncounter* encounter) {
  encounter->foresight = Foresight::kNever;
  encounter->seen_s = 0;
  const auto horizon = nanoseconds(static_cast<std::int64_t>(rules.horizon_s * 1e9));
  for (std::uint32_t step = StepBefore(recording, encounter->worst - horizon); step < recording.times.size(); ++step) {
    const SimTime time = recording.times[step];
    if (time < encounter->worst - horizon) continue;
    if (time > encounter->worst) return;
    if (!recording.tracks[encounter->a].At(step) || !recording.tracks[encounter->b].At(step)) continue;
    const auto places = [&](std::uint32_t track) {
      return ForeseePlaces(cloud::Mover(ShardStateOf(recording.TruthAt(track, time)), 0, std::nullopt),
                           rules.horizon_s);
    };
    if (!FirstContact(places(encounter->a), places(encounter->b))) continue;
    encounter->seen_s = ToSeconds(encounter->worst - time);
    encounter->foresight = encounter->seen_s >= rules.sudden_s ? Foresight::kSeen : Foresight::kSudden;
    return;
  }
}

}  // namespace starling::sim
