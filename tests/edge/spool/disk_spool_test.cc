#include "edge/spool/disk_spool.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "common/crc32c.h"
#include "tests/edge/spool/spool_fixture.h"

namespace starling::edge {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class DiskSpoolTest : public SpoolTest {
 protected:
  static std::string Name(std::uint64_t first, int count) {
    return std::to_string(ToNumber(kBoot)) + ":" + std::to_string(first) + "+" + std::to_string(count);
  }
  // Flips a bit in the ten samples that begin with `first`.
  void Damage(std::uint64_t first) {
    ASSERT_EQ(disk_.names().size(), 1u);
    const std::vector<std::byte>& bytes = disk_.contents(disk_.names()[0]);
    const std::vector<std::byte> columns = ColumnsOf(kBoot, first, 10);
    const auto found = std::search(bytes.begin(), bytes.end(), columns.begin(), columns.end());
    ASSERT_NE(found, bytes.end());
    disk_.FlipBit(disk_.names()[0], 8 * static_cast<std::size_t>(found - bytes.begin()) + 2);
  }
};

TEST_F(DiskSpoolTest, WhatWasCommittedIsThereAfterAKill) {
  Open();
  SealMany(3);
  const std::vector<std::string> before = Held();
  ASSERT_EQ(before.size(), 3u);
  EXPECT_EQ(spool_->memory_batches(), 0u);
  Kill(SimulatedDisk::Survives::kNothing);
  Open();
  EXPECT_EQ(Held(), before);
  EXPECT_EQ(spool_->samples(), 30u);
}

TEST_F(DiskSpoolTest, WhatWasNotCommittedCanBeReadAndIsLostWithThePower) {
  Open();
  SealMany(1);
  Take(10);
  ASSERT_TRUE(Seal().ok());
  EXPECT_THAT(Held(), ElementsAre(Name(1, 10), Name(11, 10)));
  Kill(SimulatedDisk::Survives::kNothing);
  Open();
  EXPECT_THAT(Held(), ElementsAre(Name(1, 10)));
  // Nothing of it was on the disk, so nothing can be said of it but that the run did not end in order.
  ASSERT_TRUE(spool_->previous().has_value());
  EXPECT_FALSE(spool_->previous()->clean);
  EXPECT_EQ(spool_->previous()->ledger.sampled, 10u);
  EXPECT_EQ(spool_->previous()->lost, 0u);
}

TEST_F(DiskSpoolTest, SamplesOfTheOpenBatchAreCommittedAsDrafts) {
  Open();
  Take(7);
  Commit();
  Take(4);
  Commit();
  Take(2);
  Kill(SimulatedDisk::Survives::kNothing);
  Open();
  EXPECT_THAT(Held(), ElementsAre(Name(1, 7), Name(8, 4)));
  EXPECT_EQ(spool_->previous()->ledger.sampled, 11u);
}

TEST_F(DiskSpoolTest, ASealedBatchStandsForItsDrafts) {
  Open();
  Take(7);
  Commit();
  Take(4);
  ASSERT_TRUE(Seal().ok());
  Commit();
  Take(1);
  Commit();
  Kill();
  Open();
  EXPECT_THAT(Held(), ElementsAre(Name(1, 11), Name(12, 1)));
}

TEST_F(DiskSpoolTest, DraftsOfABatchThatTheCloudHadBeforeItWasWrittenDoNotComeBack) {
  Open();
  Take(10);
  ASSERT_TRUE(Seal().ok());
  Commit();  // Stays, and with it the head.
  Take(7);
  Commit();
  Take(4);
  ASSERT_TRUE(Seal().ok());
  EXPECT_EQ(spool_->Delete(kBoot, 11), 11u);
  Commit();
  Kill();
  Open();
  EXPECT_THAT(Held(), ElementsAre(Name(1, 10)));
  EXPECT_EQ(spool_->previous()->ledger.removed, 11u);
  EXPECT_EQ(spool_->previous()->lost + spool_->previous()->repeated, 0u);
}

TEST_F(DiskSpoolTest, DeletionsWhereverTheyLieSurviveTheNextCommit) {
  Open();
  SealMany(5);
  EXPECT_EQ(spool_->Delete(kBoot, 21), 10u);
  EXPECT_EQ(spool_->Delete(kBoot, 21), 0u);
  EXPECT_EQ(spool_->Delete(kBoot, 1), 10u);
  Commit();
  Kill(SimulatedDisk::Survives::kNothing);
  Open();
  EXPECT_THAT(Held(), ElementsAre(Name(11, 10), Name(31, 10), Name(41, 10)));
}

// Costs a repetition, which the cloud drops, and no sample.
TEST_F(DiskSpoolTest, ADeletionThatWasNotCommittedIsRepeatedAndSaidSo) {
  Open();
  SealMany(2);
  EXPECT_EQ(spool_->Delete(kBoot, 1), 10u);
  Kill(SimulatedDisk::Survives::kNothing);
  Open();
  EXPECT_EQ(spool_->batches(), 2u);
  EXPECT_EQ(spool_->previous()->lost, 0u);
}

TEST_F(DiskSpoolTest, AnEndInOrderIsKnownAsOne) {
  Open();
  SealMany(3);
  Take(5);
  ASSERT_TRUE(Seal().ok());
  EXPECT_EQ(spool_->Delete(kBoot, 1), 10u);
  Open();
  ASSERT_TRUE(spool_->previous().has_value());
  EXPECT_TRUE(spool_->previous()->clean);
  EXPECT_EQ(spool_->previous()->ledger.sampled, 35u);
  EXPECT_EQ(spool_->previous()->ledger.removed, 10u);
  EXPECT_EQ(spool_->previous()->held, 25u);
  EXPECT_THAT(Held(), ElementsAre(Name(11, 10), Name(21, 10), Name(31, 5)));
}

TEST_F(DiskSpoolTest, SegmentsThatNobodyNeedsAreDeleted) {
  Open();
  SealMany(400);
  const std::size_t segments = spool_->segments();
  EXPECT_GT(segments, 5u);
  while (spool_->batches() > 1) spool_->Delete(kBoot, spool_->Limits(0)->first_sequence);
  Commit();
  EXPECT_EQ(spool_->segments(), 1u);
  EXPECT_EQ(disk_.names().size(), 1u);
  ExpectBalanced();
}

TEST_F(DiskSpoolTest, FullItGivesUpItsOldestSegmentAndCountsThem) {
  Open();
  SealMany(2000);
  EXPECT_LE(disk_.bytes(), Small().bytes_max);
  EXPECT_LE(spool_->bytes(), Small().bytes_max + Small().memory_bytes_max);
  EXPECT_GT(spool_->dropped_samples(), 0u);
  EXPECT_EQ(spool_->too_old_samples(), 0u);
  EXPECT_EQ(spool_->Limits(spool_->batches() - 1)->through_sequence(), taken_);
  // The newest are there without a gap.
  EXPECT_EQ(spool_->Limits(0)->first_sequence, spool_->dropped_samples() + 1);
  ExpectBalanced();
  Kill(SimulatedDisk::Survives::kNothing);
  Open();
  EXPECT_EQ(spool_->previous()->lost + spool_->previous()->repeated, 0u);
  EXPECT_GT(spool_->previous()->ledger.dropped_full, 0u);
}

TEST_F(DiskSpoolTest, ItsIndexIsBoundedToo) {
  DiskSpoolConfig config = Small();
  config.batches_max = 16;
  Open(config);
  SealMany(40);
  EXPECT_EQ(spool_->batches(), 16u);
  EXPECT_EQ(spool_->dropped_samples(), 240u);
  ExpectBalanced();
}

TEST_F(DiskSpoolTest, WhatIsTooOldIsGivenUpAlsoOfARunBefore) {
  DiskSpoolConfig config = Small();
  config.age_max = seconds(100);
  Open(config);
  SealMany(3);
  Commit(seconds(99));
  EXPECT_EQ(spool_->too_old_samples(), 20u);
  ExpectBalanced();
  Kill();
  wall_s_ += 99;
  NewBoot(BootId{7});
  now_ = BootTime(seconds(5));
  Open(config);
  Commit(seconds(0));
  EXPECT_EQ(spool_->samples(), 10u);
  Commit(seconds(3));
  EXPECT_EQ(spool_->samples(), 0u);
  EXPECT_EQ(spool_->too_old_samples(), 10u);
}

TEST_F(DiskSpoolTest, ItAsksToBeCalledWhenTheOldestIsTooOld) {
  DiskSpoolConfig config = Small();
  config.age_max = seconds(100);
  Open(config);
  Take(10);
  ASSERT_TRUE(Seal().ok());
  const BootTime next = Commit();
  now_ = next;
  Commit(seconds(0));
  EXPECT_EQ(spool_->batches(), 0u);
  EXPECT_LE(next - BootTime(seconds(100)), seconds(103));
}

// Without a clock that was set, a vehicle thinks that it is 1970 until somebody tells it.
TEST_F(DiskSpoolTest, AClockThatWasNotSetMakesNothingOld) {
  DiskSpoolConfig config = Small();
  config.age_max = seconds(100);
  for (const auto& [before, after] : {std::pair<std::uint32_t, std::uint32_t>{5, 1'800'000'000},
                                     {1'800'000'000, 5}, {1'800'000'000, 1'700'000'000}}) {
    spool_.reset();
    disk_ = {};
    wall_s_ = before;
    Open(config);
    NewBoot(BootId{before});
    SealMany(2);
    Kill();
    wall_s_ = after;
    Open(config);
    Commit();
    EXPECT_EQ(spool_->batches(), 2u) << before << " " << after;
  }
}

TEST_F(DiskSpoolTest, AFullDiskKeepsWhatIsNewInMemoryThenGivesUpWhatIsOld) {
  DiskSpoolConfig config = Small();
  config.retry_interval = seconds(10);
  Open(config);
  SealMany(300);
  const std::uint64_t first = spool_->Limits(0)->first_sequence;
  disk_.full = true;
  SealMany(10);
  EXPECT_THAT(spool_->failure(), HasSubstr("no space left"));
  EXPECT_EQ(spool_->memory_batches(), 10u);
  EXPECT_EQ(spool_->dropped_samples(), 0u);
  // How many fill half of the memory hangs on the size of a pointer.
  for (int more = 0; more < 12 && spool_->dropped_samples() == 0; ++more) SealMany(10);
  EXPECT_GT(spool_->dropped_samples(), 0u);
  EXPECT_GT(spool_->Limits(0)->first_sequence, first);
  EXPECT_EQ(spool_->ledger().dropped_io, 0u);
  ExpectBalanced();
  disk_.full = false;
  SealMany(11);
  EXPECT_EQ(spool_->failure(), "");
  EXPECT_EQ(spool_->memory_batches(), 0u);
  const std::vector<std::string> held = Held();
  Kill(SimulatedDisk::Survives::kNothing);
  Open(config);
  EXPECT_EQ(Held(), held);
  EXPECT_EQ(spool_->previous()->lost, 0u);
}

TEST_F(DiskSpoolTest, ReadOnlyItGoesOnInMemoryWithinItsBoundAndSaysWhatItRefused) {
  Open();
  SealMany(2);
  Kill();
  disk_.read_only = true;
  NewBoot(BootId{7});
  Open();
  EXPECT_EQ(spool_->batches(), 2u);
  std::uint64_t refused = 0;
  for (int i = 0; i < 200; ++i) {
    Take(10);
    const Status status = Seal();
    if (!status.ok()) {
      EXPECT_EQ(status.code(), ErrorCode::kIoError);
      EXPECT_THAT(std::string(status.message()), HasSubstr("read-only"));
      refused += 10;
    }
    Commit();
  }
  EXPECT_GT(refused, 0u);
  EXPECT_EQ(spool_->ledger().dropped_io, refused);
  EXPECT_LE(spool_->bytes(), 2 * 4096 + Small().memory_bytes_max);
  ExpectBalanced();
  // It can still give all that it has.
  while (spool_->batches() > 0) {
    ASSERT_NE(spool_->At(0), nullptr);
    spool_->Delete(spool_->At(0)->boot, spool_->At(0)->first_sequence);
  }
  ExpectBalanced();
}

// The pages of a failed sync are called clean although nobody wrote them.
TEST_F(DiskSpoolTest, AfterAFailedSyncAllOfItIsWrittenAgainInAnotherSegment) {
  DiskSpoolConfig config = Small();
  config.retry_interval = seconds(0);
  Open(config);
  SealMany(2);
  ASSERT_EQ(spool_->segments(), 1u);
  disk_.sync_fails = true;
  Take(10);
  ASSERT_TRUE(Seal().ok());
  Take(3);
  Commit();
  EXPECT_EQ(spool_->memory_batches(), 1u);
  EXPECT_EQ(spool_->counters().failures, 1u);
  disk_.sync_fails = false;
  Commit();
  EXPECT_EQ(spool_->memory_batches(), 0u);
  EXPECT_EQ(spool_->segments(), 2u);
  Kill(SimulatedDisk::Survives::kNothing);
  Open();
  EXPECT_THAT(Held(), ElementsAre(Name(1, 10), Name(11, 10), Name(21, 10), Name(31, 3)));
}

TEST_F(DiskSpoolTest, WhatIsInTwoSegmentsAfterAFailedSyncIsHeldOnce) {
  DiskSpoolConfig config = Small();
  config.retry_interval = seconds(0);
  Open(config);
  SealMany(1);
  disk_.sync_fails = true;
  Take(10);
  ASSERT_TRUE(Seal().ok());
  Commit();
  disk_.sync_fails = false;
  Commit();
  Kill();  // All that the kernel had, it wrote.
  Open();
  EXPECT_THAT(Held(), ElementsAre(Name(1, 10), Name(11, 10)));
}

TEST_F(DiskSpoolTest, ABatchThatCannotBeReadBackIsGivenUpAlone) {
  Open();
  SealMany(3);
  Damage(11);
  EXPECT_NE(spool_->At(0), nullptr);
  EXPECT_EQ(spool_->At(1), nullptr);
  spool_->GiveUp(1);
  EXPECT_EQ(spool_->unreadable_samples(), 10u);
  EXPECT_THAT(Held(), ElementsAre(Name(1, 10), Name(21, 10)));
  ExpectBalanced();
}

TEST_F(DiskSpoolTest, ADamagedRecordLosesOnlyItselfAndTheNextRunSaysHowMany) {
  Open();
  SealMany(5);
  Kill();
  Damage(21);
  Open();
  EXPECT_THAT(Held(), ElementsAre(Name(1, 10), Name(11, 10), Name(31, 10), Name(41, 10)));
  EXPECT_EQ(spool_->counters().damage_places, 1u);
  EXPECT_EQ(spool_->previous()->lost, 10u);
  Kill();
  Open();
  EXPECT_EQ(spool_->ledger().lost_before, 10u);
}

TEST_F(DiskSpoolTest, ASegmentThatCannotBeReadIsDamageAndNoEnd) {
  Open();
  SealMany(3);
  Kill();
  disk_.read_fails = true;
  NewBoot(BootId{7});
  Open();
  EXPECT_EQ(spool_->batches(), 0u);
  EXPECT_EQ(spool_->counters().damage_places, 1u);
  EXPECT_THAT(spool_->warnings(), ElementsAre(HasSubstr("input/output error")));
  disk_.read_fails = false;
  SealMany(1);
  EXPECT_EQ(Held().size(), 1u);
}

TEST_F(DiskSpoolTest, ASegmentOfAnotherVersionIsNamedAndLeftAlone) {
  Open();
  SealMany(3);
  Kill();
  std::vector<std::byte> bytes = SegmentWriter(9, 0).TakeBytes();
  StoreLittleEndian<std::uint16_t>(2, bytes.data() + kSegmentVersionOffset);
  StoreLittleEndian(Crc32c(std::span(bytes).first(kSegmentCrcOffset)), bytes.data() + kSegmentCrcOffset);
  disk_.Put("00000009.spool", bytes);
  Open();
  ASSERT_THAT(spool_->warnings(), ElementsAre(HasSubstr("00000009.spool has version 2")));
  EXPECT_EQ(spool_->batches(), 3u);
  NewBoot(BootId{7});
  SealMany(2000);
  EXPECT_EQ(disk_.contents("00000009.spool"), bytes);
  Kill();
  Open();
  EXPECT_EQ(spool_->warnings().size(), 1u);
}

TEST_F(DiskSpoolTest, OtherFilesInItsFolderAreNoSegments) {
  disk_.Put("notes.txt", {std::byte{1}});
  disk_.Put("0000000g.spool", {});
  disk_.Put("1.spool", {});
  disk_.Put("00000004.spool", {});  // A segment that was created when the power went.
  Open();
  SealMany(1);
  EXPECT_THAT(disk_.names(), testing::IsSupersetOf({"notes.txt", "0000000g.spool", "1.spool", "00000005.spool"}));
  EXPECT_THAT(spool_->warnings(), IsEmpty());
}

TEST_F(DiskSpoolTest, ASegmentThatLeavesNoNumberForAnotherIsNamed) {
  disk_.Put("ffffffff.spool", {});
  std::unique_ptr<SpoolFiles> files = disk_.Mount();
  auto writer = std::make_unique<DirectSpoolWriter>(files.get());
  const auto spool = DiskSpool::Open(Small(), std::move(files), std::move(writer), [this] { return wall_s_; });
  ASSERT_FALSE(spool.ok());
  EXPECT_THAT(std::string(spool.status().message()), HasSubstr("ffffffff.spool"));
}

TEST_F(DiskSpoolTest, ARunThatEndsBeforeItsFirstCommitLeavesWhatTheOneBeforeSaid) {
  Open();
  SealMany(2);
  Kill();
  Open();
  Open();
  ASSERT_TRUE(spool_->previous().has_value());
  EXPECT_EQ(spool_->previous()->boot, kBoot);
  EXPECT_EQ(spool_->previous()->ledger.sampled, 20u);
}

TEST_F(DiskSpoolTest, MoreBootsThanAnIndexOfTwoBytesHoldAreHeld) {
  SegmentWriter writer(1, 0);
  for (std::uint64_t boot = 1; boot <= 70'000; ++boot) {
    writer.Add({RecordType::kBatch, 1, wall_s_, BootId{boot}, 1}, ColumnsOf(BootId{boot}, 1, 1));
  }
  disk_.Put("00000001.spool", writer.TakeBytes());
  DiskSpoolConfig config = Small();
  config.batches_max = 1 << 20;
  config.bytes_max = 16 << 20;
  Open(config);
  EXPECT_EQ(spool_->batches(), 70'000u);
  EXPECT_EQ(spool_->At(69'999)->boot, BootId{70'000});
}

TEST_F(DiskSpoolTest, AFileThatCannotBeDeletedIsTriedAgain) {
  DiskSpoolConfig config = Small();
  config.retry_interval = seconds(5);
  Open(config);
  SealMany(300);
  disk_.unlink_fails = true;
  while (spool_->batches() > 0) spool_->Delete(kBoot, spool_->Limits(0)->first_sequence);
  Commit();
  EXPECT_NE(spool_->failure(), "");
  EXPECT_GT(disk_.names().size(), 2u);
  disk_.unlink_fails = false;
  Commit(seconds(6));
  EXPECT_LE(disk_.names().size(), 2u);
}

TEST_F(DiskSpoolTest, WithNothingNewNothingIsWritten) {
  Open();
  SealMany(2);
  const std::uint64_t written = spool_->counters().bytes_written;
  const std::uint64_t syncs = disk_.syncs();
  for (int i = 0; i < 100; ++i) Commit();
  EXPECT_EQ(spool_->counters().bytes_written, written);
  EXPECT_EQ(disk_.syncs(), syncs);
}

TEST_F(DiskSpoolTest, ACommitIsOneSyncHoweverMuchIsNew) {
  Open();
  Take(5);
  Commit();
  const std::uint64_t syncs = disk_.syncs();
  for (int i = 0; i < 10; ++i) {
    Take(5);
    ASSERT_TRUE(Seal().ok());
  }
  Take(2);
  Commit();
  EXPECT_EQ(disk_.syncs(), syncs + 1);
  EXPECT_EQ(spool_->counters().syncs, disk_.syncs() + 1) << "and one of the folder";
  EXPECT_EQ(spool_->memory_batches(), 0u);
}

TEST_F(DiskSpoolTest, CallsThatAreNotDueWriteNothing) {
  Open();
  Commit();
  Take(10);
  ASSERT_TRUE(Seal().ok());
  const std::uint64_t written = spool_->counters().bytes_written;
  SpoolMoment moment;
  moment.now = now_ + seconds(3);
  moment.boot = kBoot;
  moment.taken = taken_;
  spool_->Commit(moment);
  EXPECT_EQ(spool_->counters().bytes_written, written);
  moment.due = true;
  spool_->Commit(moment);
  EXPECT_GT(spool_->counters().bytes_written, written);
}

TEST_F(DiskSpoolTest, ValidatesItsLimits) {
  EXPECT_TRUE(DiskSpoolConfig().Validate().ok());
  EXPECT_TRUE(Small().Validate().ok());
  DiskSpoolConfig config;
  config.bytes_max = 4 * config.segment_bytes - 1;
  EXPECT_THAT(std::string(config.Validate().message()), HasSubstr("bytes_max"));
  config = {};
  config.age_max = nanoseconds(-1);
  EXPECT_THAT(std::string(config.Validate().message()), HasSubstr("age_max"));
}

}  // namespace
}  // namespace starling::edge
