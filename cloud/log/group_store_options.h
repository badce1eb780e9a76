// What the log asks of RocksDB, and why.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/options.h>

#include "cloud/log/embedded_log_config.h"
#include "common/mutex.h"
#include "common/time.h"

namespace starling::cloud {

// The default environment, but for two things: it has the log's clock, so that retention
// by age goes by the same time as the records; and compactions, which are what drops old
// files, wait until they are released.  RocksDB can be told the same by an option for each
// topic, and then writes and syncs all of its options when that changes: 70 ms of a start.
//
// Threading: thread-safe.
class StoreEnv final : public rocksdb::EnvWrapper {
 public:
  // Over `files`, which is shared; null: the default file system.
  StoreEnv(std::function<CloudTime()> now, const std::shared_ptr<rocksdb::FileSystem>& files);

  void ReleaseCompactions();

  const char* Name() const override { return "StoreEnv"; }
  void Schedule(void (*function)(void*), void* argument, Priority priority, void* tag,
                void (*unscheduled)(void*)) override;
  int UnSchedule(void* tag, Priority priority) override;

 private:
  struct Job {
    void (*function)(void*);
    void* argument;
    Priority priority;
    void* tag;
    void (*unscheduled)(void*);
  };

  Mutex mutex_;
  bool held_ STARLING_GUARDED_BY(mutex_) = true;
  std::vector<Job> jobs_ STARLING_GUARDED_BY(mutex_);
};

rocksdb::DBOptions MakeStoreOptions(const EmbeddedLogConfig& config, rocksdb::Env* env);

// Of the column family of a topic.
rocksdb::ColumnFamilyOptions MakeTopicOptions(const TopicConfig& config,
                                              std::shared_ptr<rocksdb::Cache> cache);

// Of the default column family, which holds a few bytes for each partition.
rocksdb::ColumnFamilyOptions MakeEndsOptions(std::shared_ptr<rocksdb::Cache> cache);

}  // namespace starling::cloud
