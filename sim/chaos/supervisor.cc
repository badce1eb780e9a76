#include "sim/chaos/supervisor.h"

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <utility>

namespace starling::sim {
namespace {

using std::chrono::steady_clock;

constexpr milliseconds kPoll{2};
// After a start that did not become ready: the disk may still be full.
constexpr milliseconds kPauseAfterFailure{50};

bool Exists(const std::string& file) {
  std::error_code ignored;
  return std::filesystem::exists(file, ignored);
}

}  // namespace

Supervisor::Supervisor(Command command, std::string ready_file)
    : command_(std::move(command)), ready_file_(std::move(ready_file)) {}

Supervisor::~Supervisor() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    if (child_) child_->Signal(SIGKILL);
  }
  changed_.notify_all();
  thread_.join();
}

void Supervisor::Start() {
  down_since_ = steady_clock::now();
  thread_ = std::thread([this] { Watch(); });
}

// The one place that starts: a child dies with the thread that made it.
void Supervisor::Watch() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    std::error_code ignored;
    std::filesystem::remove(ready_file_, ignored);
    Result<Child> started = Child::Start(command_);
    if (!started.ok()) {
      changed_.wait_for(lock, kPauseAfterFailure);
      continue;
    }
    child_.emplace(std::move(started).value());
    ++figures_.starts;
    while (child_->Running()) {
      if (!ready_ && Exists(ready_file_)) {
        ready_ = true;
        if (figures_.starts > 1) {
          figures_.longest_down = std::max<nanoseconds>(figures_.longest_down, steady_clock::now() - down_since_);
        }
        changed_.notify_all();
      }
      changed_.wait_for(lock, kPoll);
    }
    code_ = child_->Wait(nanoseconds(0));
    child_.reset();
    if (stopping_) break;
    ++figures_.ended;
    if (ready_) {
      down_since_ = steady_clock::now();
    } else {
      changed_.wait_for(lock, kPauseAfterFailure);
    }
    ready_ = false;
  }
  ready_ = false;
  stopped_ = true;
  changed_.notify_all();
}

bool Supervisor::AwaitReady(nanoseconds patience) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, patience, [this] { return ready_; });
}

bool Supervisor::ready() const {
  const std::lock_guard lock(mutex_);
  return ready_;
}

void Supervisor::Kill() {
  const std::lock_guard lock(mutex_);
  if (!child_) return;
  child_->Signal(SIGKILL);
  ++figures_.killed;
}

void Supervisor::Pause(bool pause) {
  const std::lock_guard lock(mutex_);
  if (child_) child_->Signal(pause ? SIGSTOP : SIGCONT);
}

std::optional<int> Supervisor::Stop(nanoseconds patience) {
  std::unique_lock lock(mutex_);
  if (!thread_.joinable()) return code_;
  stopping_ = true;
  if (child_) child_->Signal(SIGTERM);
  changed_.notify_all();
  const bool in_time = changed_.wait_for(lock, patience, [this] { return stopped_; });
  if (!in_time && child_) child_->Signal(SIGKILL);
  lock.unlock();
  thread_.join();
  if (!in_time) return std::nullopt;
  return code_;
}

SupervisorFigures Supervisor::figures() const {
  const std::lock_guard lock(mutex_);
  SupervisorFigures figures = figures_;
  figures.ended -= std::min(figures.ended, figures.killed);
  return figures;
}

}  // namespace starling::sim
