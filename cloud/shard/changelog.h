#pragma once

#include <optional>

#include "cloud/log/log.h"
#include "cloud/log/region_writer.h"
#include "cloud/shard/checkpointer.h"
#include "cloud/store/state_store.h"
#include "common/status.h"

namespace starling::cloud {

// Topic "vehicle-state": the changes of a shard's state, one point in time after the
// other, for a machine that is gone.  Keys are those of the state; an empty value erases.
// Two keys of its own begin with 0xff:
//   ff 'b'  a whole state begins here, nothing before it counts     value: empty but for one byte
//   ff 'n'  a point in time is complete                             value: next offset, uint64 little-endian
// One point in time is one commit of the region's writer.

// Adds `changelog` to the writer's next commit.
//
// Errors: those of RegionWriter::Append.
Status AppendChangelog(const Checkpointer::Changelog& changelog, RegionWriter* writer);

// As StateStore::Load, from the topic: reads all of it.  What comes after the last
// complete point in time does not count.
//
// Errors: those of Log::Read; kCorruption if a point in time cannot be read.
Result<std::optional<Offset>> LoadChangelog(const Log& log, Partition partition,
                                            const StateStore::Visitor& visit);

}  // namespace starling::cloud
