#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "cloud/log/kafka_client.h"
#include "cloud/log/kafka_config.h"
#include "cloud/topics/acl_plan.h"
#include "cloud/topics/topic_plan.h"
#include "common/status.h"

namespace starling::cloud {

// Asks and changes what a Kafka cluster has.  Every call blocks, at most the
// configuration's query_timeout.
//
// Errors of all: kUnavailable if no broker answers; kInvalidArgument with the cluster's
// own words if it refuses.
//
// Threading: thread-compatible.
class KafkaAdmin final : private KafkaEvents {
 public:
  // Errors: as OpenKafka.
  static Result<std::unique_ptr<KafkaAdmin>> Open(const KafkaConfig& config);
  ~KafkaAdmin() override = default;
  KafkaAdmin(const KafkaAdmin&) = delete;
  KafkaAdmin& operator=(const KafkaAdmin&) = delete;

  Result<std::uint32_t> CountBrokers();

  // Those of `names` that exist.
  Result<std::map<std::string, TopicState>> Describe(const std::vector<std::string>& names);

  // Makes one topic what its plan says; a topic that does not change is left alone.
  Status Apply(const TopicChange& change);

  // Waits until every partition of the topics has a leader: a broker tells of a new topic
  // a little later than it creates it.
  Status AwaitLeaders(const std::vector<TopicPlan>& plans);

  // Adds what is not there yet; none is taken away.  Returns those that this librdkafka
  // has no words for (2.0: transactional ids) and that were left out.
  Result<std::vector<AclBinding>> Allow(std::span<const AclBinding> bindings);

 private:
  explicit KafkaAdmin(const KafkaConfig& config) : config_(config) {}

  // On the caller's thread.
  void OnBrokerError(rd_kafka_resp_err_t error, std::string_view reason) override;
  void OnLine(std::string_view) override {}

  using Event = std::unique_ptr<rd_kafka_event_t, KafkaDestroy<rd_kafka_event_destroy>>;
  using Options = std::unique_ptr<rd_kafka_AdminOptions_t, KafkaDestroy<rd_kafka_AdminOptions_destroy>>;

  Options MakeOptions(rd_kafka_admin_op_t operation) const;
  Result<Event> Await(rd_kafka_queue_t* queue);
  Result<std::map<std::string, TopicState>> Metadata(std::uint32_t* brokers);
  Status ReadSettings(std::map<std::string, TopicState>* topics);
  Status Create(const TopicPlan& plan);
  Status Grow(const TopicPlan& plan);
  Status Alter(const TopicChange& change);

  const KafkaConfig config_;
  std::string broker_error_;  // The last one: says more than "timed out".
  KafkaHandle client_;
};

}  // namespace starling::cloud
