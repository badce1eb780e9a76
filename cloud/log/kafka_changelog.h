#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "cloud/log/kafka_log.h"
#include "cloud/log/region_writer.h"
#include "cloud/store/state_store.h"
#include "common/status.h"

namespace starling::cloud {

// A region's state in the compacted topic vehicle-state, for when the machine with its
// StateStore is gone: each entry under its own key, erased ones as tombstones, and under
// a key that no entry can have the offset that goes with them.  The format is
// docs/formats/kafka_topics.md.
//
// Threading: thread-compatible.
class KafkaChangelog {
 public:
  // `log` must outlive it.
  explicit KafkaChangelog(const KafkaLog* log) : log_(log) {}

  // Adds `changes` and their offset to the writer's next Commit: call it between two of
  // them, on the thread that makes them, or the offset could become visible first.
  //
  // Errors: those of RegionWriter::Append; kInvalidArgument if a key is empty or begins
  //         with a zero byte, or a value is empty: then nothing was added.
  static Status Append(RegionWriter* writer, std::span<const StateChange> changes, Offset next);

  // As StateStore::Load; nullopt also where the last writer, one without transactions,
  // has died within its changes: a line says so.
  //
  // Errors: kUnavailable if the brokers do not answer; kCorruption if a record is damaged.
  Result<std::optional<Offset>> Load(Partition partition, const StateStore::Visitor& visit) const;

 private:
  const KafkaLog* const log_;
};

}  // namespace starling::cloud
