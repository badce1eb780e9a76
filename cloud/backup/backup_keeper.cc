#include "cloud/backup/backup_keeper.h"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <set>
#include <system_error>
#include <utility>
#include <vector>

#include "cloud/backup/backup.h"
#include "cloud/backup/backup_files.h"
#include "cloud/store/encryption.h"

namespace starling::cloud {
namespace {

namespace fs = std::filesystem;

constexpr milliseconds kLookInterval{250};
constexpr const char* kCut = "backup.cut";

// Of the cut, whatever became of it.
class CutFolder {
 public:
  explicit CutFolder(fs::path path) : path_(std::move(path)) {}
  ~CutFolder() { Remove(); }
  CutFolder(const CutFolder&) = delete;
  CutFolder& operator=(const CutFolder&) = delete;

  void Remove() const {
    std::error_code failure;  // The next cut tries again, and says so.
    fs::remove_all(path_, failure);
  }
  Status Make() const {
    std::error_code failure;
    fs::remove_all(path_, failure);
    if (!failure) fs::create_directories(path_, failure);
    if (failure) return {ErrorCode::kIoError, path_.string() + ": " + failure.message()};
    return {};
  }

 private:
  const fs::path path_;
};

bool IsBelow(const fs::path& path, const fs::path& folder) {
  const fs::path relative = path.lexically_normal().lexically_relative(folder);
  return !relative.empty() && *relative.begin() != "..";
}

}  // namespace

BackupKeeper::BackupKeeper(std::string data, EmbeddedLog* log, const RocksStateStore* store)
    : data_(std::move(data)), log_(log), store_(store) {}

void BackupKeeper::Start() {
  CutFolder(fs::path(data_) / kCut).Remove();  // Of a process that was killed.
  thread_ = std::jthread([this](const std::stop_token& stop) { Work(stop); });
  // For people who look at the process; it works without.
  (void)pthread_setname_np(thread_.native_handle(), "backup");
}

void BackupKeeper::Stop() {
  stopping_.store(true, std::memory_order_relaxed);
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

BackupFigures BackupKeeper::figures() const {
  const std::lock_guard lock(mutex_);
  return figures_;
}

bool BackupKeeper::Wanted(const BackupRequest& request) const {
  if (stopping_.load(std::memory_order_relaxed)) return false;
  std::error_code failure;
  return request.id.empty() || fs::exists(BackupRequestFile(data_), failure);
}

void BackupKeeper::Work(const std::stop_token& stop) {
  (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), 15);
  std::string answered;
  while (!stop.stop_requested()) {
    const std::optional<BackupRequest> request = ReadBackupRequest(data_);
    const std::optional<BackupAnswer> before = request ? ReadBackupAnswer(data_) : std::nullopt;
    if (request && request->id != answered && !(before && before->id == request->id)) {
      std::fprintf(stderr, "starling-cloud: backup: to %s\n", request->to.c_str());
      const Result<BackupManifest> made = Make(*request);
      BackupAnswer answer{request->id, made.ok(), made.ok() ? std::string() : std::string(made.status().message())};
      if (made.ok()) {
        std::fprintf(stderr, "starling-cloud: backup: %s holds all before %s, %zu files, %llu bytes\n",
                     request->to.c_str(), TimeText(made.value().cut).c_str(), made.value().files.size(),
                     static_cast<unsigned long long>(made.value().bytes()));
      } else {
        std::fprintf(stderr, "starling-cloud: backup: %s\n", answer.message.c_str());
      }
      // Where even this cannot be written, who asked sees that nothing comes.
      (void)WriteBackupAnswer(data_, answer);
      answered = request->id;
      std::error_code failure;
      fs::remove(BackupRequestFile(data_), failure);
    }
    std::unique_lock lock(mutex_);
    wakeup_.wait_for(lock, stop, kLookInterval, [] { return false; });
  }
}

Result<BackupManifest> BackupKeeper::Make(const BackupRequest& request) {
  Result<BackupManifest> made = CutAndCopy(request);
  const std::lock_guard lock(mutex_);
  ++(made.ok() ? figures_.done : figures_.failed);
  if (made.ok()) {
    figures_.cut = made.value().cut;
    figures_.bytes = made.value().bytes();
  }
  return made;
}

Result<BackupManifest> BackupKeeper::CutAndCopy(const BackupRequest& request) {
  if (log_ == nullptr) {
    return Status(ErrorCode::kInvalidArgument,
                  "the log is Kafka's, and its brokers keep it; the state is computed anew from it, so there is nothing "
                  "to back up here");
  }
  std::error_code failure;
  const fs::path data = fs::canonical(data_, failure);
  if (failure) return Status(ErrorCode::kIoError, data_ + ": " + failure.message());
  if (IsBelow(fs::weakly_canonical(request.to, failure), data)) {
    return Status(ErrorCode::kInvalidArgument, request.to + " is in the folder that is to be backed up; name another one");
  }
  const auto began = std::chrono::steady_clock::now();
  const fs::path cut = data / kCut;
  const CutFolder folder(cut);
  if (Status status = folder.Make(); !status.ok()) return status;
  BackupManifest manifest;
  manifest.running = true;
  // The state first: what it knows the log then has.
  if (Status status = store_->Checkpoint((cut / "state").string()); !status.ok()) return status;
  manifest.cut = CloudNow();
  for (const PartitionId id : log_->partitions()) {
    const Log::Range range = log_->RangeOf(id.topic, id.partition);
    manifest.partitions.push_back({id.topic, id.partition, range.first, range.end});
  }
  std::ranges::sort(manifest.partitions, {}, [](const BackupPartition& each) {
    return std::pair(each.topic, each.partition);
  });
  if (Status status = log_->Checkpoint((cut / "log").string()); !status.ok()) return status;
  const nanoseconds cut_took = std::chrono::steady_clock::now() - began;

  std::vector<FileToCopy> files;
  std::set<std::string> keys;
  for (const auto& [name, to] : {std::pair("log", kBackupLog), std::pair("state", kBackupState)}) {
    const std::string from = (cut / name).string();
    const Result<std::vector<FileToCopy>> more = DatabaseFiles(from, to);
    if (!more.ok()) return more.status();
    files.insert(files.end(), more.value().begin(), more.value().end());
    const Result<KeyUse> use = ReadKeyUse(from);
    if (!use.ok()) return use.status();
    for (const auto& [key, count] : use.value().files) keys.insert(key);
  }
  const Result<std::vector<FileToCopy>> settings = SettingsFiles(data.string());
  if (!settings.ok()) return settings.status();
  files.insert(files.end(), settings.value().begin(), settings.value().end());
  manifest.keys.assign(keys.begin(), keys.end());
  const CopyConfig copy{request.bytes_per_second, [this, &request] { return Wanted(request); }};
  Result<BackupManifest> made = WriteBackup(files, std::move(manifest), request.to, copy);
  if (made.ok()) {
    const std::lock_guard lock(mutex_);
    figures_.cut_took = cut_took;
    figures_.took = std::chrono::steady_clock::now() - began;
  }
  return made;
}

}  // namespace starling::cloud
