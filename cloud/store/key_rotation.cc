#include "cloud/store/key_rotation.h"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "common/time.h"

namespace starling::cloud {
namespace {

// How long until it is looked again whether files that had to stay are gone.
constexpr seconds kAgainMin{2};
constexpr seconds kAgainMax{300};

}  // namespace

KeyRotation::KeyRotation(const StoreEncryption& encryption, EmbeddedLog* log, std::string log_directory,
                         RocksStateStore* store, std::string store_directory)
    : encryption_(encryption), log_(log), log_directory_(std::move(log_directory)), store_(store),
      store_directory_(std::move(store_directory)) {}

KeyRotation::~KeyRotation() { Stop(); }

void KeyRotation::Start() {
  if (encryption_.keys == nullptr) return;
  thread_ = std::thread([this] { Loop(); });
  // For people who look at the process; it works without.
  (void)pthread_setname_np(thread_.native_handle(), "key-rotation");
}

Status KeyRotation::Reload() {
  if (encryption_.keys == nullptr) return {};
  if (Status status = encryption_.keys->Reload(); !status.ok()) return status;
  {
    std::lock_guard lock(mutex_);
    due_ = true;
  }
  wanted_.notify_one();
  return {};
}

void KeyRotation::Stop() {
  stop_.store(true, std::memory_order_release);
  {
    std::lock_guard lock(mutex_);  // Else the loop could miss it between its look and its wait.
  }
  wanted_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void KeyRotation::Loop() {
  (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), 15);
  const auto called = [this] { return due_ || stop_.load(std::memory_order_acquire); };
  std::unique_lock lock(mutex_);
  seconds pause{0};  // 0: until it is called
  for (;;) {
    if (pause == seconds{0}) {
      wanted_.wait(lock, called);
    } else {
      wanted_.wait_for(lock, pause, called);
    }
    if (stop_.load(std::memory_order_acquire)) return;
    if (due_) pause = seconds{0};
    due_ = false;
    lock.unlock();
    const bool done = Pass(pause == seconds{0});
    lock.lock();
    pause = done ? seconds{0} : std::clamp(2 * pause, kAgainMin, kAgainMax);
  }
}

bool KeyRotation::Pass(bool first) {
  const std::string current = encryption_.keys->current().id;
  if (!AnythingOld(current)) return true;
  if (first) {
    std::fprintf(stderr, "starling-cloud: keys: rewriting what is not under key %s\n", current.c_str());
  }
  Status status;
  if (log_ != nullptr) status = log_->Reencrypt(&stop_);
  if (status.ok()) status = store_->Reencrypt(&stop_);
  if (stop_.load(std::memory_order_acquire)) return true;
  if (!status.ok()) {
    failures_.fetch_add(1, std::memory_order_relaxed);
    std::fprintf(stderr, "starling-cloud: %s; SIGHUP tries again\n", std::string(status.message()).c_str());
    return true;
  }
  // A file that was being written when the keys changed may have the old one.
  if (AnythingOld(current)) return false;
  std::fprintf(stderr, "starling-cloud: keys: everything is under key %s, no other one is needed\n", current.c_str());
  return true;
}

bool KeyRotation::AnythingOld(const std::string& current) const {
  const KeyRotationStats stats = Count(current);
  return stats.files_older + stats.files_plain > 0;
}

KeyRotationStats KeyRotation::Stats() const {
  KeyRotationStats stats;
  if (encryption_.keys == nullptr) return stats;
  stats = Count(encryption_.keys->current().id);
  stats.encrypted = true;
  stats.failures = failures_.load(std::memory_order_relaxed);
  return stats;
}

KeyRotationStats KeyRotation::Count(const std::string& current) const {
  KeyRotationStats stats;
  for (const std::string& directory : {log_directory_, store_directory_}) {
    if (log_ == nullptr && directory == log_directory_) continue;
    const Result<KeyUse> use = ReadKeyUse(directory);
    if (!use.ok()) continue;
    stats.files_plain += use.value().files_plain;
    for (const auto& [id, files] : use.value().files) {
      (id == current ? stats.files_current : stats.files_older) += files;
    }
  }
  return stats;
}

}  // namespace starling::cloud
