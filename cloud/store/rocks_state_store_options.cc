#include "cloud/store/rocks_state_store_options.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <vector>

#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/listener.h>
#include <rocksdb/table.h>

namespace starling::cloud {
namespace {

constexpr std::size_t kBlockCacheBytes = 4 << 20;
constexpr std::size_t kMemtableBytes = 64 << 10;  // Nothing is ever written through it.

// Compactions yield to the threads that a fix waits for, and their bytes are counted.
class Background final : public rocksdb::EventListener {
 public:
  explicit Background(std::atomic<std::uint64_t>* compacted_bytes) : compacted_bytes_(compacted_bytes) {}

  void OnCompactionBegin(rocksdb::DB*, const rocksdb::CompactionJobInfo&) override {
    // Raising one's own nice value is always allowed; if it is not, nothing is lost.
    (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), 10);
  }
  void OnCompactionCompleted(rocksdb::DB*, const rocksdb::CompactionJobInfo& job) override {
    compacted_bytes_->fetch_add(job.stats.total_output_bytes, std::memory_order_relaxed);
  }

 private:
  std::atomic<std::uint64_t>* const compacted_bytes_;
};

rocksdb::CompressionType BestCompression() {
  const std::vector<rocksdb::CompressionType> known = rocksdb::GetSupportedCompressions();
  for (const auto type : {rocksdb::kZSTD, rocksdb::kLZ4Compression}) {
    if (std::find(known.begin(), known.end(), type) != known.end()) return type;
  }
  return rocksdb::kNoCompression;
}

}  // namespace

rocksdb::Options MakeStateStoreOptions(rocksdb::Env* env, std::atomic<std::uint64_t>* compacted_bytes) {
  rocksdb::Options options;
  options.env = env;
  options.create_if_missing = true;
  // Level 0 takes what was written since the last compaction, level 1 is everything
  // else, each key once: an erased entry leaves nothing behind.
  options.num_levels = 2;
  options.compaction_style = rocksdb::kCompactionStyleLevel;
  // The store decides by bytes when to compact: RocksDB's own picker counts files, and
  // whether a file holds a tenth of the entries or all of them decides what that costs.
  options.disable_auto_compactions = true;
  options.level0_slowdown_writes_trigger = std::numeric_limits<int>::max() / 2;
  options.level0_stop_writes_trigger = std::numeric_limits<int>::max() / 2;
  options.max_bytes_for_level_base = 1ull << 40;
  options.target_file_size_base = 8 << 20;
  options.max_background_jobs = 2;
  options.max_subcompactions = 1;
  options.write_buffer_size = kMemtableBytes;
  options.arena_block_size = 16 << 10;
  options.bytes_per_sync = 1 << 20;
  options.compaction_readahead_size = 256 << 10;
  options.max_open_files = 256;
  // A failed write is the caller's to repeat.
  options.max_bgerror_resume_count = 0;
  // Each point in time adds a few hundred bytes to it.
  options.max_manifest_file_size = 64 << 10;
  options.manifest_preallocation_size = 16 << 10;
  options.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  options.keep_log_file_num = 2;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  options.listeners.push_back(std::make_shared<Background>(compacted_bytes));
  options.compression = BestCompression();

  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(kBlockCacheBytes);
  table.cache_index_and_filter_blocks = true;
  table.block_size = 32 << 10;  // Read and written in order; larger compresses better.
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

}  // namespace starling::cloud
