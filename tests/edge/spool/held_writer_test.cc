// What happens to a spool while its disk is busy.
#include <gmock/gmock.h>

#include <thread>

#include "tests/edge/spool/spool_fixture.h"

namespace starling::edge {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Does its job when the test says so.
class HeldWriter final : public SpoolWriter {
 public:
  explicit HeldWriter(SpoolFiles* files) : direct_(files) {}

  void Start(SpoolJob job) override { job_ = std::move(job); }
  std::optional<SpoolJobResult> Finished() override { return direct_.Finished(); }
  SpoolJobResult Wait() override {
    Release();
    return direct_.Wait();
  }

  void Release() {
    if (job_) direct_.Start(*std::exchange(job_, std::nullopt));
  }
  bool busy() const { return job_.has_value(); }

 private:
  DirectSpoolWriter direct_;
  std::optional<SpoolJob> job_;
};

class BusyDisk : public SpoolTest {
 protected:
  void OpenHeld() {
    spool_.reset();
    std::unique_ptr<SpoolFiles> files = disk_.Mount();
    auto writer = std::make_unique<HeldWriter>(files.get());
    writer_ = writer.get();
    auto spool = DiskSpool::Open(Small(), std::move(files), std::move(writer), [this] { return wall_s_; });
    ASSERT_TRUE(spool.ok());
    spool_ = std::move(spool).value();
  }
  void Finish() {
    writer_->Release();
    Commit();
    writer_->Release();
    Commit();
  }

  HeldWriter* writer_ = nullptr;
};

TEST_F(BusyDisk, NobodyWaitsForItAndAllCanBeRead) {
  OpenHeld();
  for (int i = 0; i < 5; ++i) {
    Take(10);
    ASSERT_TRUE(Seal().ok());
    const BootTime next = Commit();
    EXPECT_TRUE(writer_->busy());
    EXPECT_LE(next, now_ + milliseconds(100)) << "it asks how the commit goes";
  }
  EXPECT_EQ(Held().size(), 5u);
  EXPECT_EQ(spool_->memory_batches(), 5u);
  Finish();
  EXPECT_EQ(spool_->memory_batches(), 0u);
  EXPECT_EQ(Held().size(), 5u);
}

TEST_F(BusyDisk, WhatIsNewWhileItIsBusyIsCommittedWithoutAnotherInterval) {
  OpenHeld();
  Take(10);
  Commit();
  Take(10);
  Commit();  // Due, but the disk is busy.
  writer_->Release();
  SpoolMoment moment;
  moment.now = now_;
  moment.boot = boot_;
  moment.taken = taken_;
  spool_->Commit(moment);  // Not due.
  EXPECT_TRUE(writer_->busy());
  writer_->Release();
  Kill(SimulatedDisk::Survives::kNothing);
  Open();
  EXPECT_EQ(spool_->samples(), 20u);
}

TEST_F(BusyDisk, ABatchThatIsDeletedWhileItIsWrittenDoesNotComeBack) {
  OpenHeld();
  Take(10);
  ASSERT_TRUE(Seal().ok());
  Commit();
  Finish();
  Take(10);
  ASSERT_TRUE(Seal().ok());
  Commit();
  ASSERT_TRUE(writer_->busy());
  EXPECT_EQ(spool_->Delete(kBoot, 11), 10u);
  Finish();
  Kill(SimulatedDisk::Survives::kEverything);
  Open();
  EXPECT_THAT(Held(), ElementsAre("45063:1+10"));
  EXPECT_EQ(spool_->previous()->repeated, 0u);
}

TEST_F(BusyDisk, ABatchThatIsDeletedWhileItsWriteFailsDoesNotComeBack) {
  OpenHeld();
  Take(10);
  ASSERT_TRUE(Seal().ok());
  Commit();
  Finish();
  Take(10);
  ASSERT_TRUE(Seal().ok());
  Commit();
  EXPECT_EQ(spool_->Delete(kBoot, 11), 10u);
  disk_.sync_fails = true;
  writer_->Release();
  disk_.sync_fails = false;
  Commit();
  EXPECT_NE(spool_->failure(), "");
  Commit(Small().retry_interval);
  Finish();
  EXPECT_EQ(spool_->failure(), "");
  Kill(SimulatedDisk::Survives::kEverything);
  Open();
  EXPECT_THAT(Held(), ElementsAre("45063:1+10"));
}

TEST_F(BusyDisk, ADraftWhoseBatchIsSealedWhileItIsWrittenStaysUntilThatIsWritten) {
  OpenHeld();
  Take(10);
  Commit();
  Take(5);
  ASSERT_TRUE(Seal().ok());
  writer_->Release();
  Commit();  // Begins to write the batch; the power goes before it is there.
  Kill(SimulatedDisk::Survives::kNothing);
  Open();
  EXPECT_THAT(Held(), ElementsAre("45063:1+10"));
}

TEST_F(BusyDisk, ForTooLongItsSpoolRefusesRatherThanGrow) {
  OpenHeld();
  Status status;
  while (status.ok()) {
    Take(100);
    status = Seal();
    Commit();
  }
  EXPECT_EQ(status.code(), ErrorCode::kIoError);
  EXPECT_THAT(std::string(status.message()), HasSubstr("takes nothing"));
  EXPECT_LE(spool_->bytes(), Small().memory_bytes_max + 2 * 4096);
  ExpectBalanced();
}

// For ThreadSanitizer, too: samples, reads and deletions beside a thread that writes.
TEST_F(BusyDisk, AWriterWithAThreadOfItsOwnKeepsTheSamePromises) {
  DiskSpoolConfig config = Small();
  config.memory_bytes_max = 1 << 20;  // The clock here does not wait for the disk.
  for (int run = 0; run < 5; ++run) {
    NewBoot(BootId{static_cast<std::uint64_t>(run) + 1});
    spool_.reset();
    std::unique_ptr<SpoolFiles> files = disk_.Mount();
    auto writer = std::make_unique<ThreadSpoolWriter>(files.get());
    auto spool = DiskSpool::Open(config, std::move(files), std::move(writer), [this] { return wall_s_; });
    ASSERT_TRUE(spool.ok());
    spool_ = std::move(spool).value();
    for (int i = 0; i < 300; ++i) {
      Take(10);
      ASSERT_TRUE(Seal().ok());
      Commit();
      while (spool_->batches() > 50) spool_->Delete(spool_->Limits(0)->boot, spool_->Limits(0)->first_sequence);
      std::this_thread::yield();
    }
  }
  const std::vector<std::string> held = Held();
  ASSERT_EQ(held.size(), 50u);
  Open();
  EXPECT_EQ(Held(), held);
  EXPECT_TRUE(spool_->previous()->clean);
}

}  // namespace
}  // namespace starling::edge
