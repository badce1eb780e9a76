#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "edge/spool/disk_spool.h"
#include "edge/spool/segment_writer.h"
#include "edge/spool/spool_writer.h"
#include "tests/edge/spool/simulated_disk.h"

namespace starling::edge {

inline constexpr BootId kBoot{0xB007};

// Samples that say which they are: whatever comes back can be checked by itself.
inline std::vector<std::byte> ColumnsOf(BootId boot, std::uint64_t first, std::uint16_t count) {
  std::vector<std::byte> columns;
  for (std::uint64_t sequence = first; sequence < first + count; ++sequence) {
    for (int i = 0; i < 3; ++i) columns.push_back(static_cast<std::byte>(MixHash(ToNumber(boot), sequence) >> (8 * i)));
  }
  return columns;
}

inline SpooledBatch BatchOf(BootId boot, std::uint64_t first, std::uint16_t count) {
  return {boot, first, count, ColumnsOf(boot, first, count)};
}

// A vehicle with a spool on a simulated disk, and a clock that tests move.
class SpoolTest : public ::testing::Test {
 protected:
  static DiskSpoolConfig Small() {
    DiskSpoolConfig config;
    config.segment_bytes = 4096;
    config.bytes_max = 64 << 10;
    config.memory_bytes_max = 8192;
    return config;
  }

  void Open(const DiskSpoolConfig& config = Small()) {
    spool_.reset();
    std::unique_ptr<SpoolFiles> files = disk_.Mount();
    auto writer = std::make_unique<DirectSpoolWriter>(files.get());
    auto spool = DiskSpool::Open(config, std::move(files), std::move(writer), [this] { return wall_s_; });
    ASSERT_TRUE(spool.ok()) << spool.status().message();
    spool_ = std::move(spool).value();
  }
  // The process dies; what it wrote stays.
  void Kill(SimulatedDisk::Survives survives = SimulatedDisk::Survives::kEverything) {
    disk_.CutAfter(0);
    spool_.reset();
    disk_.Restore(survives, &random_);
  }

  // Takes `count` samples; they are in the open batch.
  void Take(std::uint16_t count) { taken_ += count; }
  // Seals the open batch.
  Status Seal() {
    const auto count = static_cast<std::uint16_t>(taken_ - sealed_);
    const std::uint64_t first = sealed_ + 1;
    sealed_ = drafted_ = taken_;
    return spool_->Append(BatchOf(boot_, first, count));
  }
  BootTime Commit(nanoseconds after = seconds(1)) {
    now_ += after;
    SpoolMoment moment;
    moment.now = now_;
    moment.due = true;
    moment.boot = boot_;
    moment.taken = taken_;
    if (drafted_ < taken_) {
      moment.open = BatchOf(boot_, drafted_ + 1, static_cast<std::uint16_t>(taken_ - drafted_));
      drafted_ = taken_;
    }
    return spool_->Commit(std::move(moment));
  }
  void NewBoot(BootId boot) {
    boot_ = boot;
    taken_ = sealed_ = drafted_ = 0;
  }
  void SealMany(int batches, std::uint16_t count = 10) {
    for (int i = 0; i < batches; ++i) {
      Take(count);
      EXPECT_TRUE(Seal().ok());
      Commit();
    }
  }

  // "boot:first+count" of each batch, read from the medium.
  std::vector<std::string> Held() const {
    std::vector<std::string> held;
    for (std::size_t i = 0; i < spool_->batches(); ++i) {
      const SpooledBatch* batch = spool_->At(i);
      if (batch == nullptr) {
        held.push_back("unreadable");
        continue;
      }
      EXPECT_EQ(batch->columns, ColumnsOf(batch->boot, batch->first_sequence, batch->count));
      held.push_back(std::to_string(ToNumber(batch->boot)) + ":" + std::to_string(batch->first_sequence) + "+" +
                     std::to_string(batch->count));
    }
    return held;
  }
  void ExpectBalanced() const {
    const SpoolLedger& ledger = spool_->ledger();
    EXPECT_EQ(ledger.inherited + sealed_, ledger.removed + ledger.dropped() + spool_->samples());
  }

  SimulatedDisk disk_;
  std::mt19937_64 random_{1};
  std::uint32_t wall_s_ = 1'800'000'000;
  BootTime now_ = BootTime(seconds(100));
  BootId boot_ = kBoot;
  std::uint64_t taken_ = 0;
  std::uint64_t sealed_ = 0;
  std::uint64_t drafted_ = 0;
  std::unique_ptr<DiskSpool> spool_;
};

}  // namespace starling::edge
