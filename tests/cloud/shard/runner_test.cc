// The runner between a log in memory and a sink, with its own tick thread.
#include <condition_variable>
#include <mutex>
#include <thread>

#include <gtest/gtest.h>

#include "cloud/shard/runner.h"
#include "tests/cloud/shard/traffic_log.h"

namespace starling::cloud {
namespace {

// A log in memory with one partition that is read: appends are delivered by the
// thread that appends, one at a time.
class MemoryLog final : public Log {
 public:
  Result<Ticket> Append(Topic topic, Partition, std::span<const std::byte>,
                        std::span<const std::byte> value) override {
    if (topic != Topic::kTelemetry) {
      const std::lock_guard lock(outputs_mutex_);
      if (full_) return Status(ErrorCode::kExhausted, "full");
      ++outputs_;
      return Ticket{1};
    }
    const std::lock_guard lock(mutex_);
    Store(value, CloudNow());
    if (consumer_ != nullptr) Deliver(stored_.size() - 1);
    grown_.notify_all();
    return Ticket{stored_.size()};
  }
  // As a former owner left it.
  void Store(std::span<const std::byte> value, CloudTime time) {
    Stored stored;
    stored.words.assign((value.size() + 7) / 8, 0);
    std::memcpy(stored.words.data(), value.data(), value.size());
    stored.bytes = value.size();
    stored.time = time;
    stored_.push_back(std::move(stored));
  }
  void WaitFor(std::size_t records) {
    std::unique_lock lock(mutex_);
    grown_.wait(lock, [&] { return stored_.size() >= records; });
  }
  void set_full(bool full) {
    const std::lock_guard lock(outputs_mutex_);
    full_ = full;
  }
  std::size_t outputs() {
    const std::lock_guard lock(outputs_mutex_);
    return outputs_;
  }

  Status Subscribe(Topic, Partition, Offset from, LogConsumer* consumer) override {
    const std::lock_guard lock(mutex_);
    consumer_ = consumer;
    for (auto i = static_cast<std::size_t>(from); i < stored_.size(); ++i) Deliver(i);
    return Status();
  }
  Range RangeOf(Topic, Partition) const override {
    const std::lock_guard lock(mutex_);
    return {Offset{0}, Offset{stored_.size()}};
  }
  Offset OffsetAt(Topic, Partition, CloudTime time) const override {
    const std::lock_guard lock(mutex_);
    std::size_t i = 0;
    while (i < stored_.size() && stored_[i].time < time) ++i;
    return Offset{i};
  }
  Ticket emitted() const override { return Ticket{0}; }
  Ticket durable() const override { return Ticket{0}; }
  void ObserveDurable(std::function<void(Ticket)>) override {}
  Status Read(Topic, Partition, Offset, const std::function<bool(const LogRecord&)>&) const override {
    return Status();
  }
  Status status() const override { return Status(); }
  Status Close() override { return Status(); }

 private:
  struct Stored {
    std::vector<std::uint64_t> words;
    std::size_t bytes = 0;
    CloudTime time;
  };
  void Deliver(std::size_t i) {
    const LogRecord record{Offset{i}, stored_[i].time, {},
                           std::as_bytes(std::span(stored_[i].words)).first(stored_[i].bytes)};
    consumer_->OnRecords({&record, 1});
  }

  mutable std::mutex mutex_;
  std::condition_variable grown_;
  std::vector<Stored> stored_;
  LogConsumer* consumer_ = nullptr;
  std::mutex outputs_mutex_;
  std::size_t outputs_ = 0;
  bool full_ = false;
};

class Sink final : public CommandSink {
 public:
  void Deliver(std::span<ShardOutputs::Command> commands) override { delivered_ += commands.size(); }
  std::size_t delivered() const { return delivered_; }

 private:
  std::atomic<std::size_t> delivered_{0};
};

class RunnerTest : public testing::Test {
 protected:
  // The fix of a car, taken at `time`.
  std::span<const std::byte> Fix(const Car& car, CloudTime time) {
    ++sequence_;
    return encoder_.Fix(car, sequence_, std::uint64_t{sequence_} * 1'000'000, ToNs(time));
  }
  void Collide(std::string_view suffix, double y) {
    for (const auto& car : {MakeCar(std::string("e").append(suffix), -18, y, 90, 15),
                            MakeCar(std::string("n").append(suffix), 0, y - 18, 0, 15)}) {
      const CloudTime now = CloudNow();
      ASSERT_TRUE(log_.Append(Topic::kTelemetry, Partition{7}, {}, Fix(car, now)).ok());
    }
  }

  MemoryLog log_;
  Sink sink_;
  RecordEncoder encoder_;
  std::uint32_t sequence_ = 0;
  ShardRunner runner_{{}, ShardConfig{}, kRegion, kOrigin, &log_, &sink_};
};

TEST_F(RunnerTest, ReplayedRecordsSendNothingUntilTheRegionIsItsOwn) {
  const CloudTime before = CloudNow() - seconds(1);
  log_.Store(Fix(MakeCar("old-e", -18, 900, 90, 15), before), before);
  log_.Store(Fix(MakeCar("old-n", 0, 882, 0, 15), before), before);
  ASSERT_TRUE(runner_.Start("me").ok());
  EXPECT_EQ(sink_.delivered(), 2u);  // Open, their leases live: issued again, once.
  Collide("", 0);
  EXPECT_EQ(sink_.delivered(), 4u);
  runner_.Stop();
  const ShardRunnerCounters counters = runner_.counters();
  EXPECT_TRUE(counters.owner);
  EXPECT_EQ(counters.records_replayed, 2u);
  EXPECT_EQ(counters.vehicles, 4u);
  EXPECT_EQ(counters.epoch, 2u);  // The offset of its own Ownership.
  EXPECT_GE(log_.outputs(), 2u);
}

TEST_F(RunnerTest, AnOwnershipOfTheSameNameFromBeforeIsNotItsOwn) {
  log_.Store(encoder_.Ownership("me"), CloudNow());
  ASSERT_TRUE(runner_.Start("me").ok());
  log_.WaitFor(3);
  runner_.Stop();
  EXPECT_EQ(runner_.counters().epoch, 1u);
  EXPECT_EQ(runner_.counters().records_replayed, 1u);
}

TEST_F(RunnerTest, TicksUntilItIsStopped) {
  ASSERT_TRUE(runner_.Start("me").ok());
  log_.WaitFor(4);  // Ownership and three heartbeats.
  runner_.Stop();
  runner_.Stop();
  EXPECT_GE(runner_.counters().shard.records, 4u);
}

TEST_F(RunnerTest, AFullLogShedsRecordsByTopicAndStillDeliversCommands) {
  ASSERT_TRUE(runner_.Start("me").ok());
  log_.set_full(true);
  Collide("", 0);
  runner_.Stop();
  EXPECT_EQ(sink_.delivered(), 2u);
  EXPECT_GE(runner_.counters().records_shed[static_cast<std::size_t>(Topic::kCommands)], 2u);
}

TEST_F(RunnerTest, QueriesRunBetweenRecordsAndTooManyAreRefused) {
  std::atomic<int> ran{0};
  for (int i = 0; i < 64; ++i) {
    EXPECT_TRUE(runner_.Post([&ran](const Shard& shard) { ran += shard.region() == kRegion ? 1 : 0; }).ok());
  }
  const Status status = runner_.Post([](const Shard&) {});
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.code(), ErrorCode::kExhausted);
  ASSERT_TRUE(runner_.Start("me").ok());
  log_.WaitFor(2);
  runner_.Stop();
  EXPECT_EQ(ran.load(), 64);
  EXPECT_EQ(runner_.counters().queries_refused, 1u);
}

}  // namespace
}  // namespace starling::cloud
