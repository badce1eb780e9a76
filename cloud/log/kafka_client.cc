#include "cloud/log/kafka_client.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <vector>

#include "cloud/log/group_format.h"

namespace starling::cloud {
namespace {

using Properties = std::vector<std::pair<std::string, std::string>>;

// What librdkafka does out of the box costs latency after every hiccup: it backs off for
// half a second or more, and lets Nagle's algorithm hold packets back.
const Properties kQuick = {
    {"socket.nagle.disable", "true"},
    {"socket.keepalive.enable", "true"},
    {"socket.timeout.ms", "10000"},
    {"socket.connection.setup.timeout.ms", "5000"},
    {"reconnect.backoff.ms", "50"},
    {"reconnect.backoff.max.ms", "1000"},
    {"topic.metadata.refresh.interval.ms", "30000"},
    {"topic.metadata.refresh.fast.interval.ms", "50"},
    // A broker that is starting knows no topics for a moment.
    {"topic.metadata.propagation.max.ms", "60000"},
};

const Properties kQuickProducer = {
    {"retry.backoff.ms", "20"},
    {"request.timeout.ms", "8000"},
    {"max.in.flight.requests.per.connection", "5"},
    // Bounded by the queue in front of it.
    {"queue.buffering.max.messages", "10000000"},
    {"queue.buffering.max.kbytes", "2097151"},
};

const Properties kQuickConsumer = {
    {"fetch.error.backoff.ms", "20"},
    // A broker answers a connection in order: a question waits behind the fetch before it.
    {"fetch.wait.max.ms", "100"},
    {"fetch.min.bytes", "1"},
    // Of each partition.  Once it is reached librdkafka pauses, before 2.2 for a whole
    // second: enough that a consumer that keeps up never gets there.
    {"queued.min.messages", "1000000"},
    {"queued.max.messages.kbytes", "32768"},
};

// Where the library has them.
const Properties kNewer = {
    {"fetch.queue.backoff.ms", "5"},  // from 2.2 on
};

Properties Mandatory(const KafkaConfig& config, KafkaUse use, const std::string& id) {
  Properties all = {{"bootstrap.servers", config.bootstrap}};
  const auto add = [&all](const Properties& more) { all.insert(all.end(), more.begin(), more.end()); };
  switch (use) {
    case KafkaUse::kProducer:
    case KafkaUse::kRegionProducer: {
      const std::size_t value_max = kRecordValueBytesMax + kRecordKeyBytesMax + 4'096;
      add({{"enable.idempotence", "true"},
           {"acks", "all"},
           {"allow.auto.create.topics", "false"},
           {"message.max.bytes", std::to_string(value_max)}});
      // A record waits for its broker as long as it takes: the bound is the queue's.
      if (use == KafkaUse::kProducer || !config.transactions) add({{"message.timeout.ms", "0"}});
      if (use == KafkaUse::kProducer) {
        // Long enough that what KafkaProducer hands over together goes together.
        add({{"linger.ms", "0.3"}});
      } else {
        add({{"linger.ms", "5"}});
        if (config.transactions) add({{"transactional.id", id}});
      }
      break;
    }
    case KafkaUse::kConsumer:
    case KafkaUse::kCommittedConsumer:
      add({{"isolation.level", use == KafkaUse::kConsumer ? "read_uncommitted" : "read_committed"},
           {"enable.auto.commit", "false"},
           {"enable.auto.offset.store", "false"},
           {"auto.offset.reset", "error"},
           {"enable.partition.eof", "true"},
           {"check.crcs", "true"}});
      break;
    case KafkaUse::kOffsets:
      // Offsets of a transaction that is being committed are waited for.
      add({{"isolation.level", "read_committed"}, {"enable.auto.commit", "false"}, {"group.id", id}});
      break;
  }
  return all;
}

KafkaEvents* EventsOf(void* opaque) { return static_cast<KafkaEvents*>(opaque); }

void OnDeliveryReport(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
  EventsOf(opaque)->OnDelivery(*message);
}

void OnErrorReport(rd_kafka_t*, int error, const char* reason, void* opaque) {
  EventsOf(opaque)->OnBrokerError(static_cast<rd_kafka_resp_err_t>(error), reason);
}

int OnStatisticsReport(rd_kafka_t*, char* document, std::size_t length, void* opaque) {
  EventsOf(opaque)->OnStatistics({document, length});
  return 0;  // librdkafka frees it.
}

void OnLogLine(const rd_kafka_t* client, int level, const char* facility, const char* text) {
  constexpr int kWarning = 4;
  // An operator's property that this kind of client has no use for is no news.
  if (level > kWarning || std::strcmp(facility, "CONFWARN") == 0) return;
  // A claim waits until the former owner's transaction is aborted: so it should be.
  if (std::strcmp(facility, "GETPID") == 0 && std::strstr(text, "retrying") != nullptr) return;
  void* opaque = rd_kafka_opaque(client);
  if (opaque != nullptr) EventsOf(opaque)->OnLine(std::string("kafka: ") + facility + ": " + text);
}

Status Set(rd_kafka_conf_t* conf, const std::string& name, const std::string& value) {
  char why[256] = "";
  if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), why, sizeof why) == RD_KAFKA_CONF_OK) return {};
  return {ErrorCode::kInvalidArgument, "kafka: " + name + ": " + (IsSecret(name) ? "refused" : std::string(why))};
}

}  // namespace

void ReportToStderr(std::string_view line) {
  (void)std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
}

Result<KafkaHandle> OpenKafka(const KafkaConfig& config, KafkaUse use, const std::string& id, KafkaEvents* events) {
  std::unique_ptr<rd_kafka_conf_t, KafkaDestroy<rd_kafka_conf_destroy>> conf(rd_kafka_conf_new());
  const bool produces = use == KafkaUse::kProducer || use == KafkaUse::kRegionProducer;
  Properties all = kQuick;
  const Properties& quick = produces ? kQuickProducer : kQuickConsumer;
  all.insert(all.end(), quick.begin(), quick.end());
  all.emplace_back("client.id", "starling");
  // Where nobody polls they would pile up.
  if (use == KafkaUse::kProducer) all.emplace_back("statistics.interval.ms", "5000");
  all.insert(all.end(), config.properties.begin(), config.properties.end());
  const Properties mandatory = Mandatory(config, use, id);
  all.insert(all.end(), mandatory.begin(), mandatory.end());
  for (const auto& [name, value] : all) {
    if (Status status = Set(conf.get(), name, value); !status.ok()) return status;
  }
  if (!produces) {
    for (const auto& [name, value] : kNewer) (void)rd_kafka_conf_set(conf.get(), name.c_str(), value.c_str(), nullptr, 0);
  }
  rd_kafka_conf_set_opaque(conf.get(), events);
  rd_kafka_conf_set_log_cb(conf.get(), OnLogLine);
  rd_kafka_conf_set_error_cb(conf.get(), OnErrorReport);
  // Without it flush() and commit_transaction() poll every 10 ms.
  if (produces) rd_kafka_conf_set_dr_msg_cb(conf.get(), OnDeliveryReport);
  if (use == KafkaUse::kProducer) rd_kafka_conf_set_stats_cb(conf.get(), OnStatisticsReport);
  char why[512] = "";
  rd_kafka_t* client =
      rd_kafka_new(produces ? RD_KAFKA_PRODUCER : RD_KAFKA_CONSUMER, conf.get(), why, sizeof why);
  if (client == nullptr) return Status(ErrorCode::kIoError, std::string("kafka: no client: ") + why);
  (void)conf.release();  // The client's now.
  return KafkaHandle(client);
}

void Discard(rd_kafka_t* producer) {
  (void)rd_kafka_purge(producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  const KafkaDeadline deadline(milliseconds(200));
  while (rd_kafka_outq_len(producer) > 0 && !deadline.passed()) (void)rd_kafka_poll(producer, 5);
}

int KafkaDeadline::Left(milliseconds most) const {
  const auto left = std::chrono::duration_cast<milliseconds>(at_ - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp(left, milliseconds(1), most).count());
}

Status KafkaFailure(ErrorCode code, std::string_view what, rd_kafka_resp_err_t error) {
  return {code, std::string(what) + ": " + rd_kafka_err2str(error)};
}

bool IsPassing(rd_kafka_resp_err_t error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__WAIT_COORD:
    case RD_KAFKA_RESP_ERR__WAIT_CACHE:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
    case RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION:
    case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
    case RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT:
    case RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH:
    case RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH:
    case RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR:
    case RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS:
    case RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE:
    // A broker that has just started does not know its topics yet.
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION: return true;
    default: return false;
  }
}

std::string PartitionName(Topic topic, Partition partition) {
  return std::string(TopicName(topic)) + "/" + std::to_string(static_cast<std::uint32_t>(partition));
}

}  // namespace starling::cloud
