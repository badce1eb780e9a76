// Shard::RestoreEntry and FinishRestore: the parts put together.
#include <string>
#include <utility>

#include "cloud/shard/shard_state.h"
#include "cloud/shard/state_format.h"
#include "cloud/shard/state_reader.h"

namespace starling::cloud {
namespace {

Status Corrupt(const std::string& what) {
  return Status(ErrorCode::kCorruption, "the state does not fit together: " + what);
}
Status Larger(const char* limit) {
  return Status(ErrorCode::kInvalidArgument,
                std::string("the state was written under a larger limit than the present ") + limit);
}

}  // namespace

Status Shard::State::RestoreVehicles(StateParts* parts) {
  if (parts->whole->slots > config.vehicles_max) return Larger("vehicles_max");
  vehicles.Resize(parts->whole->slots);
  for (StateParts::Vehicle& vehicle : parts->vehicles) {
    if (!vehicles.InsertAt(vehicle.slot, vehicle.id)) return Corrupt("two vehicles have one place");
    vehicles.state(vehicle.slot) = vehicle.state;
    VehicleProfile& profile = vehicles.profile(vehicle.slot);
    profile = vehicle.profile;
    profile.alive = true;
    if (!horizon.RestorePlace(vehicle.slot, vehicle.left_out)) return Corrupt("a sweep has no end");
    if (profile.presence == Presence::kGone) horizon.Unplace(vehicle.slot);
    if (profile.presence != Presence::kOwned) has_ghosts = true;
    if (vehicle.open.size() > config.outbox_per_vehicle_max) return Larger("outbox_per_vehicle_max");
    for (std::size_t i = 0; i < vehicle.open.size(); ++i) {
      const CommandFields& fields = vehicle.open[i];
      if (!outbox.HasRoom(profile, fields.id)) return Corrupt("a command is open twice");
      Outbox::Entry entry;
      entry.id = fields.id;
      entry.boot_id = fields.boot_id;
      entry.sequence = fields.sequence;
      entry.epoch = ToNumber(fields.epoch);
      entry.slot = vehicle.slot;
      entry.wire_command = std::move(vehicle.wire_commands[i]);
      outbox.Add(std::move(entry), &profile);
    }
  }
  vehicles.FinishRestore();
  grid.set_refused(parts->whole->grid_refused);
  return Status();
}

Status Shard::State::RestorePairs(StateParts* parts) {
  if (parts->pairs.size() > config.horizon.pairs_max) return Larger("horizon.pairs_max");
  for (StateParts::PairOf& of : parts->pairs) {
    of.pair.slots = {vehicles.Find(of.a), vehicles.Find(of.b)};
    if (of.pair.slots[0] == kNoSlot || of.pair.slots[1] == kNoSlot) return Corrupt("a pair without its vehicles");
    if (!horizon.Restore(of.pair)) return Corrupt("a pair is there twice, or too many of one vehicle are");
  }
  horizon.RestoreCounters(counters.pairs_tested, counters.pairs_refined, counters.pairs_refused);
  return Status();
}

Status Shard::State::RestoreHeatmap(StateParts* parts) {
  if (parts->cells.size() > config.heatmap.cells_max) return Larger("heatmap.cells_max");
  const cloud::Heatmap::Progress& progress = parts->whole->progress;
  std::vector<cloud::Heatmap::CellState> cells;
  for (const auto& [place, cell] : parts->cells) {
    if (place != cells.size()) return Corrupt("a cell is missing");
    cells.push_back(cell);
  }
  if (progress.reuse_cursor != 0 && progress.reuse_cursor >= cells.size()) return Corrupt("no such cell");
  std::vector<Slot> counted;
  for (const StateParts::Vehicle& vehicle : parts->vehicles) {
    if (!vehicle.counted) continue;
    if (vehicle.slot >= progress.until) return Corrupt("a vehicle was counted that was not there");
    counted.push_back(vehicle.slot);
  }
  if (!heatmap.Restore(progress, std::move(cells), counted)) return Corrupt("a cell is there twice");
  return Status();
}

Status Shard::State::RestoreClosed(StateParts* parts) {
  const std::uint64_t before = parts->whole->closed_before;
  const std::uint64_t count = parts->whole->closed_count;
  if (count > config.closed_remembered) return Larger("closed_remembered");
  if (before > UINT64_MAX - count) return Corrupt("more commands than there are numbers");
  std::vector<Outbox::Closed> closed;
  for (const auto& [number, some] : parts->closed) {
    if (number != (before + closed.size()) / kClosedPerEntry) return Corrupt("closed commands are missing");
    closed.insert(closed.end(), some.begin(), some.end());
    const bool full = (before + closed.size()) % kClosedPerEntry == 0;
    if (some.empty() || (!full && closed.size() != count)) return Corrupt("closed commands are missing");
  }
  if (closed.size() != count) return Corrupt("closed commands are missing");
  for (const Outbox::Closed& each : closed) {
    if (outbox.IsOpen(each.id)) return Corrupt("a command is open and closed");
  }
  if (!outbox.RestoreClosed(before, closed)) return Corrupt("a command was closed twice");
  return Status();
}

Status Shard::RestoreEntry(std::span<const std::byte> key, std::span<const std::byte> value) {
  STARLING_CHECK(state_->counters.records == 0);
  if (state_->restoring == nullptr) state_->restoring = std::make_unique<StateParts>();
  if (Status status = state_->restoring->Add(key, value); !status.ok()) return status;
  const auto& whole = state_->restoring->whole;
  if (whole && whole->region != state_->region) {
    return Status(ErrorCode::kInvalidArgument, "the state is of region " + std::to_string(ToNumber(whole->region)) +
                                                   ", not of " + std::to_string(ToNumber(state_->region)));
  }
  return Status();
}

Status Shard::FinishRestore() {
  State& state = *state_;
  if (state.restoring == nullptr || !state.restoring->whole) return Corrupt("the shard's own entry is missing");
  StateParts& parts = *state.restoring;
  const StateParts::Whole& whole = *parts.whole;
  state.counters = whole.counters;
  if (Status status = state.RestoreVehicles(&parts); !status.ok()) return status;
  if (Status status = state.RestorePairs(&parts); !status.ok()) return status;
  if (Status status = state.RestoreHeatmap(&parts); !status.ok()) return status;
  if (Status status = state.RestoreClosed(&parts); !status.ok()) return status;
  state.now = CloudTimeFromNs(whole.time_ns);
  state.epoch = whole.epoch;
  state.owned = whole.owned;
  state.phases_until = whole.phases_until;
  if (whole.map && whole.map->version() >= state.map.version()) state.map = *whole.map;
  state.UseMap();
  state.heard.assign(whole.heard.begin(), whole.heard.end());
  state.settings = whole.settings;
  state.audit.Restore(whole.audit_index, whole.audit_head);
  state.restoring.reset();
  return Status();
}

}  // namespace starling::cloud
