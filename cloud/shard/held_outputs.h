#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>

#include "cloud/log/log.h"
#include "cloud/log/region_writer.h"
#include "cloud/shard/shard.h"
#include "common/ids.h"
#include "common/status.h"

namespace starling::cloud {

// Records that a shard wants written, in the order of the input that caused them, until
// the region's writer has taken them.  The owner's stay for a moment; a standby keeps
// those that the owner has not yet said to be written, so that it can write them itself
// if the owner dies.
//
// A record for another region's partition goes there through the log.  The writer is told
// that an input is complete only after such a record is emitted: a crash before that
// makes the successor send it again, never not at all.
//
// Threading: thread-compatible.
class HeldOutputs {
 public:
  // Keeps records of `bytes_max` at most.  `log` must outlive it.
  HeldOutputs(std::size_t bytes_max, RegionId region, Log* log)
      : bytes_max_(bytes_max), region_(region), log_(log) {}

  // Takes `*records`, which the input record at `input` has caused.
  // REQUIRES: `input` is not before the last one
  void Add(Offset input, std::vector<ShardOutputs::Record>* records);

  // Forgets what inputs before `committed` have caused: it is written.
  void DropBefore(Offset committed);

  // For a standby: gives up the oldest until the bound holds.
  void DropOldest();

  // False if outputs of inputs from `committed` on were given up.
  bool CompleteFrom(Offset committed) const { return committed >= given_up_before_; }

  // What inputs before `next` have caused is with a writer, or gone with it.
  void GiveUpBefore(Offset next) { given_up_before_ = next; }

  // Gives to the log and to `writer` what they take, and commits; all inputs before
  // `next` have been added.
  //
  // Errors: those of RegionWriter; kExhausted if more is held than may be.
  Status Flush(Offset next, RegionWriter* writer);

  std::uint64_t written() const { return written_; }  // records taken by writer or log
  std::size_t bytes() const { return bytes_; }
  std::uint64_t regional_refused() const { return regional_refused_; }

 private:
  struct Held {
    Offset input{};
    ShardOutputs::Record record;
  };
  struct InFlight {
    Offset input{};
    Ticket ticket{};
  };

  Status SendRegional();
  // The first input whose regional records are not all emitted; `next` if there is none.
  Offset Complete(Offset next);

  const std::size_t bytes_max_;
  const RegionId region_;
  Log* const log_;
  std::deque<Held> own_;             // for the writer
  std::deque<Held> regional_;        // for other regions, not yet taken by the log
  std::deque<InFlight> in_flight_;   // taken, not yet emitted
  std::size_t bytes_ = 0;            // of the first two
  Offset given_up_before_{};
  std::uint64_t written_ = 0;
  std::uint64_t regional_refused_ = 0;  // times that the log had no room
};

}  // namespace starling::cloud
