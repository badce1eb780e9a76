#include "cloud/gateway/history_entry.h"

#include <algorithm>
#include <utility>

namespace starling::cloud {
namespace {

constexpr std::uint64_t kEntryFormat = 1;

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

// LEB128: seven bits a byte, low ones first.
void PutVarint(std::uint64_t value, std::vector<std::byte>* bytes) {
  for (; value >= 0x80; value >>= 7) bytes->push_back(static_cast<std::byte>(value | 0x80));
  bytes->push_back(static_cast<std::byte>(value));
}

class VarintReader {
 public:
  explicit VarintReader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  // 0 behind the end or past 64 bits, and ok() is false from then on.
  std::uint64_t Next() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && at_ < bytes_.size(); shift += 7) {
      const auto byte = static_cast<std::uint64_t>(bytes_[at_++]);
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    ok_ = false;
    return 0;
  }
  bool ok() const { return ok_; }
  bool finished() const { return ok_ && at_ == bytes_.size(); }

 private:
  const std::span<const std::byte> bytes_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

Status Damaged() { return {ErrorCode::kCorruption, "an entry of the history ledger cannot be read"}; }

}  // namespace

std::uint64_t VehicleHistory::Add(BootId boot, SequenceRange batch, Ticket ticket) {
  BootHistory* const held = FindOrAdd(boot);
  held->ticket = std::max(held->ticket, ticket);
  const std::uint64_t next = held->ranges.empty() ? 1 : held->ranges.back().last + 1;
  const std::uint64_t added = Merge(&held->ranges, batch);
  if (added == 0) return 0;
  if (batch.first > next) ++gaps;
  if (held->ranges.size() > kRangesMax) {
    held->ranges[1].first = held->ranges[0].first;
    held->ranges.erase(held->ranges.begin());
    ++gaps_forgotten;
  }
  held->samples += added;
  ++batches;
  return added;
}

std::uint64_t VehicleHistory::samples() const {
  std::uint64_t samples = samples_forgotten;
  for (const BootHistory& boot : boots) samples += boot.samples;
  return samples;
}

std::uint64_t VehicleHistory::missing() const {
  std::uint64_t missing = 0;
  for (const BootHistory& boot : boots) {
    std::uint64_t next = 1;
    for (const SequenceRange range : boot.ranges) {
      missing += range.first - next;
      next = range.last + 1;
    }
  }
  return missing;
}

BootHistory* VehicleHistory::FindOrAdd(BootId boot) {
  for (BootHistory& held : boots) {
    if (held.boot == boot) return &held;
  }
  if (boots.size() == kBootsMax) {
    samples_forgotten += boots.front().samples;
    boots.erase(boots.begin());
  }
  boots.push_back({boot, {}, 0, {}});
  return &boots.back();
}

std::vector<std::byte> EncodeVehicleHistory(const VehicleHistory& history) {
  std::vector<std::byte> bytes;
  PutVarint(kEntryFormat, &bytes);
  PutVarint(static_cast<std::uint64_t>(history.heard.count()), &bytes);
  for (const std::uint64_t count :
       {history.samples_forgotten, history.batches, history.gaps, history.gaps_forgotten}) {
    PutVarint(count, &bytes);
  }
  PutVarint(history.boots.size(), &bytes);
  for (const BootHistory& boot : history.boots) {
    PutVarint(ToNumber(boot.boot), &bytes);
    PutVarint(boot.samples, &bytes);
    PutVarint(boot.ranges.size(), &bytes);
    std::uint64_t end = 0;  // Each range by its distance from the one before, and its length.
    for (const SequenceRange range : boot.ranges) {
      PutVarint(range.first - end, &bytes);
      PutVarint(range.last - range.first, &bytes);
      end = range.last;
    }
  }
  return bytes;
}

Result<VehicleHistory> DecodeVehicleHistory(std::span<const std::byte> bytes) {
  VarintReader reader(bytes);
  const std::uint64_t format = reader.Next();
  if (!reader.ok()) return Damaged();
  if (format != kEntryFormat) {
    return Status(ErrorCode::kInvalidArgument,
                  "an entry of the history ledger is of format " + std::to_string(format) +
                      ", this program reads " + std::to_string(kEntryFormat));
  }
  VehicleHistory history;
  history.heard = seconds(static_cast<seconds::rep>(reader.Next()));
  for (std::uint64_t* count :
       {&history.samples_forgotten, &history.batches, &history.gaps, &history.gaps_forgotten}) {
    *count = reader.Next();
  }
  const std::uint64_t boots = reader.Next();
  if (!reader.ok() || boots > VehicleHistory::kBootsMax) return Damaged();
  for (std::uint64_t i = 0; i < boots; ++i) {
    BootHistory boot;
    boot.boot = BootId{reader.Next()};
    boot.samples = reader.Next();
    const std::uint64_t ranges = reader.Next();
    if (!reader.ok() || ranges > VehicleHistory::kRangesMax) return Damaged();
    std::uint64_t end = 0;
    for (std::uint64_t j = 0; j < ranges; ++j) {
      SequenceRange range;
      range.first = end + reader.Next();
      range.last = range.first + reader.Next();
      if (!reader.ok() || range.first < end || range.last < range.first) return Damaged();
      end = range.last;
      boot.ranges.push_back(range);
    }
    history.boots.push_back(std::move(boot));
  }
  if (!reader.finished() || history.boots.empty()) return Damaged();
  return history;
}

std::vector<std::byte> EncodeHistoryOffsets(const HistoryOffsets& offsets) {
  std::vector<std::byte> bytes;
  PutVarint(offsets.size(), &bytes);
  for (const auto& [partition, next] : offsets) {
    PutVarint(static_cast<std::uint64_t>(partition), &bytes);
    PutVarint(static_cast<std::uint64_t>(next), &bytes);
  }
  return bytes;
}

Result<HistoryOffsets> DecodeHistoryOffsets(std::span<const std::byte> bytes) {
  VarintReader reader(bytes);
  HistoryOffsets offsets;
  for (std::uint64_t left = reader.Next(); left > 0 && reader.ok(); --left) {
    const std::uint64_t partition = reader.Next();
    if (partition > UINT32_MAX) return Damaged();
    offsets[Partition{static_cast<std::uint32_t>(partition)}] = Offset{reader.Next()};
  }
  if (!reader.finished()) return Damaged();
  return offsets;
}

}  // namespace starling::cloud
