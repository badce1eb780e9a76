#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "cloud/log/log.h"
#include "common/status.h"

namespace starling::cloud {

struct TopicConfig {
  // Stored bytes above which the oldest records go, a whole file of about
  // `memtable_bytes` at a time.  At least 4 * memtable_bytes.
  std::uint64_t bytes_max = 0;

  // Age at which records go, with the file that holds them, at the topic's next
  // flush or the log's next start.  1 s to 10 years.
  std::chrono::seconds age_max{};

  // Records held in memory before they are written to a file; up to four times
  // this while files are being written.  Larger: fewer files, longer recovery.
  // 64 KiB to 64 MiB.
  std::size_t memtable_bytes = 4 << 20;
};

struct EmbeddedLogConfig {
  // Created where it is missing; one process at a time can have it open.
  std::string directory;

  // By Topic.  The defaults take 18 GB at most when everything is full, and
  // 180 MB of memory when every memtable is.
  std::array<TopicConfig, kTopicCount> topics = {{
      {.bytes_max = 4ull << 30, .age_max = std::chrono::hours(6), .memtable_bytes = 16 << 20},
      {.bytes_max = 8ull << 30, .age_max = std::chrono::hours(7 * 24), .memtable_bytes = 8 << 20},
      {.bytes_max = 2ull << 30, .age_max = std::chrono::hours(28 * 24)},
      {.bytes_max = 1ull << 30, .age_max = std::chrono::hours(24)},
      {.bytes_max = 1ull << 30, .age_max = std::chrono::hours(7 * 24)},
      {.bytes_max = 1ull << 28, .age_max = std::chrono::hours(7 * 24)},
      // Of the next two the embedded log writes nothing: the state is in the store
      // beside it, and commands are handed to the gateway in the same process.
      {.bytes_max = 1ull << 22, .age_max = std::chrono::hours(1), .memtable_bytes = 64 << 10},
      {.bytes_max = 1ull << 22, .age_max = std::chrono::hours(1), .memtable_bytes = 64 << 10},
      {.bytes_max = 1ull << 24, .age_max = std::chrono::hours(10 * 365 * 24), .memtable_bytes = 64 << 10},
      {.bytes_max = 1ull << 24, .age_max = std::chrono::hours(7 * 24), .memtable_bytes = 256 << 10},
  }};

  // Bound of the queue between Append and the writer, bytes as stored and
  // records.  As much again may be on its way through the writer.  Longer: more
  // survives a stall of the disk, and the records behind it are older.
  std::size_t queue_bytes_max = 32 << 20;
  std::size_t queue_records_max = 200'000;

  // Share of the two bounds, percent, above which history and dead letters are
  // refused: the rest is for telemetry and commands.  1 to 100.
  std::uint32_t bulk_share_percent = 75;

  // Least time between two commits.  A record that meets an idle log is committed
  // at once; under load a record waits this long at most, and the cost of a
  // commit (a wake-up and a write(2), some 20 us of a core) is shared.  0 to 100 ms.
  std::chrono::microseconds commit_interval_min{200};

  // Time between the starts of two syncs while there is something to sync.
  // Longer: fewer fdatasyncs, `durable` later.  0 to 10 s.
  std::chrono::milliseconds sync_interval{4};

  // Bytes of write-ahead log above which the memtables that hold it in place are
  // written out.  Bounds what a restart has to replay, about 120 MB/s.  At least 1 MiB.
  std::uint64_t wal_bytes_max = 16 << 20;

  // Cache for the blocks and indexes of files.
  std::size_t block_cache_bytes = 16 << 20;

  // Errors: kInvalidArgument names the field and its range.
  Status Validate() const;
};

// RocksDB may hold this many memtables of a topic: one that is filled, the others
// being written out.
inline constexpr int kMemtablesMax = 4;

// What memtables and block cache may take together.
inline constexpr std::size_t kStoreMemoryBytesMax = 300ull << 20;

}  // namespace starling::cloud
