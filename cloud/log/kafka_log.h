#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "cloud/log/kafka_client.h"
#include "cloud/log/kafka_config.h"
#include "cloud/log/kafka_consumer.h"
#include "cloud/log/kafka_producer.h"
#include "cloud/log/log.h"
#include "common/status.h"

namespace starling::cloud {

struct KafkaLogCounters {
  KafkaProducerCounters producer;
  std::uint64_t records_read = 0;    // handed to consumers
  std::uint64_t consumer_lag = 0;    // records that are there and not handed over yet
  std::uint64_t consumer_errors = 0;  // brokers that were away or refused
};

// The log on a Kafka cluster, for more than one machine.
//
//   Append ─► queue ─► librdkafka ─► broker and its replicas ─► acknowledgement: emitted and durable
//                                           └─► librdkafka ─► delivery thread ─► consumers
//
// emitted() and durable() are one: a record that is acknowledged by all replicas in sync
// survives this process, this machine, and all brokers but one of those replicas.
// Consumers may get a record before its ticket is durable here.
//
// While brokers are away records wait in the queue; what does not fit is refused.
// Nothing is dropped because it is old.  A record that brokers refuse for good, and a
// partition whose next record is gone, stop the log: status() says why.
//
// Time is the brokers', in milliseconds (topics are created with LogAppendTime), and made
// monotone for each subscription.
//
// Threading: thread-safe.  Close and the destructor: not from a thread of the log.
class KafkaLog final : public Log {
 public:
  // Returns at once: brokers need not be there yet.
  //
  // Errors: kInvalidArgument if the configuration is wrong; kIoError if the system refuses.
  static Result<std::unique_ptr<KafkaLog>> Open(const KafkaConfig& config, KafkaReport report = ReportToStderr);
  ~KafkaLog() override;
  KafkaLog(const KafkaLog&) = delete;
  KafkaLog& operator=(const KafkaLog&) = delete;

  // Errors: as Log, and kInvalidArgument if key or value are longer than
  //         kRecordKeyBytesMax or kRecordValueBytesMax, or there is no such partition.
  Result<Ticket> Append(Topic topic, Partition partition, std::span<const std::byte> key,
                        std::span<const std::byte> value) override;
  double fill() const override;
  Ticket emitted() const override { return durable(); }
  Ticket durable() const override;
  void ObserveDurable(std::function<void(Ticket)> observer) override;

  // Blocks until the brokers have answered.
  //
  // Errors: as Log, and kUnavailable if they do not within query_timeout.
  Status Subscribe(Topic topic, Partition partition, Offset from, LogConsumer* consumer) override;

  // Block until the brokers have answered; where they do not within query_timeout the
  // answer is [0, 0) and 0, and a line says so.  Topics written in transactions end
  // where the first open transaction begins.
  Range RangeOf(Topic topic, Partition partition) const override;
  Offset OffsetAt(Topic topic, Partition partition, CloudTime time) const override;

  // The same, for those who can do something about it.
  //
  // Errors: kUnavailable if the brokers do not answer within query_timeout.
  Result<Range> QueryRange(Topic topic, Partition partition) const override;
  Result<Offset> QueryOffsetAt(Topic topic, Partition partition, CloudTime time) const override;

  // Starts at the first retained record if `from` is older.  Ends at the range's end as
  // it was when Read was called.
  //
  // Errors: as Log, and kUnavailable if the brokers do not answer.
  Status Read(Topic topic, Partition partition, Offset from,
              const std::function<bool(const LogRecord&)>& visit) const override;

  Status status() const override;

  // Errors: kUnavailable with the number of records that were not acknowledged within
  //         close_timeout; the failure that had stopped the log.
  Status Close() override;

  // Blocks until every record with `ticket` or an earlier one is durable.
  //
  // Errors: kUnavailable if the log has stopped; kExhausted after `timeout`.
  Status AwaitDurable(Ticket ticket, milliseconds timeout) const;

  KafkaLogCounters counters() const;
  const KafkaConfig& config() const { return config_; }
  void Report(std::string_view line) const { report_(line); }

  // For tests: as KafkaProducer's.
  void FailClientForTest() { producer_->FailClientForTest(); }

 private:
  KafkaLog(const KafkaConfig& config, KafkaReport report);

  Result<KafkaConsumer*> ConsumerFor(Topic topic) const;
  void Fail(const Status& status) const;

  const KafkaConfig config_;
  const KafkaReport report_;
  std::unique_ptr<KafkaProducer> producer_;

  mutable std::mutex consumers_mutex_;
  // Guarded by consumers_mutex_, until Close; made when first needed.
  mutable std::unique_ptr<KafkaConsumer> all_;
  mutable std::unique_ptr<KafkaConsumer> committed_;
  bool closed_ = false;

  mutable std::mutex mutex_;
  mutable Status failure_;  // Guarded by mutex_.

  std::mutex close_mutex_;  // One Close at a time.
};

}  // namespace starling::cloud
