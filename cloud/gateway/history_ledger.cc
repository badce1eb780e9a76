#include "cloud/gateway/history_ledger.h"

#include <flatbuffers/flatbuffers.h>

#include <algorithm>

#include "cloud/store/state_store.h"
#include "schemas/log/history_generated.h"

namespace starling::cloud {
namespace {

// Vehicles that are copied under one hold of the lock.
constexpr std::size_t kSlice = 256;

std::string_view ToView(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

Status HistoryLedger::Load(const StateStore& store, Partition home) {
  MutexLock lock(mutex_);
  std::optional<HistoryOffsets> offsets;
  const auto next = store.Load(Topic::kHistory, home, [&](auto key, auto value) STARLING_REQUIRES(mutex_) {
    if (key.empty()) {
      const Result<HistoryOffsets> decoded = DecodeHistoryOffsets(value);
      if (!decoded.ok()) return decoded.status();
      offsets = decoded.value();
      return Status();
    }
    const Result<VehicleId> vehicle = VehicleId::Parse(ToView(key));
    if (!vehicle.ok()) return Status(ErrorCode::kCorruption, "the history ledger has an entry of no vehicle");
    Result<VehicleHistory> history = DecodeVehicleHistory(value);
    if (!history.ok()) return history.status();
    totals_.samples += history.value().samples();
    totals_.batches += history.value().batches;
    totals_.gaps += history.value().gaps;
    totals_.gaps_forgotten += history.value().gaps_forgotten;
    totals_.samples_missing += history.value().missing();
    vehicles_[vehicle.value()].history = std::move(history).value();
    return Status();
  });
  Status status = next.ok() ? Status() : next.status();
  if (status.ok() && next.value() && !offsets) {
    status = {ErrorCode::kCorruption, "the history ledger has no offsets"};
  }
  if (!status.ok()) {
    Clear();
  } else if (offsets) {
    next_ = *offsets;
  }
  return status;
}

Status HistoryLedger::Rebuild(const Log& log, Partition partition) {
  const Result<Log::Range> range = log.QueryRange(Topic::kHistory, partition);
  if (!range.ok()) return range.status();
  if (Next(partition) > range.value().end) {
    MutexLock lock(mutex_);
    Clear();
  }
  RebuildDamage damage;
  const Status status = Read(log, partition, range.value().end, &damage);
  MutexLock lock(mutex_);
  if (rebuild_damage_.places == 0) rebuild_damage_.first = damage.first;
  rebuild_damage_.places += damage.places;
  rebuild_damage_.records += damage.records;
  return status;
}

Status HistoryLedger::ReadUpTo(const Log& log, Partition partition, Offset end) {
  RebuildDamage damage;  // Was reported when the log was opened, or stops the log.
  return Read(log, partition, end, &damage);
}

// The log says where a damaged record is, not where the next whole one begins, so
// this looks for it in steps that double: few reads, whatever the damage.
Status HistoryLedger::Read(const Log& log, Partition partition, Offset end_offset, RebuildDamage* damage) {
  const Result<Log::Range> answer = log.QueryRange(Topic::kHistory, partition);
  if (!answer.ok()) return answer.status();
  const Log::Range range = answer.value();
  const auto end = static_cast<std::uint64_t>(end_offset);
  // An empty range may be one whose first record is damaged.
  auto next = range.first < range.end ? static_cast<std::uint64_t>(range.first) : 0;
  next = std::max(next, static_cast<std::uint64_t>(Next(partition)));
  std::uint64_t step = 0;  // 0: not in damage
  while (next < end) {
    bool read = false;
    const Status status = log.Read(Topic::kHistory, partition, Offset{next}, [&](const LogRecord& record) {
      const auto offset = static_cast<std::uint64_t>(record.offset);
      if (step != 0) damage->records += std::min(offset, end) - next;
      step = 0;
      next = offset + 1;
      read = true;
      if (offset < end) RecordStored(record);
      return next < end;
    });
    if (!status.ok() && status.code() != ErrorCode::kCorruption) return status;
    if (status.ok() || next >= end) break;
    if (read || step == 0) {
      step = 1;
      if (damage->places++ == 0) damage->first = Offset{next};
    } else {
      step *= 2;
    }
    const std::uint64_t skipped = std::min(step, end - next);
    damage->records += skipped;
    next += skipped;
  }
  Advance(partition, end_offset);
  return {};
}

void HistoryLedger::Follow(Partition partition, std::span<const LogRecord> records) {
  for (const LogRecord& record : records) RecordStored(record);
  if (!records.empty()) Advance(partition, Offset{ToNumber(records.back().offset) + 1});
}

void HistoryLedger::RecordStored(const LogRecord& record) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(record.value.data());
  flatbuffers::Verifier verifier(bytes, record.value.size());
  if (!log::VerifyHistoryBatchBuffer(verifier)) return;
  const log::HistoryBatch* batch = log::GetHistoryBatch(bytes);
  const Result<VehicleId> vehicle = VehicleId::Parse(batch->vehicle()->string_view());
  if (!vehicle.ok() || batch->count() == 0) return;
  MutexLock lock(mutex_);
  Add(vehicle.value(), BootId{batch->boot_id()},
      {batch->first_sequence(), batch->first_sequence() + batch->count() - 1}, Ticket{},
      std::chrono::floor<seconds>(record.time.time_since_epoch()));
}

void HistoryLedger::Advance(Partition partition, Offset next) {
  MutexLock lock(mutex_);
  Offset& at = next_[partition];
  at = std::max(at, next);
}

Offset HistoryLedger::Next(Partition partition) const {
  MutexLock lock(mutex_);
  const auto found = next_.find(partition);
  return found == next_.end() ? Offset{} : found->second;
}

HistoryOffsets HistoryLedger::offsets() const {
  MutexLock lock(mutex_);
  return next_;
}

RebuildDamage HistoryLedger::rebuild_damage() const {
  MutexLock lock(mutex_);
  return rebuild_damage_;
}

std::optional<Ticket> HistoryLedger::Holds(const VehicleId& vehicle, BootId boot, SequenceRange samples) {
  MutexLock lock(mutex_);
  const auto found = vehicles_.find(vehicle);
  if (found == vehicles_.end()) return std::nullopt;
  for (const BootHistory& held : found->second.history.boots) {
    if (held.boot != boot) continue;
    for (const SequenceRange range : held.ranges) {
      if (range.first > samples.first || samples.last > range.last) continue;
      ++totals_.duplicates;
      return held.ticket;
    }
  }
  return std::nullopt;
}

void HistoryLedger::Record(const VehicleId& vehicle, BootId boot, SequenceRange samples, Ticket ticket) {
  MutexLock lock(mutex_);
  Add(vehicle, boot, samples, ticket, seconds(0));
}

void HistoryLedger::Add(const VehicleId& vehicle, BootId boot, SequenceRange samples, Ticket ticket,
                        seconds heard) {
  Vehicle& entry = vehicles_[vehicle];
  VehicleHistory& history = entry.history;
  const std::uint64_t gaps = history.gaps;
  const std::uint64_t gaps_forgotten = history.gaps_forgotten;
  const std::uint64_t missing = history.missing();
  const std::uint64_t added = history.Add(boot, samples, ticket);
  if (added != 0) {
    totals_.samples += added;
    ++totals_.batches;
    totals_.gaps += history.gaps - gaps;
    totals_.gaps_forgotten += history.gaps_forgotten - gaps_forgotten;
    totals_.samples_missing += history.missing() - missing;
  }
  history.heard = std::max(history.heard, heard);
  if (entry.changed) return;
  entry.changed = true;
  changed_.push_back(vehicle);
}

std::uint64_t HistoryLedger::DurableThrough(const VehicleId& vehicle, BootId boot, Ticket durable) const {
  MutexLock lock(mutex_);
  const auto found = vehicles_.find(vehicle);
  if (found == vehicles_.end()) return 0;
  for (const BootHistory& held : found->second.history.boots) {
    if (held.boot != boot) continue;
    return held.ticket <= durable ? held.through() : 0;
  }
  return 0;
}

std::optional<HeldHistory> HistoryLedger::Find(const VehicleId& vehicle) const {
  MutexLock lock(mutex_);
  const auto found = vehicles_.find(vehicle);
  if (found == vehicles_.end()) return std::nullopt;
  const VehicleHistory& history = found->second.history;
  const BootHistory& newest = history.boots.back();
  return HeldHistory{newest.boot, newest.through(), newest.samples, history.samples() - newest.samples};
}

HistoryTotals HistoryLedger::totals() const {
  MutexLock lock(mutex_);
  HistoryTotals totals = totals_;
  totals.vehicles = vehicles_.size();
  return totals;
}

HistoryLedger::Changes HistoryLedger::TakeChanges() {
  Changes changes;
  std::vector<VehicleId> taken;
  {
    MutexLock lock(mutex_);
    taken.swap(changed_);
  }
  changes.vehicles.reserve(taken.size());
  for (std::size_t at = 0; at < taken.size(); at += kSlice) {
    MutexLock lock(mutex_);
    for (std::size_t i = at; i < std::min(at + kSlice, taken.size()); ++i) {
      Changes::Change change{taken[i], {}};
      const auto found = vehicles_.find(taken[i]);
      if (found != vehicles_.end()) {
        found->second.changed = false;
        change.entry = EncodeVehicleHistory(found->second.history);
        for (const BootHistory& boot : found->second.history.boots) {
          changes.through = std::max(changes.through, boot.ticket);
        }
      }
      changes.vehicles.push_back(std::move(change));
    }
  }
  return changes;
}

void HistoryLedger::PutBack(const Changes& changes) {
  MutexLock lock(mutex_);
  for (const Changes::Change& change : changes.vehicles) {
    const auto found = vehicles_.find(change.vehicle);
    if (found != vehicles_.end() && found->second.changed) continue;
    if (found != vehicles_.end()) found->second.changed = true;
    changed_.push_back(change.vehicle);
  }
}

void HistoryLedger::Expire(CloudTime before, std::size_t vehicles) {
  const seconds limit = std::chrono::floor<seconds>(before.time_since_epoch());
  MutexLock lock(mutex_);
  std::vector<VehicleId> expired;
  std::size_t seen = 0;
  for (std::size_t i = 0; i < vehicles_.bucket_count() && seen < vehicles; ++i) {
    if (expire_at_ >= vehicles_.bucket_count()) expire_at_ = 0;
    for (auto each = vehicles_.begin(expire_at_); each != vehicles_.end(expire_at_); ++each) {
      const VehicleHistory& history = each->second.history;
      // 0: its batch is on its way into the log.
      if (history.heard != seconds(0) && history.heard < limit) expired.push_back(each->first);
      ++seen;
    }
    ++expire_at_;
    if (vehicles_.empty()) break;
  }
  for (const VehicleId& vehicle : expired) {
    const auto found = vehicles_.find(vehicle);
    totals_.samples -= found->second.history.samples();
    totals_.batches -= found->second.history.batches;
    totals_.samples_missing -= found->second.history.missing();
    ++totals_.vehicles_expired;
    if (!found->second.changed) changed_.push_back(vehicle);
    vehicles_.erase(found);
  }
}

void HistoryLedger::Clear() {
  vehicles_.clear();
  changed_.clear();
  next_.clear();
  totals_ = {};
}

}  // namespace starling::cloud
