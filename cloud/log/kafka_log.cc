#include "cloud/log/kafka_log.h"

#include <thread>
#include <utility>

namespace starling::cloud {

Result<std::unique_ptr<KafkaLog>> KafkaLog::Open(const KafkaConfig& config, KafkaReport report) {
  if (Status status = config.Validate(); !status.ok()) return status;
  auto log = std::unique_ptr<KafkaLog>(new KafkaLog(config, std::move(report)));
  auto producer = KafkaProducer::Open(config, log->report_);
  if (!producer.ok()) return producer.status();
  log->producer_ = std::move(producer).value();
  log->producer_->ObserveFailure([raw = log.get()](const Status& status) { raw->Fail(status); });
  return log;
}

KafkaLog::KafkaLog(const KafkaConfig& config, KafkaReport report) : config_(config), report_(std::move(report)) {}

KafkaLog::~KafkaLog() {
  // Whoever wants to know closes first; here there is nobody to tell.
  if (producer_ != nullptr) (void)Close();
}

Result<Ticket> KafkaLog::Append(Topic topic, Partition partition, std::span<const std::byte> key,
                                std::span<const std::byte> value) {
  return producer_->Append(topic, partition, key, value);
}

double KafkaLog::fill() const { return producer_->fill(); }

Ticket KafkaLog::durable() const { return producer_->durable(); }

void KafkaLog::ObserveDurable(std::function<void(Ticket)> observer) { producer_->ObserveDurable(std::move(observer)); }

Result<KafkaConsumer*> KafkaLog::ConsumerFor(Topic topic) const {
  std::lock_guard lock(consumers_mutex_);
  if (closed_) return Status(ErrorCode::kUnavailable, "log is closed");
  auto& consumer = IsTransactional(topic) ? committed_ : all_;
  if (consumer == nullptr) {
    auto opened = KafkaConsumer::Open(config_, IsTransactional(topic), report_,
                                      [this](const Status& status) { Fail(status); });
    if (!opened.ok()) return opened.status();
    consumer = std::move(opened).value();
  }
  return consumer.get();
}

Status KafkaLog::Subscribe(Topic topic, Partition partition, Offset from, LogConsumer* consumer) {
  if (Status failure = status(); !failure.ok()) return {ErrorCode::kUnavailable, std::string(failure.message())};
  const auto reader = ConsumerFor(topic);
  if (!reader.ok()) return reader.status();
  return reader.value()->Subscribe(topic, partition, from, consumer);
}

Result<Log::Range> KafkaLog::QueryRange(Topic topic, Partition partition) const {
  const auto reader = ConsumerFor(topic);
  if (!reader.ok()) return reader.status();
  return reader.value()->RangeOf(topic, partition);
}

Result<Offset> KafkaLog::QueryOffsetAt(Topic topic, Partition partition, CloudTime time) const {
  const auto reader = ConsumerFor(topic);
  if (!reader.ok()) return reader.status();
  return reader.value()->OffsetAt(topic, partition, time);
}

Log::Range KafkaLog::RangeOf(Topic topic, Partition partition) const {
  const auto range = QueryRange(topic, partition);
  if (range.ok()) return range.value();
  report_(range.status().message());
  return {};
}

Offset KafkaLog::OffsetAt(Topic topic, Partition partition, CloudTime time) const {
  const auto offset = QueryOffsetAt(topic, partition, time);
  if (offset.ok()) return offset.value();
  report_(offset.status().message());
  return {};
}

Status KafkaLog::Read(Topic topic, Partition partition, Offset from,
                      const std::function<bool(const LogRecord&)>& visit) const {
  const auto range = QueryRange(topic, partition);
  if (!range.ok()) return range.status();
  // A client of its own: a partition can be consumed once by each.
  auto reader = KafkaConsumer::Open(config_, IsTransactional(topic), report_, [](const Status&) {});
  if (!reader.ok()) return reader.status();
  return reader.value()->Read(topic, partition, std::max(from, range.value().first), range.value().end, visit);
}

Status KafkaLog::status() const {
  std::lock_guard lock(mutex_);
  return failure_;
}

void KafkaLog::Fail(const Status& status) const {
  {
    std::lock_guard lock(mutex_);
    if (!failure_.ok()) return;
    failure_ = status;
  }
  report_("log stopped: " + std::string(status.message()));
  producer_->Refuse("log stopped: " + std::string(status.message()));
}

Status KafkaLog::Close() {
  std::lock_guard closing(close_mutex_);
  const Status flushed = producer_->Close(status().ok() ? config_.close_timeout : milliseconds(0));
  KafkaConsumer* consumers[2] = {};
  {
    std::lock_guard lock(consumers_mutex_);
    closed_ = true;
    consumers[0] = all_.get();
    consumers[1] = committed_.get();
  }
  for (KafkaConsumer* consumer : consumers) {
    if (consumer != nullptr) consumer->Close();
  }
  if (Status failure = status(); !failure.ok()) return failure;
  return flushed;
}

Status KafkaLog::AwaitDurable(Ticket ticket, milliseconds timeout) const {
  const KafkaDeadline deadline(timeout);
  while (durable() < ticket) {
    if (Status failure = status(); !failure.ok()) return {ErrorCode::kUnavailable, std::string(failure.message())};
    if (deadline.passed()) return {ErrorCode::kExhausted, "the brokers have not acknowledged it in time"};
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  return {};
}

KafkaLogCounters KafkaLog::counters() const {
  KafkaLogCounters all;
  all.producer = producer_->counters();
  std::lock_guard lock(consumers_mutex_);
  for (const KafkaConsumer* consumer : {all_.get(), committed_.get()}) {
    if (consumer == nullptr) continue;
    all.records_read += consumer->records();
    all.consumer_lag += consumer->lag();
    all.consumer_errors += consumer->broker_errors();
  }
  return all;
}

}  // namespace starling::cloud
