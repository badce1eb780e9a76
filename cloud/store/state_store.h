#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>

#include "cloud/log/log.h"
#include "common/status.h"

namespace starling::cloud {

// One entry to be put or erased.
struct StateChange {
  std::span<const std::byte> key;
  std::optional<std::span<const std::byte>> value;  // none: erase
};

// Keeps what the consumer of a partition knows, as entries, together with the offset
// of the record that it reads next: one point in time.
//
// Threading: thread-safe; one writer for each partition.
class StateStore {
 public:
  virtual ~StateStore() = default;

  // Applies `changes` and sets the offset, all or nothing.  Of two changes of one key
  // the later one counts.  Survives kill -9 on return, and the machine soon after.
  // REQUIRES: the records before `next` are durable, or the state could know what the
  // log has lost.
  //
  // Errors: kIoError; what was stored before is still there, and a later Write can
  //         succeed.  kInvalidArgument if a key is longer than 1 KiB or a value than 4 MiB.
  virtual Status Write(Topic topic, Partition partition, Offset next,
                       std::span<const StateChange> changes) = 0;

  // Visits every entry in the order of the keys and returns the offset; nullopt if
  // nothing is stored.  Whether the log still has the record at that offset is for the
  // caller to look at: if not, the state is too old to go on from.
  //
  // Errors: kCorruption if an entry is not what was written; kIoError; `visit`'s own.
  using Visitor = std::function<Status(std::span<const std::byte> key, std::span<const std::byte> value)>;
  virtual Result<std::optional<Offset>> Load(Topic topic, Partition partition,
                                             const Visitor& visit) const = 0;

  // Forgets the partition: its state moved away, or is of no use.
  virtual Status Clear(Topic topic, Partition partition) = 0;
};

}  // namespace starling::cloud
