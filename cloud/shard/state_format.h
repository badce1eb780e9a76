#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "cloud/shard/shard.h"
#include "common/geo/grid.h"
#include "common/ids.h"

namespace starling::cloud {

// A shard's state as entries: docs/formats/state.md.

// Another number: what is stored cannot be read, and is to be recomputed from the log.
inline constexpr std::uint16_t kStateFormat = 1;

// First byte of a key.  The rest: cell's x and y, 4 bytes each, big endian, 0 at
// -2^31; number of the entry, 8 bytes, big endian; both names, a zero byte between
// them; nothing; the name.
enum class EntryKind : std::uint8_t {
  kCell = 'c',
  kClosed = 'i',
  kPair = 'p',
  kShard = 's',
  kVehicle = 'v',
};

// Ids of closed commands in one entry.  They leave in the order in which they came, so
// all entries but the first and the last stay as they are.
inline constexpr std::size_t kClosedPerEntry = 512;

// Of one vehicle's sweep; at its greatest speed it touches some 120.
inline constexpr std::size_t kSweepCellsMax = 1'024;

// Order of ShardEntry.counters.  New ones go to the end.
inline constexpr std::uint64_t ShardCounters::*kCounters[] = {
    &ShardCounters::records,
    &ShardCounters::records_refused,
    &ShardCounters::fixes,
    &ShardCounters::fixes_stale,
    &ShardCounters::vehicles_expired,
    &ShardCounters::windows,
    &ShardCounters::cells_max,
    &ShardCounters::congested_max,
    &ShardCounters::pairs_tested,
    &ShardCounters::pairs_refined,
    &ShardCounters::episodes,
    &ShardCounters::speed_advice_issued,
    &ShardCounters::avoidance_issued,
    &ShardCounters::releases_issued,
    &ShardCounters::outbox_open,
    &ShardCounters::closed_applied,
    &ShardCounters::closed_superseded,
    &ShardCounters::closed_expired,
    &ShardCounters::closed_rejected,
    &ShardCounters::closed_unknown,
    &ShardCounters::closed_twice,
    &ShardCounters::closed_unmatched,
    &ShardCounters::commands_reissued,
    &ShardCounters::commands_reemitted,
    &ShardCounters::commands_withheld,
    &ShardCounters::vehicles_refused,
    &ShardCounters::pairs_refused,
    &ShardCounters::cells_refused,
    &ShardCounters::ownerships_ignored,
    &ShardCounters::ghosts_left,
    &ShardCounters::pairs_handed_over,
    &ShardCounters::pairs_taken_over,
    &ShardCounters::pair_news_sent,
    &ShardCounters::pair_news_read,
    &ShardCounters::pair_news_unplaced,
    &ShardCounters::vehicle_news_sent,
    &ShardCounters::vehicle_news_read,
    &ShardCounters::closed_again,
    &ShardCounters::commands_shadowed,
    &ShardCounters::commands_stopped,
    &ShardCounters::operator_issued,
    &ShardCounters::operator_refused,
};
static_assert(std::size(kCounters) * sizeof(std::uint64_t) == sizeof(ShardCounters),
              "every counter is stored");

// Keys, appended to an empty `key`.
void WriteKey(EntryKind kind, std::vector<std::byte>* key);
void WriteCellKey(CellIndex cell, std::vector<std::byte>* key);
void WriteClosedKey(std::uint64_t number, std::vector<std::byte>* key);
void WritePairKey(const VehicleId& a, const VehicleId& b, std::vector<std::byte>* key);
void WriteVehicleKey(const VehicleId& vehicle, std::vector<std::byte>* key);

// What follows the kind; false if it is not such a key.
bool ReadCellKey(std::span<const std::byte> rest, CellIndex* cell);
bool ReadClosedKey(std::span<const std::byte> rest, std::uint64_t* number);
bool ReadPairKey(std::span<const std::byte> rest, VehicleId* a, VehicleId* b);
bool ReadVehicleKey(std::span<const std::byte> rest, VehicleId* vehicle);

}  // namespace starling::cloud
