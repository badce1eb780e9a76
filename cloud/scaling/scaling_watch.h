#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "cloud/scaling/load_meter.h"
#include "cloud/scaling/scaling_planner.h"
#include "common/mutex.h"
#include "common/status.h"

namespace starling::cloud {

// Looks at a process's count of fixes once a second, plans by it, and keeps what was learned in a file, so
// that a restart costs the minutes it lasts.
//
// Threading: Start and Stop from one thread; outlook from any.
class ScalingWatch {
 public:
  using Count = std::function<std::uint64_t()>;

  // `count` is asked from the watch's thread until Stop; `file` is made if it is missing.
  // REQUIRES: config.Validate().ok()
  ScalingWatch(const ScalingConfig& config, std::string file, Count count);
  ~ScalingWatch() { Stop(); }
  ScalingWatch(const ScalingWatch&) = delete;
  ScalingWatch& operator=(const ScalingWatch&) = delete;

  // A file that cannot be used is said on standard error, and learning begins anew.
  void Start();
  // Writes the file once more.  Idempotent.
  void Stop();

  std::optional<ScalingOutlook> outlook() const;

 private:
  void Work(const std::stop_token& stop);
  void Save();

  const std::string file_;
  const Count count_;
  LoadMeter meter_;                  // the thread's
  std::string complaint_;            // the thread's: what it said last of the file

  mutable std::mutex mutex_;
  std::condition_variable_any wakeup_;
  ScalingPlanner planner_;           // guarded by mutex_
  std::jthread thread_;
};

}  // namespace starling::cloud
