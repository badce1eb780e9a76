#include "sim/chaos/stored_data.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "cloud/log/embedded_log.h"
#include "cloud/log/kafka_client.h"
#include "cloud/log/kafka_log.h"
#include "cloud/store/byte_order.h"
#include "cloud/store/rocks_state_store.h"

namespace starling::sim {

using cloud::Offset;
using cloud::Partition;
using cloud::Topic;

Result<std::unique_ptr<StoredData>> StoredData::Open(const std::string& folder,
                                                     const std::vector<Partition>& regions) {
  std::unique_ptr<StoredData> data(new StoredData());
  data->regions_ = regions;
  cloud::EmbeddedLogConfig config;
  config.directory = folder;
  Result<std::unique_ptr<cloud::EmbeddedLog>> log = cloud::EmbeddedLog::Open(config);
  if (!log.ok()) return log.status();
  data->log_ = std::move(log).value();
  for (const Partition region : regions) {
    if (Status status = data->ReadProgress(region); !status.ok()) return status;
  }
  if (Status status = data->ReadStates(folder); !status.ok()) return status;
  return data;
}

namespace {

constexpr int kAnswerMs = 10'000;

// What the region's transactions have committed of its input.
Result<Offset> CommittedOffset(const cloud::KafkaConfig& config, Partition region) {
  char error[256] = "";
  rd_kafka_conf_t* settings = rd_kafka_conf_new();
  const std::string group = config.RegionName(region);
  rd_kafka_conf_set(settings, "bootstrap.servers", config.bootstrap.c_str(), error, sizeof error);
  rd_kafka_conf_set(settings, "group.id", group.c_str(), error, sizeof error);
  rd_kafka_t* client = rd_kafka_new(RD_KAFKA_CONSUMER, settings, error, sizeof error);
  if (client == nullptr) return Status(ErrorCode::kIoError, error);
  rd_kafka_topic_partition_list_t* asked = rd_kafka_topic_partition_list_new(1);
  const auto* entry = rd_kafka_topic_partition_list_add(asked, config.TopicNameOf(Topic::kTelemetry).c_str(),
                                                        static_cast<std::int32_t>(region));
  rd_kafka_resp_err_t failure = rd_kafka_committed(client, asked, kAnswerMs);
  if (failure == RD_KAFKA_RESP_ERR_NO_ERROR) failure = entry->err;
  const Offset offset{static_cast<std::uint64_t>(std::max<std::int64_t>(entry->offset, 0))};
  rd_kafka_topic_partition_list_destroy(asked);
  rd_kafka_destroy(client);
  if (failure == RD_KAFKA_RESP_ERR_NO_ERROR) return offset;
  return Status(ErrorCode::kUnavailable, group + ": committed offset: " + rd_kafka_err2str(failure));
}

}  // namespace

Result<std::unique_ptr<StoredData>> StoredData::OpenKafka(const cloud::KafkaConfig& config, Partition region,
                                                          const std::vector<std::string>& folders) {
  std::unique_ptr<StoredData> data(new StoredData());
  data->regions_ = {region};
  const Result<Offset> committed = CommittedOffset(config, region);
  if (!committed.ok()) return committed.status();
  data->committed_ = {committed.value()};
  auto log = cloud::KafkaLog::Open(config);
  if (!log.ok()) return log.status();
  data->log_ = std::move(log).value();
  for (const std::string& folder : folders) {
    if (Status status = data->ReadStates(folder); !status.ok()) return status;
  }
  return data;
}

Status StoredData::ReadProgress(Partition region) {
  // Without a marker everything that was read must have been worked on.
  Offset committed{std::numeric_limits<std::uint64_t>::max()};
  bool readable = true;
  const Status status = log_->Read(Topic::kProgress, region, Offset{0}, [&](const cloud::LogRecord& record) {
    readable = record.value.size() == sizeof(std::uint64_t);
    if (readable) committed = Offset{cloud::LoadLittleEndian<std::uint64_t>(record.value.data())};
    return readable;
  });
  committed_.push_back(committed);
  if (!status.ok() || readable) return status;
  return {ErrorCode::kCorruption, "topic progress holds a record that is no marker"};
}

Status StoredData::ReadStates(const std::string& folder) {
  cloud::RocksStateStoreConfig config;
  config.directory = folder + "/state";
  const Result<std::unique_ptr<cloud::RocksStateStore>> store = cloud::RocksStateStore::Open(config);
  if (!store.ok()) return store.status();
  for (const Partition region : regions_) {
    StoredState state;
    state.region = region;
    const auto next = store.value()->Load(
        Topic::kTelemetry, region, [&](std::span<const std::byte> key, std::span<const std::byte> value) {
          state.entries.emplace_back(std::vector<std::byte>(key.begin(), key.end()),
                                     std::vector<std::byte>(value.begin(), value.end()));
          return Status();
        });
    if (!next.ok()) return next.status();
    if (!next.value()) continue;
    state.next = *next.value();
    states_.push_back(std::move(state));
  }
  return {};
}

void StoredData::AddTo(Evidence* evidence) const {
  evidence->log = log_.get();
  evidence->regions = regions_;
  evidence->committed = committed_;
  evidence->states = states_;
}

}  // namespace starling::sim
