#pragma once

#include <functional>
#include <string>

#include "cloud/log/log.h"
#include "cloud/store/encryption.h"
#include "common/status.h"

namespace starling::cloud {

// Reads a partition of an embedded log's folder without changing anything in it, from the
// first retained record to the end as it is now, until `visit` returns false.
//
// The process that has the log open may go on writing: this is a look at one moment of
// it, up to its last whole commit.  Where it moves records to files meanwhile, the look
// may fail or miss some; who finds a gap should look again (StoredLogIsInUse).
//
// Errors: kIoError if the folder holds no log, or cannot be read; kInvalidArgument if it
//         is of another format or `encryption` does not fit it; kCorruption if a record is not what was written.
Status ReadStoredLog(const std::string& directory, Topic topic, Partition partition,
                     const StoreEncryption& encryption, const std::function<bool(const LogRecord&)>& visit);

// A process has it open.
bool StoredLogIsInUse(const std::string& directory);

}  // namespace starling::cloud
