#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "edge/spool/spool.h"

namespace starling::edge {

struct MemorySpoolConfig {
  // Columns and bookkeeping of all batches held; older ones are given up above it.
  std::size_t bytes_max = 16 << 20;  // [4096, 2^30]; city driving: about 5 bytes a sample

  Status Validate() const;
};

// A spool in memory.  It does NOT survive a power cut, nor the end of its
// process: what it holds then is lost, and the ledger of the next boot cannot
// say so.  It suits simulated vehicles, and links whose outages are shorter than
// what one is ready to lose.  DiskSpool survives both.
//
// Append never fails.
class MemorySpool final : public Spool {
 public:
  // REQUIRES: config.Validate().ok()
  explicit MemorySpool(const MemorySpoolConfig& config);

  Status Append(SpooledBatch batch) override;
  const SpooledBatch* At(std::size_t index) const override;
  std::size_t Delete(BootId boot, std::uint64_t first_sequence) override;

  std::size_t batches() const override { return batches_.size(); }
  std::uint64_t samples() const override { return samples_; }
  std::size_t bytes() const override { return bytes_; }
  std::uint64_t dropped_samples() const override { return dropped_samples_; }

 private:
  void Forget(const SpooledBatch& batch);

  const MemorySpoolConfig config_;
  std::deque<SpooledBatch> batches_;  // Oldest first.
  std::uint64_t samples_ = 0;
  std::size_t bytes_ = 0;
  std::uint64_t dropped_samples_ = 0;
};

}  // namespace starling::edge
