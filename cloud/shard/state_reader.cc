#include "cloud/shard/state_reader.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <utility>

#include "cloud/regions/region_map_record.h"
#include "cloud/shard/state_entries.h"
#include "cloud/shard/state_format.h"
#include "schemas/log/vehicle_state_generated.h"

namespace starling::cloud {
namespace {

constexpr flatbuffers::uoffset_t kVerifyDepthMax = 8;
constexpr flatbuffers::uoffset_t kVerifyTablesMax = 1'100;  // ShardConfig's most open commands, and more

// Bounds that nothing goes past that a shard writes; within them no sum overflows and
// no number loses its meaning.
constexpr std::int64_t kTimeMaxNs = std::int64_t{1} << 61;
constexpr std::int64_t kSumMax = std::int64_t{1} << 60;
constexpr std::uint32_t kCountMax = 1u << 24;
constexpr double kPlaceMaxM = 5e7;       // The earth's circumference and a bit.
constexpr double kNumberMax = 1e12;
constexpr float kSpeedMaxMps = 600;      // That a cell's mean may have.

bool IsTime(std::int64_t ns) { return ns >= 0 && ns <= kTimeMaxNs; }
bool Within(double value, double low, double high) { return value >= low && value <= high; }  // NaN: false
bool IsNumber(double value) { return Within(value, -kNumberMax, kNumberMax); }
bool IsSum(std::int64_t value) { return value >= 0 && value <= kSumMax; }

template <typename T>
const T* Verified(const std::uint8_t* bytes, std::size_t size) {
  flatbuffers::Verifier verifier(bytes, size, kVerifyDepthMax, kVerifyTablesMax);
  return verifier.VerifyBuffer<T>(nullptr) ? flatbuffers::GetRoot<T>(bytes) : nullptr;
}

bool ReadFix(const log::StateFix& fix, VehicleState* state) {
  if (!Within(fix.x_m(), -kPlaceMaxM, kPlaceMaxM) || !Within(fix.y_m(), -kPlaceMaxM, kPlaceMaxM)) return false;
  if (!Within(fix.heading_rad(), -100, 100) || !Within(fix.curvature_per_m(), -10, 10)) return false;
  if (!IsTime(fix.sample_time_ns()) || fix.sequence() == 0) return false;
  state->position = {fix.x_m(), fix.y_m()};
  state->heading_rad = fix.heading_rad();
  state->curvature_per_m = fix.curvature_per_m();
  state->sample_time_ns = fix.sample_time_ns();
  state->boot_time_ns = fix.boot_time_ns();
  state->boot_id = fix.boot_id();
  state->sequence = fix.sequence();
  state->speed_cmps = fix.speed_cmps();
  state->accel_cmps2 = fix.accel_cmps2();
  state->length_cm = fix.length_cm();
  state->width_cm = fix.width_cm();
  state->accuracy_dm = fix.accuracy_dm();
  state->track_steps = fix.track_steps();
  return true;
}

bool ReadEncounter(const log::StateEncounter& stored, Encounter* met) {
  if (!IsNumber(stored.contact_s()) || !IsNumber(stored.ttc_s()) || !IsNumber(stored.drac_mps2()) ||
      !IsNumber(stored.required_mps2()) || !IsNumber(stored.pet_s()) || std::isnan(stored.first_exit_s()) ||
      !Within(stored.probability(), 0, 1) || !IsNumber(stored.x_m()) || !IsNumber(stored.y_m()) ||
      stored.encounter() > static_cast<std::uint8_t>(log::Encounter::MAX)) {
    return false;
  }
  met->type = static_cast<log::Encounter>(stored.encounter());
  met->contact_s = stored.contact_s();
  met->ttc_s = stored.ttc_s();
  met->drac_mps2 = stored.drac_mps2();
  met->required_mps2 = stored.required_mps2();
  met->pet_s = stored.pet_s();
  met->first_exit_s = stored.first_exit_s();
  met->probability = stored.probability();
  met->point = {stored.x_m(), stored.y_m()};
  met->b_yields = stored.b_yields();
  met->tie = stored.tie();
  met->overlapping = stored.overlapping();
  return true;
}

bool ReadInstruction(const log::StateInstruction* stored, Instruction* told) {
  if (stored == nullptr) return true;
  if (stored->command_id() == 0 || !IsTime(stored->issued_ns()) || !IsTime(stored->expires_ns()) ||
      !IsNumber(stored->ceiling_mps()) || !IsNumber(stored->decel_mps2())) {
    return false;
  }
  *told = {CommandId{stored->command_id()}, stored->issued_ns(), stored->expires_ns(),
           {stored->ceiling_mps(), stored->decel_mps2()}};
  return true;
}

bool ReadCommand(const wire::Command& stored, StateParts::Vehicle* vehicle) {
  if (stored.command_id() == 0 || stored.kind() == wire::CommandKind::None ||
      stored.kind() > wire::CommandKind::MAX) {
    return false;
  }
  const DecodedCommand command = DecodeCommand(stored);
  vehicle->open.push_back(command.fields);
  vehicle->wire_commands.push_back(EncodeCommand(command.fields, command.request));
  return true;
}

}  // namespace

bool UnpackVehicle(const log::VehicleEntry& entry, VehicleState* state, VehicleProfile* profile) {
  if (!ReadFix(*entry.fix(), state)) return false;
  if (entry.path() != nullptr) {
    if (entry.path()->size() > state->path.size()) return false;
    for (const wire::Arc* arc : *entry.path()) {
      state->path[state->path_size++] = {arc->length_cm(), arc->curvature_e5()};
    }
  }
  if (!IsTime(entry.last_fix_log_ns())) return false;
  profile->last_fix_log_ns = entry.last_fix_log_ns();
  profile->command_sequence = entry.command_sequence();
  profile->connected = entry.connected();
  if (entry.advised() != nullptr) {
    if (entry.advised()->size() != profile->advised.size()) return false;
    std::copy(entry.advised()->begin(), entry.advised()->end(), profile->advised.begin());
  }
  if (entry.advice_next() >= profile->advised.size()) return false;
  profile->advice_next = entry.advice_next();
  if (entry.presence() > static_cast<std::uint8_t>(Presence::kGone)) return false;
  profile->presence = static_cast<Presence>(entry.presence());
  profile->owner_region = entry.owner_region();
  return true;
}

bool StateParts::AddVehicle(const VehicleId& id, const std::uint8_t* bytes, std::size_t size) {
  const auto* entry = Verified<log::VehicleEntry>(bytes, size);
  if (entry == nullptr) return false;
  Vehicle vehicle;
  vehicle.id = id;
  if (!UnpackVehicle(*entry, &vehicle.state, &vehicle.profile)) return false;
  if (entry->open() != nullptr) {
    for (const wire::Command* command : *entry->open()) {
      if (!ReadCommand(*command, &vehicle)) return false;
    }
  }
  vehicle.slot = entry->slot();
  vehicle.counted = entry->counted();
  if (entry->left_out() != nullptr) {
    if (entry->left_out()->size() > kSweepCellsMax) return false;
    vehicle.left_out.assign(entry->left_out()->begin(), entry->left_out()->end());
  }
  vehicles.push_back(std::move(vehicle));
  return true;
}

bool StateParts::AddCell(CellIndex at, const std::uint8_t* bytes, std::size_t size) {
  const auto* entry = Verified<log::CellEntry>(bytes, size);
  if (entry == nullptr) return false;
  const log::StateCell& cell = *entry->cell();
  if (!IsSum(cell.speed_sum()) || !IsSum(cell.age_sum()) || !IsSum(cell.confidence_sum()) ||
      !IsTime(cell.evaluated_ns()) || cell.count() > kCountMax || cell.vehicles() > kCountMax ||
      !Within(cell.mean_speed(), 0, kSpeedMaxMps) || !Within(cell.mean_age(), 0, kNumberMax) ||
      !Within(cell.confidence(), 0, 1) || !Within(cell.index(), 0, 1) ||
      !Within(cell.free_speed(), 0, kSpeedMaxMps)) {
    return false;
  }
  Heatmap::CellState state;
  state.at = at;
  state.count = cell.count();
  state.speed_sum = cell.speed_sum();
  state.age_sum = cell.age_sum();
  state.confidence_sum = cell.confidence_sum();
  state.vehicles = cell.vehicles();
  state.mean_speed = cell.mean_speed();
  state.mean_age = cell.mean_age();
  state.confidence = cell.confidence();
  state.index = cell.index();
  state.evaluated_ns = cell.evaluated_ns();
  state.free_speed = cell.free_speed();
  state.congestion_episode = cell.congestion_episode();
  state.windows_towards_change = cell.windows_towards_change();
  state.written_vehicles = cell.written_vehicles();
  state.written_speed_cmps = cell.written_speed_cmps();
  state.written_index = cell.written_index();
  return cells.emplace(entry->place(), state).second;
}

bool UnpackPair(const log::PairEntry& entry, Pair* pair) {
  if (!ReadEncounter(*entry.latest(), &pair->latest) || !ReadInstruction(entry.told_a(), &pair->told[0]) ||
      !ReadInstruction(entry.told_b(), &pair->told[1])) {
    return false;
  }
  if (!IsTime(entry.evaluated_ns()) || !IsTime(entry.hit_ns()) || !IsTime(entry.written_ns()) ||
      !IsTime(entry.latest_at_ns()) || !IsTime(entry.claimed_ns()) || !IsTime(entry.asked_ns()) || entry.yields() > 1) {
    return false;
  }
  pair->episode = EpisodeId{entry.episode_id()};
  pair->evaluated_ns = entry.evaluated_ns();
  pair->hit_ns = entry.hit_ns();
  pair->written_ns = entry.written_ns();
  pair->latest_at_ns = entry.latest_at_ns();
  pair->hits = entry.hits();
  pair->yields = entry.yields();
  pair->open = entry.open();
  pair->meets = entry.meets();
  pair->both_brake = entry.both_brake();
  pair->reversed = entry.reversed();
  pair->planned = entry.planned();
  pair->foreign = entry.foreign();
  pair->home = RegionId{entry.home_region()};
  pair->claimed_ns = entry.claimed_ns();
  pair->presumed = entry.presumed();
  pair->handovers = entry.handovers();
  pair->asked_ns = entry.asked_ns();
  return true;
}

bool StateParts::AddPair(const VehicleId& a, const VehicleId& b, const std::uint8_t* bytes, std::size_t size) {
  const auto* entry = Verified<log::PairEntry>(bytes, size);
  PairOf of{a, b, {}};
  if (entry == nullptr || !UnpackPair(*entry, &of.pair)) return false;
  pairs.push_back(of);
  return true;
}

bool StateParts::AddClosed(std::uint64_t number, const std::uint8_t* bytes, std::size_t size) {
  const auto* entry = Verified<log::ClosedEntry>(bytes, size);
  if (entry == nullptr || entry->ids()->size() > kClosedPerEntry) return false;
  const auto* marks = entry->marks();
  if (marks != nullptr && marks->size() != entry->ids()->size()) return false;
  std::vector<Outbox::Closed> some(entry->ids()->size());
  for (flatbuffers::uoffset_t i = 0; i < some.size(); ++i) {
    some[i].id = CommandId{entry->ids()->Get(i)};
    if (marks != nullptr) some[i].mark = std::min(marks->Get(i), Outbox::Closed::kAnyMark);
  }
  return closed.emplace(number, std::move(some)).second;
}

Status StateParts::AddWhole(const std::uint8_t* bytes, std::size_t size) {
  const Status corrupt(ErrorCode::kCorruption, "the shard's entry of its state cannot be read");
  const auto* entry = Verified<log::ShardEntry>(bytes, size);
  if (entry == nullptr || whole) return corrupt;
  if (entry->format() != kStateFormat) {
    return Status(ErrorCode::kInvalidArgument, "the state has format " + std::to_string(entry->format()) +
                                                   "; this program reads " + std::to_string(kStateFormat));
  }
  Whole read;
  read.region = RegionId{entry->region()};
  read.time_ns = entry->time_ns();
  read.epoch = Epoch{entry->epoch()};
  read.owned = entry->owned();
  read.phases_until = entry->phases_until();
  if (entry->counters() != nullptr) {
    if (entry->counters()->size() > std::size(kCounters)) return corrupt;
    for (flatbuffers::uoffset_t i = 0; i < entry->counters()->size(); ++i) {
      read.counters.*kCounters[i] = entry->counters()->Get(i);
    }
  }
  read.slots = entry->slots();
  read.closed_before = entry->closed_before();
  read.closed_count = entry->closed_count();
  read.progress = {entry->next_end_ns(), entry->evaluating_end_ns(), entry->complete_end_ns(),
                   entry->cursor(),      entry->until(),             entry->reuse_cursor(),
                   entry->heatmap_refused()};
  read.grid_refused = entry->grid_refused();
  read.audit_index = entry->audit_index();
  const std::size_t head_size = entry->audit_head() == nullptr ? 0 : entry->audit_head()->size();
  if (head_size != (read.audit_index == 0 ? 0 : read.audit_head.size())) return corrupt;
  if (head_size > 0) std::memcpy(read.audit_head.data(), entry->audit_head()->data(), head_size);
  if (entry->region_map() != nullptr) {
    Result<RegionMap> map = UnpackRegionMap(*entry->region_map());
    if (!map.ok()) return corrupt;
    read.map = std::move(map).value();
  }
  if (entry->heard() != nullptr) {
    for (const log::HeardEpisode* heard : *entry->heard()) {
      read.heard.push_back({EpisodeId{heard->episode_id()}, heard->handovers()});
    }
  }
  if (entry->command_settings() != nullptr) {
    Result<CommandSettings> settings = UnpackCommandSettings(*entry->command_settings());
    if (!settings.ok()) return corrupt;
    read.settings = std::move(settings).value();
  }
  const Heatmap::Progress& progress = read.progress;
  if (!IsTime(read.time_ns) || !IsTime(read.phases_until) || !IsTime(progress.next_end_ns) ||
      !IsTime(progress.evaluating_end_ns) || !IsTime(progress.complete_end_ns) ||
      progress.cursor > progress.until || progress.until > read.slots) {
    return corrupt;
  }
  whole = read;
  return Status();
}

Status StateParts::Add(std::span<const std::byte> key, std::span<const std::byte> value) {
  if (key.empty()) return Status(ErrorCode::kCorruption, "an entry of the state has no key");
  const std::span<const std::byte> rest = key.subspan(1);
  std::vector<std::uint64_t> aligned((value.size() + 7) / 8 + 1);  // A store's bytes lie anywhere.
  std::copy(value.begin(), value.end(), std::as_writable_bytes(std::span(aligned)).begin());
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(aligned.data());
  VehicleId a;
  VehicleId b;
  CellIndex cell;
  std::uint64_t number = 0;
  bool read = false;
  switch (static_cast<EntryKind>(key[0])) {
    case EntryKind::kShard:
      if (rest.empty()) return AddWhole(bytes, value.size());
      break;
    case EntryKind::kVehicle: read = ReadVehicleKey(rest, &a) && AddVehicle(a, bytes, value.size()); break;
    case EntryKind::kCell: read = ReadCellKey(rest, &cell) && AddCell(cell, bytes, value.size()); break;
    case EntryKind::kPair: read = ReadPairKey(rest, &a, &b) && AddPair(a, b, bytes, value.size()); break;
    case EntryKind::kClosed: read = ReadClosedKey(rest, &number) && AddClosed(number, bytes, value.size()); break;
  }
  if (read) return Status();
  std::string name;
  for (const std::byte byte : key) {
    const char character = static_cast<char>(byte);
    name += character >= ' ' && character <= '~' ? character : '?';
  }
  return Status(ErrorCode::kCorruption, "entry \"" + name + "\" of the state cannot be read");
}

}  // namespace starling::cloud
