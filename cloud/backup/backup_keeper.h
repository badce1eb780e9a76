#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>

#include "cloud/backup/backup_manifest.h"
#include "cloud/backup/backup_request.h"
#include "cloud/log/embedded_log.h"
#include "cloud/store/rocks_state_store.h"
#include "common/status.h"
#include "common/time.h"

namespace starling::cloud {

struct BackupFigures {
  std::uint64_t done = 0;
  std::uint64_t failed = 0;
  CloudTime cut;                 // of the last one that was done
  std::uint64_t bytes = 0;       // of it
  nanoseconds cut_took{0};       // of it: linking tables, copying the write-ahead log
  nanoseconds took{0};           // of it, all
};

// Makes the backups that are asked for by the file of a folder, while the orchestrator works on it.
//
// The state is cut before the log, so that the log has every record that the state knows.  A cut is links to
// tables, which never change, and a copy of the write-ahead log; from these the backup is copied at the rate that
// was asked for, on a thread of low priority.  Taking the request's file away gives the backup up.
//
// Threading: Start and Stop from one thread; figures from any.
class BackupKeeper {
 public:
  // `log` and `store` must outlive the keeper; without a log it refuses what is asked for.
  BackupKeeper(std::string data, EmbeddedLog* log, const RocksStateStore* store);
  ~BackupKeeper() { Stop(); }
  BackupKeeper(const BackupKeeper&) = delete;
  BackupKeeper& operator=(const BackupKeeper&) = delete;

  void Start();
  // Gives up what it is at.  Idempotent.
  void Stop();

  // What is asked for, made at once in the caller's thread.
  // Errors: those of WriteBackup, Checkpoint; kInvalidArgument if `to` is in the folder itself.
  Result<BackupManifest> Make(const BackupRequest& request);

  BackupFigures figures() const;

 private:
  void Work(const std::stop_token& stop);
  Result<BackupManifest> CutAndCopy(const BackupRequest& request);
  bool Wanted(const BackupRequest& request) const;

  const std::string data_;
  EmbeddedLog* const log_;
  const RocksStateStore* const store_;
  std::atomic<bool> stopping_{false};  // Stop stores, the thread loads between two pieces.

  mutable std::mutex mutex_;
  std::condition_variable_any wakeup_;
  BackupFigures figures_;              // guarded by mutex_
  std::jthread thread_;
};

}  // namespace starling::cloud
