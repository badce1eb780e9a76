#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/status.h"
#include "edge/spool/segment_format.h"
#include "edge/spool/segment_reader.h"
#include "edge/spool/spool_files.h"

namespace starling::edge {

// A batch on disk: its record.
struct StoredBatch {
  RecordHeader header;
  RecordPosition position;
  std::uint32_t bytes = 0;   // of its columns
};

struct StoredSegment {
  std::uint32_t segment = 0;
  std::uint64_t bytes = 0;
};

// What a spool's folder holds.
struct SpoolContents {
  std::vector<StoredBatch> batches;      // oldest first, no sample twice
  std::vector<StoredSegment> segments;   // in order; those of another version are not among them
  std::uint32_t last_segment = 0;        // the highest number that is taken; 0: none

  // The run before: its last checkpoint, and the last of its samples in any record.
  bool has_checkpoint = false;
  BootId boot{};
  SpoolCheckpoint checkpoint;
  std::uint64_t sampled = 0;

  SegmentDamage damage;                  // segments that cannot be read at all included
  std::uint64_t torn_bytes = 0;          // behind the last whole record of a segment
  std::vector<std::string> warnings;     // one line each, for a person
};

// Reads a spool's folder and changes nothing in it.
//
// A draft counts where no sealed batch that came later has its samples: the power went
// before that was written.
//
// Errors: as SpoolFiles::List.
Result<SpoolContents> ReadSpool(SpoolFiles* files);

}  // namespace starling::edge
