#include "cloud/log/kafka_consumer.h"

#include <pthread.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace starling::cloud {
namespace {

// Bytes handed to a consumer at once, about: a batch ends with the record that passes it.
constexpr std::size_t kBatchBytesMax = 4 << 20;

// Between two attempts to ask the brokers.
constexpr milliseconds kAskAgain{50};
constexpr milliseconds kAskedMax{1'000};  // Then whoever leads by then is asked.

Status Gone(Topic topic, Partition partition, std::int64_t offset) {
  return {ErrorCode::kCorruption,
          PartitionName(topic, partition) + ": record " + std::to_string(offset) +
              " is gone before it was read: retention dropped it (raise retention.ms and retention.bytes), or the "
              "topic was truncated or made anew"};
}

// What a message that carries an error means; ok: go on.
Status Judge(Topic topic, Partition partition, const rd_kafka_message_t& message) {
  switch (message.err) {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__TIMED_OUT: return {};
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE: return Gone(topic, partition, message.offset);
    case RD_KAFKA_RESP_ERR__BAD_MSG:
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
      return KafkaFailure(ErrorCode::kCorruption,
                          PartitionName(topic, partition) + ": record " + std::to_string(message.offset) +
                              " is damaged",
                          message.err);
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
      // librdkafka has waited for it to come back.
      return KafkaFailure(ErrorCode::kUnavailable, PartitionName(topic, partition), message.err);
    default: break;
  }
  if (IsPassing(message.err)) return {};
  return KafkaFailure(ErrorCode::kUnavailable, PartitionName(topic, partition), message.err);
}

// "host:port, topic" is said by `error`; what to do about a topic that is not there, here.
Status NoAnswer(Topic topic, Partition partition, rd_kafka_resp_err_t error) {
  std::string hint;
  if (error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || error == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
      error == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION) {
    hint = " (create it: starling topics apply)";
  }
  return {ErrorCode::kUnavailable, "kafka: " + PartitionName(topic, partition) + ": " + rd_kafka_err2str(error) + hint};
}

Offset OffsetOf(std::int64_t number) { return Offset{static_cast<std::uint64_t>(std::max<std::int64_t>(number, 0))}; }

}  // namespace

void KafkaRecords::Clear() {
  records_.clear();
  aligned_.clear();
  moved_.clear();
}

void KafkaRecords::Add(const rd_kafka_message_t& message, CloudTime* time) {
  rd_kafka_timestamp_type_t kind{};
  const std::int64_t ms = rd_kafka_message_timestamp(&message, &kind);
  if (ms >= 0) *time = std::max(*time, CloudTime(milliseconds(ms)));
  if (*time == CloudTime::min()) *time = CloudTime{};
  LogRecord record;
  record.offset = OffsetOf(message.offset);
  record.time = *time;
  record.key = {static_cast<const std::byte*>(message.key), message.key_len};
  record.value = {static_cast<const std::byte*>(message.payload), message.len};
  if (message.len > 0 && reinterpret_cast<std::uintptr_t>(message.payload) % 8 != 0) {
    moved_.push_back(records_.size());
    const std::size_t at = aligned_.size();
    aligned_.resize(at + (message.len + 7) / 8);
    std::memcpy(aligned_.data() + at, message.payload, message.len);
  }
  records_.push_back(record);
}

std::span<const LogRecord> KafkaRecords::records() {
  // The words have stopped moving.
  std::size_t at = 0;
  for (const std::size_t index : moved_) {
    LogRecord& record = records_[index];
    record.value = {reinterpret_cast<const std::byte*>(aligned_.data() + at), record.value.size()};
    at += (record.value.size() + 7) / 8;
  }
  return records_;
}

Result<std::unique_ptr<KafkaConsumer>> KafkaConsumer::Open(const KafkaConfig& config, bool committed_only,
                                                           KafkaReport report,
                                                           std::function<void(const Status&)> on_failure) {
  auto consumer =
      std::unique_ptr<KafkaConsumer>(new KafkaConsumer(config, std::move(report), std::move(on_failure)));
  auto client = OpenKafka(config, committed_only ? KafkaUse::kCommittedConsumer : KafkaUse::kConsumer, "",
                          consumer.get());
  if (!client.ok()) return client.status();
  consumer->client_ = std::move(client).value();
  consumer->deliveries_.resize(config.delivery_threads);
  return consumer;
}

KafkaConsumer::KafkaConsumer(const KafkaConfig& config, KafkaReport report,
                             std::function<void(const Status&)> on_failure)
    : config_(config), report_(std::move(report)), on_failure_(std::move(on_failure)) {}

KafkaConsumer::~KafkaConsumer() { Close(); }

void KafkaConsumer::OnBrokerError(rd_kafka_resp_err_t, std::string_view) {
  broker_errors_.fetch_add(1, std::memory_order_relaxed);
}

// Not rd_kafka_query_watermark_offsets: in librdkafka 2.0 that one forgets its time-out.  A question
// to a leader that has just died, which it was not able to send, is sent again and again to the
// dead one, and the call does not return.  This one does, and then asks whoever leads by then.
rd_kafka_resp_err_t KafkaConsumer::AskOffset(const std::string& topic, Partition partition, std::int64_t* offset,
                                             int timeout_ms) const {
  const KafkaPartitions asked(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_t* entry =
      rd_kafka_topic_partition_list_add(asked.get(), topic.c_str(), static_cast<std::int32_t>(partition));
  entry->offset = *offset;
  const rd_kafka_resp_err_t error = rd_kafka_offsets_for_times(client_.get(), asked.get(), timeout_ms);
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) *offset = entry->offset;
  return error == RD_KAFKA_RESP_ERR_NO_ERROR ? entry->err : error;
}

Result<Log::Range> KafkaConsumer::RangeOf(Topic topic, Partition partition) {
  const KafkaDeadline deadline(config_.query_timeout);
  const std::string name = config_.TopicNameOf(topic);
  // librdkafka 2.0 asks again for the leaders of topics that have a handle, and of no
  // others that it believes to know.
  const KafkaTopicHandle known(rd_kafka_topic_new(client_.get(), name.c_str(), nullptr));
  for (;;) {
    // Kafka's two times that are none.
    std::int64_t first = RD_KAFKA_OFFSET_BEGINNING;
    std::int64_t end = RD_KAFKA_OFFSET_END;
    rd_kafka_resp_err_t error = AskOffset(name, partition, &first, deadline.Left(kAskedMax));
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) error = AskOffset(name, partition, &end, deadline.Left(kAskedMax));
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return Log::Range{OffsetOf(first), OffsetOf(end)};
    if (!IsPassing(error) || deadline.passed()) return NoAnswer(topic, partition, error);
    std::this_thread::sleep_for(kAskAgain);
  }
}

Result<Offset> KafkaConsumer::OffsetAt(Topic topic, Partition partition, CloudTime time) {
  const KafkaDeadline deadline(config_.query_timeout);
  const std::string name = config_.TopicNameOf(topic);
  const KafkaTopicHandle known(rd_kafka_topic_new(client_.get(), name.c_str(), nullptr));  // As in RangeOf.
  const KafkaPartitions asked(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_t* entry =
      rd_kafka_topic_partition_list_add(asked.get(), name.c_str(), static_cast<std::int32_t>(partition));
  const std::int64_t ms = std::max<std::int64_t>(std::chrono::ceil<milliseconds>(time).time_since_epoch().count(), 0);
  for (;;) {
    entry->offset = ms;
    rd_kafka_resp_err_t error = rd_kafka_offsets_for_times(client_.get(), asked.get(), deadline.Left());
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) error = entry->err;
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
      if (entry->offset >= 0) return OffsetOf(entry->offset);
      const auto range = RangeOf(topic, partition);  // No record is as young.
      if (!range.ok()) return range.status();
      return range.value().end;
    }
    if (!IsPassing(error) || deadline.passed()) return NoAnswer(topic, partition, error);
    std::this_thread::sleep_for(kAskAgain);
  }
}

KafkaConsumer::Delivery* KafkaConsumer::DeliveryOf(Partition partition) {
  auto& slot = deliveries_[static_cast<std::uint32_t>(partition) % deliveries_.size()];
  if (slot == nullptr) {
    slot = std::make_unique<Delivery>();
    slot->queue.reset(rd_kafka_queue_new(client_.get()));
    slot->thread = std::thread([this, queue = slot->queue.get()] { DeliverLoop(queue); });
    (void)pthread_setname_np(slot->thread.native_handle(), "kafka-records");
  }
  return slot.get();
}

Status KafkaConsumer::Subscribe(Topic topic, Partition partition, Offset from, LogConsumer* consumer) {
  const auto range = RangeOf(topic, partition);
  if (!range.ok()) return range.status();
  if (from < range.value().first || from > range.value().end) {
    return {ErrorCode::kInvalidArgument,
            "offset " + std::to_string(static_cast<std::uint64_t>(from)) + " of " + PartitionName(topic, partition) +
                " is not retained: the log has " + std::to_string(static_cast<std::uint64_t>(range.value().first)) +
                " to " + std::to_string(static_cast<std::uint64_t>(range.value().end))};
  }
  std::lock_guard lock(mutex_);
  if (closed_ || failed_.load(std::memory_order_acquire)) return {ErrorCode::kUnavailable, "log has stopped"};
  for (const auto& other : subscriptions_) {
    if (other->topic == topic && other->partition == partition) {
      return {ErrorCode::kInvalidArgument, PartitionName(topic, partition) + " already has a consumer"};
    }
  }
  auto subscription = std::make_unique<Subscription>();
  subscription->topic = topic;
  subscription->partition = partition;
  subscription->consumer = consumer;
  subscription->next.store(static_cast<std::uint64_t>(from), std::memory_order_relaxed);
  subscription->handle.reset(rd_kafka_topic_new(client_.get(), config_.TopicNameOf(topic).c_str(), nullptr));
  if (subscription->handle == nullptr) {
    return KafkaFailure(ErrorCode::kIoError, PartitionName(topic, partition), rd_kafka_last_error());
  }
  rd_kafka_topic_t* handle = subscription->handle.get();
  // In the list first: its records may come before this returns.
  subscriptions_.push_back(std::move(subscription));
  if (rd_kafka_consume_start_queue(handle, static_cast<std::int32_t>(partition), static_cast<std::int64_t>(from),
                                   DeliveryOf(partition)->queue.get()) != 0) {
    subscriptions_.pop_back();
    return KafkaFailure(ErrorCode::kIoError, PartitionName(topic, partition), rd_kafka_last_error());
  }
  return {};
}

KafkaConsumer::Subscription* KafkaConsumer::Find(const rd_kafka_message_t& message) {
  std::lock_guard lock(mutex_);
  for (const auto& each : subscriptions_) {
    // Handles of one topic are one object.
    if (each->handle.get() == message.rkt &&
        static_cast<std::int32_t>(each->partition) == message.partition) {
      return each.get();
    }
  }
  return nullptr;
}

void KafkaConsumer::DeliverLoop(rd_kafka_queue_t* queue) {
  std::vector<KafkaMessage> batch;
  KafkaRecords records;
  while (!stop_.load(std::memory_order_acquire)) {
    std::size_t bytes = 0;
    int wait_ms = 500;
    while (batch.size() < config_.batch_records_max && bytes < kBatchBytesMax) {
      KafkaMessage message(rd_kafka_consume_queue(queue, wait_ms));
      if (message == nullptr) break;
      wait_ms = 0;
      bytes += message->len;
      batch.push_back(std::move(message));
    }
    if (Status status = DeliverBatch(batch, &records); !status.ok()) {
      stop_.store(true, std::memory_order_release);
      if (!failed_.exchange(true, std::memory_order_acq_rel)) on_failure_(status);
    }
    batch.clear();
  }
}

Status KafkaConsumer::DeliverBatch(std::span<const KafkaMessage> batch, KafkaRecords* records) {
  std::size_t at = 0;
  while (at < batch.size() && !stop_.load(std::memory_order_acquire)) {
    const rd_kafka_message_t& head = *batch[at];
    Subscription* subscription = head.rkt == nullptr ? nullptr : Find(head);
    if (subscription == nullptr) {
      ++at;  // Of the client as a whole: OnBrokerError has it, too.
      continue;
    }
    if (head.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      if (Status status = Judge(subscription->topic, subscription->partition, head); !status.ok()) return status;
      ++at;
      continue;
    }
    records->Clear();
    std::uint64_t next = subscription->next.load(std::memory_order_relaxed);
    for (; at < batch.size(); ++at) {
      const rd_kafka_message_t& each = *batch[at];
      if (each.err != RD_KAFKA_RESP_ERR_NO_ERROR || each.rkt != head.rkt || each.partition != head.partition) break;
      // After a change of leader a batch may be fetched twice.
      if (static_cast<std::uint64_t>(each.offset) < next) continue;
      next = static_cast<std::uint64_t>(each.offset) + 1;
      records->Add(each, &subscription->time);
    }
    const auto views = records->records();
    if (views.empty()) continue;
    subscription->consumer->OnRecords(views);
    subscription->next.store(next, std::memory_order_relaxed);
    records_.fetch_add(views.size(), std::memory_order_relaxed);
  }
  return {};
}

Status KafkaConsumer::Read(Topic topic, Partition partition, Offset from, Offset end,
                           const std::function<bool(const LogRecord&)>& visit) {
  if (from >= end) return {};
  const auto number = static_cast<std::int32_t>(partition);
  const KafkaTopicHandle handle(rd_kafka_topic_new(client_.get(), config_.TopicNameOf(topic).c_str(), nullptr));
  const KafkaQueue queue(rd_kafka_queue_new(client_.get()));
  if (handle == nullptr ||
      rd_kafka_consume_start_queue(handle.get(), number, static_cast<std::int64_t>(from), queue.get()) != 0) {
    return KafkaFailure(ErrorCode::kIoError, PartitionName(topic, partition), rd_kafka_last_error());
  }
  const auto last = static_cast<std::int64_t>(end) - 1;
  KafkaRecords records;
  CloudTime time = CloudTime::min();
  Status status;
  KafkaDeadline deadline(config_.query_timeout);
  for (bool more = true; more && status.ok();) {
    const KafkaMessage message(rd_kafka_consume_queue(queue.get(), deadline.Left(milliseconds(200))));
    if (message == nullptr) {
      if (deadline.passed()) status = NoAnswer(topic, partition, RD_KAFKA_RESP_ERR__TIMED_OUT);
      continue;
    }
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      more = message->offset <= last;
      continue;
    }
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      status = Judge(topic, partition, *message);
      continue;
    }
    // Control records and compaction leave gaps: the last one may be any.
    if (message->offset > last) break;
    deadline = KafkaDeadline(config_.query_timeout);
    records.Clear();
    records.Add(*message, &time);
    more = visit(records.records().front()) && message->offset < last;
  }
  (void)rd_kafka_consume_stop(handle.get(), number);
  return status;
}

void KafkaConsumer::Close() {
  {
    std::lock_guard lock(mutex_);
    if (std::exchange(closed_, true)) return;
  }
  stop_.store(true, std::memory_order_release);
  // Nothing is added any more.
  for (const auto& delivery : deliveries_) {
    if (delivery != nullptr) rd_kafka_queue_yield(delivery->queue.get());
  }
  for (const auto& delivery : deliveries_) {
    if (delivery != nullptr) delivery->thread.join();
  }
  for (const auto& each : subscriptions_) {
    (void)rd_kafka_consume_stop(each->handle.get(), static_cast<std::int32_t>(each->partition));
  }
  std::lock_guard lock(mutex_);
  deliveries_.clear();
  subscriptions_.clear();
  client_.reset();
}

std::uint64_t KafkaConsumer::lag() const {
  std::lock_guard lock(mutex_);
  if (client_ == nullptr) return 0;
  std::uint64_t lag = 0;
  for (const auto& each : subscriptions_) {
    std::int64_t first = 0;
    std::int64_t end = 0;
    const rd_kafka_resp_err_t error = rd_kafka_get_watermark_offsets(
        client_.get(), config_.TopicNameOf(each->topic).c_str(), static_cast<std::int32_t>(each->partition), &first,
        &end);
    const std::uint64_t next = each->next.load(std::memory_order_relaxed);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR && end > 0 && static_cast<std::uint64_t>(end) > next) {
      lag += static_cast<std::uint64_t>(end) - next;
    }
  }
  return lag;
}

}  // namespace starling::cloud
