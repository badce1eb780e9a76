#include "cloud/gateway/history_ledger.h"

#include <flatbuffers/flatbuffers.h>

#include <algorithm>

#include "schemas/log/history_generated.h"

namespace starling::cloud {
namespace {

std::uint64_t Count(SequenceRange range) { return range.last - range.first + 1; }

// Adds `added` to the rising ranges and returns how many samples are new.
std::uint64_t Merge(std::vector<SequenceRange>* ranges, SequenceRange added) {
  // Those that touch or overlap it become one with it.
  const auto begin = std::ranges::find_if(
      *ranges, [&](SequenceRange range) { return range.last + 1 >= added.first; });
  auto end = begin;
  std::uint64_t held = 0;
  SequenceRange merged = added;
  for (; end != ranges->end() && end->first <= added.last + 1; ++end) {
    const std::uint64_t first = std::max(end->first, added.first);
    const std::uint64_t last = std::min(end->last, added.last);
    if (first <= last) held += last - first + 1;
    merged.first = std::min(merged.first, end->first);
    merged.last = std::max(merged.last, end->last);
  }
  if (begin == end) {
    ranges->insert(begin, merged);
  } else {
    *begin = merged;
    ranges->erase(begin + 1, end);
  }
  return Count(added) - held;
}

}  // namespace

// The log says where a damaged record is, not where the next whole one begins, so
// this looks for it in steps that double: few reads, whatever the damage.
Status HistoryLedger::Rebuild(const Log& log, Partition partition) {
  const Log::Range range = log.RangeOf(Topic::kHistory, partition);
  const auto end = static_cast<std::uint64_t>(range.end);
  // An empty range may be one whose first record is damaged.
  auto next = range.first < range.end ? static_cast<std::uint64_t>(range.first) : 0;
  RebuildDamage damage;
  std::uint64_t step = 0;  // 0: not in damage
  for (;;) {
    bool read = false;
    const Status status = log.Read(Topic::kHistory, partition, Offset{next}, [&](const LogRecord& record) {
      const auto offset = static_cast<std::uint64_t>(record.offset);
      if (step != 0) damage.records += offset - next;
      next = offset + 1;
      read = true;
      RecordStored(record);
      return true;
    });
    if (!status.ok() && status.code() != ErrorCode::kCorruption) return status;
    if (status.ok() || next >= end) break;
    if (read || step == 0) {
      step = 1;
      if (damage.places++ == 0) damage.first = Offset{next};
    } else {
      step *= 2;
    }
    const std::uint64_t skipped = std::min(step, end - next);
    damage.records += skipped;
    next += skipped;
  }
  MutexLock lock(mutex_);
  rebuild_damage_ = damage;
  return {};
}

void HistoryLedger::RecordStored(const LogRecord& record) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(record.value.data());
  flatbuffers::Verifier verifier(bytes, record.value.size());
  if (!log::VerifyHistoryBatchBuffer(verifier)) return;
  const log::HistoryBatch* batch = log::GetHistoryBatch(bytes);
  const Result<VehicleId> vehicle = VehicleId::Parse(batch->vehicle()->string_view());
  if (!vehicle.ok() || batch->count() == 0) return;
  Record(vehicle.value(), BootId{batch->boot_id()},
         {batch->first_sequence(), batch->first_sequence() + batch->count() - 1}, Ticket{});
}

RebuildDamage HistoryLedger::rebuild_damage() const {
  MutexLock lock(mutex_);
  return rebuild_damage_;
}

std::optional<Ticket> HistoryLedger::Holds(const VehicleId& vehicle, BootId boot, SequenceRange samples) {
  MutexLock lock(mutex_);
  const auto found = vehicles_.find(vehicle);
  if (found == vehicles_.end()) return std::nullopt;
  for (const Boot& held : found->second.boots) {
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
  Boot* const held = FindOrAdd(vehicle, boot);
  const std::uint64_t next = held->ranges.empty() ? 1 : held->ranges.back().last + 1;
  if (samples.first > next) ++totals_.gaps;
  held->ticket = ticket;
  const std::uint64_t added = Merge(&held->ranges, samples);
  if (held->ranges.size() > kRangesMax) {
    held->ranges[1].first = held->ranges[0].first;
    held->ranges.erase(held->ranges.begin());
    ++totals_.gaps_forgotten;
  }
  held->samples += added;
  totals_.samples += added;
  ++totals_.batches;
}

std::uint64_t HistoryLedger::DurableThrough(const VehicleId& vehicle, BootId boot, Ticket durable) const {
  MutexLock lock(mutex_);
  const auto found = vehicles_.find(vehicle);
  if (found == vehicles_.end()) return 0;
  for (const Boot& held : found->second.boots) {
    if (held.boot != boot) continue;
    return held.ticket <= durable ? held.through() : 0;
  }
  return 0;
}

std::optional<HeldHistory> HistoryLedger::Find(const VehicleId& vehicle) const {
  MutexLock lock(mutex_);
  const auto found = vehicles_.find(vehicle);
  if (found == vehicles_.end()) return std::nullopt;
  const std::vector<Boot>& boots = found->second.boots;
  HeldHistory held{boots.back().boot, boots.back().through(), boots.back().samples,
                   found->second.samples_forgotten};
  for (std::size_t i = 0; i + 1 < boots.size(); ++i) held.samples_older += boots[i].samples;
  return held;
}

HistoryTotals HistoryLedger::totals() const {
  MutexLock lock(mutex_);
  HistoryTotals totals = totals_;
  totals.vehicles = vehicles_.size();
  return totals;
}

HistoryLedger::Boot* HistoryLedger::FindOrAdd(const VehicleId& vehicle, BootId boot) {
  Vehicle& entry = vehicles_[vehicle];
  for (Boot& held : entry.boots) {
    if (held.boot == boot) return &held;
  }
  if (entry.boots.size() == kBootsMax) {
    entry.samples_forgotten += entry.boots.front().samples;
    entry.boots.erase(entry.boots.begin());
  }
  entry.boots.push_back({boot, {}, 0, {}});
  return &entry.boots.back();
}

}  // namespace starling::cloud
