#include "common/durable_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace starling {
namespace {

Status SystemError(const std::string& path, int error) {
  return {ErrorCode::kIoError, path + ": " + std::generic_category().message(error)};
}

// 0, or the error.
int WriteAll(int file, std::span<const std::byte> content) {
  while (!content.empty()) {
    const ssize_t count = ::write(file, content.data(), content.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno;
    if (count == 0) return ENOSPC;
    content = content.subspan(static_cast<std::size_t>(count));
  }
  return 0;
}

}  // namespace

Status ReplaceFile(const std::string& path, std::span<const std::byte> content, unsigned mode) {
  const std::string draft = path + ".new";
  // A killed run may have left one, of another mode; and whoever may write in the folder, a link to elsewhere.
  if (::unlink(draft.c_str()) != 0 && errno != ENOENT) return SystemError(draft, errno);
  const int file =
      ::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, static_cast<mode_t>(mode));
  if (file < 0) return SystemError(draft, errno);
  int error = WriteAll(file, content);
  if (error == 0 && ::fsync(file) != 0) error = errno;
  // Some file systems say only here that there is no room.
  if (::close(file) != 0 && error == 0) error = errno;
  if (error == 0 && ::rename(draft.c_str(), path.c_str()) != 0) error = errno;
  if (error != 0) {
    ::unlink(draft.c_str());
    return SystemError(path, error);
  }
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const int directory = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return SystemError(folder, errno);
  error = ::fsync(directory) == 0 ? 0 : errno;
  ::close(directory);
  return error == 0 ? Status() : SystemError(folder, error);
}

}  // namespace starling
