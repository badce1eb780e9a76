// Domain verbs for tests against a real broker.
#pragma once

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <unistd.h>

#include <gtest/gtest.h>

#include "cloud/log/kafka_client.h"
#include "cloud/log/kafka_config.h"
#include "cloud/log/kafka_log.h"
#include "tests/cloud/log/log_fixture.h"

namespace starling::cloud {

// Waits for what other threads and the broker do; false if it does not come.
inline bool Eventually(const std::function<bool()>& holds, seconds most = seconds(30)) {
  const auto until = std::chrono::steady_clock::now() + most;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(milliseconds(2));
  }
  return true;
}

inline testing::AssertionResult IsOk(const char* expression, const Status& status) {
  if (status.ok()) return testing::AssertionSuccess();
  return testing::AssertionFailure() << expression << ": " << status.message();
}
#define ASSERT_OK(status) ASSERT_PRED_FORMAT1(IsOk, status)
#define EXPECT_OK(status) EXPECT_PRED_FORMAT1(IsOk, status)

// Each test has topics of its own, so that one broker serves all.
class KafkaTest : public testing::Test {
 protected:
  void SetUp() override {
    const char* broker = std::getenv("STARLING_KAFKA");
    if (broker == nullptr || *broker == '\0') {
      GTEST_SKIP() << "STARLING_KAFKA=host:port names no broker; ./run test starts one";
    }
    UseBroker(broker);
  }

  void UseBroker(const std::string& broker, int replication = 1) {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    config_.bootstrap = broker;
    std::ostringstream prefix;
    prefix << "t" << ::getpid() << "-" << std::chrono::steady_clock::now().time_since_epoch().count() % 1'000'000'000
           << "." << info->name();
    config_.prefix = prefix.str();
    config_.prefix.resize(std::min<std::size_t>(config_.prefix.size(), 63));
    config_.prefix.push_back('.');
    config_.linger = std::chrono::microseconds(0);
    CreateTopics(replication);
  }

  void TearDown() override {
    if (log_ != nullptr) (void)log_->Close();
    log_.reset();
  }

  void Open() {
    auto log = KafkaLog::Open(config_, [this](std::string_view line) { Hear(line); });
    ASSERT_TRUE(log.ok()) << log.status().message();
    log_ = std::move(log).value();
  }

  void Reopen() {
    ASSERT_TRUE(log_->Close().ok());
    log_.reset();
    Open();
  }

  Ticket Append(Topic topic, std::string_view value, Partition partition = Partition{0},
                std::string_view key = "key") {
    const auto ticket = log_->Append(topic, partition, Bytes(key), Bytes(value));
    EXPECT_TRUE(ticket.ok()) << ticket.status().message();
    return ticket.ok() ? ticket.value() : Ticket{};
  }

  void AppendDurably(Topic topic, std::string_view value, Partition partition = Partition{0}) {
    const Status status = log_->AwaitDurable(Append(topic, value, partition), seconds(30));
    ASSERT_TRUE(status.ok()) << status.message();
  }

  std::vector<std::string> ReadAll(Topic topic, Offset from = Offset{}, Partition partition = Partition{0}) const {
    std::vector<std::string> values;
    const Status status = log_->Read(topic, partition, from, [&](const LogRecord& record) {
      values.push_back(Text(record.value));
      return true;
    });
    EXPECT_TRUE(status.ok()) << status.message();
    return values;
  }

  void Hear(std::string_view line) {
    std::lock_guard lock(lines_mutex_);
    lines_.emplace_back(line);
  }
  std::vector<std::string> lines() {
    std::lock_guard lock(lines_mutex_);
    return lines_;
  }

  // Three partitions of each topic; ownership and vehicle-state compacted.
  void CreateTopics(int replication = 1) {
    struct Quiet : KafkaEvents {
      void OnBrokerError(rd_kafka_resp_err_t, std::string_view) override {}
      void OnLine(std::string_view) override {}
    } quiet;
    const auto client = OpenKafka(config_, KafkaUse::kProducer, "", &quiet);
    ASSERT_TRUE(client.ok()) << client.status().message();
    rd_kafka_t* handle = client.value().get();
    std::vector<rd_kafka_NewTopic_t*> topics;
    for (std::size_t i = 0; i < kTopicCount; ++i) {
      const auto topic = static_cast<Topic>(i);
      char why[256] = "";
      rd_kafka_NewTopic_t* made =
          rd_kafka_NewTopic_new(config_.TopicNameOf(topic).c_str(), kPartitions, replication, why, sizeof why);
      (void)rd_kafka_NewTopic_set_config(made, "max.message.bytes", "5000000");
      (void)rd_kafka_NewTopic_set_config(made, "message.timestamp.type", "LogAppendTime");
      if (topic == Topic::kOwnership || topic == Topic::kVehicleState) {
        (void)rd_kafka_NewTopic_set_config(made, "cleanup.policy", "compact");
      }
      topics.push_back(made);
    }
    const KafkaQueue queue(rd_kafka_queue_new(handle));
    // Brokers that have just come up may take a while to agree on a controller.
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR__TIMED_OUT;
    for (int i = 0; i < 4 && error == RD_KAFKA_RESP_ERR__TIMED_OUT; ++i) {
      rd_kafka_CreateTopics(handle, topics.data(), topics.size(), nullptr, queue.get());
      rd_kafka_event_t* event = rd_kafka_queue_poll(queue.get(), 60'000);
      ASSERT_NE(event, nullptr) << "the broker does not answer";
      error = rd_kafka_event_error(event);
      rd_kafka_event_destroy(event);
    }
    EXPECT_EQ(error, RD_KAFKA_RESP_ERR_NO_ERROR) << rd_kafka_err2str(error);
    for (rd_kafka_NewTopic_t* topic : topics) rd_kafka_NewTopic_destroy(topic);
  }

  static constexpr int kPartitions = 3;
  KafkaConfig config_;
  std::unique_ptr<KafkaLog> log_;

 private:
  std::mutex lines_mutex_;
  std::vector<std::string> lines_;
};

}  // namespace starling::cloud
