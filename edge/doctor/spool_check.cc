#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <system_error>
#include <utility>

#include "edge/doctor/doctor.h"
#include "edge/spool/posix_spool_files.h"
#include "edge/spool/spool_recovery.h"

namespace starling::edge {
namespace {

constexpr const char* kStep = "spool";
constexpr const char* kProbe = ".doctor";

std::string Reason(int error) { return std::generic_category().message(error); }

std::string Mebibytes(std::uint64_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

Finding Refused(const std::string& what, int error) {
  const char* remedy = "see what the kernel says of the disk: dmesg";
  switch (error) {
    case EACCES:
    case EPERM: remedy = "give the folder to the agent's user: chown starling-edge, chmod 750"; break;
    case EROFS: remedy = "mount the disk for writing, or name a folder on another one: spool"; break;
    case EDQUOT:
    case ENOSPC: remedy = "delete something on the disk, or lower spool-bytes"; break;
    case ENOENT:
    case ENOTDIR: remedy = "make the folder above it, or name another one: spool"; break;
    default: break;
  }
  return Failed(kStep, what + ": " + Reason(error), remedy);
}

// Writes and syncs one page in a file that is then gone; 0, or what went wrong.
int WriteOnePage(int directory) {
  (void)::unlinkat(directory, kProbe, 0);
  const int file = ::openat(directory, kProbe, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) return errno;
  std::array<char, 4096> page{};
  int error = 0;
  const ssize_t written = ::write(file, page.data(), page.size());
  if (written < 0) {
    error = errno;
  } else if (written < static_cast<ssize_t>(page.size())) {
    error = ENOSPC;
  } else if (::fdatasync(file) != 0) {
    error = errno;
  }
  ::close(file);
  (void)::unlinkat(directory, kProbe, 0);
  return error;
}

}  // namespace

SpoolExamination ExamineSpool(const DoctorConfig& config) {
  if (config.spool.empty()) {
    return {Warning(kStep, "in memory: samples that wait for the cloud are lost with the process",
                    "name a folder on a disk: spool"), false};
  }
  const std::string& folder = config.spool;
  const bool there = std::filesystem::exists(folder);
  // The agent makes the folder itself; where it is to be, it has to be allowed to.
  std::filesystem::path above = std::filesystem::absolute(folder);
  if (!above.has_filename()) above = above.parent_path();
  const std::string place = there ? folder : above.parent_path().string();
  const int directory = ::open(place.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return {Refused("cannot open the folder " + place, errno), false};
  const bool in_use = there && ::flock(directory, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  if (there && !in_use) ::flock(directory, LOCK_UN);

  if (const int error = WriteOnePage(directory); error != 0) {
    ::close(directory);
    return {Refused("cannot write in the folder " + place, error), in_use};
  }
  struct statfs disk {};
  const bool known = ::fstatfs(directory, &disk) == 0;
  ::close(directory);
  if (!known) return {Refused("cannot ask for the space of " + place, errno), in_use};

  std::uint64_t held = 0;
  std::error_code ignored;
  if (there) {
    for (const auto& each : std::filesystem::directory_iterator(folder, ignored)) {
      if (each.is_regular_file(ignored)) held += each.file_size(ignored);
    }
  }
  const std::uint64_t free = static_cast<std::uint64_t>(disk.f_bavail) * static_cast<std::uint64_t>(disk.f_bsize);
  std::string detail = folder + (there ? " holds " + Mebibytes(held) : " is made at the first start") + ", " +
                       Mebibytes(free) + " are free, it takes " + Mebibytes(config.spool_bytes_max) + " at most";
  if (in_use) detail += "; the agent has it";
  if (free + held < config.spool_bytes_max) {
    return {Failed(kStep, std::move(detail), "delete something on the disk, or lower spool-bytes"), in_use};
  }
  const auto type = static_cast<std::uint32_t>(disk.f_type);
  if (type == TMPFS_MAGIC || type == RAMFS_MAGIC) {
    return {Warning(kStep, std::move(detail),
                    "the folder is in memory, and a power cut takes it: name one on a disk"), in_use};
  }
  return {Fine(kStep, std::move(detail)), in_use};
}

}  // namespace starling::edge
