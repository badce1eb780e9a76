// What a region's outputs are written through: one producer, from its opening until it is of
// no more use.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "cloud/log/kafka_client.h"
#include "cloud/log/log.h"

namespace starling::cloud {

// Calls of librdkafka keep the time they are given, but for one:
// rd_kafka_send_offsets_to_transaction (up to 2.14 at least: confluentinc/librdkafka issues
// 3013 and 5456) can wait for ever for the group's coordinator after a broker has gone.  It is
// made on a thread of its own; when it does not come back the client is left to that thread,
// and goes with it once it does.  Its transaction is fenced off by the client that follows.
//
// Threading: one thread uses it at a time; LetGo ends that.
class KafkaOutputClient final : private KafkaEvents {
 public:
  // `events` hears of broken brokers, and lines, until LetGo.
  //
  // Errors: as OpenKafka's.
  static Result<std::shared_ptr<KafkaOutputClient>> Open(const KafkaConfig& config, const std::string& id,
                                                         KafkaEvents* events);
  ~KafkaOutputClient() override;
  KafkaOutputClient(const KafkaOutputClient&) = delete;
  KafkaOutputClient& operator=(const KafkaOutputClient&) = delete;

  rd_kafka_t* handle() const { return client_.get(); }

  // Copies key and value; a null value is a tombstone.  Refusals come later: record_error().
  rd_kafka_resp_err_t Produce(Topic topic, Partition partition, std::string_view key,
                              std::optional<std::string_view> value);

  // Puts the group's offset of `partition` of telemetry into the transaction.  The library is
  // given `timeout`; nullopt if `give_up`, asked ten times a second, said so before the call
  // came back: LetGo is all that may follow.
  static std::optional<KafkaError> SendOffset(const std::shared_ptr<KafkaOutputClient>& client, Partition partition,
                                              Offset next, milliseconds timeout,
                                              const std::function<bool()>& give_up);

  // The first refusal of a record since ForgetErrors, and the offset of the last one taken (-1:
  // none).  As of the last poll.
  rd_kafka_resp_err_t record_error() const { return record_error_; }
  void SetRecordError(rd_kafka_resp_err_t error);
  void ForgetErrors() { record_error_ = RD_KAFKA_RESP_ERR_NO_ERROR; }
  std::int64_t last_offset() const { return last_offset_; }

  // Its owner hears no more of it, and may go.
  static void LetGo(std::shared_ptr<KafkaOutputClient>* client);

 private:
  KafkaOutputClient(const KafkaConfig& config, std::string id, KafkaEvents* events)
      : config_(config), id_(std::move(id)), events_(events) {}

  void OnDelivery(const rd_kafka_message_t& message) override;
  void OnBrokerError(rd_kafka_resp_err_t error, std::string_view reason) override;
  void OnLine(std::string_view line) override;
  rd_kafka_topic_t* TopicHandle(Topic topic);

  const KafkaConfig config_;
  const std::string id_;
  std::mutex mutex_;
  KafkaEvents* events_;  // Guarded by mutex_; null once it is let go.
  rd_kafka_resp_err_t record_error_ = RD_KAFKA_RESP_ERR_NO_ERROR;
  std::int64_t last_offset_ = -1;
  KafkaHandle client_;
  std::array<KafkaTopicHandle, kTopicCount> topics_;
};

}  // namespace starling::cloud
