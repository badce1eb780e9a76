#pragma once

#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "cloud/console/figures.h"
#include "cloud/log/embedded_log.h"
#include "cloud/log/embedded_region_writer.h"
#include "cloud/log/kafka_log.h"
#include "cloud/log/kafka_region_writer.h"
#include "cloud/log/region_writer.h"
#include "cloud/store/encryption.h"
#include "common/ids.h"
#include "common/mutex.h"
#include "common/status.h"

namespace starling::cloud {

// The log that a process works on, whichever engine it is, and what depends on which.
//
// Threading: thread-safe, but for Close.
class LogEngine {
 public:
  // Errors: those of EmbeddedLog::Open.
  static Result<std::unique_ptr<LogEngine>> OpenEmbedded(const EmbeddedLogConfig& config,
                                                         const EmbeddedRegionWriterConfig& writer,
                                                         const StoreEncryption& encryption);
  // Errors: those of KafkaLog::Open; kUnavailable if the brokers do not answer or a topic
  //         is missing, with what to do.
  static Result<std::unique_ptr<LogEngine>> OpenKafka(const KafkaConfig& config);
  LogEngine(const LogEngine&) = delete;
  LogEngine& operator=(const LogEngine&) = delete;

  Log* log() const { return log_; }
  EmbeddedLog* embedded() const { return embedded_.get(); }  // nullptr with Kafka
  bool is_kafka() const { return kafka_ != nullptr; }

  // Outputs of a region.  The writer must outlive Close.
  Result<std::unique_ptr<RegionWriter>> OpenWriter(RegionId region) const;

  // Delivers a partition's records to `consumer`, from its end or its beginning on.
  //
  // Errors: those of Log::Subscribe.
  Status SubscribeFromEnd(Topic topic, Partition partition, LogConsumer* consumer) const;
  Status SubscribeFromStart(Topic topic, Partition partition, LogConsumer* consumer) const;

  // Whether the log takes and gives records now: with Kafka, whether brokers have
  // answered in the last seconds.
  Status Reachable() const;

  void AppendFigures(std::vector<Figure>* figures) const;

  // Errors: those of Log::Close.
  Status Close();

 private:
  LogEngine() = default;

  Result<Log::Range> RangeOf(Topic topic, Partition partition) const;
  void Probe(const std::stop_token& stop);

  EmbeddedRegionWriterConfig writer_config_;
  std::unique_ptr<EmbeddedLog> embedded_;
  std::unique_ptr<KafkaLog> kafka_;
  Log* log_ = nullptr;

  mutable Mutex mutex_;
  std::chrono::steady_clock::time_point answered_ STARLING_GUARDED_BY(mutex_);
  Status silence_ STARLING_GUARDED_BY(mutex_);  // of the last question
  std::jthread probe_;
};

}  // namespace starling::cloud
