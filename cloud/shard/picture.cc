#include "cloud/shard/picture.h"

#include <algorithm>
#include <cmath>

#include "cloud/shard/shard_state.h"

namespace starling::cloud {
namespace {

constexpr double kBrakesMps2 = -1;
constexpr double kPullsAwayMps2 = 1;
constexpr double kPullsAwayBelowMps = 6;
constexpr double kTurnSine = 0.4;       // of the angle between heading and what comes
constexpr double kTurnMetresMin = 2;

// Where the track is at a time; before its start and after its end as there.
Vec2 OnTrack(const VehicleState& state, const Track& track, std::int64_t at_ns) {
  const double steps = std::clamp(static_cast<double>(at_ns - state.track_start_ns()) * 1e-9 / kTrackStepS, 0.0,
                                  static_cast<double>(kTrackPoints - 1));
  const auto i = std::min(static_cast<std::size_t>(steps), static_cast<std::size_t>(kTrackPoints - 2));
  const double part = steps - static_cast<double>(i);
  return {track.x[i] + part * (track.x[i + 1] - track.x[i]), track.y[i] + part * (track.y[i + 1] - track.y[i])};
}

Intent IntentOf(const VehicleState& state, double heading_rad, Vec2 near, Vec2 far) {
  if (state.standing()) return Intent::kStands;
  if (state.accel_mps2() <= kBrakesMps2) return Intent::kBrakes;
  const Vec2 then = far - near;
  const double metres = std::sqrt(then.x * then.x + then.y * then.y);
  if (metres >= kTurnMetresMin) {
    // How far what comes lies to the right of the heading.
    const double sine = (then.x * std::cos(heading_rad) - then.y * std::sin(heading_rad)) / metres;
    if (sine > kTurnSine) return Intent::kRight;
    if (sine < -kTurnSine) return Intent::kLeft;
  }
  if (state.accel_mps2() >= kPullsAwayMps2 && state.speed_mps() < kPullsAwayBelowMps) return Intent::kPullsAway;
  return Intent::kGoesOn;
}

std::int64_t Later(CloudTime at, double seconds) { return ToNs(at) + static_cast<std::int64_t>(seconds * 1e9); }

PictureVehicle Describe(const VehicleTable& vehicles, Slot slot, CloudTime at) {
  const VehicleState& state = vehicles.state(slot);
  const Pose pose = vehicles.PoseAt(slot, at);
  PictureVehicle seen;
  seen.slot = slot;
  seen.vehicle = vehicles.id(slot);
  seen.position = pose.position;
  seen.heading_rad = pose.heading_rad;
  seen.speed_mps = pose.speed_mps;
  if (!state.standing()) {
    const Track& track = vehicles.track(slot);
    const Vec2 here = OnTrack(state, track, ToNs(at));
    seen.near = OnTrack(state, track, Later(at, kAheadNearS)) - here;
    seen.far = OnTrack(state, track, Later(at, kAheadFarS)) - here;
  }
  seen.intent = IntentOf(state, pose.heading_rad, seen.near, seen.far);
  seen.planned = state.path_size > 0;
  seen.connected = vehicles.profile(slot).connected;
  seen.fix_age_s = ToSeconds(nanoseconds(ToNs(at) - state.sample_time_ns));
  return seen;
}

PictureWay WayOf(const VehicleTable& vehicles, Slot slot, CloudTime at) {
  PictureWay way;
  for (std::size_t i = 0; i < kWayPoints; ++i) {
    way[i] = OnTrack(vehicles.state(slot), vehicles.track(slot), Later(at, kWayStepS * static_cast<double>(i)));
  }
  return way;
}

}  // namespace

void Shard::Look(const PictureQuery& query, ShardPicture* picture) const {
  const State& state = *state_;
  picture->at = query.at;
  picture->first = query.first;
  picture->count = query.count;
  picture->slots = state.vehicles.slots();
  const Slot end = query.first + std::min(query.count, std::max(picture->slots, query.first) - query.first);
  for (Slot slot = query.first; slot < end; ++slot) {
    if (!state.vehicles.alive(slot) || state.vehicles.profile(slot).presence != Presence::kOwned) continue;
    picture->vehicles.push_back(Describe(state.vehicles, slot, query.at));
  }
  if (!query.rest) return;

  picture->rest = true;
  picture->vehicles_known = state.vehicles.size();
  picture->windows = state.counters.windows;
  picture->has_cells = query.windows_known != picture->windows;
  if (picture->has_cells) picture->cells = state.heatmap.Cells();
  const std::vector<OpenConflict> open = Conflicts();
  std::size_t next = 0;
  for (const std::uint32_t index : state.horizon.pairs()) {
    const Pair& pair = state.horizon.pair(index);
    if (!pair.open || pair.foreign) continue;
    PictureConflict seen;
    seen.conflict = open[next++];
    seen.contact_ns = pair.latest_at_ns + static_cast<std::int64_t>(pair.latest.contact_s * 1e9);
    seen.yields = pair.yields;
    seen.both_brake = pair.both_brake;
    for (std::size_t side = 0; side < 2; ++side) {
      seen.told[side] = ToNumber(pair.told[side].command) != 0 && pair.told[side].expires_ns > ToNs(query.at);
      seen.ways[side] = WayOf(state.vehicles, pair.slots[side], query.at);
    }
    picture->conflicts.push_back(std::move(seen));
  }
  for (const PictureCommand& command : query.commands) {
    PictureStanding standing{command.id, state.outbox.IsOpen(command.id), 0};
    const Slot slot = state.vehicles.Find(command.vehicle);
    if (slot != kNoSlot && state.vehicles.state(slot).boot_id == command.boot_id) {
      const VehicleState& vehicle = state.vehicles.state(slot);
      standing.expires_ns = vehicle.sample_time_ns + static_cast<std::int64_t>(command.expires_boot_time_ns) -
                            static_cast<std::int64_t>(vehicle.boot_time_ns);
    }
    picture->standing.push_back(standing);
  }
  for (const VehicleId& vehicle : query.watched) {
    const Slot slot = state.vehicles.Find(vehicle);
    if (slot == kNoSlot || state.vehicles.profile(slot).presence != Presence::kOwned) continue;
    picture->ways.push_back({vehicle, WayOf(state.vehicles, slot, query.at)});
  }
}

}  // namespace starling::cloud
