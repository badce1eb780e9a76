#include "cloud/log/group_store_options.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/listener.h>
#include <rocksdb/system_clock.h>
#include <rocksdb/table.h>

namespace starling::cloud {
namespace {

class LogClock final : public rocksdb::SystemClockWrapper {
 public:
  LogClock(const std::shared_ptr<rocksdb::SystemClock>& base, std::function<CloudTime()> now)
      : SystemClockWrapper(base), now_(std::move(now)) {}

  const char* Name() const override { return "LogClock"; }

  rocksdb::Status GetCurrentTime(std::int64_t* unix_time) override {
    *unix_time = std::chrono::floor<seconds>(now_()).time_since_epoch().count();
    return rocksdb::Status::OK();
  }

 private:
  const std::function<CloudTime()> now_;
};


// Background work yields to the threads that a fix waits for.  Not at the lowest
// priority: on a busy machine flushes would then fall behind and stall the writer.
class LowPriority final : public rocksdb::EventListener {
 public:
  void OnFlushBegin(rocksdb::DB*, const rocksdb::FlushJobInfo&) override { Renice(5); }
  void OnCompactionBegin(rocksdb::DB*, const rocksdb::CompactionJobInfo&) override { Renice(10); }

 private:
  static void Renice(int nice) {
    // Raising one's own nice value is always allowed; if it is not, nothing is lost.
    (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), nice);
  }
};

std::shared_ptr<rocksdb::TableFactory> MakeTableFactory(std::shared_ptr<rocksdb::Cache> cache) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = std::move(cache);
  table.cache_index_and_filter_blocks = true;  // Else the indexes of old files have no bound.
  table.block_size = 32 << 10;                 // Read in order: fewer index entries.
  return std::shared_ptr<rocksdb::TableFactory>(rocksdb::NewBlockBasedTableFactory(table));
}

}  // namespace

StoreEnv::StoreEnv(std::function<CloudTime()> now, const std::shared_ptr<rocksdb::FileSystem>& files)
    : EnvWrapper(files == nullptr ? std::shared_ptr<Env>(Env::Default(), [](Env*) {})
                                  : std::shared_ptr<Env>(rocksdb::NewCompositeEnv(files))) {
  system_clock_ = std::make_shared<LogClock>(Env::Default()->GetSystemClock(), std::move(now));
  if (files != nullptr) file_system_ = files;
}

void StoreEnv::Schedule(void (*function)(void*), void* argument, Priority priority, void* tag,
                        void (*unscheduled)(void*)) {
  {
    const MutexLock lock(mutex_);
    if (held_ && priority != Priority::HIGH) {
      jobs_.push_back({function, argument, priority, tag, unscheduled});
      return;
    }
  }
  EnvWrapper::Schedule(function, argument, priority, tag, unscheduled);
}

int StoreEnv::UnSchedule(void* tag, Priority priority) {
  std::vector<Job> dropped;
  {
    const MutexLock lock(mutex_);
    const auto kept = std::stable_partition(
        jobs_.begin(), jobs_.end(), [&](const Job& job) { return job.tag != tag || job.priority != priority; });
    dropped.assign(kept, jobs_.end());
    jobs_.erase(kept, jobs_.end());
  }
  for (const Job& job : dropped) {
    if (job.unscheduled != nullptr) job.unscheduled(job.argument);
  }
  return static_cast<int>(dropped.size()) + EnvWrapper::UnSchedule(tag, priority);
}

void StoreEnv::ReleaseCompactions() {
  std::vector<Job> jobs;
  {
    const MutexLock lock(mutex_);
    held_ = false;
    jobs.swap(jobs_);
  }
  for (const Job& job : jobs) {
    EnvWrapper::Schedule(job.function, job.argument, job.priority, job.tag, job.unscheduled);
  }
}

rocksdb::DBOptions MakeStoreOptions(const EmbeddedLogConfig& config, rocksdb::Env* env) {
  rocksdb::DBOptions options;
  options.env = env;
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  // After a power cut the unsynced end of the WAL can be torn, or have holes
  // with whole records behind them.  Point-in-time recovery keeps what is before
  // the first hole, in all topics alike; kTolerateCorruptedTailRecords would
  // refuse to open.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  options.max_total_wal_size = config.wal_bytes_max;
  options.allow_concurrent_memtable_write = false;  // There is one writer.
  options.enable_write_thread_adaptive_yield = false;
  options.max_background_jobs = 2;
  options.max_file_opening_threads = 1;  // Else so many are started for each topic, at a start that is waited for.
  options.bytes_per_sync = 1 << 20;  // A flush in one burst would make the WAL's syncs wait.
  options.listeners.push_back(std::make_shared<LowPriority>());
  options.max_bgerror_resume_count = 0;  // A log that failed stays so until a restart.
  options.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  options.keep_log_file_num = 2;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  return options;
}

rocksdb::ColumnFamilyOptions MakeTopicOptions(const TopicConfig& config,
                                              std::shared_ptr<rocksdb::Cache> cache) {
  rocksdb::ColumnFamilyOptions options;
  options.compaction_style = rocksdb::kCompactionStyleFIFO;
  options.num_levels = 1;
  options.compaction_options_fifo.max_table_files_size = config.bytes_max;
  // A quiet topic is flushed whenever the WAL of the busy ones is full: its small
  // files are put together, or weeks of them would be tens of thousands.
  options.compaction_options_fifo.allow_compaction = true;
  options.level0_file_num_compaction_trigger = 16;
  options.ttl = static_cast<std::uint64_t>(config.age_max.count());
  options.periodic_compaction_seconds = 0;

  options.write_buffer_size = config.memtable_bytes;
  options.max_write_buffer_number = kMemtablesMax;
  // All files of a FIFO family are in level 0: their number is no reason to slow
  // the writer down.
  options.level0_slowdown_writes_trigger = std::numeric_limits<int>::max() / 2;
  options.level0_stop_writes_trigger = std::numeric_limits<int>::max() / 2;
  options.soft_pending_compaction_bytes_limit = 0;
  options.hard_pending_compaction_bytes_limit = 0;

  const std::vector<rocksdb::CompressionType> known = rocksdb::GetSupportedCompressions();
  const bool has_lz4 = std::find(known.begin(), known.end(), rocksdb::kLZ4Compression) != known.end();
  options.compression = has_lz4 ? rocksdb::kLZ4Compression : rocksdb::kNoCompression;
  options.table_factory = MakeTableFactory(std::move(cache));
  return options;
}

rocksdb::ColumnFamilyOptions MakeEndsOptions(std::shared_ptr<rocksdb::Cache> cache) {
  rocksdb::ColumnFamilyOptions options;
  options.write_buffer_size = 1 << 20;
  options.table_factory = MakeTableFactory(std::move(cache));
  return options;
}

}  // namespace starling::cloud
