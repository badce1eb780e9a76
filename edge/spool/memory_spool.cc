#include "edge/spool/memory_spool.h"

#include <algorithm>
#include <string>
#include <utility>

#include "common/check.h"

namespace starling::edge {
namespace {

constexpr std::size_t kBytesMaxLeast = 4096;
constexpr std::size_t kBytesMaxMost = std::size_t{1} << 30;

std::size_t BytesOf(const SpooledBatch& batch) { return sizeof(batch) + batch.columns.size(); }

}  // namespace

Status MemorySpoolConfig::Validate() const {
  if (bytes_max >= kBytesMaxLeast && bytes_max <= kBytesMaxMost) return Status();
  return Status(ErrorCode::kInvalidArgument,
                "bytes_max is " + std::to_string(bytes_max) + ", must be within 4096 and 2^30");
}

MemorySpool::MemorySpool(const MemorySpoolConfig& config) : config_(config) {
  STARLING_CHECK(config.Validate().ok());
}

Status MemorySpool::Append(SpooledBatch batch) {
  STARLING_CHECK(batch.count > 0);
  batch.columns.shrink_to_fit();
  samples_ += batch.count;
  bytes_ += BytesOf(batch);
  batches_.push_back(std::move(batch));
  while (bytes_ > config_.bytes_max) {
    dropped_samples_ += batches_.front().count;
    Forget(batches_.front());
    batches_.pop_front();
  }
  return Status();
}

const SpooledBatch* MemorySpool::At(std::size_t index) const {
  return index < batches_.size() ? &batches_[index] : nullptr;
}

std::size_t MemorySpool::Delete(BootId boot, std::uint64_t first_sequence) {
  const auto held = std::find_if(batches_.begin(), batches_.end(), [&](const SpooledBatch& batch) {
    return batch.boot == boot && batch.first_sequence == first_sequence;
  });
  if (held == batches_.end()) return 0;
  const std::size_t count = held->count;
  Forget(*held);
  batches_.erase(held);
  return count;
}

void MemorySpool::Forget(const SpooledBatch& batch) {
  samples_ -= batch.count;
  bytes_ -= BytesOf(batch);
}

}  // namespace starling::edge
