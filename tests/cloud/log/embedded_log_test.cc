// The embedded log while it works: order, delivery, bounds, reading.

#include <algorithm>
#include <latch>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "cloud/log/group_format.h"
#include "tests/cloud/log/log_fixture.h"

namespace starling::cloud {
namespace {

using EmbeddedLogTest = LogTest;

// Holds the delivery thread in its first call until released, so that what is
// appended meanwhile stays in the queue.
class Gate : public LogConsumer {
 public:
  void OnRecords(std::span<const LogRecord>) override {
    if (std::exchange(passed_, true)) return;
    entered_.count_down();
    released_.wait();
  }
  void AwaitEntered() { entered_.wait(); }
  void Release() { released_.count_down(); }

 private:
  bool passed_ = false;
  std::latch entered_{1};
  std::latch released_{1};
};

TEST_F(EmbeddedLogTest, AnEmptyLogHasEmptyPartitions) {
  Open();
  EXPECT_EQ(Number(log_->RangeOf(Topic::kTelemetry, kPartition).first), 0u);
  EXPECT_EQ(Number(log_->RangeOf(Topic::kTelemetry, kPartition).end), 0u);
  EXPECT_EQ(ReadAll(Topic::kTelemetry), Values());
  EXPECT_EQ(Number(log_->OffsetAt(Topic::kTelemetry, kPartition, CloudTimeFromNs(1))), 0u);
}

TEST_F(EmbeddedLogTest, ReadsFromAnyOffsetAlsoInsideAGroup) {
  Open();
  Gate gate;
  ASSERT_TRUE(log_->Subscribe(Topic::kTelemetry, kPartition, Offset{}, &gate).ok());
  Append(Topic::kTelemetry, "gate");
  gate.AwaitEntered();
  for (const char* value : {"a", "b", "c", "d"}) Append(Topic::kCommands, value);  // One group.
  gate.Release();
  Emit(Topic::kCommands, "e");
  EXPECT_EQ(ReadAll(Topic::kCommands), Values({"a", "b", "c", "d", "e"}));
  EXPECT_EQ(ReadAll(Topic::kCommands, Offset{2}), Values({"c", "d", "e"}));
  EXPECT_EQ(ReadAll(Topic::kCommands, Offset{4}), Values({"e"}));
  EXPECT_EQ(ReadAll(Topic::kCommands, Offset{5}), Values());
  EXPECT_EQ(ReadAll(Topic::kCommands, Offset{6}), Values());
  Close();
}

TEST_F(EmbeddedLogTest, ReadStopsWhenTheVisitorHasEnough) {
  Open();
  for (const char* value : {"a", "b", "c"}) Emit(Topic::kHistory, value);
  int visited = 0;
  ASSERT_TRUE(log_->Read(Topic::kHistory, kPartition, Offset{}, [&](const LogRecord&) {
    return ++visited < 2;
  }).ok());
  EXPECT_EQ(visited, 2);
}

TEST_F(EmbeddedLogTest, TopicsAndPartitionsDoNotMix) {
  Open();
  Emit(Topic::kHistory, "h1", Partition{1});
  Emit(Topic::kHistory, "h2", Partition{2});
  Emit(Topic::kConflicts, "c1", Partition{1});
  Emit(Topic::kHistory, "last", Partition{UINT32_MAX});
  EXPECT_EQ(ReadAll(Topic::kHistory, Offset{}, Partition{1}), Values({"h1"}));
  EXPECT_EQ(ReadAll(Topic::kHistory, Offset{}, Partition{2}), Values({"h2"}));
  EXPECT_EQ(ReadAll(Topic::kConflicts, Offset{}, Partition{1}), Values({"c1"}));
  EXPECT_EQ(ReadAll(Topic::kHistory, Offset{}, Partition{UINT32_MAX}), Values({"last"}));
}

TEST_F(EmbeddedLogTest, OffsetsAreDenseAndEachProducersOrderIsKept) {
  constexpr int kProducers = 4;
  constexpr int kRecordsEach = 2'000;
  Open();
  Recorder recorder;
  ASSERT_TRUE(log_->Subscribe(Topic::kTelemetry, kPartition, Offset{}, &recorder).ok());
  std::vector<std::thread> producers;
  for (int producer = 0; producer < kProducers; ++producer) {
    producers.emplace_back([this, producer] {
      std::uint64_t last = 0;
      for (int i = 0; i < kRecordsEach; ++i) {
        const Ticket ticket = Append(
            Topic::kTelemetry, std::to_string(producer) + " " + std::to_string(i));
        EXPECT_GT(Number(ticket), last);
        last = Number(ticket);
        if (i % 3 == 0) Append(Topic::kHistory, "other");
      }
    });
  }
  for (std::thread& producer : producers) producer.join();
  // Close ends a consumer that has not caught up yet.
  while (recorder.seen().size() < kProducers * kRecordsEach) Emit(Topic::kHistory, "time passes");
  Close();

  const auto seen = recorder.seen();
  ASSERT_EQ(seen.size(), static_cast<std::size_t>(kProducers * kRecordsEach));
  std::map<std::string, int> next;
  for (std::size_t i = 0; i < seen.size(); ++i) {
    EXPECT_EQ(seen[i].offset, i);
    const std::string producer = seen[i].value.substr(0, 1);
    EXPECT_EQ(std::stoi(seen[i].value.substr(2)), next[producer]++);
  }
  EXPECT_TRUE(recorder.aligned());
}

TEST_F(EmbeddedLogTest, DurableNeverPassesEmittedAndObserversSeeItGrow) {
  Open();
  std::vector<std::uint64_t> durable;  // The syncer's until Close.
  EmbeddedLog* log = log_.get();
  bool ahead = false;
  log_->ObserveDurable([&durable, &ahead, log](Ticket ticket) {
    durable.push_back(Number(ticket));
    ahead = ahead || Number(ticket) > Number(log->emitted());
  });
  Ticket last{};
  for (int i = 0; i < 200; ++i) {
    last = Append(Topic::kHistory, "batch");
    ASSERT_LE(Number(log_->durable()), Number(log_->emitted()));
  }
  ASSERT_TRUE(log_->AwaitDurable(last).ok());
  EXPECT_GE(Number(log_->emitted()), Number(last));
  Close();
  EXPECT_FALSE(ahead);
  ASSERT_FALSE(durable.empty());
  EXPECT_EQ(durable.back(), Number(last));
  EXPECT_TRUE(std::is_sorted(durable.begin(), durable.end()));
}

TEST_F(EmbeddedLogTest, LogTimeNeverGoesBackAlsoAcrossARestart) {
  Open();
  now_ns_ = 1'000;
  Emit(Topic::kTelemetry, "a");
  now_ns_ = 500;
  Emit(Topic::kTelemetry, "b");
  Reopen();
  now_ns_ = 700;
  Emit(Topic::kTelemetry, "c");
  now_ns_ = 1'100;
  Emit(Topic::kTelemetry, "d");
  std::vector<std::int64_t> times;
  ASSERT_TRUE(log_->Read(Topic::kTelemetry, kPartition, Offset{}, [&](const LogRecord& record) {
    times.push_back(ToNs(record.time));
    return true;
  }).ok());
  EXPECT_EQ(times, std::vector<std::int64_t>({1'000, 1'000, 1'000, 1'100}));
}

TEST_F(EmbeddedLogTest, FindsTheOffsetOfATime) {
  Open();
  for (int i = 1; i <= 20; ++i) {
    now_ns_ = 1'000 * i;
    Emit(Topic::kTelemetry, std::to_string(i));
  }
  for (int i = 1; i <= 20; ++i) {
    const auto offset_at = [this](std::int64_t ns) {
      return Number(log_->OffsetAt(Topic::kTelemetry, kPartition, CloudTimeFromNs(ns)));
    };
    EXPECT_EQ(offset_at(1'000 * i), static_cast<std::uint64_t>(i - 1));
    EXPECT_EQ(offset_at(1'000 * i + 1), static_cast<std::uint64_t>(i));
  }
  EXPECT_EQ(Number(log_->OffsetAt(Topic::kTelemetry, kPartition, CloudTimeFromNs(0))), 0u);
}

TEST_F(EmbeddedLogTest, AConsumerSeesEachRecordOnceAcrossARestart) {
  Recorder first;
  Open();
  for (int i = 0; i < 50; ++i) Emit(Topic::kTelemetry, std::to_string(i));
  ASSERT_TRUE(log_->Subscribe(Topic::kTelemetry, kPartition, Offset{}, &first).ok());
  for (int i = 50; i < 100; ++i) Append(Topic::kTelemetry, std::to_string(i));
  Close();

  // Close may come before the stored records were all delivered; what was, was
  // in order, and the next process goes on from there.
  const auto seen = first.seen();
  for (std::size_t i = 0; i < seen.size(); ++i) EXPECT_EQ(seen[i].value, std::to_string(i));

  Recorder second;
  Open();
  const Offset from{seen.size()};
  ASSERT_TRUE(log_->Subscribe(Topic::kTelemetry, kPartition, from, &second).ok());
  Emit(Topic::kTelemetry, "100");
  while (second.seen().size() < 101 - seen.size()) Emit(Topic::kHistory, "time passes");
  Close();
  const auto rest = second.seen();
  ASSERT_EQ(rest.size(), 101 - seen.size());
  for (std::size_t i = 0; i < rest.size(); ++i) {
    EXPECT_EQ(rest[i].offset, seen.size() + i);
    EXPECT_EQ(rest[i].value, std::to_string(seen.size() + i));
  }
}

// More stored records than one slice, and appends all the while: no gap, no
// repetition where stored and live meet.
TEST_F(EmbeddedLogTest, CatchingUpMeetsTheLiveEndWithoutGapOrRepetition) {
  constexpr std::uint64_t kStored = 20'000;
  constexpr std::uint64_t kLive = 5'000;
  Open();
  for (std::uint64_t i = 0; i < kStored; ++i) Append(Topic::kTelemetry, std::to_string(i));
  ASSERT_TRUE(log_->AwaitEmitted(Ticket{kStored}).ok());
  Recorder recorder;
  std::thread producer([this] {
    for (std::uint64_t i = 0; i < kLive; ++i) {
      Append(Topic::kTelemetry, std::to_string(kStored + i));
    }
  });
  ASSERT_TRUE(log_->Subscribe(Topic::kTelemetry, kPartition, Offset{3}, &recorder).ok());
  producer.join();
  while (recorder.seen().size() < kStored + kLive - 3) Emit(Topic::kHistory, "time passes");
  Close();
  const auto seen = recorder.seen();
  ASSERT_EQ(seen.size(), kStored + kLive - 3);
  for (std::size_t i = 0; i < seen.size(); ++i) {
    ASSERT_EQ(seen[i].offset, i + 3);
    ASSERT_EQ(seen[i].value, std::to_string(i + 3));
  }
  EXPECT_TRUE(recorder.aligned());
}

TEST_F(EmbeddedLogTest, SubscribeRefusesOffsetsThatAreNotThereAndASecondConsumer) {
  Open();
  Emit(Topic::kTelemetry, "a");
  Recorder recorder;
  const auto code = [&](Offset from) {
    const Status status = log_->Subscribe(Topic::kTelemetry, kPartition, from, &recorder);
    EXPECT_FALSE(status.ok());
    return status.code();
  };
  EXPECT_EQ(code(Offset{2}), ErrorCode::kInvalidArgument);
  ASSERT_TRUE(log_->Subscribe(Topic::kTelemetry, kPartition, Offset{1}, &recorder).ok());
  EXPECT_EQ(code(Offset{1}), ErrorCode::kInvalidArgument);
  Close();
}

// A shard that answers each fix with a command, from the delivery thread.
TEST_F(EmbeddedLogTest, AConsumerMayAppendAndItsRecordsComeNext) {
  class Shard : public LogConsumer {
   public:
    explicit Shard(EmbeddedLog* log) : log_(log) {}
    void OnRecords(std::span<const LogRecord> records) override {
      for (const LogRecord& record : records) {
        const auto ticket = log_->Append(Topic::kCommands, kPartition, record.key, record.value);
        EXPECT_TRUE(ticket.ok()) << ticket.status().message();
      }
    }

   private:
    EmbeddedLog* const log_;
  };
  Open();
  Shard shard(log_.get());
  ASSERT_TRUE(log_->Subscribe(Topic::kTelemetry, kPartition, Offset{}, &shard).ok());
  Emit(Topic::kTelemetry, "0");  // From here on the shard is live, or sees it stored.
  while (ReadAll(Topic::kCommands).empty()) Emit(Topic::kHistory, "time passes");
  for (int i = 1; i < 1'000; ++i) Append(Topic::kTelemetry, std::to_string(i));
  Close();  // Takes the answers to the last fixes too.
  Open();
  const Values commands = ReadAll(Topic::kCommands);
  ASSERT_EQ(commands.size(), 1'000u);
  for (int i = 0; i < 1'000; ++i) EXPECT_EQ(commands[static_cast<std::size_t>(i)], std::to_string(i));
}

TEST_F(EmbeddedLogTest, AFullQueueRefusesHistoryFirstAndKeepsRoomForTelemetry) {
  config_.queue_records_max = 100;
  config_.bulk_share_percent = 75;
  Open();
  Gate gate;
  ASSERT_TRUE(log_->Subscribe(Topic::kTelemetry, kPartition, Offset{}, &gate).ok());
  Append(Topic::kTelemetry, "gate");
  gate.AwaitEntered();

  const auto fill = [this](Topic topic) {
    int accepted = 0;
    for (;;) {
      const auto ticket = log_->Append(topic, kPartition, {}, Bytes("x"));
      if (!ticket.ok()) {
        EXPECT_EQ(ticket.status().code(), ErrorCode::kExhausted);
        return accepted;
      }
      ++accepted;
    }
  };
  EXPECT_EQ(fill(Topic::kHistory), 75);
  EXPECT_EQ(fill(Topic::kDeadLetter), 0);
  EXPECT_EQ(fill(Topic::kCommands), 25);
  EXPECT_EQ(fill(Topic::kTelemetry), 0);
  EXPECT_EQ(log_->counters().refused, 4u);
  gate.Release();
  ASSERT_TRUE(log_->AwaitEmitted(Ticket{101}).ok());
  EXPECT_EQ(ReadAll(Topic::kHistory).size(), 75u);
  Append(Topic::kHistory, "room again");
  Close();
}

TEST_F(EmbeddedLogTest, AQueueFullOfBytesRefuses) {
  Open();
  Gate gate;
  ASSERT_TRUE(log_->Subscribe(Topic::kTelemetry, kPartition, Offset{}, &gate).ok());
  Append(Topic::kTelemetry, "gate");
  gate.AwaitEntered();
  const std::string value(1 << 20, 'x');
  std::size_t accepted = 0;
  while (log_->Append(Topic::kTelemetry, kPartition, {}, Bytes(value)).ok()) ++accepted;
  EXPECT_EQ(accepted, config_.queue_bytes_max / RecordBytes(0, value.size()));
  gate.Release();
  Close();
}

TEST_F(EmbeddedLogTest, ARecordThatIsTooLargeIsRefused) {
  Open();
  const auto code = [this](std::size_t key_bytes, std::size_t value_bytes) {
    const auto ticket = log_->Append(Topic::kHistory, kPartition, Bytes(std::string(key_bytes, 'k')),
                                     Bytes(std::string(value_bytes, 'v')));
    return ticket.ok() ? 0 : static_cast<int>(ticket.status().code()) + 1;
  };
  const int invalid = static_cast<int>(ErrorCode::kInvalidArgument) + 1;
  EXPECT_EQ(code(kRecordKeyBytesMax + 1, 0), invalid);
  EXPECT_EQ(code(0, kRecordValueBytesMax + 1), invalid);
  EXPECT_EQ(code(kRecordKeyBytesMax, kRecordValueBytesMax), 0);
  Reopen();
  EXPECT_EQ(ReadAll(Topic::kHistory).size(), 1u);
}

TEST_F(EmbeddedLogTest, AfterCloseNothingIsTakenAndWhatWasQueuedIsThere) {
  Open();
  for (int i = 0; i < 1'000; ++i) Append(Topic::kHistory, std::to_string(i));
  ASSERT_TRUE(log_->Close().ok());
  ASSERT_TRUE(log_->Close().ok());  // Idempotent.
  EXPECT_EQ(Number(log_->durable()), 1'000u);
  const auto ticket = log_->Append(Topic::kHistory, kPartition, {}, Bytes("late"));
  ASSERT_FALSE(ticket.ok());
  EXPECT_EQ(ticket.status().code(), ErrorCode::kUnavailable);
  EXPECT_FALSE(log_->AwaitEmitted(Ticket{1'001}).ok());
  EXPECT_FALSE(log_->Read(Topic::kHistory, kPartition, Offset{}, [](const LogRecord&) {
    return true;
  }).ok());
  EXPECT_EQ(Number(log_->RangeOf(Topic::kHistory, kPartition).end), 1'000u);
  log_.reset();
  Open();
  EXPECT_EQ(ReadAll(Topic::kHistory).size(), 1'000u);
}

TEST_F(EmbeddedLogTest, TopicsHaveTheirNames) {
  EXPECT_EQ(TopicName(Topic::kTelemetry), "telemetry");
  EXPECT_EQ(TopicName(Topic::kDeadLetter), "dead-letter");
}

TEST_F(EmbeddedLogTest, AWrongConfigurationIsRefusedByName) {
  const auto message = [this](auto change) {
    EmbeddedLogConfig wrong = config_;
    change(&wrong);
    const Status status = wrong.Validate();
    return status.ok() ? std::string() : std::string(status.message());
  };
  EXPECT_TRUE(config_.Validate().ok());
  EXPECT_NE(message([](auto* c) { c->directory = ""; }).find("directory"), std::string::npos);
  EXPECT_NE(message([](auto* c) { c->topics[1].bytes_max = 1; }).find("history.bytes_max"),
            std::string::npos);
  EXPECT_NE(message([](auto* c) { c->block_cache_bytes = 1 << 30; }).find("300 MiB"),
            std::string::npos);
  EXPECT_NE(message([](auto* c) { c->bulk_share_percent = 0; }).find("bulk_share_percent"),
            std::string::npos);
}

}  // namespace
}  // namespace starling::cloud
