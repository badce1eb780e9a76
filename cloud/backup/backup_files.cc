#include "cloud/backup/backup_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <thread>

namespace starling::cloud {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPieceBytes = 256 << 10;

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) (void)::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }
  int Release() {
    const int number = number_;
    number_ = -1;
    return number;
  }

 private:
  int number_;
};

Status SystemError(const std::string& what) { return {ErrorCode::kIoError, what + ": " + std::strerror(errno)}; }
Status SystemError(const std::string& what, const std::error_code& failure) {
  return {ErrorCode::kIoError, what + ": " + failure.message()};
}

bool IsNumbered(std::string_view name, std::string_view ending) {
  return name.size() > ending.size() && name.ends_with(ending) &&
         name.find_first_not_of("0123456789") == name.size() - ending.size();
}

bool IsOfDatabase(std::string_view name) {
  if (name.ends_with(".dbtmp")) return false;
  return name == "CURRENT" || name == "IDENTITY" || name.starts_with("MANIFEST-") || name.starts_with("OPTIONS-") ||
         IsNumbered(name, ".sst") || IsNumbered(name, ".log");
}

// Keeps a rate over all that it has seen.
class Pace {
 public:
  explicit Pace(std::uint64_t bytes_per_second) : bytes_per_second_(bytes_per_second) {}
  void Wait(std::uint64_t bytes) {
    done_ += bytes;
    if (bytes_per_second_ == 0) return;
    const std::chrono::duration<double> due(static_cast<double>(done_) / static_cast<double>(bytes_per_second_));
    std::this_thread::sleep_until(begun_ + std::chrono::duration_cast<std::chrono::steady_clock::duration>(due));
  }

 private:
  const std::uint64_t bytes_per_second_;
  const std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
  std::uint64_t done_ = 0;
};

// Calls `take` with each piece.
Status ReadPieces(const std::string& path, const std::function<Status(const char*, std::size_t)>& take) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (file.number() < 0) return SystemError(path);
  std::vector<char> piece(kPieceBytes);
  for (;;) {
    const ssize_t count = ::read(file.number(), piece.data(), piece.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return SystemError(path);
    if (count == 0) return {};
    if (Status status = take(piece.data(), static_cast<std::size_t>(count)); !status.ok()) return status;
  }
}

}  // namespace

Result<std::vector<FileToCopy>> DatabaseFiles(const std::string& folder, std::string_view to) {
  std::vector<FileToCopy> files;
  std::error_code failure;
  for (auto each = fs::directory_iterator(folder, failure); !failure && each != fs::directory_iterator();
       each.increment(failure)) {
    const std::string name = each->path().filename().string();
    if (IsOfDatabase(name)) files.push_back({each->path().string(), std::string(to) + name});
  }
  if (failure) return SystemError(folder, failure);
  std::ranges::sort(files, {}, &FileToCopy::to);
  return files;
}

Result<std::vector<FileToCopy>> SettingsFiles(const std::string& data) {
  std::vector<FileToCopy> files;
  std::error_code failure;
  for (const char* name : {"commands.settings", "restored.mark", "scaling.state"}) {
    const fs::path path = fs::path(data) / name;
    if (fs::is_regular_file(path, failure)) files.push_back({path.string(), std::string(kBackupSettings) + name});
  }
  const fs::path plans = fs::path(data) / "plans";
  failure.clear();
  if (!fs::is_directory(plans, failure)) return files;
  for (auto each = fs::recursive_directory_iterator(plans, failure); !failure && each != fs::recursive_directory_iterator();
       each.increment(failure)) {
    std::error_code gone;
    if (!each->is_regular_file(gone) || each->path().extension() != ".plan") continue;
    files.push_back({each->path().string(), std::string(kBackupSettings) + each->path().lexically_relative(data).string()});
  }
  if (failure) return SystemError(plans.string(), failure);
  std::ranges::sort(files, {}, &FileToCopy::to);
  return files;
}

Result<BackupFile> CopyFile(const std::string& from, const std::string& to, const std::string& name,
                            const CopyConfig& config) {
  std::error_code failure;
  fs::create_directories(fs::path(to).parent_path(), failure);
  if (failure) return SystemError(to, failure);
  // Whoever may read the folder may read the copy, and nobody else.
  Descriptor file(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640));
  if (file.number() < 0) return SystemError(to);
  BackupFile copied{name, 0, {}};
  Sha256 digest;
  Pace pace(config.bytes_per_second);
  Status status = ReadPieces(from, [&](const char* bytes, std::size_t count) -> Status {
    if (!config.wanted()) return {ErrorCode::kUnavailable, "nobody waits for the backup any more"};
    digest.Add(bytes, count);
    copied.bytes += count;
    for (std::size_t written = 0; written < count;) {
      const ssize_t now = ::write(file.number(), bytes + written, count - written);
      if (now < 0 && errno == EINTR) continue;
      if (now <= 0) return SystemError(to);
      written += static_cast<std::size_t>(now);
    }
    pace.Wait(count);
    return {};
  });
  if (!status.ok()) return status;
  if (::fsync(file.number()) != 0) return SystemError(to);
  // Some file systems say only here that there is no room.
  if (::close(file.Release()) != 0) return SystemError(to);
  copied.sha256 = digest.Finish();
  return copied;
}

Status CheckFile(const std::string& path, const BackupFile& expected) {
  std::error_code failure;
  const fs::file_status found = fs::symlink_status(path, failure);
  if (found.type() == fs::file_type::not_found) return {ErrorCode::kCorruption, path + " is missing"};
  if (failure) return SystemError(path, failure);
  if (found.type() != fs::file_type::regular) return {ErrorCode::kCorruption, path + " is no file"};
  const std::uintmax_t bytes = fs::file_size(path, failure);
  if (failure) return SystemError(path, failure);
  if (bytes != expected.bytes) {
    return {ErrorCode::kCorruption, path + " has " + std::to_string(bytes) + " bytes and not " +
                                        std::to_string(expected.bytes) + ": it was cut or altered"};
  }
  Sha256 digest;
  Status status = ReadPieces(path, [&](const char* piece, std::size_t count) -> Status {
    digest.Add(piece, count);
    return {};
  });
  if (!status.ok()) return status;
  if (digest.Finish() != expected.sha256) return {ErrorCode::kCorruption, path + " is not what was written: it was altered"};
  return {};
}

Status SyncFolder(const std::string& folder) {
  const Descriptor opened(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (opened.number() < 0 || ::fsync(opened.number()) != 0) return SystemError(folder);
  return {};
}

Status SyncFolders(const std::string& folder) {
  std::error_code failure;
  for (auto each = fs::recursive_directory_iterator(folder, failure); !failure && each != fs::recursive_directory_iterator();
       each.increment(failure)) {
    std::error_code gone;
    if (!each->is_directory(gone)) continue;
    if (Status status = SyncFolder(each->path().string()); !status.ok()) return status;
  }
  if (failure) return SystemError(folder, failure);
  return SyncFolder(folder);
}

}  // namespace starling::cloud
