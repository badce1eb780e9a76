#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "cloud/gateway/history_entry.h"
#include "cloud/log/log.h"
#include "common/ids.h"
#include "common/mutex.h"
#include "common/status.h"

namespace starling::cloud {

class StateStore;  // cloud/store/state_store.h

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
  std::uint64_t samples_missing = 0;  // in the gaps that there are now
  std::uint64_t vehicles_expired = 0; // not heard of for longer than history is retained
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
// It is a function of the topic: a batch counts once, whether it was recorded when it
// was appended, is seen in the topic, or both, in any order.  So it can be stored at any
// time with offsets of records that it has seen (HistoryKeeper does), and go on from
// there.
//
// Threading: thread-safe.  Two batches of one vehicle must not be between Holds and
// Record at the same time; the gateway holds the vehicle's lock.
class HistoryLedger {
 public:
  static constexpr std::size_t kRangesMax = VehicleHistory::kRangesMax;
  static constexpr std::size_t kBootsMax = VehicleHistory::kBootsMax;

  // Partition of Topic::kHistory that holds a region's batches.
  static constexpr Partition PartitionOf(RegionId region) { return Partition{ToNumber(region)}; }

  // Takes over what HistoryKeeper stored under `home`; nothing if there is nothing.
  // Call before Rebuild and before anything was recorded.
  // Errors: those of StateStore::Load; kInvalidArgument for another format.  The ledger
  //         is then empty, and can be rebuilt.
  Status Load(const StateStore& store, Partition home);

  // Counts what the log retains from Next(partition) on; call before the gateway
  // starts.  A record that cannot be decoded is skipped.  Damage is stepped over and
  // counted: what the ledger does not know it takes again, so a hole costs repeated
  // batches and no sample.  If the log ends before Next(partition) it is not the one that
  // the ledger was stored with, and the ledger begins anew.
  // Errors: as Log::Read, but for kCorruption.
  Status Rebuild(const Log& log, Partition partition);
  RebuildDamage rebuild_damage() const;

  // As Rebuild, up to `end`, while the gateway runs.
  Status ReadUpTo(const Log& log, Partition partition, Offset end);

  // Counts records as a consumer of the partition is handed them.
  void Follow(Partition partition, std::span<const LogRecord> records);

  // All records before it have been counted.
  Offset Next(Partition partition) const;
  HistoryOffsets offsets() const;

  // If all of the samples are held: the ticket at which they are durable.
  std::optional<Ticket> Holds(const VehicleId& vehicle, BootId boot, SequenceRange samples);

  // The batch was appended with `ticket`.
  void Record(const VehicleId& vehicle, BootId boot, SequenceRange samples, Ticket ticket);

  // Last sample of `boot` to which all are held, if the boot's last batch is durable
  // at `durable`; 0 otherwise, which costs a repetition and no sample.
  std::uint64_t DurableThrough(const VehicleId& vehicle, BootId boot, Ticket durable) const;

  std::optional<HeldHistory> Find(const VehicleId& vehicle) const;
  HistoryTotals totals() const;

  // What changed since it was last taken.
  struct Changes {
    struct Change {
      VehicleId vehicle;
      std::vector<std::byte> entry;   // empty: forgotten
    };
    std::vector<Change> vehicles;
    Ticket through{};                 // what the entries rest on is durable with it
  };
  // Copies in slices, so that no vehicle waits for more than a fraction of a millisecond.
  Changes TakeChanges();
  // They could not be stored.
  void PutBack(const Changes& changes);

  // Forgets vehicles whose last batch is older than `before`, looking at about
  // `vehicles` of them, at the next ones in each call.
  void Expire(CloudTime before, std::size_t vehicles);

 private:
  struct Vehicle {
    VehicleHistory history;
    bool changed = false;             // is in changed_
  };

  Status Read(const Log& log, Partition partition, Offset end, RebuildDamage* damage);
  void RecordStored(const LogRecord& record);
  void Advance(Partition partition, Offset next);
  void Add(const VehicleId& vehicle, BootId boot, SequenceRange samples, Ticket ticket, seconds heard)
      STARLING_ANNOTATION(requires_capability(mutex_));
  void Clear() STARLING_ANNOTATION(requires_capability(mutex_));

  mutable Mutex mutex_;
  std::unordered_map<VehicleId, Vehicle> vehicles_ STARLING_GUARDED_BY(mutex_);
  std::vector<VehicleId> changed_ STARLING_GUARDED_BY(mutex_);    // forgotten ones too
  HistoryOffsets next_ STARLING_GUARDED_BY(mutex_);
  HistoryTotals totals_ STARLING_GUARDED_BY(mutex_);
  RebuildDamage rebuild_damage_ STARLING_GUARDED_BY(mutex_);
  std::size_t expire_at_ STARLING_GUARDED_BY(mutex_) = 0;         // a bucket of vehicles_
};

}  // namespace starling::cloud
