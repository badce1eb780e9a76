#include "cloud/topics/kafka_admin.h"

#include <algorithm>
#include <array>
#include <thread>

namespace starling::cloud {
namespace {

using NewTopic = std::unique_ptr<rd_kafka_NewTopic_t, KafkaDestroy<rd_kafka_NewTopic_destroy>>;
using NewPartitions = std::unique_ptr<rd_kafka_NewPartitions_t, KafkaDestroy<rd_kafka_NewPartitions_destroy>>;
using ConfigResource = std::unique_ptr<rd_kafka_ConfigResource_t, KafkaDestroy<rd_kafka_ConfigResource_destroy>>;
using AclHandle = std::unique_ptr<rd_kafka_AclBinding_t, KafkaDestroy<rd_kafka_AclBinding_destroy>>;

constexpr milliseconds kLeaderPoll{50};

using ErrorText = std::array<char, 512>;

Status Refused(const std::string& what, rd_kafka_resp_err_t error, const char* text) {
  const bool away = error == RD_KAFKA_RESP_ERR__TIMED_OUT || error == RD_KAFKA_RESP_ERR__TRANSPORT ||
                    error == RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT;
  return {away ? ErrorCode::kUnavailable : ErrorCode::kInvalidArgument,
          what + ": " + (text != nullptr && *text != '\0' ? text : rd_kafka_err2str(error))};
}

// Results of topics: each may have failed on its own.
Status FirstFailure(const rd_kafka_topic_result_t* const* results, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const rd_kafka_resp_err_t error = rd_kafka_topic_result_error(results[i]);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return Refused(rd_kafka_topic_result_name(results[i]), error, rd_kafka_topic_result_error_string(results[i]));
    }
  }
  return {};
}

rd_kafka_ResourceType_t NativeOf(AclResource resource) {
  switch (resource) {
    case AclResource::kTopic: return RD_KAFKA_RESOURCE_TOPIC;
    case AclResource::kGroup: return RD_KAFKA_RESOURCE_GROUP;
    // The protocol's number: librdkafka 2.0 has no name for it, and refuses it.
    case AclResource::kTransactionalId: return static_cast<rd_kafka_ResourceType_t>(5);
    case AclResource::kCluster: return RD_KAFKA_RESOURCE_BROKER;
  }
  return RD_KAFKA_RESOURCE_UNKNOWN;
}

rd_kafka_AclOperation_t NativeOf(AclOperation operation) {
  switch (operation) {
    case AclOperation::kRead: return RD_KAFKA_ACL_OPERATION_READ;
    case AclOperation::kWrite: return RD_KAFKA_ACL_OPERATION_WRITE;
    case AclOperation::kCreate: return RD_KAFKA_ACL_OPERATION_CREATE;
    case AclOperation::kAlter: return RD_KAFKA_ACL_OPERATION_ALTER;
    case AclOperation::kDescribe: return RD_KAFKA_ACL_OPERATION_DESCRIBE;
    case AclOperation::kDescribeConfigs: return RD_KAFKA_ACL_OPERATION_DESCRIBE_CONFIGS;
    case AclOperation::kAlterConfigs: return RD_KAFKA_ACL_OPERATION_ALTER_CONFIGS;
  }
  return RD_KAFKA_ACL_OPERATION_UNKNOWN;
}

}  // namespace

Result<std::unique_ptr<KafkaAdmin>> KafkaAdmin::Open(const KafkaConfig& config) {
  std::unique_ptr<KafkaAdmin> admin(new KafkaAdmin(config));
  Result<KafkaHandle> client = OpenKafka(config, KafkaUse::kProducer, "", admin.get());
  if (!client.ok()) return client.status();
  admin->client_ = std::move(client).value();
  return admin;
}

void KafkaAdmin::OnBrokerError(rd_kafka_resp_err_t error, std::string_view reason) {
  if (error != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) broker_error_ = std::string(reason);
}

KafkaAdmin::Options KafkaAdmin::MakeOptions(rd_kafka_admin_op_t operation) const {
  Options options(rd_kafka_AdminOptions_new(client_.get(), operation));
  ErrorText text{};
  const auto timeout = static_cast<int>(config_.query_timeout.count());
  (void)rd_kafka_AdminOptions_set_request_timeout(options.get(), timeout, text.data(), text.size());
  return options;
}

Result<KafkaAdmin::Event> KafkaAdmin::Await(rd_kafka_queue_t* queue) {
  // The request ends by its own timeout; this is for the way back.
  Event event(rd_kafka_queue_poll(queue, static_cast<int>(config_.query_timeout.count()) + 2'000));
  (void)rd_kafka_poll(client_.get(), 0);
  if (event == nullptr) return Status(ErrorCode::kUnavailable, "the brokers do not answer");
  if (const rd_kafka_resp_err_t error = rd_kafka_event_error(event.get())) {
    return Refused("Kafka", error, rd_kafka_event_error_string(event.get()));
  }
  return event;
}

Result<std::map<std::string, TopicState>> KafkaAdmin::Metadata(std::uint32_t* brokers) {
  const rd_kafka_metadata_t* metadata = nullptr;
  const rd_kafka_resp_err_t error =
      rd_kafka_metadata(client_.get(), 1, nullptr, &metadata, static_cast<int>(config_.query_timeout.count()));
  (void)rd_kafka_poll(client_.get(), 0);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    const std::string why = broker_error_.empty() ? rd_kafka_err2str(error) : broker_error_;
    return Status(ErrorCode::kUnavailable, config_.bootstrap + " does not answer: " + why);
  }
  const std::unique_ptr<const rd_kafka_metadata_t, KafkaDestroy<rd_kafka_metadata_destroy>> owner(metadata);
  *brokers = static_cast<std::uint32_t>(metadata->broker_cnt);
  std::map<std::string, TopicState> topics;
  for (int i = 0; i < metadata->topic_cnt; ++i) {
    const rd_kafka_metadata_topic_t& topic = metadata->topics[i];
    if (topic.err != RD_KAFKA_RESP_ERR_NO_ERROR || topic.partition_cnt == 0) continue;
    TopicState state;
    state.partitions = static_cast<std::uint32_t>(topic.partition_cnt);
    state.replication = static_cast<std::uint32_t>(topic.partitions[0].replica_cnt);
    for (int j = 0; j < topic.partition_cnt; ++j) {
      if (topic.partitions[j].leader >= 0) ++state.led;
    }
    topics.emplace(topic.topic, std::move(state));
  }
  return topics;
}

Result<std::uint32_t> KafkaAdmin::CountBrokers() {
  std::uint32_t brokers = 0;
  Result<std::map<std::string, TopicState>> topics = Metadata(&brokers);
  if (!topics.ok()) return topics.status();
  return brokers;
}

Result<std::map<std::string, TopicState>> KafkaAdmin::Describe(const std::vector<std::string>& names) {
  std::uint32_t brokers = 0;
  Result<std::map<std::string, TopicState>> all = Metadata(&brokers);
  if (!all.ok()) return all;
  std::map<std::string, TopicState> topics;
  for (const std::string& name : names) {
    if (const auto found = all.value().find(name); found != all.value().end()) topics.insert(*found);
  }
  if (Status status = ReadSettings(&topics); !status.ok()) return status;
  return topics;
}

Status KafkaAdmin::ReadSettings(std::map<std::string, TopicState>* topics) {
  if (topics->empty()) return {};
  std::vector<ConfigResource> owners;
  std::vector<rd_kafka_ConfigResource_t*> resources;
  for (const auto& [name, state] : *topics) {
    owners.emplace_back(rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, name.c_str()));
    resources.push_back(owners.back().get());
  }
  const KafkaQueue queue(rd_kafka_queue_new(client_.get()));
  rd_kafka_DescribeConfigs(client_.get(), resources.data(), resources.size(),
                           MakeOptions(RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS).get(), queue.get());
  Result<Event> event = Await(queue.get());
  if (!event.ok()) return event.status();
  std::size_t count = 0;
  const rd_kafka_ConfigResource_t** const results = rd_kafka_DescribeConfigs_result_resources(
      rd_kafka_event_DescribeConfigs_result(event.value().get()), &count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::string name = rd_kafka_ConfigResource_name(results[i]);
    if (const rd_kafka_resp_err_t error = rd_kafka_ConfigResource_error(results[i])) {
      return Refused("settings of " + name, error, rd_kafka_ConfigResource_error_string(results[i]));
    }
    TopicState& state = topics->at(name);
    std::size_t entries = 0;
    const rd_kafka_ConfigEntry_t** const list = rd_kafka_ConfigResource_configs(results[i], &entries);
    for (std::size_t j = 0; j < entries; ++j) {
      const char* const value = rd_kafka_ConfigEntry_value(list[j]);
      if (value == nullptr) continue;
      const std::string setting = rd_kafka_ConfigEntry_name(list[j]);
      state.settings[setting] = value;
      if (rd_kafka_ConfigEntry_source(list[j]) == RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG) {
        state.overrides[setting] = value;
      }
    }
  }
  return {};
}

Status KafkaAdmin::Apply(const TopicChange& change) {
  if (change.create) return Create(change.plan);
  if (change.grow) {
    if (Status status = Grow(change.plan); !status.ok()) return status;
  }
  return change.settings.empty() ? Status() : Alter(change);
}

Status KafkaAdmin::AwaitLeaders(const std::vector<TopicPlan>& plans) {
  const KafkaDeadline deadline(config_.query_timeout);
  while (true) {
    std::uint32_t brokers = 0;
    const Result<std::map<std::string, TopicState>> topics = Metadata(&brokers);
    if (!topics.ok()) return topics.status();
    const auto waiting = std::find_if(plans.begin(), plans.end(), [&](const TopicPlan& plan) {
      const auto found = topics.value().find(plan.name);
      return found == topics.value().end() || found->second.led < plan.partitions;
    });
    if (waiting == plans.end()) return {};
    if (deadline.passed()) {
      return {ErrorCode::kUnavailable, waiting->name + " has partitions that no broker leads yet"};
    }
    std::this_thread::sleep_for(kLeaderPoll);
  }
}

Status KafkaAdmin::Create(const TopicPlan& plan) {
  ErrorText text{};
  const NewTopic topic(rd_kafka_NewTopic_new(plan.name.c_str(), static_cast<int>(plan.partitions),
                                             static_cast<int>(plan.replication), text.data(), text.size()));
  if (topic == nullptr) return {ErrorCode::kInvalidArgument, plan.name + ": " + text.data()};
  for (const auto& [name, value] : plan.settings) {
    (void)rd_kafka_NewTopic_set_config(topic.get(), name.c_str(), value.c_str());
  }
  rd_kafka_NewTopic_t* topics[] = {topic.get()};
  const KafkaQueue queue(rd_kafka_queue_new(client_.get()));
  rd_kafka_CreateTopics(client_.get(), topics, 1, MakeOptions(RD_KAFKA_ADMIN_OP_CREATETOPICS).get(), queue.get());
  Result<Event> event = Await(queue.get());
  if (!event.ok()) return event.status();
  std::size_t count = 0;
  const rd_kafka_topic_result_t** const results =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event.value().get()), &count);
  return FirstFailure(results, count);
}

Status KafkaAdmin::Grow(const TopicPlan& plan) {
  ErrorText text{};
  const NewPartitions partitions(
      rd_kafka_NewPartitions_new(plan.name.c_str(), plan.partitions, text.data(), text.size()));
  if (partitions == nullptr) return {ErrorCode::kInvalidArgument, plan.name + ": " + text.data()};
  rd_kafka_NewPartitions_t* list[] = {partitions.get()};
  const KafkaQueue queue(rd_kafka_queue_new(client_.get()));
  rd_kafka_CreatePartitions(client_.get(), list, 1, MakeOptions(RD_KAFKA_ADMIN_OP_CREATEPARTITIONS).get(),
                            queue.get());
  Result<Event> event = Await(queue.get());
  if (!event.ok()) return event.status();
  std::size_t count = 0;
  const rd_kafka_topic_result_t** const results = rd_kafka_CreatePartitions_result_topics(
      rd_kafka_event_CreatePartitions_result(event.value().get()), &count);
  return FirstFailure(results, count);
}

Status KafkaAdmin::Alter(const TopicChange& change) {
  const ConfigResource resource(rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, change.plan.name.c_str()));
  // The request replaces all that was set for the topic, so the former ones go with it.
  for (const auto& [name, value] : change.overrides) {
    (void)rd_kafka_ConfigResource_set_config(resource.get(), name.c_str(), value.c_str());
  }
  rd_kafka_ConfigResource_t* list[] = {resource.get()};
  const KafkaQueue queue(rd_kafka_queue_new(client_.get()));
  rd_kafka_AlterConfigs(client_.get(), list, 1, MakeOptions(RD_KAFKA_ADMIN_OP_ALTERCONFIGS).get(), queue.get());
  Result<Event> event = Await(queue.get());
  if (!event.ok()) return event.status();
  std::size_t count = 0;
  const rd_kafka_ConfigResource_t** const results = rd_kafka_AlterConfigs_result_resources(
      rd_kafka_event_AlterConfigs_result(event.value().get()), &count);
  for (std::size_t i = 0; i < count; ++i) {
    if (const rd_kafka_resp_err_t error = rd_kafka_ConfigResource_error(results[i])) {
      return Refused(change.plan.name, error, rd_kafka_ConfigResource_error_string(results[i]));
    }
  }
  return {};
}

Result<std::vector<AclBinding>> KafkaAdmin::Allow(std::span<const AclBinding> bindings) {
  ErrorText text{};
  std::vector<AclHandle> owners;
  std::vector<rd_kafka_AclBinding_t*> list;
  std::vector<AclBinding> asked;
  std::vector<AclBinding> left_out;
  for (const AclBinding& each : bindings) {
    owners.emplace_back(rd_kafka_AclBinding_new(
        NativeOf(each.resource), each.name.c_str(),
        each.name_is_prefix ? RD_KAFKA_RESOURCE_PATTERN_PREFIXED : RD_KAFKA_RESOURCE_PATTERN_LITERAL,
        each.principal.c_str(), "*", NativeOf(each.operation), RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW, text.data(),
        text.size()));
    if (owners.back() == nullptr) {
      if (each.resource == AclResource::kTransactionalId) {
        left_out.push_back(each);
        continue;
      }
      return Status(ErrorCode::kInvalidArgument, each.name + ": " + text.data());
    }
    list.push_back(owners.back().get());
    asked.push_back(each);
  }
  if (list.empty()) return left_out;
  const KafkaQueue queue(rd_kafka_queue_new(client_.get()));
  rd_kafka_CreateAcls(client_.get(), list.data(), list.size(), MakeOptions(RD_KAFKA_ADMIN_OP_CREATEACLS).get(),
                      queue.get());
  Result<Event> event = Await(queue.get());
  if (!event.ok()) return event.status();
  std::size_t count = 0;
  const rd_kafka_acl_result_t** const results =
      rd_kafka_CreateAcls_result_acls(rd_kafka_event_CreateAcls_result(event.value().get()), &count);
  for (std::size_t i = 0; i < count; ++i) {
    if (const rd_kafka_error_t* const error = rd_kafka_acl_result_error(results[i])) {
      return Refused("access of " + asked[i].principal + " to " + asked[i].name, rd_kafka_error_code(error),
                     rd_kafka_error_string(error));
    }
  }
  return left_out;
}

}  // namespace starling::cloud
