// Shard::Save: the entries of docs/formats/state.md.
#include <algorithm>
#include <numeric>

#include "cloud/shard/shard_records.h"
#include "cloud/regions/region_map_record.h"
#include "cloud/shard/shard_state.h"
#include "cloud/shard/state_entries.h"
#include "cloud/shard/state_format.h"
#include "cloud/shard/state_reader.h"
#include "schemas/log/vehicle_state_generated.h"

namespace starling::cloud {
namespace {

using Builder = flatbuffers::FlatBufferBuilder;

log::StateFix FixOf(const VehicleState& state) {
  return log::StateFix(state.position.x, state.position.y, state.heading_rad, state.curvature_per_m,
                       state.sample_time_ns, state.boot_time_ns, state.boot_id, state.sequence,
                       state.speed_cmps, state.accel_cmps2, state.length_cm, state.width_cm,
                       state.accuracy_dm, state.track_steps);
}

log::StateEncounter EncounterOf(const Encounter& met) {
  return log::StateEncounter(met.contact_s, met.ttc_s, met.drac_mps2, met.required_mps2, met.pet_s,
                             met.first_exit_s, met.probability, met.point.x, met.point.y,
                             static_cast<std::uint8_t>(met.type), met.b_yields, met.tie, met.overlapping);
}

log::StateInstruction InstructionOf(const Instruction& told) {
  return log::StateInstruction(ToNumber(told.command), told.issued_ns, told.expires_ns,
                               told.profile.ceiling_mps, told.profile.decel_mps2);
}

void BuildVehicle(const VehicleTable& vehicles, const Outbox& outbox, const cloud::Heatmap& heatmap,
                  const CellGrid& grid, Slot slot, Builder* builder) {
  const VehicleState& state = vehicles.state(slot);
  const VehicleProfile& profile = vehicles.profile(slot);
  flatbuffers::Offset<flatbuffers::Vector<const wire::Arc*>> path;
  if (state.path_size > 0) {
    std::array<wire::Arc, PlannedPath::kArcsMax> arcs;
    for (std::size_t i = 0; i < state.path_size; ++i) {
      arcs[i] = wire::Arc(state.path[i].length_cm, state.path[i].curvature_e5);
    }
    path = builder->CreateVectorOfStructs(arcs.data(), state.path_size);
  }
  std::vector<flatbuffers::Offset<wire::Command>> commands;
  for (const Outbox::Entry* entry : outbox.OpenOf(profile)) {
    const DecodedCommand command =
        DecodeCommand(*flatbuffers::GetRoot<wire::Command>(entry->wire_command.data()));
    commands.push_back(BuildCommand(builder, command.fields, command.request));
  }
  flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<wire::Command>>> open;
  if (!commands.empty()) open = builder->CreateVector(commands);
  flatbuffers::Offset<flatbuffers::Vector<std::uint64_t>> advised;
  if (profile.advised != decltype(profile.advised){} || profile.advice_next != 0) {
    advised = builder->CreateVector(profile.advised.data(), profile.advised.size());
  }
  const std::vector<std::uint16_t> missing = grid.LeftOut(slot, vehicles.rect(slot));
  flatbuffers::Offset<flatbuffers::Vector<std::uint16_t>> left_out;
  if (!missing.empty()) left_out = builder->CreateVector(missing);
  const log::StateFix fix = FixOf(state);
  builder->Finish(log::CreateVehicleEntry(*builder, &fix, path, profile.connected, profile.last_fix_log_ns,
                                          profile.command_sequence, open, advised, profile.advice_next,
                                          slot, heatmap.counted(slot), left_out,
                                          static_cast<std::uint8_t>(profile.presence), profile.owner_region));
}

void BuildCell(const cloud::Heatmap& heatmap, CellSlot place, Builder* builder) {
  const auto& cell = heatmap.cells()[place];
  const log::StateCell stored(cell.speed_sum, cell.age_sum, cell.confidence_sum, cell.evaluated_ns,
                              cell.congestion_episode, cell.count, cell.vehicles, cell.mean_speed,
                              cell.mean_age, cell.confidence, cell.index, cell.free_speed,
                              cell.windows_towards_change, cell.written_vehicles, cell.written_speed_cmps,
                              cell.written_index);
  builder->Finish(log::CreateCellEntry(*builder, &stored, place));
}

}  // namespace

flatbuffers::Offset<log::VehicleEntry> PackVehicle(const VehicleState& state, const VehicleProfile& profile,
                                                   Builder* builder) {
  flatbuffers::Offset<flatbuffers::Vector<const wire::Arc*>> path;
  if (state.path_size > 0) {
    std::array<wire::Arc, PlannedPath::kArcsMax> arcs;
    for (std::size_t i = 0; i < state.path_size; ++i) {
      arcs[i] = wire::Arc(state.path[i].length_cm, state.path[i].curvature_e5);
    }
    path = builder->CreateVectorOfStructs(arcs.data(), state.path_size);
  }
  const auto advised = builder->CreateVector(profile.advised.data(), profile.advised.size());
  const log::StateFix fix = FixOf(state);
  return log::CreateVehicleEntry(*builder, &fix, path, profile.connected, profile.last_fix_log_ns, 0, 0, advised,
                                 profile.advice_next);
}

flatbuffers::Offset<log::PairEntry> PackPair(const Pair& pair, Builder* builder) {
  const log::StateEncounter latest = EncounterOf(pair.latest);
  const log::StateInstruction told_a = InstructionOf(pair.told[0]);
  const log::StateInstruction told_b = InstructionOf(pair.told[1]);
  const auto kept = [](const Instruction& told, const log::StateInstruction* stored) {
    return told.command == CommandId{} ? nullptr : stored;
  };
  return log::CreatePairEntry(*builder, &latest, kept(pair.told[0], &told_a), kept(pair.told[1], &told_b),
                              ToNumber(pair.episode), pair.evaluated_ns, pair.hit_ns, pair.written_ns,
                              pair.latest_at_ns, pair.hits, static_cast<std::uint8_t>(pair.yields), pair.open,
                              pair.meets, pair.both_brake, pair.reversed, pair.planned, pair.foreign,
                              ToNumber(pair.home), pair.claimed_ns, pair.presumed, pair.handovers,
                              pair.asked_ns);
}

void Shard::Save(const StateVisitor& visit) const {
  const State& state = *state_;
  Builder builder(512);
  std::vector<std::byte> key;
  // Kinds, and entries of a kind, in the order of their keys.
  const auto put = [&] {
    visit(key, std::as_bytes(std::span(builder.GetBufferPointer(), builder.GetSize())));
    builder.Clear();
    key.clear();
  };

  const auto& cells = state.heatmap.cells();
  std::vector<CellSlot> places(cells.size());
  std::iota(places.begin(), places.end(), 0u);
  std::sort(places.begin(), places.end(),
            [&](CellSlot one, CellSlot other) { return cells[one].at < cells[other].at; });
  for (const CellSlot place : places) {
    WriteCellKey(cells[place].at, &key);
    BuildCell(state.heatmap, place, &builder);
    put();
  }

  const std::deque<Outbox::Closed>& closed = state.outbox.closed();
  const std::uint64_t closed_before = state.outbox.closed_before();
  std::vector<std::uint64_t> ids;
  std::vector<std::uint32_t> marks;
  for (std::size_t i = 0; i < closed.size(); ++i) {
    ids.push_back(ToNumber(closed[i].id));
    marks.push_back(closed[i].mark);
    const std::uint64_t next = closed_before + i + 1;
    if (next % kClosedPerEntry != 0 && i + 1 != closed.size()) continue;
    WriteClosedKey((next - 1) / kClosedPerEntry, &key);
    const auto closed_ids = builder.CreateVector(ids);
    builder.Finish(log::CreateClosedEntry(builder, closed_ids, builder.CreateVector(marks)));
    put();
    ids.clear();
    marks.clear();
  }

  for (const std::uint32_t index : state.horizon.pairs()) {
    const Pair& pair = state.horizon.pair(index);
    WritePairKey(state.vehicles.id(pair.slots[0]), state.vehicles.id(pair.slots[1]), &key);
    builder.Finish(PackPair(pair, &builder));
    put();
  }

  std::vector<std::uint64_t> counters;
  for (const auto counter : kCounters) counters.push_back(state.counters.*counter);
  const cloud::Heatmap::Progress progress = state.heatmap.progress();
  const auto counted = builder.CreateVector(counters);
  const auto head = state.audit.head();
  flatbuffers::Offset<flatbuffers::Vector<std::uint8_t>> audit_head;
  if (!head.empty()) {
    audit_head = builder.CreateVector(reinterpret_cast<const std::uint8_t*>(head.data()), head.size());
  }
  flatbuffers::Offset<log::RegionMapChanged> region_map;
  flatbuffers::Offset<flatbuffers::Vector<const log::HeardEpisode*>> heard;
  if (!state.map.single() || state.map.version() != 0) region_map = PackRegionMap(state.map, &builder);
  if (!state.heard.empty()) {
    std::vector<log::HeardEpisode> episodes;
    for (const HeardEpisode& each : state.heard) episodes.emplace_back(ToNumber(each.episode), each.handovers);
    heard = builder.CreateVectorOfStructs(episodes);
  }
  flatbuffers::Offset<log::CommandSettings> settings;
  if (state.settings.version != 0) settings = PackCommandSettings(state.settings, &builder);
  WriteKey(EntryKind::kShard, &key);
  builder.Finish(log::CreateShardEntry(
      builder, kStateFormat, ToNumber(state.region), state.now_ns(), ToNumber(state.epoch), state.owned,
      state.phases_until, counted, state.vehicles.slots(), closed_before,
      static_cast<std::uint32_t>(closed.size()), progress.next_end_ns, progress.evaluating_end_ns,
      progress.complete_end_ns, progress.cursor, progress.until, progress.reuse_cursor,
      progress.cells_refused, state.grid.refused(), state.audit.index(), audit_head,
      region_map, heard, settings));
  put();

  std::vector<Slot> slots;
  for (Slot slot = 0; slot < state.vehicles.slots(); ++slot) {
    if (state.vehicles.alive(slot)) slots.push_back(slot);
  }
  state.SortByName(&slots);
  for (const Slot slot : slots) {
    WriteVehicleKey(state.vehicles.id(slot), &key);
    BuildVehicle(state.vehicles, state.outbox, state.heatmap, state.grid, slot, &builder);
    put();
  }
}

}  // namespace starling::cloud
