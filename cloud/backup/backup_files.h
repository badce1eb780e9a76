// Which files of an orchestrator's folder belong into a backup, and how they get from one place to another.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "cloud/backup/backup_manifest.h"
#include "common/status.h"

namespace starling::cloud {

struct FileToCopy {
  std::string from;
  std::string to;              // in the backup
};

// The folders in a backup.
inline constexpr std::string_view kBackupLog = "log/";
inline constexpr std::string_view kBackupState = "state/";
inline constexpr std::string_view kBackupSettings = "settings/";

// Of a database's folder, as RocksDB names its files; LOG and LOCK are not of it.
// Errors: kIoError.
Result<std::vector<FileToCopy>> DatabaseFiles(const std::string& folder, std::string_view to);

// What else of the folder belongs to it: command settings, plans, what the load is by time of day, and that it was
// put back before.  Neither keys nor certificates nor anything that is not known.
// Errors: kIoError.
Result<std::vector<FileToCopy>> SettingsFiles(const std::string& data);

struct CopyConfig {
  std::uint64_t bytes_per_second = 0;               // 0: as fast as it goes
  std::function<bool()> wanted = [] { return true; };  // false: give up
};

// Copies, and syncs the copy; folders on the way are made.
// Errors: kIoError, naming the file; kUnavailable if it is no longer wanted.
Result<BackupFile> CopyFile(const std::string& from, const std::string& to, const std::string& name,
                            const CopyConfig& config);

// Whether the file has so many bytes of that digest.
// Errors: kCorruption, naming the file and what is wrong; kIoError.
Status CheckFile(const std::string& path, const BackupFile& expected);

Status SyncFolder(const std::string& folder);
// Of it and all below.
Status SyncFolders(const std::string& folder);

}  // namespace starling::cloud
