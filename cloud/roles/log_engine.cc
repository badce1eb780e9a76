#include "cloud/roles/log_engine.h"

#include <condition_variable>
#include <mutex>
#include <string>
#include <utility>

namespace starling::cloud {
namespace {

// Brokers are asked this often whether they are there, and missed after this long.
constexpr seconds kProbeInterval{2};
constexpr seconds kSilenceMax{6};

Status NoTopics(const Status& status) {
  return {status.code(), std::string(status.message()) + "; `starling topics apply` creates what is missing"};
}

}  // namespace

Result<std::unique_ptr<LogEngine>> LogEngine::OpenEmbedded(const EmbeddedLogConfig& config,
                                                           const EmbeddedRegionWriterConfig& writer,
                                                           const StoreEncryption& encryption) {
  Result<std::unique_ptr<EmbeddedLog>> log = EmbeddedLog::Open(config, CloudNow, encryption);
  if (!log.ok()) return log.status();
  std::unique_ptr<LogEngine> engine(new LogEngine);
  engine->writer_config_ = writer;
  engine->embedded_ = std::move(log).value();
  engine->log_ = engine->embedded_.get();
  return engine;
}

Result<std::unique_ptr<LogEngine>> LogEngine::OpenKafka(const KafkaConfig& config) {
  Result<std::unique_ptr<KafkaLog>> log = KafkaLog::Open(config);
  if (!log.ok()) return log.status();
  std::unique_ptr<LogEngine> engine(new LogEngine);
  engine->kafka_ = std::move(log).value();
  engine->log_ = engine->kafka_.get();
  const Result<Log::Range> ownership = engine->kafka_->QueryRange(Topic::kOwnership, Partition{0});
  if (!ownership.ok()) return NoTopics(ownership.status());
  {
    MutexLock lock(engine->mutex_);
    engine->answered_ = std::chrono::steady_clock::now();
  }
  engine->probe_ = std::jthread([raw = engine.get()](const std::stop_token& stop) { raw->Probe(stop); });
  return engine;
}

Result<std::unique_ptr<RegionWriter>> LogEngine::OpenWriter(RegionId region) const {
  const Partition partition{ToNumber(region)};
  if (kafka_ == nullptr) {
    return std::unique_ptr<RegionWriter>(
        std::make_unique<EmbeddedRegionWriter>(writer_config_, embedded_.get(), partition));
  }
  Result<std::unique_ptr<KafkaRegionWriter>> writer = KafkaRegionWriter::Open(kafka_->config(), partition);
  if (!writer.ok()) return writer.status();
  return std::unique_ptr<RegionWriter>(std::move(writer).value());
}

Result<Log::Range> LogEngine::RangeOf(Topic topic, Partition partition) const {
  if (kafka_ == nullptr) return log_->RangeOf(topic, partition);
  Result<Log::Range> range = kafka_->QueryRange(topic, partition);
  if (!range.ok()) return NoTopics(range.status());
  return range;
}

Status LogEngine::SubscribeFromEnd(Topic topic, Partition partition, LogConsumer* consumer) const {
  const Result<Log::Range> range = RangeOf(topic, partition);
  if (!range.ok()) return range.status();
  return log_->Subscribe(topic, partition, range.value().end, consumer);
}

Status LogEngine::SubscribeFromStart(Topic topic, Partition partition, LogConsumer* consumer) const {
  const Result<Log::Range> range = RangeOf(topic, partition);
  if (!range.ok()) return range.status();
  return log_->Subscribe(topic, partition, range.value().first, consumer);
}

void LogEngine::Probe(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  while (!never.wait_for(lock, stop, kProbeInterval, [] { return false; }) && !stop.stop_requested()) {
    const Result<Log::Range> range = kafka_->QueryRange(Topic::kOwnership, Partition{0});
    MutexLock guard(mutex_);
    silence_ = range.ok() ? Status() : range.status();
    if (range.ok()) answered_ = std::chrono::steady_clock::now();
  }
}

Status LogEngine::Reachable() const {
  if (Status status = log_->status(); !status.ok()) {
    return {status.code(), "the log has failed: " + std::string(status.message())};
  }
  if (kafka_ == nullptr) return {};
  MutexLock lock(mutex_);
  if (std::chrono::steady_clock::now() - answered_ <= kSilenceMax) return {};
  return {ErrorCode::kUnavailable,
          "no broker has answered for more than " + std::to_string(kSilenceMax.count()) + " s" +
              (silence_.ok() ? std::string() : ": " + std::string(silence_.message()))};
}

void LogEngine::AppendFigures(std::vector<Figure>* figures) const {
  const auto add = [figures](std::string_view name, double value, std::string_view help,
                             FigureKind kind = FigureKind::kCounter) {
    figures->push_back({"log", name, help, kind, value});
  };
  if (embedded_ != nullptr) {
    starling::cloud::AppendFigures(embedded_->counters(), figures);
    starling::cloud::AppendFigures(embedded_->latencies(), figures);
    starling::cloud::AppendFigures("log", embedded_->rocks(), figures);
  } else {
    const KafkaLogCounters counters = kafka_->counters();
    const KafkaProducerCounters& producer = counters.producer;
    add("records", static_cast<double>(producer.delivered), "Records acknowledged by the brokers");
    add("bytes", static_cast<double>(producer.delivered_bytes), "Bytes of them");
    add("resent", static_cast<double>(producer.resent), "Records sent again, perhaps twice in the log");
    add("clients_renewed", static_cast<double>(producer.clients_renewed), "Times that the producer was made anew");
    add("refused", static_cast<double>(producer.refused), "Appends refused: the queue was full");
    add("queue_records", static_cast<double>(producer.queue_records), "Records not acknowledged yet",
        FigureKind::kGauge);
    add("queue_bytes", static_cast<double>(producer.queue_bytes), "Bytes of them", FigureKind::kGauge);
    add("broker_errors", static_cast<double>(producer.broker_errors + counters.consumer_errors),
        "Errors that brokers answered with, and connections lost");
    add("records_read", static_cast<double>(counters.records_read), "Records read from the brokers");
    add("consumer_lag", static_cast<double>(counters.consumer_lag), "Records there and not yet read",
        FigureKind::kGauge);
    const auto quantile = [&producer](double share) { return ToSeconds(producer.acknowledgement.Quantile(share)) * 1e3; };
    add("append_p50_ms", quantile(0.5), "Append to acknowledgement, half of the records within", FigureKind::kGauge);
    add("append_p99_ms", quantile(0.99), "The same, 99 of 100 records within", FigureKind::kGauge);
    add("durable_lag_ms", ToSeconds(producer.durable_lag) * 1e3, "Age of the oldest record that is not acknowledged",
        FigureKind::kGauge);
    figures->push_back(HistogramFigure("log", "append_seconds", "Append to the brokers' acknowledgement",
                                       producer.acknowledgement));
    starling::cloud::AppendFigures(producer.client, figures);
  }
  add("fill_ratio", log_->fill(), "Share of the log's queue that is taken: shedding begins at 0.05", FigureKind::kGauge);
  add("reachable", Reachable().ok() ? 1 : 0, "1 while the log takes records; with Kafka, while brokers answer",
      FigureKind::kGauge);
  add("emitted_ticket", static_cast<double>(ToNumber(log_->emitted())), "Last ticket emitted", FigureKind::kGauge);
  add("durable_ticket", static_cast<double>(ToNumber(log_->durable())), "Last ticket durable", FigureKind::kGauge);
}

Status LogEngine::Close() {
  probe_.request_stop();
  if (probe_.joinable()) probe_.join();
  return log_->Close();
}

}  // namespace starling::cloud
