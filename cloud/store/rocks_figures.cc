#include "cloud/store/rocks_figures.h"

#include <filesystem>
#include <system_error>

#include <rocksdb/db.h>

namespace starling::cloud {
namespace {

std::uint64_t BytesOf(const std::filesystem::path& directory) {
  std::uint64_t bytes = 0;
  std::error_code failure;
  for (auto each = std::filesystem::directory_iterator(directory, failure);
       !failure && each != std::filesystem::directory_iterator(); each.increment(failure)) {
    std::error_code gone;  // Files come and go.
    const std::uintmax_t size = each->is_regular_file(gone) ? each->file_size(gone) : 0;
    if (!gone) bytes += size;
  }
  return bytes;
}

}  // namespace

RocksFigures ReadRocksFigures(rocksdb::DB* db, std::span<rocksdb::ColumnFamilyHandle* const> families,
                              const std::string& directory) {
  RocksFigures figures;
  figures.disk_bytes = BytesOf(directory);
  const auto read = [db](rocksdb::ColumnFamilyHandle* family, const char* name) {
    std::uint64_t value = 0;
    return db->GetIntProperty(family, name, &value) ? value : 0;
  };
  for (rocksdb::ColumnFamilyHandle* const family : families) {
    figures.memtable_bytes += read(family, "rocksdb.cur-size-all-mem-tables");
    figures.cache_bytes += read(family, "rocksdb.estimate-table-readers-mem");
    figures.pending_compaction_bytes += read(family, "rocksdb.estimate-pending-compaction-bytes");
    rocksdb::ColumnFamilyMetaData levels;
    db->GetColumnFamilyMetaData(family, &levels);
    figures.table_files += levels.file_count;
    if (read(family, "rocksdb.is-write-stopped") != 0) figures.write_stopped = true;
  }
  if (families.empty()) return figures;
  // The families share one cache; these three are the database's.
  figures.cache_bytes += read(families.front(), "rocksdb.block-cache-usage");
  figures.running_compactions = read(families.front(), "rocksdb.num-running-compactions");
  figures.running_flushes = read(families.front(), "rocksdb.num-running-flushes");
  figures.background_errors = read(families.front(), "rocksdb.background-errors");
  return figures;
}

}  // namespace starling::cloud
