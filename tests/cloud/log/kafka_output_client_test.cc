// What becomes of a client whose call to the brokers does not come back.  The brokers are
// librdkafka's own mock: no real one can be told to lose a group's coordinator for good.
#include "cloud/log/kafka_output_client.h"

#include <gtest/gtest.h>
#include <librdkafka/rdkafka_mock.h>

#include <atomic>
#include <thread>

namespace starling::cloud {
namespace {

constexpr char kId[] = "t.region-1";
constexpr std::int32_t kTransactions = 1;  // the broker that coordinates them
constexpr std::int32_t kGroup = 2;         // and the group's

class Hearing : public KafkaEvents {
 public:
  void OnBrokerError(rd_kafka_resp_err_t, std::string_view) override { ++count; }
  void OnLine(std::string_view) override { ++count; }
  std::atomic<int> count{0};
};

class KafkaOutputClientTest : public ::testing::Test {
 protected:
  KafkaOutputClientTest() {
    char why[256] = "";
    holder_.reset(rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), why, sizeof why));
    mock_ = rd_kafka_mock_cluster_new(holder_.get(), 2);
    EXPECT_EQ(rd_kafka_mock_coordinator_set(mock_, "transaction", kId, kTransactions), RD_KAFKA_RESP_ERR_NO_ERROR);
    EXPECT_EQ(rd_kafka_mock_coordinator_set(mock_, "group", kId, kGroup), RD_KAFKA_RESP_ERR_NO_ERROR);
    config_.bootstrap = rd_kafka_mock_cluster_bootstraps(mock_);
    config_.prefix = "t.";
    EXPECT_EQ(rd_kafka_mock_topic_create(mock_, config_.TopicNameOf(Topic::kTelemetry).c_str(), 2, 1),
              RD_KAFKA_RESP_ERR_NO_ERROR);
    auto opened = KafkaOutputClient::Open(config_, kId, &hearing_);
    EXPECT_TRUE(opened.ok());
    client_ = std::move(opened).value();
    const KafkaError initialised(rd_kafka_init_transactions(client_->handle(), 10'000));
    EXPECT_EQ(initialised, nullptr) << rd_kafka_error_string(initialised.get());
    const KafkaError begun(rd_kafka_begin_transaction(client_->handle()));
    EXPECT_EQ(begun, nullptr) << rd_kafka_error_string(begun.get());
  }
  ~KafkaOutputClientTest() override {
    KafkaOutputClient::LetGo(&client_);
    rd_kafka_mock_cluster_destroy(mock_);
  }

  std::optional<KafkaError> SendOffset(const std::function<bool()>& give_up) {
    return KafkaOutputClient::SendOffset(client_, Partition{1}, Offset{7}, milliseconds(1'000), give_up);
  }

  KafkaHandle holder_;  // of the mock
  rd_kafka_mock_cluster_t* mock_ = nullptr;
  KafkaConfig config_;
  Hearing hearing_;
  std::shared_ptr<KafkaOutputClient> client_;
};

TEST_F(KafkaOutputClientTest, AnOffsetIsTaken) {
  const auto error = SendOffset([] { return false; });
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(*error, nullptr) << rd_kafka_error_string(error->get());
}

TEST_F(KafkaOutputClientTest, ACallThatDoesNotComeBackIsLeftAndItsClientGoesWhenItDoes) {
  ASSERT_EQ(rd_kafka_mock_broker_set_down(mock_, kGroup), RD_KAFKA_RESP_ERR_NO_ERROR);
  const auto begun = std::chrono::steady_clock::now();
  const auto error = SendOffset([&] { return std::chrono::steady_clock::now() > begun + seconds(3); });
  ASSERT_FALSE(error.has_value()) << "the library keeps its second now: is the thread still needed?";
  const std::weak_ptr<KafkaOutputClient> left = client_;
  KafkaOutputClient::LetGo(&client_);
  const int heard = hearing_.count.load();
  EXPECT_FALSE(left.expired());

  ASSERT_EQ(rd_kafka_mock_broker_set_up(mock_, kGroup), RD_KAFKA_RESP_ERR_NO_ERROR);
  for (int i = 0; i < 300 && !left.expired(); ++i) std::this_thread::sleep_for(milliseconds(100));
  EXPECT_TRUE(left.expired()) << "the call has come back, and its client is still there";
  EXPECT_EQ(hearing_.count.load(), heard) << "its former owner still hears of it";
}

}  // namespace
}  // namespace starling::cloud
