// What the log asks of RocksDB, and why.
#pragma once

#include <functional>
#include <memory>

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/options.h>

#include "cloud/log/embedded_log_config.h"
#include "common/time.h"

namespace starling::cloud {

// The default environment with the log's clock, so that retention by age goes by
// the same time as the records; over `files` if there are any, which the environment
// shares.
std::unique_ptr<rocksdb::Env> MakeStoreEnv(std::function<CloudTime()> now,
                                           const std::shared_ptr<rocksdb::FileSystem>& files);

rocksdb::DBOptions MakeStoreOptions(const EmbeddedLogConfig& config, rocksdb::Env* env);

// Of the column family of a topic.
rocksdb::ColumnFamilyOptions MakeTopicOptions(const TopicConfig& config,
                                              std::shared_ptr<rocksdb::Cache> cache);

// Of the default column family, which holds a few bytes for each partition.
rocksdb::ColumnFamilyOptions MakeEndsOptions(std::shared_ptr<rocksdb::Cache> cache);

}  // namespace starling::cloud
