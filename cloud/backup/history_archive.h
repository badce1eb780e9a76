// History beyond the log: its records as files in a folder, readable again.  docs/formats/history_archive.md.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cloud/log/log.h"
#include "cloud/store/encryption.h"
#include "common/status.h"
#include "common/time.h"

namespace starling::cloud {

// One file: the records [first, end) of a partition of topic "history", of one hour.
struct ArchiveFile {
  std::string path;
  Partition partition{};
  Offset first{};
  Offset end{};
};

// Those of the folder, in the order of their records; drafts and what else is there are not among them.
// Errors: kIoError; kCorruption if two hold the same record.
Result<std::vector<ArchiveFile>> ListArchive(const std::string& folder, Partition partition);

// Visits a file's records in order until `visit` returns false.
// Errors: kCorruption, naming the file, before any record is visited if the file is not whole or not what was written;
//         kInvalidArgument if it is of another format; kIoError.
Status ReadArchiveFile(const ArchiveFile& file, const std::function<bool(const LogRecord&)>& visit);

struct ArchiveOutcome {
  std::uint64_t records = 0;
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  // The log dropped records before they were archived: [first, second).
  std::optional<std::pair<Offset, Offset>> lost;
};

// Adds to the folder what the log of `data` has of the partition that is not in it, up to `until` of log time.  A process
// may have the log open.  Each file is there whole or not at all, and a run that is killed is gone on with by the next.
//
// Errors: those of ReadStoredLog, ListArchive; kIoError.
Result<ArchiveOutcome> ArchiveHistory(const std::string& data, Partition partition, const StoreEncryption& encryption,
                                      const std::string& folder, CloudTime until);

// Removes files all of whose records are older.
// Errors: kIoError.
Result<std::uint64_t> ExpireArchive(const std::string& folder, Partition partition, CloudTime before);

}  // namespace starling::cloud
