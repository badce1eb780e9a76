// Runners between a log in memory, a sink and a region's writer, with their own
// pulses: one alone, and two that share a region.
#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "cloud/shard/runner.h"
#include "schemas/log/commands_generated.h"
#include "tests/cloud/shard/memory_log.h"
#include "tests/cloud/shard/memory_store.h"
#include "tests/cloud/shard/traffic_log.h"

namespace starling::cloud {
namespace {

class Sink final : public CommandSink {
 public:
  void Deliver(std::span<ShardOutputs::Command> commands) override { delivered_ += commands.size(); }
  std::size_t delivered() const { return delivered_; }

 private:
  std::atomic<std::size_t> delivered_{0};
};

ShardRunnerConfig Quick() {
  ShardRunnerConfig config;
  config.tick_interval = milliseconds(20);
  config.takeover_after = milliseconds(200);
  config.checkpoint.interval = milliseconds(100);
  return config;
}

// A process: its link to the log, its writer, its store and its runner.
struct Process {
  Process(MemoryLog* log, WrittenRegion* region, ShardRunnerConfig config = Quick())
      : link(log), writer(region) {
    runner = std::make_unique<ShardRunner>(config, ShardConfig{}, kRegion, kOrigin,
                                           ShardRunnerParts{&link, &writer, &sink, &store});
  }
  bool Owner() const { return runner->counters().owner; }

  Link link;
  MemoryWriter writer;
  Sink sink;
  MemoryStore store;
  std::unique_ptr<ShardRunner> runner;
};

class RunnerTest : public testing::Test {
 protected:
  ~RunnerTest() override {
    for (auto& process : {first_.get(), second_.get()}) {
      if (process != nullptr) process->runner->Stop();
    }
    (void)log_.Close();
  }

  Process* Make(std::unique_ptr<Process>* process, bool standby = false) {
    ShardRunnerConfig config = Quick();
    config.prefer_standby = standby;
    *process = std::make_unique<Process>(&log_, &region_, config);
    return process->get();
  }
  void MakeOwner() {
    ASSERT_TRUE(Make(&first_)->runner->Start("first").ok());
    ASSERT_TRUE(Eventually([&] { return first_->Owner(); }));
  }
  void MakeStandby() {
    ASSERT_TRUE(Make(&second_, /*standby=*/true)->runner->Start("second").ok());
  }

  // The fix of a car, taken at `time`.
  std::span<const std::byte> Fix(const Car& car, CloudTime time) {
    ++sequence_;
    return encoder_.Fix(car, sequence_, std::uint64_t{sequence_} * 1'000'000, ToNs(time));
  }
  // Two cars that will meet unless they are told: one pair gives two commands.
  void Collide(std::string_view suffix, double y) {
    for (const auto& car : {MakeCar(std::string("e").append(suffix), -18, y, 90, 15),
                            MakeCar(std::string("n").append(suffix), 0, y - 18, 0, 15)}) {
      const CloudTime now = CloudNow();
      ASSERT_TRUE(log_.Append(Topic::kTelemetry, Partition{7}, {}, Fix(car, now)).ok());
    }
  }

  // Ids of the commands in the audit trail, in order.
  std::vector<std::uint64_t> Issued() {
    const std::lock_guard lock(region_.mutex);
    std::vector<std::uint64_t> ids;
    for (const WrittenRegion::Record& record : region_.records) {
      if (record.topic != Topic::kCommands) continue;
      const auto* audit = flatbuffers::GetRoot<log::Audit>(record.value.data());
      if (const auto* issued = audit->body_as_CommandIssued()) ids.push_back(issued->command()->command_id());
    }
    return ids;
  }
  std::size_t IssuedIds() {
    const std::vector<std::uint64_t> ids = Issued();
    return std::set<std::uint64_t>(ids.begin(), ids.end()).size();
  }

  MemoryLog log_;
  WrittenRegion region_;
  RecordEncoder encoder_;
  std::uint32_t sequence_ = 0;
  std::unique_ptr<Process> first_;
  std::unique_ptr<Process> second_;
};

TEST_F(RunnerTest, ReplayedRecordsSendNothingUntilTheRegionIsItsOwn) {
  const CloudTime before = CloudNow() - seconds(1);
  log_.Store(Fix(MakeCar("old-e", -18, 900, 90, 15), before), before);
  log_.Store(Fix(MakeCar("old-n", 0, 882, 0, 15), before), before);
  region_.committed = Offset{2};
  MakeOwner();
  EXPECT_EQ(first_->runner->counters().records_replayed, 2u);
  Collide("", 0);
  // Open before, their leases live: issued again, once.  Then the new ones.
  ASSERT_TRUE(Eventually([&] { return first_->sink.delivered() >= 4; }));
  ASSERT_TRUE(Eventually([&] { return Issued().size() >= 4; }));
  EXPECT_TRUE(Eventually([&] { return first_->runner->counters().vehicles == 4; }));
  EXPECT_EQ(first_->runner->counters().epoch, 1u);
}

TEST_F(RunnerTest, TimesEachCommandThatItHandsOverAndTheTimeThatItWorks) {
  MakeOwner();
  Collide("", 0);
  ASSERT_TRUE(Eventually([&] { return first_->sink.delivered() >= 2; }));
  ASSERT_TRUE(Eventually([&] { return first_->runner->counters().commands_delivered >= 2; }));
  const ShardRunnerCounters counters = first_->runner->counters();
  const ShardRunnerLatencies latencies = first_->runner->latencies();
  EXPECT_GE(latencies.decision_fix.count() + latencies.decision_tick.count(), counters.commands_delivered);
  EXPECT_GT(latencies.decision_fix.count(), 0u);
  EXPECT_GT(counters.busy, nanoseconds(0));
  EXPECT_GT(counters.applied_through, CloudNow() - seconds(60));
}

TEST_F(RunnerTest, OutputsThatTheFormerOwnerHadNotWrittenAreWritten) {
  const CloudTime before = CloudNow() - seconds(1);
  log_.Store(Fix(MakeCar("old-e", -18, 900, 90, 15), before), before);
  log_.Store(Fix(MakeCar("old-n", 0, 882, 0, 15), before), before);
  region_.committed = Offset{1};
  MakeOwner();
  // Decided at record 1, which is not committed; delivered by nobody knows whom.
  EXPECT_TRUE(Eventually([&] { return IssuedIds() >= 2; }));
}

TEST_F(RunnerTest, AnOwnershipOfTheSameNameFromBeforeIsNotItsOwn) {
  log_.Store(encoder_.Ownership("first"), CloudNow());
  MakeOwner();
  EXPECT_EQ(first_->runner->counters().records_replayed, 1u);
}

TEST_F(RunnerTest, TicksUntilItIsStopped) {
  MakeOwner();
  ASSERT_TRUE(Eventually([&] { return log_.size() >= 4; }));
  first_->runner->Stop();
  first_->runner->Stop();
  const std::size_t size = log_.size();
  std::this_thread::sleep_for(milliseconds(60));
  EXPECT_EQ(log_.size(), size);
}

TEST_F(RunnerTest, QueriesRunBetweenRecordsAndTooManyAreRefused) {
  Make(&first_);
  std::atomic<int> ran{0};
  for (int i = 0; i < 64; ++i) {
    EXPECT_TRUE(first_->runner->Post([&ran](const Shard& shard) { ran += shard.region() == kRegion ? 1 : 0; }).ok());
  }
  const Status status = first_->runner->Post([](const Shard&) {});
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.code(), ErrorCode::kExhausted);
  ASSERT_TRUE(first_->runner->Start("first").ok());
  EXPECT_TRUE(Eventually([&] { return ran.load() == 64; }));
  EXPECT_EQ(first_->runner->counters().queries_refused, 1u);
}

TEST_F(RunnerTest, AnOrderlyStopLeavesAStateThatKnowsNearlyAll) {
  MakeOwner();
  Collide("", 0);
  ASSERT_TRUE(Eventually([&] { return Issued().size() >= 2; }));
  first_->runner->Stop();
  ASSERT_TRUE(first_->store.next().has_value());
  EXPECT_GE(ToNumber(*first_->store.next()) + 2, log_.size());
  EXPECT_EQ(first_->runner->counters().checkpoint.digest_mismatches, 0u);
}

TEST_F(RunnerTest, ASuccessorGoesOnFromTheStoredStateWithoutAGapOrARepetition) {
  MakeOwner();
  Collide("a", 0);
  ASSERT_TRUE(Eventually([&] { return IssuedIds() >= 2; }));
  ASSERT_TRUE(Eventually([&] { return first_->store.writes() > 1 && first_->store.entries().size() >= 3; }));
  first_->link.Cut();  // kill -9
  Collide("b", 500);   // Taken by the log after the kill.
  Make(&second_);
  ASSERT_TRUE(second_->store.Write({}, {}, *first_->store.next(), {}).ok());
  for (const auto& [key, value] : first_->store.entries()) {
    const StateChange change{std::as_bytes(std::span(key)), std::as_bytes(std::span(value))};
    ASSERT_TRUE(second_->store.Write({}, {}, *first_->store.next(), {&change, 1}).ok());
  }
  ASSERT_TRUE(second_->runner->Start("second").ok());
  EXPECT_EQ(second_->runner->recovery().source, Recovered::Source::kState);
  ASSERT_TRUE(Eventually([&] { return second_->Owner() && IssuedIds() >= 4; }));
  EXPECT_EQ(second_->runner->counters().vehicles, 4u);
}

TEST_F(RunnerTest, ADamagedStateIsReplacedByTheLastSecondsOfTheLog) {
  MakeOwner();
  Collide("", 0);
  ASSERT_TRUE(Eventually([&] { return first_->store.entries().size() >= 3; }));
  first_->runner->Stop();
  first_->store.Damage();
  Make(&second_);
  const MemoryStore::Entries entries = first_->store.entries();
  for (const auto& [key, value] : entries) {
    const StateChange change{std::as_bytes(std::span(key)), std::as_bytes(std::span(value))};
    ASSERT_TRUE(second_->store.Write({}, {}, Offset{3}, {&change, 1}).ok());
  }
  ASSERT_TRUE(second_->runner->Start("second").ok());
  EXPECT_EQ(second_->runner->recovery().source, Recovered::Source::kWindow);
  EXPECT_NE(second_->runner->recovery().note.find("cannot be used"), std::string::npos);
  EXPECT_TRUE(Eventually([&] { return second_->Owner(); }));
  EXPECT_EQ(second_->runner->counters().vehicles, 2u);
}

TEST_F(RunnerTest, AStateThatKnowsMoreThanTheLogIsRefused) {
  MakeOwner();
  ASSERT_TRUE(Eventually([&] { return first_->store.writes() > 0; }));
  first_->runner->Stop();
  Make(&second_);
  for (const auto& [key, value] : first_->store.entries()) {
    const StateChange change{std::as_bytes(std::span(key)), std::as_bytes(std::span(value))};
    ASSERT_TRUE(second_->store.Write({}, {}, Offset{1'000'000}, {&change, 1}).ok());
  }
  const Status status = second_->runner->Start("second");
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(status.message().find("put back"), std::string::npos);
}

TEST_F(RunnerTest, AStandbyActsOnNothingWhileTheOwnerLives) {
  MakeOwner();
  MakeStandby();
  Collide("", 0);
  ASSERT_TRUE(Eventually([&] { return first_->sink.delivered() >= 2; }));
  ASSERT_TRUE(Eventually([&] { return second_->runner->counters().vehicles == 2; }));
  std::this_thread::sleep_for(milliseconds(500));  // Far longer than a silence may be.
  EXPECT_TRUE(first_->Owner());
  EXPECT_FALSE(second_->Owner());
  EXPECT_EQ(second_->sink.delivered(), 0u);
  EXPECT_EQ(second_->runner->counters().outputs_written, 0u);
}

TEST_F(RunnerTest, AStandbyTakesOverAnOwnerThatFellSilentAndWritesWhatIsMissing) {
  MakeOwner();
  MakeStandby();
  ASSERT_TRUE(Eventually([&] { return second_->runner->counters().shard.records > 2; }));
  first_->writer.Hold(true);  // Its last outputs are never committed.
  Collide("a", 0);
  ASSERT_TRUE(Eventually([&] { return first_->sink.delivered() >= 2; }));
  EXPECT_TRUE(Issued().empty());
  first_->link.Cut();
  ASSERT_TRUE(Eventually([&] { return second_->Owner(); }));
  // Those of the former owner, found by the standby itself, and issued again.
  EXPECT_TRUE(Eventually([&] { return IssuedIds() == 2; }));
  Collide("b", 500);
  EXPECT_TRUE(Eventually([&] { return second_->sink.delivered() >= 4; }));
}

TEST_F(RunnerTest, AFormerOwnerThatReturnsIsTheStandby) {
  MakeOwner();
  MakeStandby();
  ASSERT_TRUE(Eventually([&] { return second_->runner->counters().shard.records > 2; }));
  first_->link.Freeze(true);  // SIGSTOP
  ASSERT_TRUE(Eventually([&] { return second_->Owner(); }));
  const std::size_t delivered = first_->sink.delivered();
  Collide("", 0);
  ASSERT_TRUE(Eventually([&] { return second_->sink.delivered() >= 2; }));
  first_->link.Freeze(false);
  ASSERT_TRUE(Eventually([&] { return first_->runner->counters().demotions == 1; }));
  std::this_thread::sleep_for(milliseconds(400));
  EXPECT_FALSE(first_->Owner());
  EXPECT_TRUE(second_->Owner());
  EXPECT_EQ(first_->sink.delivered(), delivered);
}

TEST_F(RunnerTest, AnOwnerThatEndsInOrderIsFollowedWithoutWaitingForSilence) {
  ShardRunnerConfig patient = Quick();
  patient.takeover_after = seconds(30);
  patient.prefer_standby = true;
  MakeOwner();
  second_ = std::make_unique<Process>(&log_, &region_, patient);
  ASSERT_TRUE(second_->runner->Start("second").ok());
  ASSERT_TRUE(Eventually([&] { return second_->runner->counters().shard.records > 2; }));
  first_->runner->Stop();
  // It looks sixteen times in thirty seconds, but is told.
  EXPECT_TRUE(Eventually([&] { return second_->Owner(); }));
}

TEST_F(RunnerTest, ARegionIsHandedOverOnRequest) {
  MakeOwner();
  MakeStandby();
  ASSERT_TRUE(Eventually([&] { return second_->runner->counters().shard.records > 2; }));
  first_->runner->Yield();
  ASSERT_TRUE(Eventually([&] { return second_->Owner() && !first_->Owner(); }));
  first_->runner->ClaimNow();
  ASSERT_TRUE(Eventually([&] { return first_->Owner() && !second_->Owner(); }));
  EXPECT_TRUE(first_->runner->status().ok());
  EXPECT_TRUE(second_->runner->status().ok());
}

TEST_F(RunnerTest, OfTwoThatBeginAsStandbysOneOwns) {
  ASSERT_TRUE(Make(&first_, /*standby=*/true)->runner->Start("first").ok());
  ASSERT_TRUE(Make(&second_, /*standby=*/true)->runner->Start("second").ok());
  ASSERT_TRUE(Eventually([&] { return first_->Owner() != second_->Owner(); }));
  std::this_thread::sleep_for(milliseconds(500));
  EXPECT_NE(first_->Owner(), second_->Owner());
}

}  // namespace
}  // namespace starling::cloud
