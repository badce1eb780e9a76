// What a shard does because it is one of several: ghosts, and what regions tell each
// other.  docs/decisions/0010-regions.md says why.
#include <algorithm>
#include <utility>

#include "cloud/regions/region_map_record.h"
#include "cloud/regions/sweep.h"
#include "cloud/shard/shard_records.h"
#include "cloud/shard/shard_state.h"
#include "cloud/shard/state_entries.h"
#include "schemas/log/telemetry_generated.h"

namespace starling::cloud {
namespace {

// A ghost that nobody has renewed for so long is none any more.
constexpr std::int64_t kGhostSilentNs = 2'500'000'000;
// News of a pair that are older than this say nothing about now.
constexpr std::int64_t kNewsAgeNs = 2'000'000'000;
// Episodes that are remembered, so that a late or repeated handover revives none.
constexpr std::size_t kHeardMax = 256;

std::optional<VehicleId> NameOf(const flatbuffers::String* name) {
  Result<VehicleId> parsed = VehicleId::Parse({name->c_str(), name->size()});
  if (!parsed.ok()) return std::nullopt;
  return parsed.value();
}

}  // namespace

void Shard::State::UseMap() {
  alone = map.single() && (map.version() == 0 || map.Has(region));
  heatmap.SetMap(alone ? nullptr : &map, region);
  horizon.SetMap(alone ? nullptr : &map, region);
}

bool Shard::State::IsPresent(Slot slot) const { return vehicles.profile(slot).presence != Presence::kGone; }

MapBox Shard::State::ReachOf(Slot slot, double margin_m) const {
  return ToMapBox(vehicles.box(slot)).Grown(margin_m + vehicles.state(slot).accuracy_dm * 0.1);
}

// Without this one.
std::vector<RegionId> Shard::State::RegionsOf(Slot slot, double margin_m) const {
  std::vector<RegionId> regions;
  map.RegionsTouched(ReachOf(slot, margin_m), &regions);
  std::erase(regions, region);
  return regions;
}

// Those that surely know both.
std::vector<RegionId> Shard::State::RegionsOf(const Pair& pair, double margin_m) const {
  const std::vector<RegionId> first = RegionsOf(pair.slots[0], margin_m);
  const std::vector<RegionId> second = RegionsOf(pair.slots[1], margin_m);
  std::vector<RegionId> both;
  std::set_intersection(first.begin(), first.end(), second.begin(), second.end(), std::back_inserter(both));
  return both;
}

void Shard::State::PutNews(RegionId to, log::TelemetryBody type, flatbuffers::Offset<void> body) {
  news.Finish(log::CreateTelemetry(news, ToNumber(to), type, body));
  const auto bytes = std::as_bytes(std::span(news.GetBufferPointer(), news.GetSize()));
  outputs->records.push_back({Topic::kTelemetry, {}, {bytes.begin(), bytes.end()}, to});
  news.Clear();
}

void Shard::State::TellOfPair(log::PairNewsKind kind, const Pair& pair, RegionId to, bool opens, const Cause& cause) {
  const auto name_of = [this](Slot slot) {
    const std::string_view name = vehicles.id(slot).view();
    return news.CreateString(name.data(), name.size());
  };
  const auto a = name_of(pair.slots[0]);
  const auto b = name_of(pair.slots[1]);
  Pair told = pair;
  told.foreign = false;
  told.home = {};
  told.claimed_ns = 0;
  told.presumed = false;
  const auto packed = PackPair(told, &news);
  flatbuffers::Offset<flatbuffers::String> cause_vehicle;
  if (!cause.vehicle.empty()) {
    cause_vehicle = news.CreateString(cause.vehicle.view().data(), cause.vehicle.view().size());
  }
  PutNews(to, log::TelemetryBody::PairNews,
          log::CreatePairNews(news, ToNumber(region), kind, now_ns(), a, b, packed, opens, cause_vehicle,
                              cause.boot_id, cause.sequence, cause.log_time_ns)
              .Union());
  ++counters.pair_news_sent;
}

void Shard::State::ClaimPair(const Pair& pair) {
  if (alone || !pair.open || pair.foreign) return;
  for (const RegionId to : RegionsOf(pair, kGhostLeaveM)) {
    TellOfPair(log::PairNewsKind::Claim, pair, to, false, TickCause());
  }
}

void Shard::State::EndPair(const Pair& pair) {
  if (alone || pair.foreign) return;
  Remember(pair.episode, HeardEpisode::kOver);
  for (const RegionId to : RegionsOf(pair, kGhostLeaveM)) {
    TellOfPair(log::PairNewsKind::Closed, pair, to, false, TickCause());
  }
}

const HeardEpisode* Shard::State::HeardOf(EpisodeId episode) const {
  const auto found =
      std::find_if(heard.begin(), heard.end(), [episode](const HeardEpisode& each) { return each.episode == episode; });
  return found == heard.end() ? nullptr : &*found;
}

void Shard::State::Remember(EpisodeId episode, std::uint32_t handovers) {
  std::uint32_t most = handovers;
  if (const HeardEpisode* known = HeardOf(episode)) {
    most = std::max(most, known->handovers);
    heard.erase(heard.begin() + (known - heard.data()));
  }
  if (heard.size() >= kHeardMax) heard.erase(heard.begin());
  heard.push_back({episode, most});
}

void Shard::State::TellOfVehicle(Slot slot, RegionId to, RegionId owner) {
  const std::string_view text = vehicles.id(slot).view();
  const auto name = news.CreateString(text.data(), text.size());
  const auto entry = PackVehicle(vehicles.state(slot), vehicles.profile(slot), &news);
  PutNews(to, log::TelemetryBody::VehicleNews,
          log::CreateVehicleNews(news, ToNumber(owner), name, entry, now_ns(), map.version()).Union());
  ++counters.vehicle_news_sent;
}

// A vehicle that says nothing is predicted, and so are its ghosts.
void Shard::State::KeepGhostsAlive(Slot slot) {
  if (alone || vehicles.profile(slot).presence != Presence::kOwned) return;
  for (const RegionId to : RegionsOf(slot, kGhostEnterM)) TellOfVehicle(slot, to, region);
}

// Decides nothing about the vehicle any more.  Its open commands stay until they have
// their statuses; its open pairs go to a region that knows both, or end here in their time.
void Shard::State::Depart(Slot slot) {
  VehicleProfile& profile = vehicles.profile(slot);
  if (profile.presence == Presence::kGone) return;
  heatmap.BeforeChange(slot);
  round.clear();
  for (const std::uint32_t index : horizon.pairs()) {
    const Pair& pair = horizon.pair(index);
    if (pair.slots[0] == slot || pair.slots[1] == slot) round.push_back(index);
  }
  for (const std::uint32_t index : round) {
    const Pair& pair = horizon.pair(index);
    if (pair.open && !pair.foreign) {
      const std::vector<RegionId> candidates = RegionsOf(pair, kGhostEnterM);
      if (candidates.empty()) continue;  // They cannot meet: it closes here.
      Pair given = pair;
      ++given.handovers;
      Remember(given.episode, given.handovers);
      TellOfPair(log::PairNewsKind::Handover, given, HeirOf(pair, candidates), false, TickCause());
      ++counters.pairs_handed_over;
    }
    horizon.Forget(index);
  }
  horizon.Unplace(slot);
  profile.presence = Presence::kGone;
  ++counters.ghosts_left;
}

RegionId Shard::State::HeirOf(const Pair& pair, const std::vector<RegionId>& candidates) const {
  const auto is_candidate = [&candidates](RegionId wanted) {
    return std::binary_search(candidates.begin(), candidates.end(), wanted);
  };
  const RegionId contact = map.RegionAt(CellAt(pair.latest.point));
  if (is_candidate(contact)) return contact;
  const VehicleProfile& yielding = vehicles.profile(pair.slots[static_cast<std::size_t>(pair.yields)]);
  const RegionId owner{yielding.owner_region};
  return yielding.presence == Presence::kGhost && is_candidate(owner) ? owner : candidates.front();
}

// Ghosts that were not renewed, and vehicles of which nothing is open any more.
void Shard::State::SweepGhosts() {
  if (!has_ghosts) return;
  std::vector<Slot> lost;
  std::vector<Slot> done;
  has_ghosts = false;
  for (Slot slot = 0; slot < vehicles.slots(); ++slot) {
    if (!vehicles.alive(slot)) continue;
    const VehicleProfile& profile = vehicles.profile(slot);
    if (profile.presence == Presence::kOwned) continue;
    has_ghosts = true;
    if (profile.presence == Presence::kGhost) {
      if (now_ns() - profile.last_fix_log_ns > kGhostSilentNs) lost.push_back(slot);
    } else if (profile.outbox_size == 0 && profile.suspected_pairs == 0) {
      done.push_back(slot);
    }
  }
  SortByName(&lost);
  for (const Slot slot : lost) Depart(slot);
  SortByName(&done);
  for (const Slot slot : done) {
    heatmap.BeforeChange(slot);
    horizon.Remove(slot, &events);
    vehicles.Remove(slot);
  }
}

void Shard::State::OnPairNews(const log::PairNews& record) {
  const RegionId from{record.from_region()};
  const std::optional<VehicleId> a = NameOf(record.vehicle_a());
  const std::optional<VehicleId> b = NameOf(record.vehicle_b());
  Pair told;
  if (!a || !b || !(*a < *b) || from == region || record.kind() > log::PairNewsKind::MAX ||
      !UnpackPair(*record.pair(), &told)) {
    ++counters.records_refused;
    return;
  }
  ++counters.pair_news_read;
  const HeardEpisode* const known = HeardOf(told.episode);
  const std::uint32_t handovers = known == nullptr ? 0 : known->handovers;
  told.slots = {vehicles.Find(*a), vehicles.Find(*b)};
  const bool placed = told.slots[0] != kNoSlot && told.slots[1] != kNoSlot && IsPresent(told.slots[0]) &&
                      IsPresent(told.slots[1]);
  const bool late = now_ns() - record.at_ns() > kNewsAgeNs;
  if (!placed) ++counters.pair_news_unplaced;
  switch (record.kind()) {
    case log::PairNewsKind::Closed:
      Remember(told.episode, HeardEpisode::kOver);
      if (placed) horizon.EndForeign(told);
      return;
    case log::PairNewsKind::Claim:
      if (placed && !late && told.handovers >= handovers) OnClaim(from, told);
      return;
    case log::PairNewsKind::Handover:
      if (known != nullptr && handovers >= told.handovers) return;
      Remember(told.episode, told.handovers);
      if (!placed || late) {
        EndUnplaced(*a, *b, told, record.opens());
      } else {
        OnHandover(record, told);
      }
      return;
  }
}

// Nothing can be decided here about an episode that was handed over.  It must not stay
// open for ever; what was told to its vehicles ends with its leases.
void Shard::State::EndUnplaced(const VehicleId& a, const VehicleId& b, const Pair& told, bool opens) {
  if (opens) return;  // Whoever sent it sees that no claim comes.
  Remember(told.episode, HeardEpisode::kOver);
  outputs->records.push_back(ConflictRecord(region, EpisodeEvent::Kind::kClosed, told, a, b, TickCause()));
}

void Shard::State::OnHandover(const log::PairNews& record, const Pair& told) {
  const std::uint32_t index = horizon.FindOrAdd(told.slots);
  const bool own = index != FlatMap::kNone && horizon.pair(index).open && !horizon.pair(index).foreign;
  if (own && horizon.pair(index).episode == told.episode) return;
  if (own && told.handovers > horizon.pair(index).handovers) {
    // Opened here as well, before the word of it came.
    events.push_back({EpisodeEvent::Kind::kClosed, 0, horizon.pair(index)});
    HandleEvents(TickCause());
  } else if (own || index == FlatMap::kNone) {
    // The one that is here stays, or there is no room: the other one is over.
    if (record.opens()) return;
    events.push_back({EpisodeEvent::Kind::kClosed, 0, told});
    HandleEvents(TickCause());
    return;
  }
  const Pair& mine = horizon.pair(index);
  Pair taken = told;
  if (mine.evaluated_ns >= told.evaluated_ns) {  // It was looked at here since.
    taken.hits = mine.hits;
    taken.evaluated_ns = mine.evaluated_ns;
    taken.hit_ns = std::max(mine.hit_ns, told.hit_ns);
    taken.latest = mine.latest;
    taken.latest_at_ns = mine.latest_at_ns;
    taken.meets = mine.meets;
  }
  horizon.pair(index) = taken;
  if (record.opens()) {
    Cause cause{{}, record.cause_boot_id(), record.cause_sequence(), record.cause_log_time_ns()};
    if (record.cause_vehicle() != nullptr) cause.vehicle = NameOf(record.cause_vehicle()).value_or(VehicleId{});
    events.push_back({EpisodeEvent::Kind::kOpened, index, {}});
    HandleEvents(cause);
  } else {
    ++counters.pairs_taken_over;
    ClaimPair(horizon.pair(index));
  }
}

// Two regions that both hold the pair: the one to which it was handed over more often
// keeps it, else the lower number.  Both find the same.
void Shard::State::OnClaim(RegionId from, const Pair& told) {
  const std::uint32_t index = horizon.FindOrAdd(told.slots);
  if (index == FlatMap::kNone) return;
  Pair& mine = horizon.pair(index);
  if (mine.open && !mine.foreign) {
    const bool theirs = told.handovers != mine.handovers ? told.handovers > mine.handovers : from < region;
    if (!theirs) return;
    if (mine.episode != told.episode) {
      events.push_back({EpisodeEvent::Kind::kClosed, 0, mine});
      HandleEvents(TickCause());
    }
  }
  Pair& pair = horizon.pair(index);
  pair.open = pair.foreign = pair.planned = true;
  pair.presumed = false;
  pair.home = from;
  pair.claimed_ns = now_ns();
  pair.episode = told.episode;
  pair.handovers = told.handovers;
  pair.yields = told.yields;
  pair.both_brake = told.both_brake;
  pair.reversed = told.reversed;
  pair.told = told.told;
}

void Shard::State::OnVehicleNews(const log::VehicleNews& record) {
  const std::optional<VehicleId> name = NameOf(record.vehicle());
  VehicleState told;
  VehicleProfile told_profile;
  if (!name || !UnpackVehicle(*record.entry(), &told, &told_profile) ||
      now_ns() - told.sample_time_ns > config.vehicle_ttl.count()) {
    ++counters.records_refused;
    return;
  }
  ++counters.vehicle_news_read;
  if (now_ns() - record.at_ns() > kNewsAgeNs) return;
  const bool given = RegionId{record.owner_region()} == region;
  if (given && record.map_version() < map.version()) return;  // A newer map has decided since.
  Slot slot = vehicles.Find(*name);
  const bool added = slot == kNoSlot;
  if (added) {
    slot = vehicles.Insert(*name);
    if (slot == kNoSlot) {
      ++counters.vehicles_refused;
      return;
    }
  }
  VehicleProfile& profile = vehicles.profile(slot);
  VehicleState& state = vehicles.state(slot);
  const bool newer = added || told.sample_time_ns > state.sample_time_ns;
  const bool returns = added || profile.presence == Presence::kGone;
  if (newer) {
    if (!added && state.boot_id != told.boot_id) CloseOldBoot(slot, told.boot_id);
    heatmap.BeforeChange(slot);
    state = told;
  }
  profile.last_fix_log_ns = std::max(profile.last_fix_log_ns, given ? told_profile.last_fix_log_ns : now_ns());
  if (given) {
    profile.presence = Presence::kOwned;
    profile.connected = told_profile.connected;
    if (newer) {
      profile.advised = told_profile.advised;
      profile.advice_next = told_profile.advice_next;
    }
  } else if (returns || newer) {
    profile.presence = Presence::kGhost;
    profile.owner_region = record.owner_region();
    has_ghosts = true;
  }
  if (!returns && !newer) return;  // Its own tick looks around it.
  horizon.Place(slot, now_ns());
  if (given) return;  // Its pairs follow, with their episodes: none is to be opened before.
  horizon.Scan(slot, now_ns(), &events);
  HandleEvents(TickCause());
}

void Shard::State::OnRegionMapChanged(const log::RegionMapChanged& record) {
  if (record.version() <= map.version()) return;
  Result<RegionMap> changed = UnpackRegionMap(record);
  if (!changed.ok()) {
    ++counters.records_refused;
    return;
  }
  std::vector<Slot> owned_slots;
  for (Slot slot = 0; slot < vehicles.slots(); ++slot) {
    if (!vehicles.alive(slot)) continue;
    heatmap.BeforeChange(slot);  // Counts by the map of its window's end.
    if (vehicles.profile(slot).presence == Presence::kOwned) owned_slots.push_back(slot);
  }
  map = std::move(changed).value();
  UseMap();
  if (alone) return;
  SortByName(&owned_slots);
  std::vector<Slot> given;
  for (const Slot slot : owned_slots) {
    const Vec2 at = vehicles.state(slot).position;
    const MapBox here = MapBox{at.x, at.y, at.x, at.y}.Grown(kOwnerBandM);
    const RegionId owner = map.Touches(here, region) ? region : map.RegionAt(CellAt(at));
    for (const RegionId to : RegionsOf(slot, kGhostEnterM)) TellOfVehicle(slot, to, owner);
    if (owner == region) continue;
    VehicleProfile& profile = vehicles.profile(slot);
    profile.presence = Presence::kGhost;
    profile.owner_region = ToNumber(owner);
    profile.last_fix_log_ns = now_ns();
    has_ghosts = true;
    given.push_back(slot);
  }
  // After all of them: pairs follow when both vehicles are known there.
  for (const Slot slot : given) {
    if (!map.Touches(ReachOf(slot, kGhostLeaveM), region)) Depart(slot);
  }
}

}  // namespace starling::cloud
