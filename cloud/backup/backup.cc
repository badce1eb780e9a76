#include "cloud/backup/backup.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <system_error>
#include <utility>

#include "cloud/store/encryption.h"
#include "common/durable_file.h"

namespace starling::cloud {
namespace {

// More records than a log takes from one restore to the next: a year at 300,000 a second.
constexpr std::uint64_t kEpochsBetweenRestores = 10'000'000'000'000;

namespace fs = std::filesystem;

constexpr const char* kManifest = "manifest";

Status SystemError(const std::string& what, const std::error_code& failure) {
  return {ErrorCode::kIoError, what + ": " + failure.message()};
}

// Without a slash at its end, which would name what is in it.
std::string Trimmed(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

std::string ParentOf(const std::string& path) {
  const fs::path parent = fs::path(path).parent_path();
  return parent.empty() ? "." : parent.string();
}

// Where nothing is, or an empty folder.
Status IsFree(const std::string& path) {
  std::error_code failure;
  if (!fs::exists(fs::symlink_status(path, failure))) return {};
  if (fs::is_directory(path, failure) && fs::is_empty(path, failure) && !failure) return {};
  return {ErrorCode::kInvalidArgument, path + " is there already, and not an empty folder; name another one"};
}

// Gives what was built as `path`.partial its name.
Status PutInPlace(const std::string& path) {
  if (Status status = SyncFolders(path + ".partial"); !status.ok()) return status;
  std::error_code failure;
  fs::remove(path, failure);  // An empty folder, or nothing.
  if (failure) return SystemError(path, failure);
  fs::rename(path + ".partial", path, failure);
  if (failure) return SystemError(path, failure);
  return SyncFolder(ParentOf(path));
}

class Draft {
 public:
  explicit Draft(std::string path) : path_(std::move(path)) {}
  ~Draft() {
    if (kept_) return;
    std::error_code failure;  // What could not be removed is called a draft still.
    fs::remove_all(path_, failure);
  }
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;

  Status Begin() {
    std::error_code failure;
    fs::remove_all(path_, failure);
    if (!failure) fs::create_directories(path_, failure);
    return failure ? SystemError(path_, failure) : Status();
  }
  void Keep() { kept_ = true; }

 private:
  const std::string path_;
  bool kept_ = false;
};

// As RocksDB locks its folders.
class FolderLock {
 public:
  ~FolderLock() {
    if (file_ >= 0) (void)::close(file_);
  }
  FolderLock() = default;
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

  Status Take(const std::string& path) {
    file_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (file_ < 0) return {ErrorCode::kIoError, path + ": " + std::strerror(errno)};
    struct flock lock = {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    if (::fcntl(file_, F_SETLK, &lock) == 0) return {};
    return {ErrorCode::kUnavailable, path + " is locked: a process has just opened the folder; try again"};
  }

 private:
  int file_ = -1;
};

Result<BackupManifest> ReadManifest(const std::string& folder) {
  const std::string path = folder + "/" + kManifest;
  std::error_code failure;
  if (!fs::exists(path, failure)) {
    return Status(ErrorCode::kCorruption, path + " is missing: " + folder + " is no backup, or not all of one");
  }
  std::ifstream file(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file.is_open() || file.bad()) return Status(ErrorCode::kIoError, path + " cannot be read");
  Result<BackupManifest> manifest = DecodeBackupManifest(text);
  if (!manifest.ok()) return Status(manifest.status().code(), path + " " + std::string(manifest.status().message()));
  return manifest;
}

// Who put something there could have it put back with the rest.
Status NothingElse(const std::string& folder, const BackupManifest& manifest) {
  std::set<std::string> known{kManifest};
  for (const BackupFile& file : manifest.files) known.insert(file.path);
  std::error_code failure;
  for (auto each = fs::recursive_directory_iterator(folder, failure); !failure && each != fs::recursive_directory_iterator();
       each.increment(failure)) {
    std::error_code gone;
    if (each->is_directory(gone) && !each->is_symlink(gone)) continue;
    const std::string path = each->path().lexically_relative(folder).string();
    if (!known.contains(path)) return {ErrorCode::kCorruption, each->path().string() + " is not of the backup: its manifest does not name it"};
  }
  return failure ? SystemError(folder, failure) : Status();
}

// Where a file of a backup belongs.
Result<std::string> PlaceOf(const std::string& path) {
  for (const auto& [folder, place] : {std::pair<std::string_view, std::string>{kBackupLog, ""},
                                      {kBackupState, "state/"},
                                      {kBackupSettings, ""}}) {
    if (path.starts_with(folder)) return place + path.substr(folder.size());
  }
  return Status(ErrorCode::kCorruption, path + " is in no folder of a backup");
}

}  // namespace

Result<BackupManifest> WriteBackup(const std::vector<FileToCopy>& files, BackupManifest manifest, const std::string& to,
                                   const CopyConfig& config) {
  const std::string path = Trimmed(to);
  if (Status status = IsFree(path); !status.ok()) return status;
  const std::string partial = path + ".partial";
  Draft draft(partial);
  if (Status status = draft.Begin(); !status.ok()) return status;
  manifest.files.clear();
  for (const FileToCopy& file : files) {
    // The rate is that of all files: each waits for what it has itself copied.
    Result<BackupFile> copied = CopyFile(file.from, partial + "/" + file.to, file.to, config);
    if (!copied.ok()) return copied.status();
    manifest.files.push_back(std::move(copied).value());
  }
  const std::string text = EncodeBackupManifest(manifest);
  if (Status status = ReplaceFile(partial + "/" + kManifest, std::as_bytes(std::span(text)), 0640); !status.ok()) {
    return status;
  }
  if (Status status = PutInPlace(path); !status.ok()) return status;
  draft.Keep();
  return manifest;
}

Result<BackupManifest> BackUpAtRest(const std::string& data, const std::string& to, const CopyConfig& config,
                                    CloudTime now) {
  std::error_code failure;
  if (!fs::exists(data + "/CURRENT", failure)) return Status(ErrorCode::kIoError, data + " holds no log");
  FolderLock log_lock;
  FolderLock state_lock;
  if (Status status = log_lock.Take(data + "/LOCK"); !status.ok()) return status;
  const std::string state = data + "/state";
  const bool has_state = fs::exists(state + "/CURRENT", failure);
  if (has_state) {
    if (Status status = state_lock.Take(state + "/LOCK"); !status.ok()) return status;
  }
  BackupManifest manifest;
  manifest.cut = now;
  std::set<std::string> keys;
  std::vector<FileToCopy> files;
  const auto add = [&](Result<std::vector<FileToCopy>> more) -> Status {
    if (!more.ok()) return more.status();
    files.insert(files.end(), more.value().begin(), more.value().end());
    return {};
  };
  if (Status status = add(DatabaseFiles(data, kBackupLog)); !status.ok()) return status;
  if (has_state) {
    if (Status status = add(DatabaseFiles(state, kBackupState)); !status.ok()) return status;
  }
  if (Status status = add(SettingsFiles(data)); !status.ok()) return status;
  for (const std::string& folder : {data, state}) {
    if (folder == state && !has_state) continue;
    const Result<KeyUse> use = ReadKeyUse(folder);
    if (!use.ok()) return use.status();
    for (const auto& [key, count] : use.value().files) keys.insert(key);
  }
  manifest.keys.assign(keys.begin(), keys.end());
  return WriteBackup(files, std::move(manifest), to, config);
}

Result<BackupManifest> VerifyBackup(const std::string& folder) {
  const std::string path = Trimmed(folder);
  Result<BackupManifest> manifest = ReadManifest(path);
  if (!manifest.ok()) return manifest.status();
  if (Status status = NothingElse(path, manifest.value()); !status.ok()) return status;
  for (const BackupFile& file : manifest.value().files) {
    if (Result<std::string> place = PlaceOf(file.path); !place.ok()) return place.status();
    if (Status status = CheckFile(path + "/" + file.path, file); !status.ok()) return status;
  }
  return manifest;
}

Result<RestoredMark> RestoreBackup(const std::string& folder, const std::string& data, CloudTime now) {
  const std::string from = Trimmed(folder);
  const std::string path = Trimmed(data);
  if (Status status = IsFree(path); !status.ok()) return status;
  const Result<BackupManifest> manifest = VerifyBackup(from);
  if (!manifest.ok()) return manifest.status();
  const std::string partial = path + ".partial";
  Draft draft(partial);
  if (Status status = draft.Begin(); !status.ok()) return status;
  std::optional<RestoredMark> former;
  for (const BackupFile& file : manifest.value().files) {
    const Result<std::string> place = PlaceOf(file.path);
    if (!place.ok()) return place.status();
    // One that was restored before: the new mark takes its place.
    if (place.value() == fs::path(RestoredMarkFile("")).filename()) {
      Result<std::optional<RestoredMark>> read = ReadRestoredMark(from + "/" + file.path);
      if (!read.ok()) return read.status();
      former = std::move(read).value();
      continue;
    }
    const Result<BackupFile> copied = CopyFile(from + "/" + file.path, partial + "/" + place.value(), file.path, {});
    if (!copied.ok()) return copied.status();
    // It was verified a moment ago, and is what was copied that counts.
    if (copied.value() != file) return Status(ErrorCode::kCorruption, from + "/" + file.path + " has changed since it was verified");
  }
  // Microseconds: no log takes so many records a second for as long.
  RestoredMark mark{manifest.value().cut, now, static_cast<std::uint64_t>(std::max<std::int64_t>(ToNs(now) / 1'000, 1))};
  // Above a former restore's, too, should this clock be behind that one's.
  if (former) mark.epoch_base = std::max(mark.epoch_base, former->epoch_base + kEpochsBetweenRestores);
  const std::string text = EncodeRestoredMark(mark);
  if (Status status = ReplaceFile(RestoredMarkFile(partial), std::as_bytes(std::span(text))); !status.ok()) return status;
  if (Status status = PutInPlace(path); !status.ok()) return status;
  draft.Keep();
  return mark;
}

}  // namespace starling::cloud
