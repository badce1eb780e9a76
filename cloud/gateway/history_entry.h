// What the cloud holds of one vehicle's history, and its bytes in the state store:
// docs/formats/state_store.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "cloud/log/log.h"
#include "common/ids.h"
#include "common/status.h"
#include "common/time.h"

namespace starling::cloud {

// Samples of one boot, [first, last], both included.
struct SequenceRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;

  friend constexpr bool operator==(SequenceRange, SequenceRange) = default;
};

struct BootHistory {
  BootId boot{};
  std::vector<SequenceRange> ranges;   // rising, with gaps between them
  std::uint64_t samples = 0;
  Ticket ticket{};                     // of the last batch; not stored

  std::uint64_t through() const {
    return ranges.empty() || ranges.front().first != 1 ? 0 : ranges.front().last;
  }

  friend bool operator==(const BootHistory&, const BootHistory&) = default;
};

struct VehicleHistory {
  // Ranges kept for one boot.  When there are more, the gap between the lowest two
  // is taken for lost: agents drop, and resend, their oldest first.
  static constexpr std::size_t kRangesMax = 64;
  // Boots kept with their ranges; older ones are only counted, and what comes of them again counts again.  Each start of
  // an agent's process is one: as many as may come in an outage and still have something to send.
  static constexpr std::size_t kBootsMax = 16;

  std::vector<BootHistory> boots;      // in order of arrival
  std::uint64_t samples_forgotten = 0; // of boots that are no longer kept
  std::uint64_t batches = 0;
  std::uint64_t gaps = 0;
  std::uint64_t gaps_forgotten = 0;
  seconds heard{};                     // Unix time of the last batch that was read from the log

  friend bool operator==(const VehicleHistory&, const VehicleHistory&) = default;

  // Adds a batch and returns how many of its samples are new; where none is, it
  // changes nothing but the ticket.
  std::uint64_t Add(BootId boot, SequenceRange batch, Ticket ticket);

  std::uint64_t samples() const;
  // Of the boots that are kept: before the last one held, and not held.  Dropped by the vehicle, on their way still, or lost.
  std::uint64_t missing() const;

 private:
  BootHistory* FindOrAdd(BootId boot);
};

std::vector<std::byte> EncodeVehicleHistory(const VehicleHistory& history);

// Errors: kCorruption; kInvalidArgument if it is of another format.
Result<VehicleHistory> DecodeVehicleHistory(std::span<const std::byte> bytes);

// Where each followed partition of the topic is to be read on.
using HistoryOffsets = std::map<Partition, Offset>;

std::vector<std::byte> EncodeHistoryOffsets(const HistoryOffsets& offsets);
// Errors: kCorruption.
Result<HistoryOffsets> DecodeHistoryOffsets(std::span<const std::byte> bytes);

}  // namespace starling::cloud
