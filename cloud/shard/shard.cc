#include "cloud/shard/shard.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>

#include "cloud/shard/decision_observer.h"
#include "cloud/shard/shard_records.h"
#include "cloud/shard/shard_state.h"
#include "cloud/shard/state_reader.h"
#include "common/telemetry/fix_codec.h"
#include "schemas/log/telemetry_generated.h"

namespace starling::cloud {
namespace {

constexpr flatbuffers::uoffset_t kVerifyDepthMax = 8;
constexpr flatbuffers::uoffset_t kVerifyTablesMax = 64;

// The next phase of vehicles is due after so long; each vehicle is looked at every half
// second, for its time to live, and for a new track if it is silent.
constexpr std::int64_t kPhaseNs = 100'000'000;
// A vehicle silent for longer than its track allows gets a new one.
constexpr std::int64_t kTrackFreshNs = 1'000'000'000;

// Of a vehicle whose Hello did not say.
constexpr std::uint16_t kLengthDefaultCm = 460;
constexpr std::uint16_t kWidthDefaultCm = 180;

// The name's bytes as an id, unchecked: good for looking up, not for keeping.
std::optional<VehicleId> LookupName(const flatbuffers::String* name) {
  std::array<char, VehicleId::kLengthMax> characters{};
  if (name->size() == 0 || name->size() > characters.size()) return std::nullopt;
  std::memcpy(characters.data(), name->data(), name->size());
  static_assert(sizeof(VehicleId) == sizeof(characters));
  return std::bit_cast<VehicleId>(characters);
}

bool StandsAsBefore(const VehicleState& before, const VehicleState& now) {
  return before.sequence != 0 && before.standing() && now.standing() &&
         before.position == now.position && before.heading_rad == now.heading_rad &&
         before.length_cm == now.length_cm && before.width_cm == now.width_cm;
}

// As it was before it was taken for another region's.
Pair Unopened(Pair pair) {
  pair.planned = false;
  pair.told = {};
  return pair;
}

}  // namespace

Shard::State::State(const ShardConfig& shard_config, RegionId shard_region, FrameOrigin origin)
    : config(shard_config),
      region(shard_region),
      frame(origin),
      map(config.region_map),
      vehicles(config.vehicles_max),
      grid(config.heatmap.cells_max),
      heatmap(config.heatmap, &vehicles),
      horizon(config.horizon, &vehicles, &grid),
      planner(config.planner, &vehicles, &horizon, this),
      outbox(config.outbox_per_vehicle_max, config.closed_remembered) {
  horizon.SetStreets(config.streets.get());
  UseMap();
}
Shard::State::~State() = default;

bool Shard::State::Store(const log::Fix& record, Slot slot) {
  const wire::Fix& fix = *record.fix();
  VehicleState& state = vehicles.state(slot);
  const bool same_boot = state.boot_id == record.boot_id();
  const bool newer = same_boot ? fix.boot_time_ns() > state.boot_time_ns &&
                                     fix.sequence() > state.sequence
                               : record.sample_time_ns() > state.sample_time_ns;
  if (state.sequence != 0 && !newer) return false;
  if (state.sequence != 0 && !same_boot) CloseOldBoot(slot, record.boot_id());
  heatmap.BeforeChange(slot);
  const MotionState motion = MotionFromWire(fix, frame);
  state.position = motion.position;
  state.heading_rad = motion.heading_rad;
  state.curvature_per_m = motion.curvature_per_m;
  state.sample_time_ns = record.sample_time_ns();
  state.boot_time_ns = fix.boot_time_ns();
  state.boot_id = record.boot_id();
  state.sequence = fix.sequence();
  state.speed_cmps = fix.speed_cmps();
  state.accel_cmps2 = fix.accel_cmps2();
  state.length_cm = record.length_cm() != 0 ? record.length_cm() : kLengthDefaultCm;
  state.width_cm = record.width_cm() != 0 ? record.width_cm() : kWidthDefaultCm;
  state.accuracy_dm = fix.accuracy_dm();
  state.path_size = state.street_size = 0;
  if (record.path() != nullptr) {
    for (const wire::Arc* arc : *record.path()) {
      state.path[state.path_size++] = {arc->length_cm(), arc->curvature_e5()};
    }
  }
  VehicleProfile& profile = vehicles.profile(slot);
  profile.last_fix_log_ns = now_ns();
  profile.connected = true;
  profile.presence = record.role() == log::Role::Ghost ? Presence::kGhost : Presence::kOwned;
  profile.owner_region = record.owner_region();
  if (profile.presence == Presence::kGhost) has_ghosts = true;
  return true;
}

void Shard::State::OnFix(const log::Fix& record) {
  const std::int64_t age_ns = now_ns() - record.sample_time_ns();
  const std::optional<VehicleId> name = LookupName(record.vehicle());
  const bool readable =
      name && (record.path() == nullptr || record.path()->size() <= PlannedPath::kArcsMax) &&
      ValidateFix(*record.fix()).ok() && age_ns <= config.sample_age_max.count() &&
      -age_ns <= config.sample_ahead_max.count();
  if (!readable) {
    ++counters.records_refused;
    return;
  }
  Slot slot = vehicles.Find(*name);
  if (slot == kNoSlot) {
    if (record.leaves()) return;
    if (!VehicleId::Parse(name->view()).ok() || name->view().size() != record.vehicle()->size()) {
      ++counters.records_refused;
      return;
    }
    slot = vehicles.Insert(*name);
    if (slot == kNoSlot) {
      ++counters.vehicles_refused;
      return;
    }
  }
  ++counters.fixes;
  const VehicleState before = vehicles.state(slot);
  if (!Store(record, slot)) {
    ++counters.fixes_stale;
    return;
  }
  if (record.leaves()) {
    const bool placed = vehicles.rect(slot).columns != 0;
    horizon.Place(slot, now_ns());
    vehicles.profile(slot).presence = placed ? Presence::kGhost : Presence::kGone;
    if (placed) Depart(slot);
    if (!placed) horizon.Unplace(slot);
    return;
  }
  if (StandsAsBefore(before, vehicles.state(slot)) && vehicles.profile(slot).suspected_pairs == 0 &&
      vehicles.rect(slot).columns != 0) {
    // Nothing new around it: whoever drives up to it looks at it by its own fixes.
    horizon.Renew(slot, now_ns());
    return;
  }
  horizon.Place(slot, now_ns());
  const Cause cause{*name, record.boot_id(), record.fix()->sequence(), now_ns()};
  horizon.Scan(slot, now_ns(), &events);
  HandleEvents(cause);
  Advise(slot, cause);
}

void Shard::State::Advise(Slot slot, const Cause& cause) {
  const auto advice = heatmap.Advise(slot, now, &vehicles.profile(slot));
  if (!advice) return;
  if (observer != nullptr) {
    for (const cloud::Heatmap::CellState& cell : heatmap.cells()) {
      if (cell.at != advice->cell) continue;
      observer->OnAdvised(vehicles, slot, {cell.at, cell.vehicles, cell.mean_speed, cell.free_speed, cell.index,
                                           cell.confidence});
    }
  }
  CommandRequest request;
  request.target = slot;
  request.kind = wire::CommandKind::SpeedAdvice;
  request.episode = advice->episode;
  request.profile = {advice->speed_ceiling_mps, advice->decel_mps2};
  request.lease = config.heatmap.advice_lease;
  request.cell = advice->cell;
  request.cause = cause;
  Issue(request);
}

void Shard::State::HandleEvents(const Cause& cause) {
  for (const EpisodeEvent& event : events) {
    const bool closed = event.kind == EpisodeEvent::Kind::kClosed;
    const Pair& pair = closed ? event.closed : horizon.pair(event.pair);
    if (event.kind == EpisodeEvent::Kind::kElsewhere) {
      TellOfPair(log::PairNewsKind::Handover, Unopened(pair), pair.home, true, cause);
      continue;
    }
    if (event.kind == EpisodeEvent::Kind::kOpened) {
      ++counters.episodes;
      planner.OnOpened(event.pair, now_ns(), cause);
    }
    if (closed) planner.OnClosed(pair, now_ns(), cause);
    if (closed) EndPair(pair);
    if (event.kind == EpisodeEvent::Kind::kOpened) ClaimPair(pair);
    outputs->records.push_back(ConflictRecord(region, event.kind, pair,
                                              vehicles.id(pair.slots[0]),
                                              vehicles.id(pair.slots[1]), cause));
  }
  events.clear();
}

// All of them, at the tick: a plan rests on the pairs and the vehicles around it, so one
// that was made between later records would depend on how many there are.  pairs_max
// bounds what the tick takes.
void Shard::State::WorkOnPairs() {
  const std::span<const std::uint32_t> pairs = horizon.pairs();
  round.assign(pairs.begin(), pairs.end());
  for (const std::uint32_t index : round) {
    horizon.Reevaluate(index, now_ns(), &events);
    HandleEvents(TickCause());
    planner.Maintain(index, now_ns(), TickCause());
    ClaimPair(horizon.pair(index));
    horizon.DropIfIdle(index);
  }
}

void Shard::State::SortByName(std::vector<Slot>* slots) const {
  std::sort(slots->begin(), slots->end(),
            [this](Slot one, Slot other) { return vehicles.id(one) < vehicles.id(other); });
}

// Bit i: phase i.  By the time, not by counting ticks, so that a vehicle's turn does not
// depend on its region's history.
std::uint32_t Shard::State::TakeDuePhases() {
  const std::int64_t until = std::max<std::int64_t>(now_ns(), 0) / kPhaseNs + 1;
  std::uint32_t due = 0;
  for (std::int64_t step = std::max(phases_until, until - kPhases); step < until; ++step) {
    due |= 1u << (step % kPhases);
  }
  phases_until = until;
  return due;
}

void Shard::State::LookAround() {
  const std::uint32_t due = TakeDuePhases();
  if (due == 0) return;
  std::vector<Slot> expired;
  std::vector<Slot> silent;
  const std::span<const std::uint8_t> phases = vehicles.phases();
  for (Slot slot = 0; slot < phases.size(); ++slot) {
    if (phases[slot] >= kPhases || (due >> phases[slot] & 1u) == 0) continue;
    if (now_ns() - vehicles.profile(slot).last_fix_log_ns > config.vehicle_ttl.count()) {
      expired.push_back(slot);
      continue;
    }
    if (!IsPresent(slot)) continue;
    const VehicleState& state = vehicles.state(slot);
    if (now_ns() - state.track_start_ns() < kTrackFreshNs) continue;
    if (now_ns() - state.sample_time_ns > config.heatmap.forgotten_after.count()) continue;
    silent.push_back(slot);
  }
  SortByName(&expired);
  for (const Slot slot : expired) Expire(slot);
  SortByName(&silent);
  for (const Slot slot : silent) {
    heatmap.BeforeChange(slot);
    horizon.Place(slot, now_ns());
    KeepGhostsAlive(slot);
  }
  for (const Slot slot : silent) {
    horizon.Scan(slot, now_ns(), &events);
    HandleEvents(TickCause());
  }
}

void Shard::State::OnTick() {
  WorkOnPairs();
  LookAround();
  SweepGhosts();
}

void Shard::State::Expire(Slot slot) {
  horizon.Remove(slot, &events);
  HandleEvents(TickCause());
  CloseOldBoot(slot, 0);
  heatmap.BeforeChange(slot);
  vehicles.Remove(slot);
  ++counters.vehicles_expired;
}

void Shard::State::CloseOldBoot(Slot slot, std::uint64_t boot_id) {
  for (const Outbox::Entry* entry : outbox.OpenOf(vehicles.profile(slot))) {
    if (entry->boot_id == boot_id) continue;
    const wire::CommandStatus status(ToNumber(entry->id), entry->sequence, entry->epoch, 0, 0,
                                     ToNumber(region), wire::CommandOutcome::Unknown,
                                     wire::RejectReason::None);
    Settle(slot, entry->boot_id, status);
  }
}

void Shard::State::OnSession(const log::Session& record) {
  const std::optional<VehicleId> name = LookupName(record.vehicle());
  const Slot slot = name ? vehicles.Find(*name) : kNoSlot;
  if (slot == kNoSlot) return;  // Nothing is known of it, so nothing is open.
  VehicleProfile& profile = vehicles.profile(slot);
  profile.connected = record.connected();
  if (!record.connected()) return;
  CloseOldBoot(slot, record.boot_id());
  for (const Outbox::Entry* entry : outbox.OpenOf(profile)) {
    const auto& command = *flatbuffers::GetRoot<wire::Command>(entry->wire_command.data());
    const CommandMode mode = ModeOf(settings, slot, command.kind(), EpisodeId{command.episode_id()});
    if (mode != CommandMode::Send) {
      CountWithheld(mode);
      continue;
    }
    outputs->commands.push_back({vehicles.id(slot), entry->wire_command});
    ++counters.commands_reemitted;
  }
}

void Shard::State::OnReport(const log::CommandReport& record) {
  const std::optional<VehicleId> name = LookupName(record.vehicle());
  const Slot slot = name ? vehicles.Find(*name) : kNoSlot;
  const bool nameable = name && VehicleId::Parse(name->view()).ok() &&
                        name->view().size() == record.vehicle()->size();
  for (const wire::CommandStatus* status : *record.statuses()) {
    if (status->outcome() == wire::CommandOutcome::None ||
        status->outcome() > wire::CommandOutcome::MAX) {
      ++counters.records_refused;
    } else if (slot == kNoSlot) {
      // No fix of it yet.  The gateway acknowledges the status all the same, so this
      // is the last chance to keep it.
      ++counters.closed_unmatched;
      if (nameable) {
        outputs->records.push_back(ClosedRecord(region, *name, record.boot_id(), *status, &audit));
      }
    } else {
      Settle(slot, record.boot_id(), *status);
    }
  }
}

void Shard::State::Settle(Slot slot, std::uint64_t boot_id, const wire::CommandStatus& status) {
  VehicleProfile& profile = vehicles.profile(slot);
  switch (outbox.Close(status, boot_id, slot, &profile)) {
    case Outbox::Closing::kAgain: ++counters.closed_again; return;
    case Outbox::Closing::kTwice: ++counters.closed_twice; return;
    case Outbox::Closing::kUnmatched: ++counters.closed_unmatched; break;
    case Outbox::Closing::kClosed: CountClosed(status.outcome()); break;
  }
  outputs->records.push_back(ClosedRecord(region, vehicles.id(slot), boot_id, status, &audit));
}

void Shard::State::CountClosed(wire::CommandOutcome outcome) {
  switch (outcome) {
    case wire::CommandOutcome::Applied: ++counters.closed_applied; break;
    case wire::CommandOutcome::Superseded: ++counters.closed_superseded; break;
    case wire::CommandOutcome::Expired: ++counters.closed_expired; break;
    case wire::CommandOutcome::Rejected: ++counters.closed_rejected; break;
    case wire::CommandOutcome::Unknown: ++counters.closed_unknown; break;
    case wire::CommandOutcome::None: break;
  }
}

void Shard::State::OnOwnership(const log::Ownership& record, Offset offset) {
  const Epoch claimed{record.epoch() != 0 ? record.epoch() : static_cast<std::uint64_t>(offset)};
  if (owned && claimed <= epoch) {
    ++counters.ownerships_ignored;
    return;
  }
  owned = true;
  epoch = claimed;
  std::vector<Slot> commanded;
  for (Slot slot = 0; slot < vehicles.slots(); ++slot) {
    if (vehicles.alive(slot) && vehicles.profile(slot).outbox_size > 0) commanded.push_back(slot);
  }
  SortByName(&commanded);
  for (const Slot slot : commanded) Reissue(slot);
}

// Vehicles refuse what a former epoch says, so every open command goes out under the
// present one: with its id, sequence and expiry, by which the inbox knows it again.  One
// whose lease is over is not issued again, only sent: for its status.
void Shard::State::Reissue(Slot slot) {
  const VehicleState& state = vehicles.state(slot);
  const std::uint64_t boot_now_ns =
      state.boot_time_ns + static_cast<std::uint64_t>(now_ns() - state.sample_time_ns);
  for (const Outbox::Entry* entry : outbox.OpenOf(vehicles.profile(slot))) {
    DecodedCommand command = DecodeCommand(*flatbuffers::GetRoot<wire::Command>(entry->wire_command.data()));
    command.fields.epoch = epoch;
    const bool live = entry->boot_id == state.boot_id && command.fields.expires_boot_time_ns > boot_now_ns;
    std::vector<std::byte> bytes = EncodeCommand(command.fields, command.request);
    const CommandMode mode = ModeOf(settings, slot, command.request.kind, command.request.episode);
    if (mode == CommandMode::Send) outputs->commands.push_back({vehicles.id(slot), bytes});
    if (mode != CommandMode::Send) {
      CountWithheld(mode);
      if (live) {
        outputs->records.push_back(
            WithheldRecord(vehicles.id(slot), command.fields, command.request, mode, settings, &audit));
      }
    } else if (live) {
      outputs->records.push_back(IssuedRecord(vehicles.id(slot), command.fields, command.request, &audit));
      ++counters.commands_reissued;
    } else {
      ++counters.commands_reemitted;
    }
    outbox.Restamp(entry->id, ToNumber(epoch), std::move(bytes));
  }
}

void Shard::State::OnCommandSettings(const log::CommandSettings& record) {
  Result<CommandSettings> told = UnpackCommandSettings(record);
  if (!told.ok()) {
    ++counters.records_refused;
    return;
  }
  if (told.value().version <= settings.version) return;
  const CommandSettings before = std::exchange(settings, std::move(told).value());
  outputs->records.push_back(SettingsTakenRecord(region, settings, now_ns(), &audit));
  DecideAnew(before);
}

// Who was told something in shadow was not: once commands are sent again, the next tick
// plans for such a pair as for one that nobody was told anything of.
void Shard::State::DecideAnew(const CommandSettings& before) {
  for (const std::uint32_t index : horizon.pairs()) {
    Pair& pair = horizon.pair(index);
    if (!pair.open || pair.foreign) continue;
    const auto mode_of = [&](const CommandSettings& by) {
      return ModeOf(by, pair.slots[0], wire::CommandKind::Avoidance, pair.episode);
    };
    if (mode_of(before) != CommandMode::Send && mode_of(settings) == CommandMode::Send) {
      pair.told = {};
      pair.asked_ns = 0;
    }
  }
}

CommandMode Shard::State::ModeOf(const CommandSettings& by, Slot target, wire::CommandKind kind) const {
  if (by.rules.empty()) return CommandMode::Send;
  return by.ModeOf(region, vehicles.id(target).view(), CellAt(vehicles.state(target).position), kind);
}

CommandMode Shard::State::ModeOf(const CommandSettings& by, Slot target, wire::CommandKind kind,
                                 EpisodeId episode) const {
  CommandMode mode = ModeOf(by, target, kind);
  if (by.rules.empty() || kind == wire::CommandKind::SpeedAdvice) return mode;
  for (const std::uint32_t index : horizon.pairs()) {
    const Pair& pair = horizon.pair(index);
    if (pair.episode != episode) continue;
    for (const Slot slot : pair.slots) mode = std::max(mode, ModeOf(by, slot, kind));
  }
  return mode;
}

bool Shard::State::Withholds(const Pair& pair) const {
  if (settings.rules.empty() || pair.foreign) return false;
  return std::any_of(pair.slots.begin(), pair.slots.end(), [this](Slot slot) {
    return ModeOf(settings, slot, wire::CommandKind::Avoidance) != CommandMode::Send;
  });
}

CommandMode Shard::State::ModeOf(const CommandRequest& request) const {
  return ModeOf(settings, request.target, request.kind, request.episode);
}

void Shard::State::CountWithheld(CommandMode mode) {
  ++(mode == CommandMode::Stop ? counters.commands_stopped : counters.commands_shadowed);
}

// The same for every request of what was asked: a repeated one finds the first one's.
void Shard::State::OnOperatorCommand(const log::OperatorCommand& record) {
  const Result<OperatorCommand> told = UnpackOperatorCommand(record);
  if (!told.ok()) {
    ++counters.records_refused;
    return;
  }
  const OperatorCommand& command = told.value();
  const auto refuse = [&](log::Refusal why) {
    ++counters.operator_refused;
    outputs->records.push_back(RefusedRecord(region, command, why, &audit));
  };
  if (outbox.Knows(command.Id())) return;
  if (now_ns() - command.asked_ns > OperatorCommand::kLateMax.count()) return refuse(log::Refusal::TooLate);
  const Slot slot = vehicles.Find(command.vehicle);
  if (slot == kNoSlot || vehicles.profile(slot).presence != Presence::kOwned) return refuse(log::Refusal::NotHere);
  CommandRequest request;
  request.target = slot;
  request.kind = command.kind;
  request.episode = command.Episode();
  request.profile = {command.speed_ceiling_cmps * 0.01, command.decel_cmps2 * 0.01};
  request.lease = command.lease;
  request.cell = CellAt(vehicles.state(slot).position);
  request.cause = TickCause();
  request.id = command.Id();
  request.issuer = command.by;
  request.reason = command.reason;
  if (Issue(request) == CommandId{}) return refuse(log::Refusal::OutboxFull);
  ++counters.operator_issued;
}

CommandId Shard::State::IdOf(const CommandRequest& request) const {
  if (request.id != CommandId{}) return request.id;
  std::uint64_t id = MixHash(request.cause.vehicle.Hash(), request.cause.boot_id);
  id = MixHash(id, request.cause.sequence);
  id = MixHash(id, vehicles.id(request.target).Hash());
  id = MixHash(id, static_cast<std::uint64_t>(request.kind));
  id = MixHash(id, ToNumber(request.episode));
  id = MixHash(id, ToNumber(request.supersedes));
  // A tick names no sample, so its time does: it is in the record, the same for every
  // owner and replay.  The epoch must not be in an id: a new owner's command is the
  // former one's.
  if (request.cause.vehicle.empty()) {
    id = MixHash(id, static_cast<std::uint64_t>(request.cause.log_time_ns));
  }
  return CommandId{id == 0 ? 1 : id};
}

CommandId Shard::State::Issue(const CommandRequest& request) {
  VehicleProfile& profile = vehicles.profile(request.target);
  const VehicleState& state = vehicles.state(request.target);
  const CommandId id = IdOf(request);
  TellObserver(request, id);
  if (!outbox.HasRoom(profile, id)) {
    ++counters.commands_withheld;
    return CommandId{};
  }
  CommandFields fields;
  fields.id = id;
  fields.region = region;
  fields.epoch = epoch;
  // The log's time in microseconds where that is more: so sequences grow from owner to
  // owner, from region visit to region visit and after a state was lost, and the inbox
  // can compare them across epochs.
  profile.command_sequence = std::max(profile.command_sequence + 1,
                                      static_cast<std::uint64_t>(std::max<std::int64_t>(now_ns() / 1000, 0)));
  fields.sequence = profile.command_sequence;
  fields.boot_id = state.boot_id;
  // The vehicle's own clock, counted from the last fix read.
  const std::int64_t since_fix_ns = now_ns() - state.sample_time_ns;
  fields.expires_boot_time_ns =
      state.boot_time_ns + static_cast<std::uint64_t>(since_fix_ns + request.lease.count());
  if (const CommandMode mode = ModeOf(request); mode != CommandMode::Send) {
    outputs->records.push_back(
        WithheldRecord(vehicles.id(request.target), fields, request, mode, settings, &audit));
    CountWithheld(mode);
    return fields.id;
  }
  Outbox::Entry entry;
  entry.id = fields.id;
  entry.boot_id = fields.boot_id;
  entry.sequence = fields.sequence;
  entry.epoch = ToNumber(epoch);
  entry.slot = request.target;
  entry.wire_command = EncodeCommand(fields, request);
  outputs->commands.push_back({vehicles.id(request.target), entry.wire_command});
  outputs->records.push_back(IssuedRecord(vehicles.id(request.target), fields, request, &audit));
  outbox.Add(std::move(entry), &profile);
  switch (request.kind) {
    case wire::CommandKind::SpeedAdvice: ++counters.speed_advice_issued; break;
    case wire::CommandKind::Avoidance: ++counters.avoidance_issued; break;
    case wire::CommandKind::Release: ++counters.releases_issued; break;
    case wire::CommandKind::None: break;
  }
  return fields.id;
}

void Shard::State::TellObserver(const CommandRequest& request, CommandId id) const {
  if (observer == nullptr) return;
  const Pair* of = nullptr;
  for (const std::uint32_t index : horizon.pairs()) {
    if (horizon.pair(index).open && horizon.pair(index).episode == request.episode) of = &horizon.pair(index);
  }
  observer->OnIssued(vehicles, request, id, of, now_ns());
}

void Shard::State::WriteWindow() {
  ++counters.windows;
  counters.cells_max = std::max<std::uint64_t>(counters.cells_max, heatmap.cells_with_vehicles());
  counters.congested_max = std::max<std::uint64_t>(counters.congested_max, heatmap.congested());
  bool full = false;
  const std::vector<HeatmapCell> cells = heatmap.TakeChanged(&full);
  if (cells.empty() && !full) return;
  outputs->records.push_back(WindowRecord(region, heatmap.window_end_ns(), full, cells));
}

Shard::Shard(const ShardConfig& config, RegionId region, FrameOrigin origin)
    : state_(std::make_unique<State>(config, region, origin)) {
  STARLING_CHECK(config.Validate().ok());
}
Shard::~Shard() = default;

void Shard::Apply(const LogRecord& record, ShardOutputs* outputs) {
  State& state = *state_;
  state.outputs = outputs;
  ++state.counters.records;
  state.now = std::max(state.now, record.time);
  while (state.heatmap.Advance(state.now)) state.WriteWindow();

  const auto* bytes = reinterpret_cast<const std::uint8_t*>(record.value.data());
  flatbuffers::Verifier verifier(bytes, record.value.size(), kVerifyDepthMax, kVerifyTablesMax);
  if (record.value.empty() || !log::VerifyTelemetryBuffer(verifier)) {
    ++state.counters.records_refused;
    return;
  }
  const log::Telemetry* telemetry = log::GetTelemetry(bytes);
  if (telemetry->region() != ToNumber(state.region)) {
    ++state.counters.records_refused;
    return;
  }
  switch (telemetry->body_type()) {
    case log::TelemetryBody::Fix: state.OnFix(*telemetry->body_as_Fix()); break;
    case log::TelemetryBody::Tick: state.OnTick(); break;
    case log::TelemetryBody::Ownership: state.OnOwnership(*telemetry->body_as_Ownership(), record.offset); break;
    case log::TelemetryBody::Session: state.OnSession(*telemetry->body_as_Session()); break;
    case log::TelemetryBody::CommandReport: state.OnReport(*telemetry->body_as_CommandReport()); break;
    case log::TelemetryBody::RegionMapChanged:
      state.OnRegionMapChanged(*telemetry->body_as_RegionMapChanged());
      break;
    case log::TelemetryBody::CommandSettings:
      state.OnCommandSettings(*telemetry->body_as_CommandSettings());
      break;
    case log::TelemetryBody::OperatorCommand:
      state.OnOperatorCommand(*telemetry->body_as_OperatorCommand());
      break;
    case log::TelemetryBody::PairNews: state.OnPairNews(*telemetry->body_as_PairNews()); break;
    case log::TelemetryBody::VehicleNews: state.OnVehicleNews(*telemetry->body_as_VehicleNews()); break;
    default: ++state.counters.records_refused; break;
  }
  state.counters.outbox_open = state.outbox.open();
  state.counters.pairs_tested = state.horizon.pairs_tested();
  state.counters.pairs_refined = state.horizon.pairs_refined();
  state.counters.pairs_refused = state.horizon.pairs_refused();
  state.counters.cells_refused = state.grid.refused() + state.heatmap.cells_refused();
}

void Shard::Observe(DecisionObserver* observer) {
  state_->observer = observer;
  state_->horizon.SetObserver(observer);
  state_->planner.SetObserver(observer);
}

RegionId Shard::region() const { return state_->region; }
Epoch Shard::epoch() const { return state_->epoch; }
CloudTime Shard::time() const { return state_->now; }
const RegionMap& Shard::region_map() const { return state_->map; }
const ShardCounters& Shard::counters() const { return state_->counters; }
std::size_t Shard::vehicles() const { return state_->vehicles.size(); }
std::vector<HeatmapCell> Shard::Heatmap() const { return state_->heatmap.Cells(); }

std::vector<OpenConflict> Shard::Conflicts() const {
  std::vector<OpenConflict> open;
  for (const std::uint32_t index : state_->horizon.pairs()) {
    const Pair& pair = state_->horizon.pair(index);
    if (!pair.open || pair.foreign) continue;
    open.push_back({pair.episode, state_->vehicles.id(pair.slots[0]),
                    state_->vehicles.id(pair.slots[1]), pair.latest.point,
                    pair.latest.ttc_s, pair.latest.drac_mps2, pair.latest.probability});
  }
  return open;
}

std::optional<VehicleView> Shard::Find(const VehicleId& vehicle, CloudTime at) const {
  const Slot slot = state_->vehicles.Find(vehicle);
  if (slot == kNoSlot || !state_->IsPresent(slot)) return std::nullopt;
  const std::int64_t age_ns = ToNs(at) - state_->vehicles.state(slot).sample_time_ns;
  return VehicleView{vehicle, state_->vehicles.PoseAt(slot, at), ToSeconds(nanoseconds(age_ns))};
}

bool Shard::Owns(const VehicleId& vehicle) const {
  const Slot slot = state_->vehicles.Find(vehicle);
  return slot != kNoSlot && state_->vehicles.profile(slot).presence == Presence::kOwned;
}

std::vector<VehicleView> Shard::List(std::size_t first, std::size_t count, CloudTime at) const {
  std::vector<VehicleView> views;
  std::size_t seen = 0;
  for (Slot slot = 0; slot < state_->vehicles.slots() && views.size() < count; ++slot) {
    if (!state_->vehicles.alive(slot)) continue;
    if (state_->vehicles.profile(slot).presence != Presence::kOwned || seen++ < first) continue;
    views.push_back(*Find(state_->vehicles.id(slot), at));
  }
  return views;
}

}  // namespace starling::cloud
