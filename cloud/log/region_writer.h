#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "cloud/log/log.h"
#include "common/ids.h"
#include "common/status.h"

namespace starling::cloud {

// The output side of a region: what its owner writes for those who read later (audit,
// heatmap, conflicts, changelog), together with how far its input has been worked on.
// Commands do not go this way: they leave at once.
//
// Outputs of one Commit become visible together and with their offset, or not at all,
// so that a successor recomputes exactly what is missing: it resumes from a stored
// state at or before Committed(), gets the same outputs again, and leaves out those of
// input records before Committed().
//
// Threading: all but status() belong to the thread that delivers the region's records;
// Claim and Committed may be called by its starter before that.
class RegionWriter {
 public:
  virtual ~RegionWriter() = default;

  // Takes the region and fences off its former owners: nothing of theirs is written
  // any more.  Blocks.  The epoch to put into the Ownership record; Epoch{0}: that
  // record's offset will be it.
  //
  // Errors: kUnavailable if the log does not answer; try again.
  virtual Result<Epoch> Claim(std::string_view owner) = 0;

  // Outputs of all input records before this one are written, durably as far as the
  // engine has it; a state may be stored up to here.  Offset{0} if there are none yet.
  // After Claim it no longer changes but by Commit, and asking is cheap: the owner does
  // after each batch of records.
  virtual Result<Offset> Committed() = 0;

  // Adds to the next Commit.  Never blocks and never drops: what the log has no room
  // for waits here.
  //
  // Errors: kExhausted if too much waits: the region's owner must stop, because a gap
  //         in the audit trail is none of its choices; kFenced.
  virtual Status Append(Topic topic, std::span<const std::byte> key,
                        std::span<const std::byte> value) = 0;

  // Outputs of the input records before `next` are complete.  They become visible
  // soon, in the order of the commits; several may be made one.
  //
  // Errors: as Append.
  virtual Status Commit(Offset next) = 0;

  // kFenced once another owner has the region; the failure otherwise; ok while it works.
  virtual Status status() const = 0;
};

}  // namespace starling::cloud
