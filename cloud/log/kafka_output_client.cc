#include "cloud/log/kafka_output_client.h"

#include <pthread.h>

#include <future>
#include <system_error>
#include <thread>
#include <utility>

namespace starling::cloud {

Result<std::shared_ptr<KafkaOutputClient>> KafkaOutputClient::Open(const KafkaConfig& config, const std::string& id,
                                                                   KafkaEvents* events) {
  std::shared_ptr<KafkaOutputClient> opened(new KafkaOutputClient(config, id, events));
  auto client = OpenKafka(config, KafkaUse::kRegionProducer, id, opened.get());
  if (!client.ok()) return client.status();
  opened->client_ = std::move(client).value();
  for (std::size_t i = 0; i < kTopicCount; ++i) {
    const auto topic = static_cast<Topic>(i);
    // Asks for the topic's metadata ahead of the first record.
    if (IsTransactional(topic) || topic == Topic::kOwnership) (void)opened->TopicHandle(topic);
  }
  return opened;
}

KafkaOutputClient::~KafkaOutputClient() {
  for (KafkaTopicHandle& topic : topics_) topic.reset();
  if (client_ != nullptr) Discard(client_.get());
}

void KafkaOutputClient::LetGo(std::shared_ptr<KafkaOutputClient>* client) {
  if (*client == nullptr) return;
  {
    std::lock_guard lock((*client)->mutex_);
    (*client)->events_ = nullptr;
  }
  client->reset();
}

void KafkaOutputClient::OnDelivery(const rd_kafka_message_t& message) {
  if (message.err == RD_KAFKA_RESP_ERR_NO_ERROR) {
    last_offset_ = message.offset;
  } else {
    SetRecordError(message.err);
  }
}

void KafkaOutputClient::OnBrokerError(rd_kafka_resp_err_t error, std::string_view reason) {
  std::lock_guard lock(mutex_);
  if (events_ != nullptr) events_->OnBrokerError(error, reason);
}

void KafkaOutputClient::OnLine(std::string_view line) {
  std::lock_guard lock(mutex_);
  if (events_ != nullptr) events_->OnLine(line);
}

void KafkaOutputClient::SetRecordError(rd_kafka_resp_err_t error) {
  if (record_error_ == RD_KAFKA_RESP_ERR_NO_ERROR) record_error_ = error;
}

rd_kafka_topic_t* KafkaOutputClient::TopicHandle(Topic topic) {
  KafkaTopicHandle& handle = topics_[static_cast<std::size_t>(topic)];
  if (handle == nullptr) handle.reset(rd_kafka_topic_new(client_.get(), config_.TopicNameOf(topic).c_str(), nullptr));
  return handle.get();
}

rd_kafka_resp_err_t KafkaOutputClient::Produce(Topic topic, Partition partition, std::string_view key,
                                               std::optional<std::string_view> value) {
  rd_kafka_topic_t* handle = TopicHandle(topic);
  if (handle == nullptr) return rd_kafka_last_error();
  void* payload = value.has_value() ? const_cast<char*>(value->data()) : nullptr;  // It only copies.
  if (rd_kafka_produce(handle, static_cast<std::int32_t>(partition), RD_KAFKA_MSG_F_COPY, payload,
                       value.has_value() ? value->size() : 0, key.empty() ? nullptr : key.data(), key.size(),
                       nullptr) == 0) {
    return RD_KAFKA_RESP_ERR_NO_ERROR;
  }
  return rd_kafka_last_error();
}

std::optional<KafkaError> KafkaOutputClient::SendOffset(const std::shared_ptr<KafkaOutputClient>& client,
                                                        Partition partition, Offset next, milliseconds timeout,
                                                        const std::function<bool()>& give_up) {
  std::packaged_task<KafkaError()> call([client, partition, next, timeout] {
    const KafkaPartitions offsets(rd_kafka_topic_partition_list_new(1));
    rd_kafka_topic_partition_list_add(offsets.get(), client->config_.TopicNameOf(Topic::kTelemetry).c_str(),
                                      static_cast<std::int32_t>(partition))
        ->offset = static_cast<std::int64_t>(next);
    const std::unique_ptr<rd_kafka_consumer_group_metadata_t, KafkaDestroy<rd_kafka_consumer_group_metadata_destroy>>
        group(rd_kafka_consumer_group_metadata_new(client->id_.c_str()));
    return KafkaError(rd_kafka_send_offsets_to_transaction(client->handle(), offsets.get(), group.get(),
                                                           static_cast<int>(timeout.count())));
  });
  std::future<KafkaError> answer = call.get_future();
  std::thread thread;
  try {
    thread = std::thread(std::move(call));
  } catch (const std::system_error& error) {
    return KafkaError(rd_kafka_error_new(RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE, "no thread: %s", error.what()));
  }
  (void)pthread_setname_np(thread.native_handle(), "kafka-offset");
  while (answer.wait_for(milliseconds(100)) != std::future_status::ready) {
    if (!give_up()) continue;
    thread.detach();
    return std::nullopt;
  }
  thread.join();
  return answer.get();
}

}  // namespace starling::cloud
