#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "cloud/log/log.h"
#include "common/ids.h"
#include "common/mutex.h"
#include "common/status.h"

namespace starling::cloud {

// Samples of one boot, [first, last], both included.
struct SequenceRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;

  friend constexpr bool operator==(SequenceRange, SequenceRange) = default;
};

// What the cloud holds of one vehicle's history.
struct HeldHistory {
  BootId boot{};                      // the newest one
  std::uint64_t through_sequence = 0; // every sample of it from 1 to here
  std::uint64_t samples = 0;          // of it
  std::uint64_t samples_older = 0;    // of older boots
};

// Cloud-wide.  A batch counts when it is in the log: emitted, perhaps not durable yet.
struct HistoryTotals {
  std::uint64_t vehicles = 0;
  std::uint64_t samples = 0;
  std::uint64_t batches = 0;
  std::uint64_t duplicates = 0;       // batches that were held already
  std::uint64_t gaps = 0;             // batches that began past the next sample of their boot
  std::uint64_t gaps_forgotten = 0;   // see kRangesMax
};

// Records that Rebuild could not read.
struct RebuildDamage {
  std::uint64_t places = 0;   // runs of offsets; each is tried up to twice as far as it goes
  std::uint64_t records = 0;  // in them
  Offset first{};             // of the first place; {} if there is none
};

// Knows which samples of which vehicle are in the log, so that a batch that is sent
// again is acknowledged again and stored once.
//
// A gap is no error: an agent whose spool was full has dropped samples, or a batch
// was shed and will be sent again.  So the ledger keeps ranges and calls a batch a
// duplicate only if all of it is held.
//
// Threading: thread-safe.  Two batches of one vehicle must not be between Holds and
// Record at the same time; the gateway holds the vehicle's lock.
class HistoryLedger {
 public:
  // Ranges kept for one boot.  When there are more, the gap between the lowest two
  // is taken for lost: agents drop, and resend, their oldest first.
  static constexpr std::size_t kRangesMax = 64;
  // Boots kept with their ranges; older ones are only counted.
  static constexpr std::size_t kBootsMax = 4;

  // Partition of Topic::kHistory that holds a region's batches.
  static constexpr Partition PartitionOf(RegionId region) { return Partition{ToNumber(region)}; }

  // Counts what the log retains; call once, before the gateway starts.  A record
  // that cannot be decoded is skipped.  Damage is stepped over and counted: what
  // the ledger does not know it takes again, so a hole costs repeated batches and no
  // sample.
  // Errors: as Log::Read, but for kCorruption.
  Status Rebuild(const Log& log, Partition partition);
  RebuildDamage rebuild_damage() const;

  // If all of the samples are held: the ticket at which they are durable.
  std::optional<Ticket> Holds(const VehicleId& vehicle, BootId boot, SequenceRange samples);

  // The batch was appended with `ticket`.
  void Record(const VehicleId& vehicle, BootId boot, SequenceRange samples, Ticket ticket);

  // Last sample of `boot` to which all are held, if the boot's last batch is durable
  // at `durable`; 0 otherwise, which costs a repetition and no sample.
  std::uint64_t DurableThrough(const VehicleId& vehicle, BootId boot, Ticket durable) const;

  std::optional<HeldHistory> Find(const VehicleId& vehicle) const;
  HistoryTotals totals() const;

 private:
  struct Boot {
    BootId boot{};
    std::vector<SequenceRange> ranges;   // rising, with gaps between them
    std::uint64_t samples = 0;
    Ticket ticket{};                     // of the last batch
    std::uint64_t through() const {
      return ranges.empty() || ranges.front().first != 1 ? 0 : ranges.front().last;
    }
  };
  struct Vehicle {
    std::vector<Boot> boots;             // in order of arrival
    std::uint64_t samples_forgotten = 0; // of boots that are no longer kept
  };

  void RecordStored(const LogRecord& record);
  Boot* FindOrAdd(const VehicleId& vehicle, BootId boot) STARLING_ANNOTATION(requires_capability(mutex_));

  mutable Mutex mutex_;
  std::unordered_map<VehicleId, Vehicle> vehicles_ STARLING_GUARDED_BY(mutex_);
  HistoryTotals totals_ STARLING_GUARDED_BY(mutex_);
  RebuildDamage rebuild_damage_ STARLING_GUARDED_BY(mutex_);
};

}  // namespace starling::cloud
