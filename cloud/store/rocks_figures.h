#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace rocksdb {
class ColumnFamilyHandle;
class DB;
}  // namespace rocksdb

namespace starling::cloud {

// How a RocksDB is doing, over all its column families.
struct RocksFigures {
  std::uint64_t disk_bytes = 0;               // all files of its folder, the write-ahead log too; not those of folders in it
  std::uint64_t table_files = 0;
  std::uint64_t memtable_bytes = 0;
  std::uint64_t cache_bytes = 0;              // its block cache, and what open tables hold beside it
  std::uint64_t pending_compaction_bytes = 0;
  std::uint64_t running_compactions = 0;
  std::uint64_t running_flushes = 0;
  std::uint64_t background_errors = 0;        // since it was opened
  bool write_stopped = false;                 // writers wait for flushes or compactions
};

// Threading: thread-safe, as RocksDB is.
RocksFigures ReadRocksFigures(rocksdb::DB* db, std::span<rocksdb::ColumnFamilyHandle* const> families,
                              const std::string& directory);

}  // namespace starling::cloud
