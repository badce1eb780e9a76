// A region's outputs and their marker in one write of the embedded log.
#include <array>
#include <condition_variable>
#include <mutex>
#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cloud/log/embedded_region_writer.h"
#include "cloud/log/group_format.h"
#include "tests/cloud/log/log_fixture.h"

namespace starling::cloud {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

class RegionWriterTest : public LogTest {
 protected:
  void OpenWriter() {
    Open();
    writer_.emplace(writer_config_, log_.get(), kPartition, [this] { return CloudTimeFromNs(now_ns_); });
  }
  void ReopenWriter() {
    Close();
    OpenWriter();
  }
  void Claim() {
    const Result<Epoch> epoch = writer_->Claim("me");
    ASSERT_TRUE(epoch.ok()) << epoch.status().message();
    EXPECT_EQ(epoch.value(), Epoch{0});
  }
  void Write(std::string_view value, std::uint64_t next) {
    ASSERT_TRUE(writer_->Append(Topic::kCommands, Bytes("key"), Bytes(value)).ok());
    ASSERT_TRUE(writer_->Commit(Offset{next}).ok());
  }
  std::uint64_t Committed() {
    const Result<Offset> committed = writer_->Committed();
    EXPECT_TRUE(committed.ok());
    return committed.ok() ? Number(committed.value()) : UINT64_MAX;
  }
  std::vector<std::uint64_t> Markers() const {
    std::vector<std::uint64_t> markers;
    for (const std::string& value : ReadAll(Topic::kProgress)) {
      markers.push_back(LoadLittleEndian<std::uint64_t>(std::as_bytes(std::span(value)).data()));
    }
    return markers;
  }
  void Sync() {
    ASSERT_TRUE(log_->AwaitEmitted(Append(Topic::kHeatmap, "later")).ok());
    ASSERT_TRUE(log_->AwaitDurable(log_->emitted()).ok());
  }

  EmbeddedRegionWriterConfig writer_config_;
  std::optional<EmbeddedRegionWriter> writer_;
};

TEST_F(RegionWriterTest, OutputsAndTheirMarkerAreInOneCommit) {
  OpenWriter();
  Claim();
  Sync();
  const std::uint64_t commits = log_->counters().commits;
  Write("one", 5);
  ASSERT_TRUE(log_->AwaitEmitted(Ticket{4}).ok());  // Marker, Sync's record, output and marker.
  EXPECT_EQ(log_->counters().commits, commits + 1);
  EXPECT_THAT(ReadAll(Topic::kCommands), ElementsAre("one"));
  EXPECT_THAT(Markers(), ElementsAre(0, 5));
}

TEST_F(RegionWriterTest, ASuccessorGoesOnFromTheLastMarker) {
  OpenWriter();
  Claim();
  Write("one", 5);
  Write("two", 9);
  ReopenWriter();
  EXPECT_EQ(Committed(), 9u);  // Also before it claims.
  Claim();
  EXPECT_EQ(Committed(), 9u);
}

TEST_F(RegionWriterTest, WhatALogWithoutMarkersHoldsCountsAsWritten) {
  OpenWriter();
  Emit(Topic::kTelemetry, "a");
  Emit(Topic::kTelemetry, "b");
  EXPECT_EQ(Committed(), 0u);
  Claim();
  EXPECT_EQ(Committed(), 2u);
  ReopenWriter();
  EXPECT_EQ(Committed(), 2u);
}

TEST_F(RegionWriterTest, CommitsWithoutOutputsWriteAMarkerASecond) {
  OpenWriter();
  Claim();
  for (std::uint64_t i = 1; i <= 100; ++i) {
    now_ns_ += 25'000'000;
    ASSERT_TRUE(writer_->Commit(Offset{i}).ok());
  }
  Sync();
  EXPECT_THAT(Markers(), ElementsAre(0, 1, 41, 81));  // At once, then each second.
}

TEST_F(RegionWriterTest, IsCommittedOnlyOnceItIsDurable) {
  config_.sync_interval = seconds(10);
  OpenWriter();
  Claim();
  Sync();  // From now on nothing is synced for long.
  Write("one", 5);
  EXPECT_EQ(Committed(), 0u);
  ReopenWriter();  // Close syncs.
  EXPECT_EQ(Committed(), 5u);
}

TEST_F(RegionWriterTest, ACommitWithoutOutputsWaitsForItsInputToBeDurable) {
  OpenWriter();
  Claim();
  Write("one", 5);
  Sync();
  EXPECT_EQ(Committed(), 5u);
  // Its input is being delivered: nothing later is emitted yet.
  ASSERT_TRUE(writer_->Commit(Offset{6}).ok());
  EXPECT_EQ(Committed(), 5u);
  Sync();
  EXPECT_EQ(Committed(), 6u);
}

// Holds the log's writer up, so that its queue fills.
class Stall final : public LogConsumer {
 public:
  void OnRecords(std::span<const LogRecord>) override {
    std::unique_lock lock(mutex_);
    held_ = true;
    changed_.notify_all();
    changed_.wait(lock, [&] { return !stall_; });
  }
  void Await() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return held_; });
  }
  void End() {
    const std::lock_guard lock(mutex_);
    stall_ = false;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stall_ = true;
  bool held_ = false;
};

class FullQueue : public RegionWriterTest {
 protected:
  FullQueue() { config_.queue_records_max = 10; }
  ~FullQueue() override {
    stall_.End();
    (void)log_->Close();  // It delivers to stall_ until then.
  }
  void Fill() {
    ASSERT_TRUE(log_->Subscribe(Topic::kHeatmap, kPartition, Offset{}, &stall_).ok());
    Append(Topic::kHeatmap, "stall");
    stall_.Await();
    while (log_->Append(Topic::kConflicts, kPartition, {}, Bytes("full")).ok()) {
    }
  }
  void Drain() {
    stall_.End();
    ASSERT_TRUE(Eventually([&] { return Number(log_->emitted()) >= 11; }));
  }
  template <typename Predicate>
  static bool Eventually(Predicate done) {
    for (int i = 0; i < 10'000; ++i) {
      if (done()) return true;
      std::this_thread::sleep_for(milliseconds(1));
    }
    return false;
  }
  Stall stall_;
};

TEST_F(FullQueue, KeepsOutputsInOrderAndTheMarkerBehindThem) {
  OpenWriter();
  Claim();
  ASSERT_TRUE(log_->AwaitEmitted(Ticket{1}).ok());
  Fill();
  Write("one", 1);
  Write("two", 2);
  ASSERT_TRUE(writer_->Commit(Offset{3}).ok());
  EXPECT_THAT(ReadAll(Topic::kCommands), SizeIs(0));
  EXPECT_EQ(Committed(), 0u);
  Drain();
  ASSERT_TRUE(writer_->Commit(Offset{4}).ok());
  Sync();
  EXPECT_THAT(ReadAll(Topic::kCommands), ElementsAre("one", "two"));
  EXPECT_EQ(Markers().back(), 4u);
  EXPECT_EQ(Committed(), 4u);
}

TEST_F(FullQueue, TheOwnerMustStopWhenTooMuchWaits) {
  writer_config_.waiting_bytes_max = 1 << 20;
  OpenWriter();
  Claim();
  ASSERT_TRUE(log_->AwaitEmitted(Ticket{1}).ok());
  Fill();
  const std::string large(300 << 10, 'x');
  for (std::uint64_t i = 1; i <= 3; ++i) Write(large, i);
  const Status status = writer_->Append(Topic::kCommands, Bytes("key"), Bytes(large));
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.code(), ErrorCode::kExhausted);
  EXPECT_FALSE(writer_->status().ok());
  EXPECT_FALSE(writer_->Commit(Offset{4}).ok());
}

TEST_F(RegionWriterTest, AMarkerOfAnotherFormIsRefused) {
  OpenWriter();
  Emit(Topic::kProgress, "what");
  EXPECT_EQ(writer_->Claim("me").status().code(), ErrorCode::kCorruption);
}

}  // namespace
}  // namespace starling::cloud
