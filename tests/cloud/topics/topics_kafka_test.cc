// Against the broker at STARLING_KAFKA; ./run test starts one.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

#include "cloud/topics/kafka_admin.h"

namespace starling::cloud {
namespace {

class TopicsOnKafka : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* const bootstrap = std::getenv("STARLING_KAFKA");
    if (bootstrap == nullptr) GTEST_SKIP() << "STARLING_KAFKA names no broker";
    config_.bootstrap = bootstrap;
    config_.prefix = "topics-test-" + std::to_string(::getpid()) + "-" +
                     ::testing::UnitTest::GetInstance()->current_test_info()->name() + ".";
    auto admin = KafkaAdmin::Open(config_);
    ASSERT_TRUE(admin.ok()) << admin.status().message();
    admin_ = std::move(admin).value();
  }

  std::vector<TopicPlan> Plan(std::uint32_t regions, int commands_hours) const {
    TopicPlanConfig plan;
    plan.prefix = config_.prefix;
    plan.regions = regions;
    plan.retention[Topic::kCommands] = std::chrono::hours(commands_hours);
    return PlanTopics(plan);
  }

  // How many topics had to be changed.
  std::size_t Apply(const std::vector<TopicPlan>& plans) {
    std::size_t changed = 0;
    for (const TopicChange& change : Compare(plans)) {
      if (!change.changes()) continue;
      const Status status = admin_->Apply(change);
      EXPECT_TRUE(status.ok()) << status.message();
      ++changed;
    }
    EXPECT_TRUE(admin_->AwaitLeaders(plans).ok());
    return changed;
  }

  std::vector<TopicChange> Compare(const std::vector<TopicPlan>& plans) {
    std::vector<std::string> names;
    for (const TopicPlan& plan : plans) names.push_back(plan.name);
    auto states = admin_->Describe(names);
    EXPECT_TRUE(states.ok());
    return states.ok() ? CompareTopics(plans, states.value()) : std::vector<TopicChange>();
  }

  KafkaConfig config_;
  std::unique_ptr<KafkaAdmin> admin_;
};

TEST_F(TopicsOnKafka, AreCreatedOnceAndThenAreAsPlanned) {
  EXPECT_EQ(Apply(Plan(2, 48)), 9u);
  EXPECT_EQ(Apply(Plan(2, 48)), 0u);
}

TEST_F(TopicsOnKafka, GrowAndChangeTheirSettingsInPlace) {
  Apply(Plan(1, 48));
  EXPECT_EQ(Apply(Plan(3, 24)), 8u);
  for (const TopicChange& change : Compare(Plan(3, 24))) {
    EXPECT_FALSE(change.changes()) << change.plan.name;
    EXPECT_EQ(change.partitions_now, change.plan.partitions);
  }
}

TEST_F(TopicsOnKafka, MoreCopiesThanBrokersAreRefusedInTheClustersWords) {
  std::vector<TopicPlan> plans = Plan(1, 48);
  plans[0].replication = 15;
  const Status status = admin_->Apply(CompareTopics({plans[0]}, {})[0]);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.code(), ErrorCode::kInvalidArgument);
}

TEST(TopicsWithoutKafka, AnAddressWhereNobodyAnswersIsNamed) {
  KafkaConfig config;
  config.bootstrap = "127.0.0.1:1";
  config.query_timeout = milliseconds(300);
  auto admin = KafkaAdmin::Open(config);
  ASSERT_TRUE(admin.ok());
  const auto brokers = admin.value()->CountBrokers();
  ASSERT_FALSE(brokers.ok());
  EXPECT_EQ(brokers.status().code(), ErrorCode::kUnavailable);
  EXPECT_NE(brokers.status().message().find("127.0.0.1:1"), std::string::npos);
}

}  // namespace
}  // namespace starling::cloud
