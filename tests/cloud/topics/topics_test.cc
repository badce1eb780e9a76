#include <gtest/gtest.h>

#include <algorithm>

#include "cloud/log/kafka_properties.h"
#include "cloud/topics/acl_plan.h"
#include "cloud/topics/topic_plan.h"

namespace starling::cloud {
namespace {

TopicPlanConfig Regions(std::uint32_t regions, std::uint32_t replication = 1) {
  TopicPlanConfig config;
  config.regions = regions;
  config.replication = replication;
  return config;
}

// The cluster after every change was made.
std::map<std::string, TopicState> Applied(const std::vector<TopicPlan>& plans) {
  std::map<std::string, TopicState> states;
  for (const TopicPlan& plan : plans) {
    states[plan.name] = {plan.partitions, plan.replication, plan.partitions, plan.settings, plan.settings};
  }
  return states;
}

const TopicPlan& Of(const std::vector<TopicPlan>& plans, Topic topic) {
  return *std::find_if(plans.begin(), plans.end(), [&](const TopicPlan& plan) { return plan.topic == topic; });
}

bool May(const std::vector<AclBinding>& bindings, const std::string& principal, AclOperation operation,
         const std::string& topic) {
  return std::any_of(bindings.begin(), bindings.end(), [&](const AclBinding& each) {
    return each.principal == principal && each.operation == operation && each.resource == AclResource::kTopic &&
           (each.name_is_prefix ? topic.starts_with(each.name) : topic == each.name);
  });
}

TEST(TopicPlan, EveryTopicOfARegionHasAPartitionForIt) {
  for (const TopicPlan& plan : PlanTopics(Regions(16))) {
    EXPECT_EQ(plan.partitions, plan.topic == Topic::kOwnership ? 1u : 16u) << plan.name;
  }
}

TEST(TopicPlan, TimeIsTheLogsEverywhere) {
  for (const TopicPlan& plan : PlanTopics(Regions(1))) {
    EXPECT_EQ(plan.settings.at("message.timestamp.type"), "LogAppendTime") << plan.name;
  }
}

TEST(TopicPlan, OnlyWhatIsReadAsALastStateIsCompacted) {
  for (const TopicPlan& plan : PlanTopics(Regions(1))) {
    const bool last_state = plan.topic == Topic::kOwnership || plan.topic == Topic::kVehicleState;
    EXPECT_EQ(plan.settings.at("cleanup.policy"), last_state ? "compact" : "delete") << plan.name;
    EXPECT_EQ(plan.settings.count("retention.ms"), last_state ? 0u : 1u) << plan.name;
  }
}

TEST(TopicPlan, WithThreeCopiesTwoHaveToHaveARecord) {
  EXPECT_EQ(Of(PlanTopics(Regions(1, 3)), Topic::kTelemetry).settings.at("min.insync.replicas"), "2");
  EXPECT_EQ(Of(PlanTopics(Regions(1, 1)), Topic::kTelemetry).settings.at("min.insync.replicas"), "1");
}

TEST(TopicPlan, RefusesARetentionForWhatIsCompacted) {
  TopicPlanConfig config = Regions(1);
  config.retention[Topic::kOwnership] = std::chrono::hours(1);
  EXPECT_FALSE(config.Validate().ok());
  config.retention = {{Topic::kCommands, std::chrono::hours(48)}};
  EXPECT_TRUE(config.Validate().ok());
  EXPECT_EQ(Of(PlanTopics(config), Topic::kCommands).settings.at("retention.ms"), "172800000");
}

TEST(CompareTopics, WhatIsAsPlannedIsLeftAlone) {
  const std::vector<TopicPlan> plans = PlanTopics(Regions(4));
  for (const TopicChange& change : CompareTopics(plans, Applied(plans))) {
    EXPECT_FALSE(change.changes()) << change.plan.name;
    EXPECT_EQ(change.note, "");
  }
}

TEST(CompareTopics, PartitionsGrowAndNeverShrink) {
  const std::vector<TopicPlan> four = PlanTopics(Regions(4));
  for (const TopicChange& change : CompareTopics(PlanTopics(Regions(6)), Applied(four))) {
    EXPECT_EQ(change.grow, change.plan.topic != Topic::kOwnership) << change.plan.name;
  }
  for (const TopicChange& change : CompareTopics(PlanTopics(Regions(2)), Applied(four))) {
    EXPECT_FALSE(change.changes()) << change.plan.name;
    EXPECT_EQ(change.note.empty(), change.plan.topic == Topic::kOwnership) << change.plan.name;
  }
}

TEST(CompareTopics, WhatAnOperatorHasSetBesidesStaysSet) {
  const std::vector<TopicPlan> plans = PlanTopics(Regions(1));
  std::map<std::string, TopicState> states = Applied(plans);
  TopicState& commands = states.at("starling.commands");
  commands.overrides["retention.bytes"] = commands.settings["retention.bytes"] = "1000000";
  commands.overrides["retention.ms"] = commands.settings["retention.ms"] = "1000";
  const std::vector<TopicChange> changes = CompareTopics(plans, states);
  const auto change = std::find_if(changes.begin(), changes.end(),
                                   [](const TopicChange& each) { return each.plan.topic == Topic::kCommands; });
  ASSERT_EQ(change->settings.size(), 1u);
  EXPECT_EQ(change->settings[0].name, "retention.ms");
  EXPECT_EQ(change->settings[0].now, "1000");
  EXPECT_EQ(change->overrides.at("retention.bytes"), "1000000");
}

class Acls : public ::testing::Test {
 protected:
  const std::vector<AclBinding> bindings_ = PlanAcls({{AclRole::kGateway, {"gw"}},
                                                      {AclRole::kShard, {"User:shard"}},
                                                      {AclRole::kAnalyst, {"ana"}},
                                                      {AclRole::kOperator, {"op"}}},
                                                     "s.")
                                                .value();
};

TEST_F(Acls, OnlyAGatewayWritesHistoryAndOnlyAShardCommands) {
  for (const std::string who : {"User:gw", "User:shard", "User:ana", "User:op"}) {
    EXPECT_EQ(May(bindings_, who, AclOperation::kWrite, "s.history"), who == "User:gw") << who;
    EXPECT_EQ(May(bindings_, who, AclOperation::kWrite, "s.commands"), who == "User:shard") << who;
    EXPECT_EQ(May(bindings_, who, AclOperation::kWrite, "s.dispatch"), who == "User:shard") << who;
  }
}

TEST_F(Acls, AnAnalystReadsOutputsAndWritesNothing) {
  for (const AclBinding& each : bindings_) {
    EXPECT_TRUE(each.principal != "User:ana" || each.operation == AclOperation::kRead) << each.name;
  }
  EXPECT_TRUE(May(bindings_, "User:ana", AclOperation::kRead, "s.commands"));
  EXPECT_FALSE(May(bindings_, "User:ana", AclOperation::kRead, "s.telemetry"));
}

TEST_F(Acls, NobodyButAShardMayFenceARegion) {
  for (const AclBinding& each : bindings_) {
    if (each.resource == AclResource::kTransactionalId) {
      EXPECT_EQ(each.principal, "User:shard");
      EXPECT_EQ(AclCommand(each),
                "--add --allow-principal User:shard --operation Write --transactional-id s.region- "
                "--resource-pattern-type prefixed");
    }
  }
}

TEST(PlanAcls, RefusesAPrincipalWithoutAName) {
  EXPECT_FALSE(PlanAcls({{AclRole::kGateway, {""}}}, "").ok());
  EXPECT_FALSE(PlanAcls({{AclRole::kGateway, {"User:"}}}, "").ok());
}

TEST(KafkaProperties, AreReadAsKafkasOwnToolsReadThem) {
  const auto properties =
      ParseKafkaProperties("# a comment\n\n security.protocol = SASL_SSL \r\nsasl.password=a=b#c\nssl.ca.location=");
  ASSERT_TRUE(properties.ok());
  EXPECT_EQ(properties.value(), (std::map<std::string, std::string>{{"security.protocol", "SASL_SSL"},
                                                                   {"sasl.password", "a=b#c"},
                                                                   {"ssl.ca.location", ""}}));
}

TEST(KafkaProperties, AMistakeIsNamedByItsLineAndShowsNoSecret) {
  for (const std::string text : {"a=1\nsecret", "a=1\n=secret", "a=1\na=secret"}) {
    const auto properties = ParseKafkaProperties(text);
    ASSERT_FALSE(properties.ok());
    EXPECT_NE(properties.status().message().find("line 2"), std::string::npos);
    EXPECT_EQ(properties.status().message().find("secret"), std::string::npos);
  }
}

}  // namespace
}  // namespace starling::cloud
