// What the parts of the Kafka engine share of librdkafka's C interface: handles that
// close themselves, how a client is made, and what an error means to us.
#pragma once

#include <librdkafka/rdkafka.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "cloud/log/kafka_config.h"
#include "common/status.h"

namespace starling::cloud {

template <auto kDestroy>
struct KafkaDestroy {
  template <typename Handle>
  void operator()(Handle* handle) const {
    kDestroy(handle);
  }
};
using KafkaHandle = std::unique_ptr<rd_kafka_t, KafkaDestroy<rd_kafka_destroy>>;
using KafkaTopicHandle = std::unique_ptr<rd_kafka_topic_t, KafkaDestroy<rd_kafka_topic_destroy>>;
using KafkaQueue = std::unique_ptr<rd_kafka_queue_t, KafkaDestroy<rd_kafka_queue_destroy>>;
using KafkaMessage = std::unique_ptr<rd_kafka_message_t, KafkaDestroy<rd_kafka_message_destroy>>;
using KafkaError = std::unique_ptr<rd_kafka_error_t, KafkaDestroy<rd_kafka_error_destroy>>;
using KafkaPartitions =
    std::unique_ptr<rd_kafka_topic_partition_list_t, KafkaDestroy<rd_kafka_topic_partition_list_destroy>>;

// One line for the operator.  Called from any thread.
using KafkaReport = std::function<void(std::string_view)>;

// Writes to standard error.
void ReportToStderr(std::string_view line);

// What a client tells its owner.  Called from the client's threads, and, the first one,
// from whoever polls it.
class KafkaEvents {
 public:
  virtual ~KafkaEvents() = default;
  virtual void OnDelivery(const rd_kafka_message_t& message) { (void)message; }
  // A broker is away or answers with an error; librdkafka goes on trying.
  virtual void OnBrokerError(rd_kafka_resp_err_t error, std::string_view reason) = 0;
  virtual void OnLine(std::string_view line) = 0;
  // librdkafka's statistics, as JSON; of a KafkaUse::kProducer alone.
  virtual void OnStatistics(std::string_view document) { (void)document; }
};

enum class KafkaUse : std::uint8_t {
  kProducer,           // idempotent
  kRegionProducer,     // and transactional, where that is on; `id` is the transactional id
  kConsumer,           // reads everything
  kCommittedConsumer,  // reads what is committed
  kOffsets,            // reads and writes the offsets of group `id`, and no records
};

// A client with this engine's settings under the operator's.  `events` must outlive it.
//
// Errors: kInvalidArgument if a property is refused; kIoError if the system refuses.
Result<KafkaHandle> OpenKafka(const KafkaConfig& config, KafkaUse use, const std::string& id, KafkaEvents* events);

// Gives up what a producer has not delivered; without it destroying one waits, or complains.
void Discard(rd_kafka_t* producer);

// Time by which something has to be done.
class KafkaDeadline {
 public:
  explicit KafkaDeadline(milliseconds span) : at_(std::chrono::steady_clock::now() + span) {}
  bool passed() const { return std::chrono::steady_clock::now() >= at_; }
  // What is left, at most `most`, for a call that takes milliseconds; at least 1.
  int Left(milliseconds most = seconds(2)) const;

 private:
  std::chrono::steady_clock::time_point at_;
};

// "telemetry/3: Broker: Not enough in-sync replicas"
Status KafkaFailure(ErrorCode code, std::string_view what, rd_kafka_resp_err_t error);

// The brokers can be expected to answer differently soon.
bool IsPassing(rd_kafka_resp_err_t error);

std::string PartitionName(Topic topic, Partition partition);  // "telemetry/3"

}  // namespace starling::cloud
