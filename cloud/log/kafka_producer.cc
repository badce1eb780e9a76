#include "cloud/log/kafka_producer.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include "cloud/log/group_format.h"

namespace starling::cloud {
namespace {

using std::chrono::steady_clock;

// Nobody waits for them.
constexpr milliseconds kBulkPauseMin{20};
constexpr milliseconds kPollMax{100};

bool IsBulk(Topic topic) { return topic == Topic::kHistory || topic == Topic::kDeadLetter; }

// The record did not do it: all that is unacknowledged can be sent again by a new client.
bool ClientIsSpent(rd_kafka_resp_err_t error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR__FATAL:
    case RD_KAFKA_RESP_ERR__PURGE_QUEUE:
    case RD_KAFKA_RESP_ERR__PURGE_INFLIGHT:
    case RD_KAFKA_RESP_ERR__DESTROY:
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__GAPLESS_GUARANTEE:
    case RD_KAFKA_RESP_ERR__INCONSISTENT:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS:
    case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND:
    case RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR:
    case RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER:
    case RD_KAFKA_RESP_ERR_DUPLICATE_SEQUENCE_NUMBER:
    case RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID:
    case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING:
    case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH: return true;
    default: return false;
  }
}

std::span<const std::byte> BytesOf(const void* data, std::size_t size) {
  return {static_cast<const std::byte*>(data), size};
}

std::span<const std::byte> BytesOf(const std::string& text) { return BytesOf(text.data(), text.size()); }

}  // namespace

Result<std::unique_ptr<KafkaProducer>> KafkaProducer::Open(const KafkaConfig& config, KafkaReport report) {
  auto producer = std::unique_ptr<KafkaProducer>(new KafkaProducer(config, std::move(report)));
  if (Status status = producer->OpenClient(); !status.ok()) return status;
  producer->poller_ = std::thread([raw = producer.get()] { raw->PollLoop(); });
  // For people who look at the process; it works without.
  (void)pthread_setname_np(producer->poller_.native_handle(), "kafka-acks");
  return producer;
}

KafkaProducer::KafkaProducer(const KafkaConfig& config, KafkaReport report)
    // Twice the bound, so that one partition without a leader does not refuse the others
    // long before the bound is reached.
    : config_(config), report_(std::move(report)), window_(2 * config.queue_records_max) {}

KafkaProducer::~KafkaProducer() {
  // Whoever wants to know closes first; here there is nobody to tell.
  (void)Close(milliseconds(0));
}

Status KafkaProducer::OpenClient() {
  auto client = OpenKafka(config_, KafkaUse::kProducer, "", this);
  if (!client.ok()) return client.status();
  client_ = std::move(client).value();
  return {};
}

rd_kafka_resp_err_t KafkaProducer::Produce(Topic topic, Partition partition, std::span<const std::byte> key,
                                           std::span<const std::byte> value, Ticket ticket) {
  KafkaTopicHandle& handle = topics_[static_cast<std::size_t>(topic)];
  if (handle == nullptr) {
    const auto conf = rd_kafka_default_topic_conf_dup(client_.get());
    // Handed back with each acknowledgement.
    rd_kafka_topic_conf_set_opaque(conf, reinterpret_cast<void*>(static_cast<std::uintptr_t>(topic)));
    handle.reset(rd_kafka_topic_new(client_.get(), config_.TopicNameOf(topic).c_str(), conf));
    if (handle == nullptr) return rd_kafka_last_error();
  }
  // librdkafka takes a payload of length zero that is not null as an empty value.
  static char empty[1] = {};
  void* payload = empty;
  if (!value.empty()) payload = const_cast<std::byte*>(value.data());  // It only copies.
  const int refused = rd_kafka_produce(
      handle.get(), static_cast<std::int32_t>(partition), RD_KAFKA_MSG_F_COPY, payload, value.size(),
      key.empty() ? nullptr : key.data(), key.size(), reinterpret_cast<void*>(static_cast<std::uintptr_t>(ticket)));
  if (refused != 0) return rd_kafka_last_error();
  ++lanes_[{topic, partition}].under_way;
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

std::chrono::microseconds KafkaProducer::PauseOf(Topic topic) const {
  if (topic == Topic::kDispatch || topic == Topic::kOwnership) return {};
  return IsBulk(topic) ? std::max<std::chrono::microseconds>(config_.linger, kBulkPauseMin) : config_.linger;
}

double KafkaProducer::fill() const {
  const auto share = [](const std::atomic<std::uint64_t>& taken, std::uint64_t max) {
    return static_cast<double>(taken.load(std::memory_order_relaxed)) / static_cast<double>(max);
  };
  return std::max(share(queue_bytes_, config_.queue_bytes_max), share(queue_records_, config_.queue_records_max));
}

Result<Ticket> KafkaProducer::Append(Topic topic, Partition partition, std::span<const std::byte> key,
                                     std::span<const std::byte> value) {
  if (key.size() > kRecordKeyBytesMax || value.size() > kRecordValueBytesMax) {
    return Status(ErrorCode::kInvalidArgument, "log record with a key of " + std::to_string(key.size()) +
                                                   " bytes and a value of " + std::to_string(value.size()) +
                                                   " exceeds " + std::to_string(kRecordKeyBytesMax) + " or " +
                                                   std::to_string(kRecordValueBytesMax));
  }
  const std::uint64_t bytes = key.size() + value.size();
  const std::uint64_t share = IsBulk(topic) ? config_.bulk_share_percent : 100;
  std::lock_guard lock(mutex_);
  if (!closed_why_.empty()) return Status(ErrorCode::kUnavailable, closed_why_);
  const std::uint64_t held_records = queue_records_.load(std::memory_order_relaxed);
  const std::uint64_t held_bytes = queue_bytes_.load(std::memory_order_relaxed);
  if (held_bytes + bytes > config_.queue_bytes_max / 100 * share ||
      (held_records + 1) * 100 > config_.queue_records_max * share || window_.full()) {
    refused_.fetch_add(1, std::memory_order_relaxed);
    return Status(ErrorCode::kExhausted, "log queue has no room for " + PartitionName(topic, partition) +
                                             ": the brokers have not acknowledged " + std::to_string(held_records) +
                                             " records, " + std::to_string(held_bytes) + " bytes");
  }
  const steady_clock::time_point now = steady_clock::now();
  const Ticket ticket = window_.Open(now);
  queue_records_.fetch_add(1, std::memory_order_relaxed);
  queue_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  const auto park = [&] {
    return Parked{ticket, topic, partition, std::string(reinterpret_cast<const char*>(key.data()), key.size()),
                  std::string(reinterpret_cast<const char*>(value.data()), value.size())};
  };
  if (!renewing_) {
    Lane& lane = lanes_[{topic, partition}];
    if (lane.under_way > 0 || !lane.waiting.empty() || now < lane.next) {
      lane.waiting.push_back(park());
      return ticket;
    }
    lane.next = now + PauseOf(topic);
    const rd_kafka_resp_err_t error = Produce(topic, partition, key, value, ticket);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return ticket;
    if (!ClientIsSpent(error)) {
      window_.TakeBack(ticket);
      queue_records_.fetch_sub(1, std::memory_order_relaxed);
      queue_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
      const bool full = error == RD_KAFKA_RESP_ERR__QUEUE_FULL;
      if (full) refused_.fetch_add(1, std::memory_order_relaxed);
      return KafkaFailure(full ? ErrorCode::kExhausted : ErrorCode::kInvalidArgument,
                          "log record for " + PartitionName(topic, partition), error);
    }
    renewing_ = true;
    renew_.store(true, std::memory_order_release);
  }
  parked_.push_back(park());
  return ticket;
}

void KafkaProducer::ObserveDurable(std::function<void(Ticket)> observer) {
  std::lock_guard lock(mutex_);
  durable_observers_.push_back(std::move(observer));
}

void KafkaProducer::ObserveFailure(std::function<void(const Status&)> observer) {
  std::lock_guard lock(mutex_);
  failure_observer_ = std::move(observer);
}

void KafkaProducer::OnDelivery(const rd_kafka_message_t& message) {
  const auto topic = static_cast<Topic>(reinterpret_cast<std::uintptr_t>(rd_kafka_topic_opaque(message.rkt)));
  const Partition partition{static_cast<std::uint32_t>(message.partition)};
  NoteReturned({topic, partition});
  if (message.err == RD_KAFKA_RESP_ERR_NO_ERROR) return Finish(message);
  if (closing_) return;
  Keep(message);
  if (ClientIsSpent(message.err)) {
    renew_.store(true, std::memory_order_release);
    return;
  }
  Fail(KafkaFailure(ErrorCode::kIoError,
                    "a record of " + std::to_string(message.len) + " bytes for " + PartitionName(topic, partition) +
                        " was refused",
                    message.err));
}

// Acknowledgements come by batch, hence by partition.
void KafkaProducer::NoteReturned(const PartitionKey& partition) {
  if (returned_.empty() || returned_.back().first != partition) returned_.emplace_back(partition, 0);
  ++returned_.back().second;
}

void KafkaProducer::Release() {
  if (failed_) returned_.clear();  // Nothing goes behind a record that was refused.
  if (failed_) pausing_.clear();
  if (returned_.empty() && pausing_.empty()) return;
  Status failure;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [partition, records] : returned_) {
      Lane& lane = lanes_[partition];
      lane.under_way -= records;
      if (lane.under_way == 0) pausing_.emplace_back(lane.next, partition);
    }
    // Under the lock: who appends later sees that the pause is over.
    const steady_clock::time_point now = steady_clock::now();
    std::erase_if(pausing_, [&](const auto& each) {
      if (each.first > now) return false;
      Lane& lane = lanes_[each.second];
      if (lane.under_way > 0 || lane.waiting.empty() || !failure.ok()) return true;
      lane.next = now + PauseOf(each.second.first);
      failure = HandOver(&lane);
      return true;
    });
  }
  returned_.clear();
  if (!failure.ok()) Fail(failure);
}

Status KafkaProducer::HandOver(Lane* lane) {
  while (!lane->waiting.empty() && !renewing_) {
    const Parked& next = lane->waiting.front();
    const auto error = Produce(next.topic, next.partition, BytesOf(next.key), BytesOf(next.value), next.ticket);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
      lane->waiting.pop_front();
    } else if (ClientIsSpent(error)) {
      renewing_ = true;  // What waits is sent by the next client.
      renew_.store(true, std::memory_order_release);
    } else {
      return KafkaFailure(ErrorCode::kIoError, "log record for " + PartitionName(next.topic, next.partition), error);
    }
  }
  return {};
}

milliseconds KafkaProducer::NextPause() const {
  if (pausing_.empty()) return kPollMax;
  const auto first = std::min_element(pausing_.begin(), pausing_.end());
  const auto left = std::chrono::ceil<milliseconds>(first->first - steady_clock::now());
  return std::clamp(left, milliseconds(0), kPollMax);
}

void KafkaProducer::Finish(const rd_kafka_message_t& message) {
  const Ticket ticket{reinterpret_cast<std::uintptr_t>(message._private)};
  const auto took = window_.Finish(ticket, steady_clock::now());
  acknowledgement_.Record(took);
  const std::uint64_t bytes = message.len + message.key_len;
  delivered_.fetch_add(1, std::memory_order_relaxed);
  delivered_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  queue_records_.fetch_sub(1, std::memory_order_relaxed);
  queue_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
}

void KafkaProducer::Keep(const rd_kafka_message_t& message) {
  Parked kept;
  kept.ticket = Ticket{reinterpret_cast<std::uintptr_t>(message._private)};
  kept.topic = static_cast<Topic>(reinterpret_cast<std::uintptr_t>(rd_kafka_topic_opaque(message.rkt)));
  kept.partition = Partition{static_cast<std::uint32_t>(message.partition)};
  if (message.key != nullptr) kept.key.assign(static_cast<const char*>(message.key), message.key_len);
  if (message.payload != nullptr) kept.value.assign(static_cast<const char*>(message.payload), message.len);
  undelivered_.push_back(std::move(kept));
}

void KafkaProducer::OnBrokerError(rd_kafka_resp_err_t error, std::string_view reason) {
  broker_errors_.fetch_add(1, std::memory_order_relaxed);
  if (error != RD_KAFKA_RESP_ERR__FATAL) return;  // librdkafka has said it in a line.
  report_("kafka: the producer gave up and is made anew: " + std::string(reason));
  renew_.store(true, std::memory_order_release);
}

// Source: librdkafka's STATISTICS.md.
void KafkaProducer::OnStatistics(std::string_view document) {
  namespace json = boost::json;
  boost::system::error_code failure;
  const json::value parsed = json::parse({document.data(), document.size()}, failure);
  if (failure || !parsed.is_object()) return;
  const json::value* const brokers = parsed.as_object().if_contains("brokers");
  if (brokers == nullptr || !brokers->is_object()) return;
  KafkaClientFigures said;
  for (const auto& entry : brokers->as_object()) {
    if (!entry.value().is_object()) continue;
    const json::object& broker = entry.value().as_object();
    const auto number = [](const json::object& of, const char* name) {
      const json::value* const value = of.if_contains(name);
      return value != nullptr && value->is_number() ? std::max(value->to_number<double>(), 0.0) : 0.0;
    };
    const json::value* const id = broker.if_contains("nodeid");
    const json::value* const state = broker.if_contains("state");
    const bool known = id != nullptr && id->is_number() && id->to_number<std::int64_t>() >= 0;
    said.timeouts += static_cast<std::uint64_t>(number(broker, "req_timeouts"));
    said.retries += static_cast<std::uint64_t>(number(broker, "txretries"));
    said.waiting_requests +=
        static_cast<std::uint64_t>(number(broker, "outbuf_cnt") + number(broker, "waitresp_cnt"));
    if (!known) continue;
    ++said.brokers;
    if (state != nullptr && state->is_string() && state->as_string() == "UP") ++said.brokers_up;
    const json::value* const rtt = broker.if_contains("rtt");
    if (rtt != nullptr && rtt->is_object()) {
      said.rtt_p99_ms = std::max(said.rtt_p99_ms, number(rtt->as_object(), "p99") * 1e-3);
    }
  }
  std::lock_guard lock(mutex_);
  said_ = said;
  said_at_ = steady_clock::now();
}

void KafkaProducer::Fail(const Status& status) {
  if (std::exchange(failed_, true)) return;
  Refuse("log stopped: " + std::string(status.message()));
  std::function<void(const Status&)> observer;
  {
    std::lock_guard lock(mutex_);
    observer = failure_observer_;
  }
  if (observer) observer(status);
}

void KafkaProducer::Refuse(const std::string& why) {
  std::lock_guard lock(mutex_);
  if (closed_why_.empty()) closed_why_ = why;
}

void KafkaProducer::CallObservers() {
  const Ticket done = window_.done();
  if (done == observed_) return;
  observed_ = done;
  // Not changed after the first Append.
  for (const auto& observer : durable_observers_) observer(done);
}

void KafkaProducer::PollLoop() {
  while (!stop_.load(std::memory_order_acquire)) {
    (void)rd_kafka_poll(client_.get(), static_cast<int>(NextPause().count()));
    Release();
    CallObservers();
    if (renew_.exchange(false, std::memory_order_acq_rel) && !failed_) RenewClient();
  }
}

void KafkaProducer::RenewClient() {
  {
    std::lock_guard lock(mutex_);
    renewing_ = true;
  }
  // Nobody else uses the client now.  Each record comes back, acknowledged or not.
  (void)rd_kafka_purge(client_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  while (rd_kafka_outq_len(client_.get()) > 0) (void)rd_kafka_poll(client_.get(), 10);
  CallObservers();
  for (KafkaTopicHandle& topic : topics_) topic.reset();
  client_.reset();
  renew_.store(false, std::memory_order_release);  // Set by what the purge handed back.
  while (!OpenClient().ok()) {
    // The system has no threads or no memory for it: this is the only thing left to do.
    if (stop_.load(std::memory_order_acquire)) return;
    std::this_thread::sleep_for(milliseconds(100));
  }
  std::lock_guard lock(mutex_);
  clients_renewed_.fetch_add(1, std::memory_order_relaxed);
  resent_.fetch_add(undelivered_.size(), std::memory_order_relaxed);
  returned_.clear();
  for (auto& [partition, lane] : lanes_) {
    lane.under_way = 0;  // The former client has handed everything back.
    undelivered_.insert(undelivered_.end(), std::make_move_iterator(lane.waiting.begin()),
                        std::make_move_iterator(lane.waiting.end()));
    lane.waiting.clear();
  }
  undelivered_.insert(undelivered_.end(), std::make_move_iterator(parked_.begin()),
                      std::make_move_iterator(parked_.end()));
  parked_.clear();
  std::sort(undelivered_.begin(), undelivered_.end(),
            [](const Parked& a, const Parked& b) { return a.ticket < b.ticket; });
  std::size_t sent = 0;
  while (sent < undelivered_.size()) {
    const Parked& next = undelivered_[sent];
    if (Produce(next.topic, next.partition, BytesOf(next.key), BytesOf(next.value), next.ticket) !=
        RD_KAFKA_RESP_ERR_NO_ERROR) {
      break;  // This client is spent as well: the rest waits for the next one.
    }
    ++sent;
  }
  undelivered_.erase(undelivered_.begin(), undelivered_.begin() + static_cast<std::ptrdiff_t>(sent));
  renewing_ = !undelivered_.empty();
  if (renewing_) renew_.store(true, std::memory_order_release);
  renewing_ = renewing_ || renew_.load(std::memory_order_acquire);
}

Status KafkaProducer::Close(milliseconds timeout) {
  std::lock_guard closing(close_mutex_);
  if (std::exchange(closed_, true)) return {};
  Refuse("log is closed");
  if (!poller_.joinable()) return {};
  const KafkaDeadline deadline(timeout);
  // The poll thread goes on; it may even replace the client.
  while (window_.done() != window_.last() && !deadline.passed()) std::this_thread::sleep_for(milliseconds(1));
  stop_.store(true, std::memory_order_release);
  poller_.join();
  CallObservers();
  const std::uint64_t lost = queue_records_.load(std::memory_order_relaxed);
  closing_ = true;
  Discard(client_.get());
  for (KafkaTopicHandle& topic : topics_) topic.reset();
  client_.reset();
  if (lost == 0) return {};
  return {ErrorCode::kUnavailable, std::to_string(lost) + " records were not acknowledged by the brokers in " +
                                       std::to_string(timeout.count()) + " ms"};
}

KafkaProducerCounters KafkaProducer::counters() const {
  KafkaProducerCounters all;
  all.delivered = delivered_.load(std::memory_order_relaxed);
  all.delivered_bytes = delivered_bytes_.load(std::memory_order_relaxed);
  all.resent = resent_.load(std::memory_order_relaxed);
  all.clients_renewed = clients_renewed_.load(std::memory_order_relaxed);
  all.refused = refused_.load(std::memory_order_relaxed);
  all.queue_records = queue_records_.load(std::memory_order_relaxed);
  all.queue_bytes = queue_bytes_.load(std::memory_order_relaxed);
  all.broker_errors = broker_errors_.load(std::memory_order_relaxed);
  all.acknowledgement = acknowledgement_.Read();
  const steady_clock::time_point now = steady_clock::now();
  std::lock_guard lock(mutex_);
  all.durable_lag = window_.OldestAge(now);
  all.client = said_;
  if (said_at_ != steady_clock::time_point()) all.client.age = now - said_at_;
  return all;
}

void KafkaProducer::FailClientForTest() {
  std::lock_guard lock(mutex_);
  if (renewing_) return;
  (void)rd_kafka_test_fatal_error(client_.get(), RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, "raised by a test");
}

}  // namespace starling::cloud
