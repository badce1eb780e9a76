// Where an explanation reads: a log that is open in this process, or the folder of an
// orchestrator, whether that runs or not.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "cloud/log/log.h"
#include "cloud/store/encryption.h"
#include "common/status.h"

namespace starling::cloud {

class GroupStore;  // cloud/log/group_store.h

// Threading: thread-safe.
class RecordSource {
 public:
  virtual ~RecordSource() = default;

  // Errors, of all three: those of the log; kUnavailable if whoever keeps it does not answer.
  virtual Result<Log::Range> RangeOf(Topic topic, Partition partition) const = 0;
  // Of the first retained record taken at `time` or later; the end if none.
  virtual Result<Offset> OffsetAt(Topic topic, Partition partition, CloudTime time) const = 0;
  // In order from `from` on, until `visit` says no or the end is reached.
  virtual Status Read(Topic topic, Partition partition, Offset from,
                      const std::function<bool(const LogRecord&)>& visit) const = 0;
};

class LogRecords final : public RecordSource {
 public:
  // Both must outlive it.  Once `*stop` is set, reading ends as if there were no more, for who
  // closes the log; null: never.
  explicit LogRecords(const Log* log, const std::atomic<bool>* stop = nullptr) : log_(log), stop_(stop) {}

  Result<Log::Range> RangeOf(Topic topic, Partition partition) const override;
  Result<Offset> OffsetAt(Topic topic, Partition partition, CloudTime time) const override;
  Status Read(Topic topic, Partition partition, Offset from,
              const std::function<bool(const LogRecord&)>& visit) const override;

 private:
  const Log* const log_;
  const std::atomic<bool>* const stop_;
};

// As ReadStoredLog: nothing in the folder is changed, and a topic is read as it was when it
// was first asked for.
class StoredRecords final : public RecordSource {
 public:
  StoredRecords(std::string directory, StoreEncryption encryption);
  ~StoredRecords() override;

  Result<Log::Range> RangeOf(Topic topic, Partition partition) const override;
  Result<Offset> OffsetAt(Topic topic, Partition partition, CloudTime time) const override;
  Status Read(Topic topic, Partition partition, Offset from,
              const std::function<bool(const LogRecord&)>& visit) const override;

 private:
  Result<const GroupStore*> StoreOf(Topic topic) const;

  const std::string directory_;
  const StoreEncryption encryption_;
  mutable std::mutex mutex_;
  mutable std::map<Topic, std::unique_ptr<GroupStore>> stores_;  // guarded by mutex_
};

}  // namespace starling::cloud
