#pragma once

#include <string>
#include <vector>

#include "cloud/backup/backup_files.h"
#include "cloud/backup/backup_manifest.h"
#include "cloud/backup/restored_mark.h"
#include "common/status.h"
#include "common/time.h"

namespace starling::cloud {

// Makes the backup `to` of `files`: all of it is there under that name, or nothing is.  It is built beside its place
// as `to`.partial, which a run that was killed leaves and the next one replaces.
// `manifest` has what is known but for the files.
//
// Errors: kInvalidArgument if `to` is there already; kIoError, kUnavailable: those of CopyFile.
Result<BackupManifest> WriteBackup(const std::vector<FileToCopy>& files, BackupManifest manifest, const std::string& to,
                                   const CopyConfig& config);

// Of a folder that no process has open; none can open it meanwhile.
//
// Errors: kUnavailable if one has; kIoError if there is no log; those of WriteBackup.
Result<BackupManifest> BackUpAtRest(const std::string& data, const std::string& to, const CopyConfig& config,
                                    CloudTime now);

// Reads every byte of it.
//
// Errors: kCorruption, naming the first file that is missing, cut, altered, or that no backup has written;
//         kInvalidArgument if it is of another format; kIoError.
Result<BackupManifest> VerifyBackup(const std::string& folder);

// Makes `data` of a backup, verified while it is copied: all of it is there, or nothing is.
// The folder says of itself that it was put back, and what its epochs are counted from.
//
// Errors: kInvalidArgument if `data` is there and not empty; those of VerifyBackup.
Result<RestoredMark> RestoreBackup(const std::string& folder, const std::string& data, CloudTime now);

}  // namespace starling::cloud
