#include "cloud/log/kafka_config.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <array>
#include <memory>

namespace starling::cloud {
namespace {

using std::chrono::microseconds;

Status Invalid(const std::string& field, const std::string& range) {
  return {ErrorCode::kInvalidArgument, "kafka." + field + " must be " + range};
}

// What the engine sets itself, because its promises rest on it.
constexpr std::array<std::string_view, 22> kReserved = {
    "acks",
    "request.required.acks",
    "allow.auto.create.topics",
    "auto.offset.reset",
    "bootstrap.servers",
    "check.crcs",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.gapless.guarantee",
    "enable.idempotence",
    "enable.partition.eof",
    "group.id",
    "group.instance.id",
    "isolation.level",
    "message.timeout.ms",
    "delivery.timeout.ms",
    "metadata.broker.list",
    "transactional.id",
    "linger.ms",
    "queue.buffering.max.ms",
    "queue.buffering.max.messages",
    "queue.buffering.max.kbytes",
};

bool IsNameCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
         c == '-';
}

Status ValidateProperty(rd_kafka_conf_t* conf, const std::string& name, const std::string& value) {
  if (std::find(kReserved.begin(), kReserved.end(), name) != kReserved.end()) {
    return {ErrorCode::kInvalidArgument, "kafka.properties." + name + " is set by the engine and cannot be changed"};
  }
  if (name.starts_with("compression.") && value == "lz4") {
    return {ErrorCode::kInvalidArgument, "kafka.properties." + name + " must not be lz4: use zstd or none"};
  }
  char why[256] = "";
  if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), why, sizeof why) != RD_KAFKA_CONF_OK) {
    // librdkafka's reason quotes the value.
    return {ErrorCode::kInvalidArgument,
            "kafka.properties." + name + ": " + (IsSecret(name) ? "its value is refused" : std::string(why))};
  }
  return {};
}

}  // namespace

Status KafkaConfig::Validate() const {
  if (bootstrap.empty()) return Invalid("bootstrap", "host:port of a broker");
  if (prefix.size() > 64 || !std::all_of(prefix.begin(), prefix.end(), IsNameCharacter)) {
    return Invalid("prefix", "at most 64 of [A-Za-z0-9._-]");
  }
  if (linger < microseconds(0) || linger > milliseconds(100)) return Invalid("linger", "0 to 100 ms");
  if (queue_bytes_max < (8 << 20) || queue_bytes_max > (1u << 30)) {
    return Invalid("queue_bytes_max", "8 MiB to 1 GiB");
  }
  if (queue_records_max < 2 || queue_records_max > 2'000'000) {
    return Invalid("queue_records_max", "2 to 2,000,000");
  }
  if (bulk_share_percent < 1 || bulk_share_percent > 100) return Invalid("bulk_share_percent", "1 to 100");
  if (delivery_threads < 1 || delivery_threads > 64) return Invalid("delivery_threads", "1 to 64");
  if (batch_records_max < 1 || batch_records_max > 100'000) return Invalid("batch_records_max", "1 to 100,000");
  if (query_timeout < milliseconds(100) || query_timeout > std::chrono::minutes(5)) {
    return Invalid("query_timeout", "100 ms to 5 min");
  }
  if (close_timeout < milliseconds(0) || close_timeout > std::chrono::minutes(5)) {
    return Invalid("close_timeout", "0 to 5 min");
  }
  if (commit_interval < milliseconds(1) || commit_interval > seconds(10)) {
    return Invalid("commit_interval", "1 ms to 10 s");
  }
  if (idle_commit_interval < milliseconds(1) || idle_commit_interval > seconds(60)) {
    return Invalid("idle_commit_interval", "1 ms to 1 min");
  }
  if (transaction_patience < seconds(1) || transaction_patience > seconds(600)) {
    return Invalid("transaction_patience", "1 s to 10 min");
  }
  if (outputs_bytes_max < (1 << 20)) return Invalid("outputs_bytes_max", "at least 1 MiB");
  const std::unique_ptr<rd_kafka_conf_t, decltype(&rd_kafka_conf_destroy)> conf(rd_kafka_conf_new(),
                                                                               &rd_kafka_conf_destroy);
  for (const auto& [name, value] : properties) {
    if (Status status = ValidateProperty(conf.get(), name, value); !status.ok()) return status;
  }
  return {};
}

std::string KafkaConfig::TopicNameOf(Topic topic) const { return prefix + std::string(TopicName(topic)); }

std::string KafkaConfig::RegionName(Partition region) const {
  return prefix + "region-" + std::to_string(static_cast<std::uint32_t>(region));
}

bool IsSecret(std::string_view property) {
  constexpr std::array<std::string_view, 6> kParts = {"password", "secret", "token", "oauthbearer.config",
                                                      "key.pem",  "credential"};
  return std::any_of(kParts.begin(), kParts.end(), [property](std::string_view part) {
    return property.find(part) != std::string_view::npos;
  });
}

std::string Describe(const KafkaConfig& config) {
  std::string text = "bootstrap=" + config.bootstrap + " prefix=" + config.prefix +
                     " transactions=" + (config.transactions ? "on" : "off");
  for (const auto& [name, value] : config.properties) {
    text += " " + name + "=" + (IsSecret(name) ? std::string("***") : value);
  }
  return text;
}

bool IsTransactional(Topic topic) {
  switch (topic) {
    case Topic::kCommands:
    case Topic::kHeatmap:
    case Topic::kConflicts:
    case Topic::kVehicleState: return true;
    case Topic::kTelemetry:
    case Topic::kHistory:
    case Topic::kDeadLetter:
    case Topic::kDispatch:
    case Topic::kOwnership:
    case Topic::kProgress: return false;
  }
  return false;
}

}  // namespace starling::cloud
