// backup and restore of an embedded orchestrator's folder.

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <thread>

#include "cloud/backup/backup.h"
#include "cloud/backup/backup_request.h"
#include "cloud/log/stored_log.h"
#include "cloud/starling/backup_commands.h"

namespace starling::cloud {
namespace {

constexpr milliseconds kLookAgain{100};
// A folder's process is gone for a moment where one supervises it.
constexpr seconds kProcessPatience{10};

struct Arguments {
  std::string data;
  std::string to;
  std::string from;
  std::uint64_t rate_mib = 50;
  bool verify_only = false;
};

volatile std::sig_atomic_t interrupted = 0;
void OnSignal(int) { interrupted = 1; }

void Print(const BackupManifest& manifest) {
  std::printf("holds      every record that was emitted before %s\n", TimeText(manifest.cut).c_str());
  for (const BackupPartition& each : manifest.partitions) {
    std::printf("  %-14s %u: offsets %llu to %llu\n", std::string(TopicName(each.topic)).c_str(),
                static_cast<unsigned>(each.partition), static_cast<unsigned long long>(each.first),
                static_cast<unsigned long long>(each.end));
  }
  std::printf("files      %zu, %llu bytes\n", manifest.files.size(), static_cast<unsigned long long>(manifest.bytes()));
  if (manifest.keys.empty()) {
    std::printf("encrypted  no\n");
  } else {
    std::string keys;
    for (const std::string& key : manifest.keys) keys += (keys.empty() ? "" : ", ") + key;
    std::printf("encrypted  yes; the key file is not in the backup, and nothing can be read without %s\n", keys.c_str());
  }
  std::printf("not in it  keys, certificates, the configuration, the region map's file\n");
}

// One at a time asks.
class AskerLock {
 public:
  ~AskerLock() {
    if (file_ >= 0) (void)::close(file_);
  }
  Status Take(const std::string& path) {
    file_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (file_ < 0) return {ErrorCode::kIoError, path + ": " + std::strerror(errno)};
    if (::flock(file_, LOCK_EX | LOCK_NB) == 0) return {};
    return {ErrorCode::kUnavailable, "another backup of this folder is being made; wait for it"};
  }

 private:
  int file_ = -1;
};

std::string NewId() {
  return std::to_string(ToNs(CloudNow())) + "-" + std::to_string(::getpid());
}

Status AskTheProcess(const Arguments& arguments, const std::string& to) {
  const BackupRequest request{NewId(), to, arguments.rate_mib << 20};
  if (Status status = WriteBackupRequest(arguments.data, request); !status.ok()) return status;
  const auto take_back = [&] {
    std::error_code failure;
    std::filesystem::remove(BackupRequestFile(arguments.data), failure);
  };
  auto seen = std::chrono::steady_clock::now();
  for (;;) {
    const std::optional<BackupAnswer> answer = ReadBackupAnswer(arguments.data);
    if (answer && answer->id == request.id) {
      if (answer->done) return {};
      return {ErrorCode::kIoError, answer->message};
    }
    const auto now = std::chrono::steady_clock::now();
    if (StoredLogIsInUse(arguments.data)) seen = now;
    if (now - seen > kProcessPatience) {
      take_back();
      return {ErrorCode::kUnavailable, "starling-cloud has ended meanwhile, and the backup was not made; try again"};
    }
    if (interrupted != 0) {
      take_back();
      return {ErrorCode::kUnavailable, "given up"};
    }
    std::this_thread::sleep_for(kLookAgain);
  }
}

int BackUp(const Arguments& arguments) {
  std::error_code failure;
  const std::string to = std::filesystem::absolute(arguments.to, failure).lexically_normal().string();
  if (failure) return Fail({ErrorCode::kIoError, arguments.to + ": " + failure.message()});
  if (!std::filesystem::exists(arguments.data + "/CURRENT", failure)) {
    return Misuse({ErrorCode::kIoError, arguments.data + " holds no embedded log; --data names an orchestrator's folder"});
  }
  AskerLock lock;
  if (Status status = lock.Take(arguments.data + "/backup.lock"); !status.ok()) return Fail(status);
  struct sigaction action {};
  action.sa_handler = OnSignal;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  if (StoredLogIsInUse(arguments.data)) {
    if (Status status = AskTheProcess(arguments, to); !status.ok()) {
      return status.code() == ErrorCode::kInvalidArgument ? Misuse(status) : Fail(status);
    }
  } else {
    const CopyConfig copy{arguments.rate_mib << 20, [] { return interrupted == 0; }};
    const Result<BackupManifest> made = BackUpAtRest(arguments.data, to, copy, CloudNow());
    if (!made.ok()) {
      return made.status().code() == ErrorCode::kInvalidArgument ? Misuse(made.status()) : Fail(made.status());
    }
  }
  // What is on the disk now, not what was meant to be.
  const Result<BackupManifest> verified = VerifyBackup(to);
  if (!verified.ok()) return Fail(verified.status());
  std::printf("backup     %s, made and verified\n", to.c_str());
  Print(verified.value());
  return 0;
}

int Restore(const Arguments& arguments) {
  if (arguments.verify_only) {
    const Result<BackupManifest> verified = VerifyBackup(arguments.from);
    if (!verified.ok()) return Fail(verified.status());
    std::printf("backup     %s, whole\n", arguments.from.c_str());
    Print(verified.value());
    return 0;
  }
  if (arguments.data.empty()) {
    return Misuse({ErrorCode::kInvalidArgument, "--data names the folder that is to be made; or take --verify-only"});
  }
  const Result<RestoredMark> mark = RestoreBackup(arguments.from, arguments.data, CloudNow());
  if (!mark.ok()) {
    return mark.status().code() == ErrorCode::kInvalidArgument ? Misuse(mark.status()) : Fail(mark.status());
  }
  const Result<BackupManifest> manifest = VerifyBackup(arguments.from);
  if (!manifest.ok()) return Fail(manifest.status());
  std::printf("restored   %s from %s\n", arguments.data.c_str(), arguments.from.c_str());
  Print(manifest.value());
  std::printf("lost       what came after %s. What vehicles were told is durable since then they have deleted: it is in\n"
              "           no place, and starling-cloud counts it as restore.samples_missing. Commands of that time are\n"
              "           not repeated, and the audit trail goes on from its record of then (docs/backup.md)\n",
              TimeText(mark.value().cut).c_str());
  return 0;
}

}  // namespace

void AddBackupCommands(CLI::App* program, std::vector<Subcommand>* commands) {
  const auto arguments = std::make_shared<Arguments>();
  Arguments* const a = arguments.get();
  CLI::App* const backup = program->add_subcommand("backup", "Copy an embedded orchestrator's folder, while it works or not");
  backup->add_option("--data", a->data, "the orchestrator's folder; it may be running")->required();
  backup->add_option("--to", a->to, "FOLDER that is to be made; the orchestrator writes it")->required();
  backup->add_option("--rate", a->rate_mib, "MiB a second at most; 0: as fast as it goes")
      ->check(CLI::Range(0, 1 << 20))
      ->capture_default_str();
  commands->push_back({backup, [arguments] { return BackUp(*arguments); }});

  CLI::App* const restore = program->add_subcommand("restore", "Make an orchestrator's folder of a backup, or only verify one");
  restore->add_option("--from", a->from, "FOLDER that `starling backup` has made")->required();
  restore->add_option("--data", a->data, "folder that is to be made; there must be nothing in it");
  restore->add_flag("--verify-only", a->verify_only, "read every byte, say what it holds, and change nothing");
  commands->push_back({restore, [arguments] { return Restore(*arguments); }});
}

}  // namespace starling::cloud
