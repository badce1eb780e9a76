#include "cloud/log/stored_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <system_error>

#include "cloud/log/group_store.h"

namespace starling::cloud {

Status ReadStoredLog(const std::string& directory, Topic topic, Partition partition,
                     const StoreEncryption& encryption, const std::function<bool(const LogRecord&)>& visit) {
  std::error_code ignored;
  if (!std::filesystem::exists(std::filesystem::path(directory) / "CURRENT", ignored)) {
    return Status(ErrorCode::kIoError, directory + " holds no log");
  }
  EmbeddedLogConfig config;
  config.directory = directory;
  const Result<std::unique_ptr<GroupStore>> store = GroupStore::OpenReadOnly(config, topic, encryption);
  if (!store.ok()) return store.status();
  const PartitionId id{topic, partition};
  const auto& ends = store.value()->recovered();
  const auto end = std::ranges::find_if(ends, [&](const PartitionEnd& each) { return each.id == id; });
  if (end == ends.end()) return Status();  // Nothing was ever written there.
  const Result<Offset> first = store.value()->First(id, end->end);
  if (!first.ok()) return first.status();
  bool more = true;
  return store.value()->Scan(id, first.value(), end->end, [&](std::span<const LogRecord> records) {
    for (const LogRecord& record : records) more = more && visit(record);
    return more;
  });
}

bool StoredLogIsInUse(const std::string& directory) {
  const int fd = ::open((directory + "/LOCK").c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  const bool in_use = ::fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
  ::close(fd);
  return in_use;
}

}  // namespace starling::cloud
