#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>

#include "cloud/log/embedded_log.h"
#include "cloud/store/encryption.h"
#include "cloud/store/rocks_state_store.h"
#include "common/status.h"

namespace starling::cloud {

// How far log and state are from being all under the current key.
struct KeyRotationStats {
  bool encrypted = false;
  std::uint64_t files_current = 0;
  std::uint64_t files_older = 0;    // under another key than the current one
  std::uint64_t files_plain = 0;
  std::uint64_t failures = 0;       // passes that could not rewrite a file
};

// Rewrites the files of log and state that are plain or under an old key, while both
// work: at the start, and whenever the keys were read anew.
//
// Threading: Start, Reload and Stop from one thread; Stats from any; a thread of its own,
// of low priority.
class KeyRotation {
 public:
  // `log` and `store` must outlive it; the folders are theirs.  `log` is nullptr where the
  // log is elsewhere.
  KeyRotation(const StoreEncryption& encryption, EmbeddedLog* log, std::string log_directory,
              RocksStateStore* store, std::string store_directory);
  ~KeyRotation();  // Stops.
  KeyRotation(const KeyRotation&) = delete;
  KeyRotation& operator=(const KeyRotation&) = delete;

  // Without keys nothing is done.
  void Start();

  // Reads the key file again and begins to rewrite.
  // Errors: those of KeyRing::Reload; the keys stay as they were.
  Status Reload();

  // Ends what is under way; a later start goes on.  Idempotent.
  void Stop();

  KeyRotationStats Stats() const;

 private:
  void Loop();
  // False if files had to stay for now.
  bool Pass(bool first);
  bool AnythingOld(const std::string& current) const;
  KeyRotationStats Count(const std::string& current) const;

  const StoreEncryption encryption_;
  EmbeddedLog* const log_;
  const std::string log_directory_;
  RocksStateStore* const store_;
  const std::string store_directory_;

  // Stop stores, the rotation loads: release and acquire, as for any flag that ends a loop.
  std::atomic<bool> stop_{false};
  std::atomic<std::uint64_t> failures_{0};  // Counts.

  std::mutex mutex_;
  std::condition_variable wanted_;
  bool due_ = true;  // Guarded by mutex_.
  std::thread thread_;
};

}  // namespace starling::cloud
