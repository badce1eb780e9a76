// The power goes at every step of a spool's life, and the disk keeps any part of what was
// not synced.  What was committed and not deleted is there afterwards: once, in order.
#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>
#include <utility>

#include "tests/edge/spool/spool_fixture.h"

namespace starling::edge {
namespace {

using Survives = SimulatedDisk::Survives;
using Sample = std::pair<BootId, std::uint64_t>;

class PowerCut : public SpoolTest {
 protected:
  // What a spool promises, kept beside it.
  struct Promise {
    std::set<Sample> committed;        // on disk for sure, and not deleted
    std::set<Sample> deleting;         // deleted since the last commit
    std::set<Sample> taken;            // since the last commit
    std::uint64_t sampled = 0;         // of the newest boot, at its last commit
  };

  void TakeThem(std::uint16_t count) {
    for (std::uint64_t i = 1; i <= count; ++i) promise_.taken.emplace(boot_, taken_ + i);
    Take(count);
  }
  void SealIt() {
    if (taken_ == sealed_) return;
    const std::uint64_t first = sealed_ + 1;
    if (Seal().ok()) return;
    // Refused, and counted: what of it is on disk already is no longer promised.
    EXPECT_TRUE(ill_);
    for (std::uint64_t at = first; at <= taken_; ++at) promise_.deleting.emplace(boot_, at);
  }
  void CommitIt() {
    Commit();
    if (disk_.cut()) return;
    if (ill_ && !spool_->failure().empty()) return;
    ASSERT_EQ(spool_->failure(), "");
    promise_.committed.insert(promise_.taken.begin(), promise_.taken.end());
    for (const Sample& sample : promise_.deleting) promise_.committed.erase(sample);
    promise_.deleting.clear();
    promise_.taken.clear();
    promise_.sampled = taken_;
  }
  void DeleteAt(std::size_t index) {
    const std::optional<BatchLimits> limits = spool_->Limits(index);
    if (!limits) return;
    for (std::uint64_t at = limits->first_sequence; at <= limits->through_sequence(); ++at) {
      promise_.deleting.emplace(limits->boot, at);
    }
    EXPECT_EQ(spool_->Delete(limits->boot, limits->first_sequence), limits->count);
  }

  // The power goes, and the spool is opened by a new boot.
  void CutAndRecover(Survives survives) {
    const std::uint64_t taken = taken_;
    const BootId boot = boot_;
    Kill(survives);
    NewBoot(BootId{ToNumber(boot_) + 1});
    ASSERT_NO_FATAL_FAILURE(Open());
    std::set<Sample> held;
    std::map<BootId, std::uint64_t> last;
    for (std::size_t i = 0; i < spool_->batches(); ++i) {
      const SpooledBatch* batch = spool_->At(i);
      ASSERT_NE(batch, nullptr);
      ASSERT_EQ(batch->columns, ColumnsOf(batch->boot, batch->first_sequence, batch->count));
      ASSERT_GT(batch->first_sequence, last[batch->boot]) << "not in order";
      last[batch->boot] = batch->through_sequence();
      for (std::uint64_t at = batch->first_sequence; at <= batch->through_sequence(); ++at) {
        ASSERT_TRUE(held.emplace(batch->boot, at).second) << "held twice: " << at;
      }
    }
    std::uint64_t lost_uncommitted = 0;
    for (const Sample& sample : promise_.committed) {
      if (promise_.deleting.contains(sample)) continue;
      ASSERT_TRUE(held.contains(sample)) << "lost: " << sample.second;
    }
    for (const Sample& sample : promise_.taken) lost_uncommitted += held.contains(sample) ? 0 : 1;
    for (const Sample& sample : held) {
      ASSERT_TRUE(filled_ || promise_.committed.contains(sample) || promise_.taken.contains(sample))
          << "came back: " << sample.second;
    }
    // The ledger of the run before.
    if (promise_.sampled != 0 && !filled_) {
      ASSERT_TRUE(spool_->previous().has_value());
    }
    if (spool_->previous() && spool_->previous()->boot == boot) {
      const SpoolRun& run = *spool_->previous();
      EXPECT_LE(run.ledger.sampled, taken);
      if (!filled_) {
        EXPECT_GE(run.ledger.sampled, promise_.sampled);
        EXPECT_LE(run.lost, lost_uncommitted);
      }
      EXPECT_EQ(run.ledger.inherited + run.ledger.sampled + run.repeated,
                run.ledger.removed + run.ledger.dropped() + run.held + run.lost);
      EXPECT_FALSE(run.clean);
    }
    promise_ = {};
    promise_.committed = held;
    filled_ = false;
  }

  // Batches with drafts and without, deletions in and out of order, a roll-over, a segment
  // that is deleted; the power may go anywhere in it.
  void Live() {
    for (int round = 0; round < 9 && !disk_.cut(); ++round) {
      TakeThem(5);
      CommitIt();
      TakeThem(4);
      CommitIt();
      TakeThem(3);
      SealIt();
      if (round % 3 == 2) DeleteAt(spool_->batches() - 1);
      if (round >= 4) DeleteAt(0);
      CommitIt();
      if (round == 3) DeleteAt(1);
      TakeThem(2);
      CommitIt();
    }
    for (int batch = 0; batch < 12 && !disk_.cut(); ++batch) {
      TakeThem(60);
      SealIt();
      if (batch % 2 == 1) CommitIt();
      if (batch > 4) DeleteAt(0);
    }
    CommitIt();
  }

  // A full disk has made the spool give up its oldest batches.
  void ExcuseGivenUp() {
    EXPECT_TRUE(filled_);
    std::set<Sample> held;
    for (std::size_t i = 0; i < spool_->batches(); ++i) {
      const BatchLimits limits = *spool_->Limits(i);
      for (std::uint64_t at = limits.first_sequence; at <= limits.through_sequence(); ++at) {
        held.emplace(limits.boot, at);
      }
    }
    for (const Sample& sample : promise_.committed) {
      const bool open = sample.first == boot_ && sample.second > sealed_;
      if (!open && !held.contains(sample)) promise_.deleting.insert(sample);
    }
  }

  void Forget() {
    spool_.reset();
    disk_ = {};
    promise_ = {};
    NewBoot(kBoot);
    now_ = BootTime(seconds(100));
  }

  // STARLING_SPOOL_SEEDS: how many lives, each of ten power cuts.
  void LiveManyTimes() {
    const char* seeds = std::getenv("STARLING_SPOOL_SEEDS");
    const std::uint64_t lives = seeds != nullptr ? std::strtoull(seeds, nullptr, 10) : 100;
    for (std::uint64_t seed = 1; seed <= lives; ++seed) {
      SCOPED_TRACE("seed " + std::to_string(seed));
      Forget();
      random_.seed(seed);
      Open();
      for (int cut = 0; cut < 10; ++cut) {
        disk_.CutAfter(random_() % 12'000);
        std::uint64_t dropped = spool_->dropped_samples();
        while (!disk_.cut()) {
          if (ill_ && random_() % 16 == 0) {
            disk_.sync_fails = random_() % 4 == 0;
            disk_.full = seed % 2 == 0 && random_() % 4 == 0;
            filled_ = filled_ || disk_.full;
            disk_.unlink_fails = random_() % 4 == 0;
          }
          switch (random_() % 8) {
            case 0: case 1: case 2: TakeThem(static_cast<std::uint16_t>(1 + random_() % 20)); break;
            case 3: case 4: CommitIt(); break;
            case 5: SealIt(); break;
            case 6: DeleteAt(random_() % 4); break;
            // The cloud keeps up at times: else the spool would be full, which is another test.
            case 7: while (spool_->samples() > 500) DeleteAt(0); break;
          }
          if (spool_->dropped_samples() != dropped) ExcuseGivenUp();
          dropped = spool_->dropped_samples();
          ASSERT_FALSE(HasFailure());
        }
        disk_.sync_fails = disk_.full = disk_.unlink_fails = false;
        ASSERT_NO_FATAL_FAILURE(CutAndRecover(static_cast<Survives>(random_() % 4)));
      }
    }
  }

  Promise promise_;
  bool ill_ = false;     // the disk fails at times
  bool filled_ = false;  // it was full: to make room, files went before a checkpoint said so
};

TEST_F(PowerCut, AtEveryByteAndEveryOperationLosesNothingThatWasCommitted) {
  Open();
  Live();
  const std::uint64_t steps = disk_.steps();
  ASSERT_GT(steps, 4096u) << "there is no roll-over";
  ASSERT_GT(spool_->segments(), 0u);
  ASSERT_FALSE(disk_.names().front().starts_with("00000001")) << "no segment was deleted";
  for (std::uint64_t cut = 0; cut <= steps; ++cut) {
    for (const Survives survives : {Survives::kNothing, Survives::kEverything, Survives::kAnything,
                                    Survives::kAnything, Survives::kBack}) {
      Forget();
      disk_.CutAfter(cut);
      std::unique_ptr<SpoolFiles> files = disk_.Mount();
      auto writer = std::make_unique<DirectSpoolWriter>(files.get());
      auto spool = DiskSpool::Open(Small(), std::move(files), std::move(writer), [this] { return wall_s_; });
      if (!spool.ok()) continue;  // The power went before the folder was listed.
      spool_ = std::move(spool).value();
      Live();
      ASSERT_NO_FATAL_FAILURE(CutAndRecover(survives)) << "cut after " << cut << " steps";
    }
  }
}

TEST_F(PowerCut, OfManyLivesWithManyCutsNoneLosesWhatWasCommitted) { LiveManyTimes(); }

TEST_F(PowerCut, OfManyLivesOnAnIllDiskNoneLosesWhatWasCommitted) {
  ill_ = true;
  LiveManyTimes();
}

}  // namespace
}  // namespace starling::edge
