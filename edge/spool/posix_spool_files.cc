#include "edge/spool/posix_spool_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace starling::edge {
namespace {

Status FailureOf(const std::string& what, int error) {
  const bool full = error == ENOSPC || error == EDQUOT;
  return Status(full ? ErrorCode::kExhausted : ErrorCode::kIoError, what + ": " + std::strerror(error));
}

class PosixFile final : public SpoolFile {
 public:
  PosixFile(std::string name, int file) : name_(std::move(name)), file_(file) {}
  ~PosixFile() override { ::close(file_); }
  PosixFile(const PosixFile&) = delete;
  PosixFile& operator=(const PosixFile&) = delete;

  Status Append(std::span<const std::byte> bytes) override {
    while (!bytes.empty()) {
      const ssize_t written = ::write(file_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return FailureOf("cannot write " + name_, errno);
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
    return Status();
  }

  Status Sync() override {
    return ::fdatasync(file_) == 0 ? Status() : FailureOf("cannot sync " + name_, errno);
  }

 private:
  const std::string name_;
  const int file_;
};

}  // namespace

Result<std::unique_ptr<PosixSpoolFiles>> PosixSpoolFiles::Open(const std::string& folder) {
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST && errno != EROFS) {
    return FailureOf("cannot make the spool's folder " + folder, errno);
  }
  const int directory = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return FailureOf("cannot open the spool's folder " + folder, errno);
  std::unique_ptr<PosixSpoolFiles> files(new PosixSpoolFiles(folder, directory));
  // The folder itself is locked: that works where no lock file can be made, too.
  if (::flock(directory, LOCK_EX | LOCK_NB) == 0) return files;
  if (errno != EWOULDBLOCK) return FailureOf("cannot lock the spool's folder " + folder, errno);
  return Status(ErrorCode::kFenced, "the spool's folder " + folder +
                                        " is used by another process: each vehicle needs a folder of its own");
}

PosixSpoolFiles::~PosixSpoolFiles() { ::close(directory_); }

Status PosixSpoolFiles::Failure(const std::string& what, int error) const {
  return FailureOf("cannot " + what + " in the spool's folder " + folder_, error);
}

Result<std::vector<SpoolFiles::Entry>> PosixSpoolFiles::List() {
  const int copy = ::openat(directory_, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* const listing = copy < 0 ? nullptr : ::fdopendir(copy);
  if (listing == nullptr) {
    const Status failure = Failure("list the files", errno);
    if (copy >= 0) ::close(copy);
    return failure;
  }
  std::vector<Entry> entries;
  errno = 0;
  while (const dirent* each = ::readdir(listing)) {
    struct stat about {};
    if (::fstatat(directory_, each->d_name, &about, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(about.st_mode)) {
      entries.push_back({each->d_name, static_cast<std::uint64_t>(about.st_size)});
    }
    errno = 0;
  }
  const int error = errno;
  ::closedir(listing);
  if (error != 0) return Failure("list the files", error);
  return entries;
}

Result<std::size_t> PosixSpoolFiles::Read(const std::string& name, std::uint64_t offset,
                                          std::span<std::byte> target) {
  const int file = ::openat(directory_, name.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return Failure("open " + name, errno);
  std::size_t done = 0;
  int error = 0;
  while (done < target.size()) {
    const ssize_t count = ::pread(file, target.data() + done, target.size() - done,
                                  static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) error = errno;
    if (count <= 0) break;
    done += static_cast<std::size_t>(count);
  }
  ::close(file);
  if (error != 0) return Failure("read " + name, error);
  return done;
}

Result<std::unique_ptr<SpoolFile>> PosixSpoolFiles::Create(const std::string& name) {
  const int file = ::openat(directory_, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) return Failure("create " + name, errno);
  return std::unique_ptr<SpoolFile>(std::make_unique<PosixFile>(folder_ + "/" + name, file));
}

Status PosixSpoolFiles::Unlink(const std::string& name) {
  return ::unlinkat(directory_, name.c_str(), 0) == 0 || errno == ENOENT ? Status()
                                                                         : Failure("delete " + name, errno);
}

Status PosixSpoolFiles::SyncDirectory() {
  return ::fsync(directory_) == 0 ? Status() : Failure("sync the names", errno);
}

}  // namespace starling::edge
