#include "cloud/store/key_rotation.h"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <utility>

namespace starling::cloud {
namespace {

bool AnythingOld(const KeyUse& use, const std::string& current) {
  return use.files_plain > 0 || use.files.size() > (use.files.contains(current) ? 1 : 0);
}

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
  std::unique_lock lock(mutex_);
  for (;;) {
    wanted_.wait(lock, [this] { return due_ || stop_.load(std::memory_order_acquire); });
    if (stop_.load(std::memory_order_acquire)) return;
    due_ = false;
    lock.unlock();
    const std::string current = encryption_.keys->current().id;
    const Result<KeyUse> store_use = ReadKeyUse(store_directory_);
    Status status;
    if (log_ != nullptr) {
      const Result<KeyUse> log_use = ReadKeyUse(log_directory_);
      if (log_use.ok() && AnythingOld(log_use.value(), current)) status = log_->Reencrypt(&stop_);
    }
    if (status.ok() && store_use.ok() && AnythingOld(store_use.value(), current)) status = store_->Reencrypt(&stop_);
    if (!status.ok() && !stop_.load(std::memory_order_acquire)) {
      failures_.fetch_add(1, std::memory_order_relaxed);
      std::fprintf(stderr, "starling-cloud: %s; SIGHUP tries again\n", std::string(status.message()).c_str());
    }
    lock.lock();
  }
}

KeyRotationStats KeyRotation::Stats() const {
  KeyRotationStats stats;
  if (encryption_.keys == nullptr) return stats;
  stats.encrypted = true;
  stats.failures = failures_.load(std::memory_order_relaxed);
  const std::string current = encryption_.keys->current().id;
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
