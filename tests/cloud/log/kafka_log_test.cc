#include "cloud/log/kafka_log.h"

#include <atomic>

#include "tests/cloud/log/kafka_fixture.h"

namespace starling::cloud {
namespace {

using KafkaLogTest = KafkaTest;

TEST_F(KafkaLogTest, DeliversInOrderWhatIsStoredAndWhatIsAppended) {
  Open();
  Recorder recorder;
  AppendDurably(Topic::kTelemetry, "stored");
  ASSERT_OK(log_->Subscribe(Topic::kTelemetry, Partition{0}, Offset{0}, &recorder));
  for (int i = 0; i < 1'000; ++i) Append(Topic::kTelemetry, "live " + std::to_string(i));
  ASSERT_TRUE(Eventually([&] { return recorder.seen().size() >= 1'001; }));
  const auto seen = recorder.seen();
  ASSERT_EQ(seen.size(), 1'001u);
  EXPECT_EQ(seen[0].value, "stored");
  EXPECT_EQ(seen[0].key, "key");
  for (std::size_t i = 1; i < seen.size(); ++i) {
    EXPECT_EQ(seen[i].value, "live " + std::to_string(i - 1));
    EXPECT_GT(seen[i].offset, seen[i - 1].offset);
    EXPECT_GE(seen[i].time_ns, seen[i - 1].time_ns);
  }
  EXPECT_TRUE(recorder.aligned());
  EXPECT_OK(log_->Close());
  EXPECT_EQ(log_->emitted(), log_->durable());
  EXPECT_EQ(log_->durable(), Ticket{1'001});
}

TEST_F(KafkaLogTest, PartitionsAndTopicsDoNotMix) {
  Open();
  Recorder one;
  Recorder two;
  ASSERT_OK(log_->Subscribe(Topic::kTelemetry, Partition{1}, Offset{0}, &one));
  ASSERT_OK(log_->Subscribe(Topic::kDispatch, Partition{1}, Offset{0}, &two));
  for (int i = 0; i < 100; ++i) {
    Append(Topic::kTelemetry, "one", Partition{1});
    Append(Topic::kTelemetry, "elsewhere", Partition{2});
    Append(Topic::kDispatch, "two", Partition{1});
  }
  ASSERT_TRUE(Eventually([&] { return one.seen().size() >= 100 && two.seen().size() >= 100; }));
  for (const auto& each : one.seen()) EXPECT_EQ(each.value, "one");
  for (const auto& each : two.seen()) EXPECT_EQ(each.value, "two");
}

TEST_F(KafkaLogTest, AConsumerMayAppend) {
  Open();
  struct Answerer : LogConsumer {
    explicit Answerer(Log* to) : log(to) {}
    void OnRecords(std::span<const LogRecord> records) override {
      for (const LogRecord& record : records) {
        if (!log->Append(Topic::kDispatch, Partition{0}, {}, record.value).ok()) ++refused;
      }
    }
    Log* log;
    std::atomic<int> refused{0};
  } answerer(log_.get());
  Recorder recorder;
  ASSERT_OK(log_->Subscribe(Topic::kTelemetry, Partition{0}, Offset{0}, &answerer));
  ASSERT_OK(log_->Subscribe(Topic::kDispatch, Partition{0}, Offset{0}, &recorder));
  Append(Topic::kTelemetry, "hazard");
  ASSERT_TRUE(Eventually([&] { return recorder.seen().size() == 1; }));
  EXPECT_EQ(recorder.seen()[0].value, "hazard");
  EXPECT_OK(log_->Close());
  EXPECT_EQ(answerer.refused, 0);
}

TEST_F(KafkaLogTest, SubscribingOutsideOfWhatIsRetainedIsRefused) {
  Open();
  AppendDurably(Topic::kTelemetry, "a");
  Recorder recorder;
  const Status past = log_->Subscribe(Topic::kTelemetry, Partition{0}, Offset{2}, &recorder);
  ASSERT_FALSE(past.ok());
  EXPECT_EQ(past.code(), ErrorCode::kInvalidArgument);
  ASSERT_OK(log_->Subscribe(Topic::kTelemetry, Partition{0}, Offset{1}, &recorder));
  const Status twice = log_->Subscribe(Topic::kTelemetry, Partition{0}, Offset{1}, &recorder);
  ASSERT_FALSE(twice.ok());
  EXPECT_EQ(twice.code(), ErrorCode::kInvalidArgument);
  AppendDurably(Topic::kTelemetry, "b");
  ASSERT_TRUE(Eventually([&] { return recorder.seen().size() == 1; }));
  EXPECT_EQ(recorder.seen()[0].value, "b");
}

TEST_F(KafkaLogTest, ReadGoesFromAnyOffsetToTheEndOrUntilTold) {
  Open();
  for (int i = 0; i < 10; ++i) AppendDurably(Topic::kHistory, std::to_string(i));
  EXPECT_EQ(ReadAll(Topic::kHistory).size(), 10u);
  EXPECT_EQ(ReadAll(Topic::kHistory, Offset{8}), (Values{"8", "9"}));
  EXPECT_EQ(ReadAll(Topic::kHistory, Offset{10}), Values{});
  EXPECT_EQ(ReadAll(Topic::kHistory, Offset{0}, Partition{1}), Values{});
  int visits = 0;
  EXPECT_TRUE(log_->Read(Topic::kHistory, Partition{0}, Offset{0}, [&](const LogRecord&) { return ++visits < 3; }).ok());
  EXPECT_EQ(visits, 3);
}

TEST_F(KafkaLogTest, RangeAndTimeFindRecords) {
  Open();
  EXPECT_EQ(log_->RangeOf(Topic::kTelemetry, Partition{0}).end, Offset{0});
  AppendDurably(Topic::kTelemetry, "early");
  std::this_thread::sleep_for(milliseconds(20));  // The brokers' clock, in milliseconds.
  AppendDurably(Topic::kTelemetry, "late");
  EXPECT_EQ(log_->RangeOf(Topic::kTelemetry, Partition{0}).first, Offset{0});
  EXPECT_EQ(log_->RangeOf(Topic::kTelemetry, Partition{0}).end, Offset{2});
  std::vector<CloudTime> times;
  ASSERT_TRUE(log_->Read(Topic::kTelemetry, Partition{0}, Offset{0}, [&](const LogRecord& record) {
                    times.push_back(record.time);
                    return true;
                  }).ok());
  ASSERT_EQ(times.size(), 2u);
  EXPECT_LT(times[0], times[1]);
  EXPECT_EQ(log_->OffsetAt(Topic::kTelemetry, Partition{0}, CloudTime{}), Offset{0});
  EXPECT_EQ(log_->OffsetAt(Topic::kTelemetry, Partition{0}, times[0]), Offset{0});
  EXPECT_EQ(log_->OffsetAt(Topic::kTelemetry, Partition{0}, times[0] + nanoseconds(1)), Offset{1});
  EXPECT_EQ(log_->OffsetAt(Topic::kTelemetry, Partition{0}, times[1]), Offset{1});
  EXPECT_EQ(log_->OffsetAt(Topic::kTelemetry, Partition{0}, times[1] + milliseconds(1)), Offset{2});
}

TEST_F(KafkaLogTest, TheLargestRecordGoesThroughAndALargerOneIsRefused) {
  Open();
  Recorder recorder;
  ASSERT_OK(log_->Subscribe(Topic::kHistory, Partition{0}, Offset{0}, &recorder));
  std::string large(4 << 20, 'x');
  for (std::size_t i = 0; i < large.size(); i += 997) large[i] = static_cast<char>('a' + i % 26);
  Append(Topic::kHistory, "small");
  Append(Topic::kHistory, large);
  Append(Topic::kHistory, "small again");
  ASSERT_TRUE(Eventually([&] { return recorder.seen().size() == 3; }));
  EXPECT_TRUE(recorder.seen()[1].value == large);
  EXPECT_TRUE(recorder.aligned());
  large += 'y';
  const auto refused = log_->Append(Topic::kHistory, Partition{0}, Bytes("key"), Bytes(large));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), ErrorCode::kInvalidArgument);
}

TEST_F(KafkaLogTest, PrefixesKeepFleetsApart) {
  Open();
  AppendDurably(Topic::kTelemetry, "ours");
  config_.prefix.front() = 'u';
  CreateTopics();
  auto other = KafkaLog::Open(config_, [](std::string_view) {});
  ASSERT_TRUE(other.ok());
  EXPECT_EQ(other.value()->RangeOf(Topic::kTelemetry, Partition{0}).end, Offset{0});
  EXPECT_EQ(log_->RangeOf(Topic::kTelemetry, Partition{0}).end, Offset{1});
}

TEST_F(KafkaLogTest, ASpentClientIsReplacedAndNothingIsLostOrOutOfOrder) {
  Open();
  Recorder recorder;
  ASSERT_OK(log_->Subscribe(Topic::kTelemetry, Partition{0}, Offset{0}, &recorder));
  constexpr int kRecords = 20'000;
  for (int i = 0; i < kRecords; ++i) {
    Append(Topic::kTelemetry, std::to_string(i));
    if (i % 5'000 == 2'500) log_->FailClientForTest();
  }
  ASSERT_OK(log_->AwaitDurable(Ticket{kRecords}, seconds(30)));
  EXPECT_OK(log_->status());
  EXPECT_GE(log_->counters().producer.clients_renewed, 1u);
  EXPECT_LE(log_->counters().producer.clients_renewed, 4u);  // Once for each failure at most.
  ASSERT_TRUE(Eventually([&] {
    const auto seen = recorder.seen();
    return !seen.empty() && seen.back().value == std::to_string(kRecords - 1);
  }));
  // What was in flight is there twice; whoever leaves out what he has seen sees all in order.
  int next = 0;
  for (const auto& each : recorder.seen()) {
    const int number = std::stoi(each.value);
    ASSERT_LE(number, next);
    if (number == next) ++next;
  }
  EXPECT_EQ(next, kRecords);
}

TEST_F(KafkaLogTest, DurableIsAnnouncedInOrder) {
  Open();
  std::mutex mutex;
  std::vector<std::uint64_t> announced;
  log_->ObserveDurable([&](Ticket ticket) {
    std::lock_guard lock(mutex);
    announced.push_back(Number(ticket));
  });
  for (int i = 0; i < 100; ++i) Append(Topic::kTelemetry, "x", Partition{static_cast<std::uint32_t>(i % 3)});
  ASSERT_TRUE(Eventually([&] {
    std::lock_guard lock(mutex);
    return !announced.empty() && announced.back() == 100;
  }));
  EXPECT_TRUE(std::is_sorted(announced.begin(), announced.end()));
}

TEST_F(KafkaLogTest, APartitionThatDoesNotExistStopsNobodyElse) {
  Open();
  AppendDurably(Topic::kTelemetry, "there");
  const auto refused = log_->Append(Topic::kTelemetry, Partition{99}, {}, Bytes("nowhere"));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), ErrorCode::kInvalidArgument);
  AppendDurably(Topic::kTelemetry, "still there");
  EXPECT_OK(log_->status());
}

TEST(KafkaLogWithoutBroker, TheQueueIsBoundedAndBulkIsRefusedFirst) {
  KafkaConfig config;
  config.bootstrap = "127.0.0.1:1";
  config.queue_records_max = 100;
  config.close_timeout = milliseconds(50);
  auto opened = KafkaLog::Open(config, [](std::string_view) {});
  ASSERT_TRUE(opened.ok()) << opened.status().message();
  const auto& log = opened.value();
  int history = 0;
  while (log->Append(Topic::kHistory, Partition{0}, Bytes("v"), Bytes("x")).ok()) ++history;
  EXPECT_EQ(history, 75);
  int telemetry = 0;
  for (;;) {
    const auto ticket = log->Append(Topic::kTelemetry, Partition{0}, Bytes("v"), Bytes("x"));
    if (ticket.ok()) {
      ++telemetry;
      continue;
    }
    EXPECT_EQ(ticket.status().code(), ErrorCode::kExhausted);
    break;
  }
  EXPECT_EQ(telemetry, 25);
  EXPECT_EQ(log->counters().producer.refused, 2u);
  EXPECT_EQ(log->durable(), Ticket{0});
  const Status closed = log->Close();
  ASSERT_FALSE(closed.ok());
  EXPECT_NE(closed.message().find("100 records"), std::string::npos) << closed.message();
  EXPECT_EQ(log->Append(Topic::kTelemetry, Partition{0}, {}, Bytes("x")).status().code(), ErrorCode::kUnavailable);
}

TEST(KafkaLogWithoutBroker, QuestionsAreGivenUp) {
  KafkaConfig config;
  config.bootstrap = "127.0.0.1:1";
  config.query_timeout = milliseconds(200);
  config.close_timeout = milliseconds(50);
  auto log = KafkaLog::Open(config, [](std::string_view) {});
  ASSERT_TRUE(log.ok());
  Recorder recorder;
  EXPECT_EQ(log.value()->Subscribe(Topic::kTelemetry, Partition{0}, Offset{0}, &recorder).code(),
            ErrorCode::kUnavailable);
  EXPECT_EQ(log.value()->QueryRange(Topic::kTelemetry, Partition{0}).status().code(), ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace starling::cloud
