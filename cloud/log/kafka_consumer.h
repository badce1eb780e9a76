#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "cloud/log/kafka_client.h"
#include "cloud/log/kafka_config.h"
#include "cloud/log/log.h"
#include "common/status.h"

namespace starling::cloud {

// Makes LogRecords of Kafka's messages: values are moved to where they are aligned, and
// time never goes back.
//
// Threading: thread-compatible.
class KafkaRecords {
 public:
  void Clear();
  // `message` must live until Clear.  `time` is that of the partition's record before
  // this one, and then of this one.
  void Add(const rd_kafka_message_t& message, CloudTime* time);
  // Valid until Clear.
  std::span<const LogRecord> records();

 private:
  std::vector<LogRecord> records_;
  std::vector<std::uint64_t> aligned_;  // Values, each from a new word on.
  std::vector<std::size_t> moved_;      // Indexes of records whose values go there.
};

// Reads partitions from given offsets and hands their records to consumers, through
// changes of leaders and absences of brokers.  It never jumps: where the next record is
// gone, because retention or a truncated log took it, it fails.
//
// Partitions are assigned by hand, without a group: no broker decides who reads what.
//
// Threading: thread-safe.  Consumers run on the delivery threads.
class KafkaConsumer final : private KafkaEvents {
 public:
  // `on_failure` is called once, from a delivery thread, with what stopped it.
  static Result<std::unique_ptr<KafkaConsumer>> Open(const KafkaConfig& config, bool committed_only,
                                                     KafkaReport report,
                                                     std::function<void(const Status&)> on_failure);
  ~KafkaConsumer() override;
  KafkaConsumer(const KafkaConsumer&) = delete;
  KafkaConsumer& operator=(const KafkaConsumer&) = delete;

  // Retained range; of committed records where only these are read.
  //
  // Errors: kUnavailable if the brokers do not answer in query_timeout, or have no such
  //         partition.
  Result<Log::Range> RangeOf(Topic topic, Partition partition);

  // As Log::OffsetAt.
  //
  // Errors: as RangeOf.
  Result<Offset> OffsetAt(Topic topic, Partition partition, CloudTime time);

  // As Log::Subscribe.
  Status Subscribe(Topic topic, Partition partition, Offset from, LogConsumer* consumer);

  // Reads [from, end) on the calling thread.
  // REQUIRES: the partition is not subscribed to by this object
  //
  // Errors: kCorruption if a record is damaged or gone before its turn.
  //         kUnavailable if nothing comes for query_timeout.
  Status Read(Topic topic, Partition partition, Offset from, Offset end,
              const std::function<bool(const LogRecord&)>& visit);

  // Stops delivering.  Idempotent.
  void Close();

  // Records between what was delivered and the end of the subscribed partitions, as the
  // brokers last said.
  std::uint64_t lag() const;
  std::uint64_t records() const { return records_.load(std::memory_order_relaxed); }
  std::uint64_t broker_errors() const { return broker_errors_.load(std::memory_order_relaxed); }

 private:
  struct Subscription {
    Topic topic{};
    Partition partition{};
    KafkaTopicHandle handle;
    LogConsumer* consumer = nullptr;
    CloudTime time = CloudTime::min();        // The delivery thread's.
    std::atomic<std::uint64_t> next{0};       // It stores, lag() loads: a number on its own.
  };
  struct Delivery {
    KafkaQueue queue;
    std::thread thread;
  };

  // `offset`: a time in ms since 1970, or Kafka's words for first and end; then the answer.
  rd_kafka_resp_err_t AskOffset(const std::string& topic, Partition partition, std::int64_t* offset, int timeout_ms) const;

  KafkaConsumer(const KafkaConfig& config, KafkaReport report, std::function<void(const Status&)> on_failure);

  void OnBrokerError(rd_kafka_resp_err_t error, std::string_view reason) override;
  void OnLine(std::string_view line) override { report_(line); }

  void DeliverLoop(rd_kafka_queue_t* queue);
  Status DeliverBatch(std::span<const KafkaMessage> batch, KafkaRecords* records);
  Subscription* Find(const rd_kafka_message_t& message);
  Delivery* DeliveryOf(Partition partition);

  const KafkaConfig config_;
  const KafkaReport report_;
  const std::function<void(const Status&)> on_failure_;
  KafkaHandle client_;

  mutable std::mutex mutex_;
  // Guarded by mutex_; subscriptions only grow until the threads have ended.
  std::vector<std::unique_ptr<Subscription>> subscriptions_;
  std::vector<std::unique_ptr<Delivery>> deliveries_;
  bool closed_ = false;

  std::atomic<bool> stop_{false};    // Close and failures store, the threads load.
  std::atomic<bool> failed_{false};  // The first failure counts.
  // Counters, added to in no order.
  std::atomic<std::uint64_t> records_{0};
  std::atomic<std::uint64_t> broker_errors_{0};
};

}  // namespace starling::cloud
