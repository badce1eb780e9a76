// How `starling backup` asks the orchestrator that has a folder open for a backup: by two files in that folder, as
// `starling commands` and `starling plan` do.  docs/formats/backup.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/status.h"

namespace starling::cloud {

struct BackupRequest {
  std::string id;                      // of the one who asks
  std::string to;                      // an absolute path
  std::uint64_t bytes_per_second = 0;  // 0: as fast as it goes

  friend bool operator==(const BackupRequest&, const BackupRequest&) = default;
};

struct BackupAnswer {
  std::string id;
  bool done = false;
  std::string message;                 // of the failure

  friend bool operator==(const BackupAnswer&, const BackupAnswer&) = default;
};

std::string BackupRequestFile(const std::string& data);
std::string BackupAnswerFile(const std::string& data);

// None if there is no such file, or a half one.
std::optional<BackupRequest> ReadBackupRequest(const std::string& data);
std::optional<BackupAnswer> ReadBackupAnswer(const std::string& data);

// Errors: kIoError; kInvalidArgument if `to` is not absolute or has a line end.
Status WriteBackupRequest(const std::string& data, const BackupRequest& request);
Status WriteBackupAnswer(const std::string& data, const BackupAnswer& answer);

}  // namespace starling::cloud
