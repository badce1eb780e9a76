#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/status.h"

namespace starling::edge {

// A new file that is written from its beginning to its end.  Closed with the object.
class SpoolFile {
 public:
  virtual ~SpoolFile() = default;

  // Writes all of `bytes` behind what was written before; they survive a power cut
  // only after Sync.
  //
  // Errors: kExhausted if the disk is full; kIoError.  How much was written is then
  //         not known.
  virtual Status Append(std::span<const std::byte> bytes) = 0;

  // Makes durable what was appended.
  //
  // Errors: kIoError.  What was appended since the last Sync may then be gone, although
  //         it can be read for now: whoever has it writes it again, to another file.
  virtual Status Sync() = 0;
};

// The folder of a spool and what is done in it.  Nothing is renamed, and no file is
// opened for writing twice.
//
// Threading: List and Read by the spool's owner; Create, Unlink, SyncDirectory and the
// files by one other thread at most.
class SpoolFiles {
 public:
  struct Entry {
    std::string name;
    std::uint64_t bytes = 0;
  };

  virtual ~SpoolFiles() = default;

  virtual Result<std::vector<Entry>> List() = 0;

  // Reads up to `target.size()` bytes; how many, which are fewer only at the file's end.
  virtual Result<std::size_t> Read(const std::string& name, std::uint64_t offset,
                                   std::span<std::byte> target) = 0;

  // Errors: kExhausted if the disk is full; kIoError, also if there is such a file.
  virtual Result<std::unique_ptr<SpoolFile>> Create(const std::string& name) = 0;

  virtual Status Unlink(const std::string& name) = 0;

  // Makes durable which files there are.
  virtual Status SyncDirectory() = 0;
};

}  // namespace starling::edge
