#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "cloud/log/embedded_log.h"
#include "cloud/log/region_writer.h"
#include "common/mutex.h"
#include "common/status.h"
#include "common/time.h"

namespace starling::cloud {

struct EmbeddedRegionWriterConfig {
  // Outputs that wait for room in the log's queue; beyond it the owner must stop.
  // [1 MiB, 1 GiB].
  std::size_t waiting_bytes_max = 64 << 20;
  // A marker is written with every commit that has outputs, and without any after this
  // long: it bounds what a successor compares in vain.  [10 ms, 1 min].
  milliseconds marker_interval{1'000};
  // Of a log that was put back from a backup: what the fencing epochs of its owners are counted from, above all those
  // that vehicles may have seen of the log that is lost (docs/decisions/0024-backup.md).  0: none was.
  std::uint64_t epoch_base = 0;

  // Errors: kInvalidArgument names the field.
  Status Validate() const;
};

// The outputs of a region in the embedded log: the records of a commit and a marker in
// topic "progress" are appended together, so that they are in one write of the log, or
// in none.  There is nobody to fence: one process has the log open.
//
// Threading: as RegionWriter.
class EmbeddedRegionWriter final : public RegionWriter {
 public:
  // `log` must outlive the writer.
  // REQUIRES: config.Validate().ok()
  EmbeddedRegionWriter(const EmbeddedRegionWriterConfig& config, EmbeddedLog* log, Partition partition,
                       std::function<CloudTime()> now = CloudNow);

  // Epoch{0}: the offset of the Ownership record fences; with an epoch_base that and the end of the region's
  // telemetry do.  In a log without a marker,
  // which is a new one or one of a version that wrote none, everything before counts as
  // written.
  Result<Epoch> Claim(std::string_view owner) override;

  // Errors: kCorruption if the last marker cannot be read.
  Result<Offset> Committed() override;

  Status Append(Topic topic, std::span<const std::byte> key, std::span<const std::byte> value) override;
  Status Commit(Offset next) override;
  Status status() const override;

 private:
  // Records of one commit, copied into one buffer.
  struct Batch {
    struct Piece {
      Topic topic{};
      std::size_t key_bytes = 0;
      std::size_t value_bytes = 0;
    };
    std::vector<std::byte> bytes;   // key, value, key, value ...
    std::vector<Piece> pieces;
    Offset next{};
  };
  // What is written once a ticket is durable.
  struct Written {
    Offset next{};
    Ticket ticket{};
    bool later = false;             // once more than that ticket is emitted: then that one
  };

  Epoch NextEpoch() const;
  Result<std::optional<Offset>> LastMarker() const;
  Result<Ticket> Write(const Batch& batch);
  Status WriteWaiting();
  Status Fail(Status status);
  bool Durable(Written* written) const;

  const EmbeddedRegionWriterConfig config_;
  EmbeddedLog* const log_;
  const Partition partition_;
  const std::function<CloudTime()> now_;

  Batch open_;                      // since the last Commit
  std::deque<Batch> waiting_;       // in order; the queue had no room
  std::size_t waiting_bytes_ = 0;   // of both
  CloudTime marker_due_;
  std::optional<Offset> committed_;
  std::deque<Written> written_;     // not yet known to be durable; `next` rises

  mutable Mutex mutex_;
  Status status_ STARLING_GUARDED_BY(mutex_);
};

}  // namespace starling::cloud
